"""`draw_pairs`: which personas meet.

The published code draws two of its persona sets for every dialogue, so some pairs meet twice and some sets are used far
more often than others. Here pairs are distinct and the sets' uses differ by one at most: pairs are read off a
decomposition of the complete graph over all sets, into perfect matchings for an even number of sets (a round-robin
tournament) and into Hamiltonian cycles for an odd one (Walecki's).
"""

import random
from collections.abc import Iterator, Sequence

from zoo.errors import UserError
from zoo.synthesis.records import PersonaSet

Pair = tuple[PersonaSet, PersonaSet]


def draw_pairs(sets: Sequence[PersonaSet], n: int, seed: int, blocks: int = 1) -> list[Pair]:
    """Pairs of different persona sets, each pair once whoever begins.

    Args:
        sets: as many as there are; of sets with the same sentences, the first. The two of a pair may share sentences.
        n: pairs wanted. There are k (k - 1) / 2 of k sets; where `n` is more, all of them come.
        seed: decides who meets whom, who begins, and the order.
        blocks: the sets are dealt into as many blocks of equal sizes (up to one) and pairs are of one block, as alike
            many of each as it has room for. With several, dialogues can be split without a persona in two splits.

    Returns:
        `n` pairs, or all there are; every set is used as often as the others of its block, give or take one.

    Raises:
        UserError: fewer than two different sets in a block, or a number below 1.
    """
    by_texts: dict[tuple[str, ...], PersonaSet] = {}
    for one in sets:
        by_texts.setdefault(one.texts, one)
    sets = list(by_texts.values())
    if n < 1 or blocks < 1 or len(sets) < 2 * blocks:
        raise UserError(
            f"{n} pairs of {len(sets)} different persona sets in {blocks} blocks were asked for; expected at least 1 "
            "pair, and 2 sets a block. Make more persona sets, or fewer blocks."
        )
    draw = random.Random(seed)
    draw.shuffle(sets)
    streams = [_pairs(sets[block::blocks]) for block in range(blocks)]
    drawn: list[Pair] = []
    while streams and len(drawn) < n:  # in turns, so that a block's share is what it has room for
        for stream in list(streams):
            if (pair := next(stream, None)) is None:
                streams.remove(stream)
            else:
                drawn.append(pair if draw.random() < 0.5 else pair[::-1])
    drawn = drawn[:n]
    draw.shuffle(drawn)
    return drawn


def _pairs(sets: Sequence[PersonaSet]) -> Iterator[Pair]:
    """All pairs; after any number of them, uses differ by one at most."""
    places = _of_even(len(sets)) if len(sets) % 2 == 0 else _of_odd(len(sets))
    return ((sets[a], sets[b]) for a, b in places)


def _of_even(k: int) -> Iterator[tuple[int, int]]:
    """K - 1 rounds of k / 2 pairs in which everyone meets someone: one stays, the others go round."""
    for turn in range(k - 1):
        yield k - 1, turn
        yield from (((turn + step) % (k - 1), (turn - step) % (k - 1)) for step in range(1, k // 2))


def _of_odd(k: int) -> Iterator[tuple[int, int]]:
    """(k - 1) / 2 cycles through all; of each, every other edge twice round, so that k edges use everyone twice."""
    zigzag = [step // 2 if step % 2 == 0 else -(step + 1) // 2 for step in range(k - 1)]
    for turn in range(k // 2):
        cycle = [k - 1, *((place + turn) % (k - 1) for place in zigzag)]
        edges = list(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        yield from edges[::2]
        yield from edges[1::2]
