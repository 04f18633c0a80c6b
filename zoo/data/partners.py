"""Who talks to whom, and which pairs of users are kept for the test; see `zoo.data.held_out_partners`."""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from zoo.data.records import Dialogue

Half = Literal["adaptation", "personal"]
Pair = frozenset[str]
UNKNOWN = "\0"  # begins the name of a speaker whom the corpus does not name


def pair_of(dialogue: Dialogue) -> Pair:
    """Who talks to whom; a speaker without a name is somebody whom nobody else meets."""
    return frozenset(speaker.user or UNKNOWN + dialogue.id for speaker in dialogue.speakers)


def cut_pairs(pairs: Sequence[Pair], held_out: float, fold: int, seed: int) -> dict[Pair, str]:
    """Which pairs are for "valid" and "test".

    In a seeded order a pair is held out while both of its members are below their share of held-out partners, rounded
    up; then whoever has none yet gets the pair whose other member has the fewest. A user who talks to nobody but
    one partner keeps that one. Pairs that former folds held out come last. Held-out pairs go to the split of which
    their members have less, beginning with the test.

    Args:
        pairs: in a fixed order.
        held_out: share of each user's partners.
        fold: the number of the drawing.
        seed: of all drawings.
    """
    partners = partners_of(pairs)
    ceiling = {user: min(math.ceil(held_out * len(own)), len(own) - 1) for user, own in partners.items()}
    drawn_before: Counter[Pair] = Counter()
    chosen: list[Pair] = []
    for number in range(fold + 1):
        order = list(pairs)
        random.Random(f"{seed}:{number}").shuffle(order)
        order.sort(key=lambda pair: drawn_before[pair])  # stable
        held: Counter[str] = Counter()
        chosen = []
        for pair in order:
            if len(pair) == 2 and all(held[user] < ceiling.get(user, 1) for user in pair):
                chosen.append(pair)
                held.update(pair)
        taken = set(chosen)
        for pair in sorted(order, key=lambda pair: max(held[user] for user in pair)):
            free = all(held[user] < len(partners[user]) - 1 for user in pair if user in partners)
            if len(pair) == 2 and pair not in taken and free and any(not held[u] and ceiling.get(u) for u in pair):
                chosen.append(pair)
                held.update(pair)
        drawn_before.update(chosen)
    balance: Counter[str] = Counter()  # test pairs less valid pairs
    cut: dict[Pair, str] = {}
    for pair in chosen:
        to_test = sum(balance[user] for user in pair) <= 0
        cut[pair] = "test" if to_test else "valid"
        for user in pair:
            balance[user] += 1 if to_test else -1
    return cut


def halves_of(dialogues: Sequence[Dialogue], seed: int) -> dict[str, Half]:
    """The half of every dialogue, by its id: drawn so that each user has as much in one as in the other.

    Users with few dialogues come first, so that somebody's only one is for their own training.
    """
    number = Counter(dialogue.speakers[i].user for dialogue in dialogues for i in dialogue.responders)
    order = sorted(dialogues, key=lambda dialogue: dialogue.id)
    random.Random(f"{seed}:halves").shuffle(order)
    order.sort(key=lambda dialogue: min(number[dialogue.speakers[i].user] for i in dialogue.responders))
    balance: Counter[str] = Counter()  # personal less adaptation
    halves: dict[str, Half] = {}
    for dialogue in order:
        users = [dialogue.speakers[i].user for i in dialogue.responders]
        personal = sum(balance[user] for user in users) <= 0
        halves[dialogue.id] = "personal" if personal else "adaptation"
        for user in users:
            balance[user] += 1 if personal else -1
    return halves


def partners_of(pairs: Iterable[Pair]) -> dict[str, set[str]]:
    """Everybody's partners; speakers without a name have none of their own."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        for user in pair:
            if not user.startswith(UNKNOWN):
                found[user] |= pair - {user}
    return dict(found)
