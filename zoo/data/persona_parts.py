"""Personas cut into three parts that share nobody: A to train on for all, B and C to personalise for.

Source: Han et al. 2023, "PersonaPKT" (arXiv:2306.08126), section 4.1 and Table 1. A and B have personas with many
dialogues, C those with few. The paper's personas are clusters (`matching=paml_kmeans`) that cut some real personas in
two, so a persona of B may have a sibling in A; how often is counted here and written into every run's provenance.
"""

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from zoo.data.corpora import DialogueCorpus, describe_corpus
from zoo.data.matching import MinShared, match_personas
from zoo.data.records import Dialogue
from zoo.errors import UserError

PARTS = ("A", "B", "C")
Sizes = Mapping[str, int | Mapping[str, int]]
PUBLISHED = {"A": 754, "B": 300, "C": 239}  # Table 1


class PersonaParts:
    """Another corpus, with the dialogues of some parts' personas only.

    A persona with n dialogues, over all `splits` together, is regular (A or B) from `regular_from` on, few-shot (C)
    from `few_from` on, and left out below. The paper prints n < 6 for few-shot; its lower bound follows from Table 1,
    where C has one validation and one test dialogue for each of its personas.

    Args:
        corpus: whose dialogues; the responder's `Speaker.user` says which persona they are of.
        parts: which of A, B and C to keep.
        splits: the corpus's own splits that count, and that can be loaded.
        sizes: personas of each part; None takes Table 1's shares (300 of 1,054 regular personas are B, all few-shot
            personas are C) of however many there are. Of a `JoinedCorpus`, sizes may be given by its corpora's names,
            e.g. {"A": {"synthetic": 100, "real": 40}, "B": {"real": 60}, "C": {"real": 120}}: those that a part does
            not name give it nobody. A persona that several of them show is in no part then.
        few_from, regular_from: dialogues of a few-shot and of a regular persona.
        min_shared: sentences that two personas of one person share, for the count of siblings.
        seed: of the draw.

    Raises:
        UserError: a part that does not exist, or bounds that are none.
    """

    part_names = PARTS

    def __init__(
        self,
        corpus: DialogueCorpus,
        parts: Sequence[str] = PARTS,
        splits: Sequence[str] = ("train", "valid", "test"),
        sizes: Sizes | None = None,
        few_from: int = 3,
        regular_from: int = 6,
        min_shared: MinShared = 2,
        seed: int = 0,
    ):
        if not parts or set(parts) - set(PARTS) or (sizes is not None and set(sizes) != set(PARTS)):
            raise UserError(
                f"data.parts={list(parts)} and data.sizes={sizes and dict(sizes)} were given; "
                "expected some of A, B and C, and sizes for all three of them or null."
            )
        if not 1 <= few_from <= regular_from:
            raise UserError(
                f"data.few_from={few_from} and data.regular_from={regular_from} were given; expected at least one "
                "dialogue, and the second not below the first."
            )
        self.corpus, self.parts, self.splits = corpus, tuple(parts), tuple(splits)
        self.sizes = None if sizes is None else _by_corpus(sizes)
        self.few_from, self.regular_from, self.min_shared, self.seed = few_from, regular_from, min_shared, seed
        self._part_of: dict[str, str] | None = None
        self._report: dict[str, Any] = {}

    def prepare(self, splits: Collection[str]) -> None:
        """Fetch what the corpus lacks: of all splits, because all decide who is in which part."""
        if hasattr(self.corpus, "prepare"):
            self.corpus.prepare(self.splits)

    def load(self, split: str) -> list[Dialogue]:
        """The dialogues of a split in which somebody of the chosen parts replies.

        Raises:
            UserError: there are fewer personas than asked for.
        """
        part_of = self._cut()
        kept = []
        for dialogue in self.corpus.load(split):
            own = tuple(r for r in dialogue.responders if part_of.get(dialogue.speakers[r].user) in self.parts)
            if own:
                kept.append(replace(dialogue, responders=own))
        return kept

    def part_of(self, user: str) -> str | None:
        """A, B or C; None for a persona that is in no part."""
        return self._cut().get(user)

    def describe(self, split: str) -> dict[str, Any]:
        """The corpus and the rule."""
        rule = {
            "sizes": self.sizes, "few_from": self.few_from, "regular_from": self.regular_from, "seed": self.seed,
            "counted_over": {name: describe_corpus(self.corpus, name) for name in self.splits},
        }  # fmt: skip
        return {**describe_corpus(self.corpus, split), "persona_parts": {"kept": list(self.parts), **rule}}

    def report(self) -> dict[str, Any]:
        """How many personas and dialogues each part has, how many personas have how many dialogues (the paper's Figure
        3), and how many personas of B and C have a sibling in A; by the corpus too, where sizes are, with the number of
        personas that several corpora show. And the corpus's own.

        A sibling is another persona of the same real person: some dialogues of the two show at least `min_shared`
        common sentences, chains included.
        """
        self._cut()
        return self._report

    def _cut(self) -> dict[str, str]:
        """The part of every persona that has one."""
        if self._part_of is not None:
            return self._part_of
        shown: dict[str, list[tuple[str, ...]]] = {}  # each persona's sentences, dialogue by dialogue
        seen_in: dict[str, set[str]] = {}  # the corpora that show a persona; "" where it does not matter which
        by_corpus = self.sizes is not None and all("" not in size for size in self.sizes.values())
        for split in self.splits:
            for dialogue in self.corpus.load(split):
                name = dialogue.id.partition("/")[0] if by_corpus else ""
                own: dict[str, tuple[str, ...]] = {}  # somebody who talks to themselves has one dialogue, not two
                for speaker in (dialogue.speakers[responder] for responder in dialogue.responders):
                    own[speaker.user] = own.get(speaker.user, ()) + speaker.persona
                for user in own.keys() - {""}:
                    shown.setdefault(user, []).append(own[user])
                    seen_in.setdefault(user, set()).add(name)
        members = self._draw({user: len(dialogues) for user, dialogues in shown.items()}, seen_in)
        self._part_of = {user: part for part in PARTS for user in members[part]}
        self._report = {
            "personas": {part: len(members[part]) for part in PARTS},
            "dialogues": {part: sum(len(shown[user]) for user in members[part]) for part in PARTS},
            "dialogues_of_personas": {
                part: dict(sorted(Counter(len(shown[user]) for user in members[part]).items())) for part in PARTS
            },
            "with_a_sibling_in_A": self._siblings(shown, members),
        }
        if by_corpus:
            self._report["personas_by_corpus"] = {
                part: dict(Counter(name for user in members[part] for name in seen_in[user])) for part in PARTS
            }
            self._report["personas_of_several_corpora"] = sum(len(names) > 1 for names in seen_in.values())
        if hasattr(self.corpus, "report") and (counted := self.corpus.report()):
            self._report["corpus"] = counted
        return self._part_of

    def _draw(self, dialogues: Mapping[str, int], seen_in: Mapping[str, set[str]]) -> dict[str, list[str]]:
        """The personas of every part, given how many dialogues each has and which corpora show it."""
        single = sorted(user for user in dialogues if len(seen_in[user]) == 1)
        sizes, names = self.sizes, sorted(set().union(*seen_in.values()) or {""})
        if sizes is None:
            regular = sum(count >= self.regular_from for count in dialogues.values())
            few = sum(self.few_from <= count < self.regular_from for count in dialogues.values())
            b = round(regular * PUBLISHED["B"] / (PUBLISHED["A"] + PUBLISHED["B"]))
            sizes = {"A": {"": regular - b}, "B": {"": b}, "C": {"": few}}
        if strangers := set().union(*sizes.values()) - set(names):
            raise UserError(
                f"data.sizes names {', '.join(map(repr, sorted(strangers)))}; expected some of the joined corpora that "
                f"have dialogues in {'+'.join(self.splits)}: {', '.join(names) or 'none has'}."
            )
        draw, members = random.Random(self.seed), {part: list[str]() for part in PARTS}
        for name in names:
            of_a, of_b, of_c = (sizes[part].get(name, 0) for part in PARTS)
            regulars = [u for u in single if name in seen_in[u] and dialogues[u] >= self.regular_from]
            fews = [u for u in single if name in seen_in[u] and self.few_from <= dialogues[u] < self.regular_from]
            if of_a + of_b > len(regulars) or of_c > len(fews):
                raise UserError(
                    f"{of_a} + {of_b} regular and {of_c} few-shot personas were asked for (data.sizes"
                    f"{f', {name}' if name else ''}), but the {'+'.join(self.splits)} dialogues have {len(regulars)} "
                    f"with at least {self.regular_from} dialogues and {len(fews)} with {self.few_from} to "
                    f"{self.regular_from - 1}. Lower them, or leave data.sizes=null."
                )
            drawn = draw.sample(regulars, of_a + of_b)
            members["A"] += drawn[of_b:]
            members["B"] += drawn[:of_b]
            members["C"] += draw.sample(fews, of_c)
        return members

    def _siblings(
        self, shown: Mapping[str, Sequence[tuple[str, ...]]], members: Mapping[str, Sequence[str]]
    ) -> dict[str, int]:
        personas = [(user, persona) for part in PARTS for user in members[part] for persona in shown[user]]
        person = match_personas([persona for _, persona in personas], "shared_sentences", self.min_shared).index
        people: dict[str, set[int]] = {}
        for (user, _), number in zip(personas, person, strict=True):
            people.setdefault(user, set()).add(number)
        in_a = {number for user in members["A"] for number in people[user]} - {-1}
        return {part: sum(bool(people[user] & in_a) for user in members[part]) for part in ("B", "C")}


def _by_corpus(sizes: Sizes) -> dict[str, dict[str, int]]:
    """Sizes in plain types, by part and corpus's name; "" is the name of all together.

    Raises:
        UserError: there are both numbers and sizes by corpus, or something below zero.
    """
    plain = {
        part: {str(name): int(count) for name, count in size.items()} if isinstance(size, Mapping) else {"": int(size)}
        for part, size in sizes.items()
    }
    numbers = [not isinstance(size, Mapping) for size in sizes.values()]
    if any(numbers) != all(numbers) or min((n for size in plain.values() for n in size.values()), default=0) < 0:
        raise UserError(
            f"data.sizes={plain} was given; expected a number for each part, or for each part numbers by the joined "
            "corpora's names, and none below zero."
        )
    return plain
