"""`split_dialogues`: train, valid and test without a persona in two of them, where the pairs allow it.

The published split is unknown. A persona whose other dialogues were trained on is no new one, so dialogues are grouped
by personas that are connected, directly or through others. Pairs drawn over all sets connect nearly everybody as soon
as a set is used twice; then no split of any use keeps personas apart, and what is kept apart is pairs of personas.
Drawn in blocks (`draw_pairs(blocks=10)`), personas can be kept apart. A persona is its sentences: two that share some
are two.
"""

import random
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from zoo.errors import UserError
from zoo.synthesis.records import SyntheticDialogue

By = Literal["persona", "pair"]
SPLITS = ("train", "valid", "test")
TOLERANCE = 0.05  # of all dialogues, that a split may be off its share for "auto" to take "persona"


@dataclass(frozen=True, slots=True)
class Splits:
    """Dialogues by split, and what is in one split only: personas, or merely pairs of personas."""

    dialogues: dict[str, list[SyntheticDialogue]]
    by: By

    @property
    def sizes(self) -> dict[str, int]:
        """Dialogues in each."""
        return {name: len(some) for name, some in self.dialogues.items()}


def split_dialogues(
    dialogues: Iterable[SyntheticDialogue],
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    by: By | Literal["auto"] = "auto",
) -> Splits:
    """Deal whole groups of dialogues to train, valid and test; within a split, dialogues stay in order.

    Args:
        dialogues: all; they are held in memory.
        fractions: of train, valid and test, summing to 1. One may be 0, every other split gets at least one group.
        seed: decides which group goes where; groups are dealt the largest first, so only equal ones are drawn.
        by: "persona" or "pair", see above; "auto" is by persona unless a split would be off its share by more than 5 %
            of all dialogues, and leaves splits empty where there are too few dialogues, however few.

    Raises:
        UserError: settings that are none; fewer groups than splits, unless by "auto".
    """
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise UserError(
            f"fractions={list(fractions)} was given to split dialogues; expected three numbers of at least 0, for "
            "train, valid and test, that sum to 1."
        )
    if by not in ("auto", *get_args(By)):
        raise UserError(f"by={by} was given to split dialogues; expected auto, persona or pair.")
    rows = list(dialogues)
    if by != "auto":
        return _split(rows, fractions, seed, by)
    found, pairs = (_split(rows, fractions, seed, by, strict=False) for by in get_args(By))
    wanted = [fraction * len(rows) for fraction in fractions]
    off = max(abs(size - share) for size, share in zip(found.sizes.values(), wanted, strict=True))
    return found if off <= max(TOLERANCE * len(rows), 1) else pairs


def _split(
    rows: Sequence[SyntheticDialogue], fractions: Sequence[float], seed: int, by: By, strict: bool = True
) -> Splits:
    groups = _connected(rows) if by == "persona" else _alike(rows, [frozenset(row.personas) for row in rows])
    open_splits = [place for place, fraction in enumerate(fractions) if fraction > 0]
    if strict and len(groups) < len(open_splits):
        raise UserError(
            f"{len(rows)} dialogues of {len(groups)} {'connected ' if by == 'persona' else ''}groups by {by} cannot be "
            f"split into {len(open_splits)} parts. Make more dialogues, or"
            + (" draw the pairs of personas in blocks." if by == "persona" else " set a fraction to 0.")
        )
    random.Random(seed).shuffle(groups)
    groups.sort(key=len, reverse=True)
    dealt: list[list[int]] = [[] for _ in SPLITS]
    for number, group in enumerate(groups):
        empty = [place for place in open_splits if not dealt[place]]
        among = empty if empty and len(empty) >= len(groups) - number else open_splits
        place = max(among, key=lambda place: fractions[place] * len(rows) - len(dealt[place]))
        dealt[place] += group
    return Splits({name: [rows[row] for row in sorted(some)] for name, some in zip(SPLITS, dealt, strict=True)}, by)


def _alike(rows: Sequence[SyntheticDialogue], keys: Sequence[Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for row, key in zip(range(len(rows)), keys, strict=True):
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _connected(rows: Sequence[SyntheticDialogue]) -> list[list[int]]:
    """Groups of rows that no persona connects (union-find with halved paths)."""
    parent: dict[tuple[str, ...], tuple[str, ...]] = {}

    def root(persona: tuple[str, ...]) -> tuple[str, ...]:
        parent.setdefault(persona, persona)
        while parent[persona] != persona:
            parent[persona] = persona = parent[parent[persona]]
        return persona

    for row in rows:
        a, b = map(root, row.personas)
        parent[a] = b
    return _alike(rows, [root(row.personas[0]) for row in rows])
