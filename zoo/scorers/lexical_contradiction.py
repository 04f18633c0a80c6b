"""`LexicalContradiction`: two texts say different things of one slot. For tests and the offline pipeline."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.scorers import lexical, phrases, statements
from zoo.scorers.base import Pair, fingerprint
from zoo.scorers.lexical import OPPOSITES
from zoo.scorers.phrases import forms
from zoo.scorers.statements import Clause, Fact, Slot, Statement, StatementReader
from zoo.scorers.text_scorers import ContradictionScorer

HIGH, LOW = 0.97, 0.02
REMEMBERED = 1 << 15  # texts, whose statements are kept
SHARED = 0.75  # of the content words of the clause with more of them: then two clauses are about the same
ANY = "*"  # every value of a slot


class Conflict(NamedTuple):
    """Values of two slots that contradict each other: a vegan's favourite food is no steak.

    Args:
        first, second: names of slots.
        first_values, second_values: ("*",) stands for all.
        same: only equal values do: who was a nurse once is none now.
    """

    first: str
    first_values: Sequence[str]
    second: str
    second_values: Sequence[str]
    same: bool = False


class SlotWords(NamedTuple):
    """What can be said of a person, by name, and what does not go together."""

    slots: Mapping[str, Slot]
    conflicts: Sequence[Conflict] = ()


class LexicalContradiction(ContradictionScorer):
    """High where two texts cannot both be said by one person, else low; the order does not matter.

    They cannot where one affirms and the other denies the same value of a slot; where both affirm values of a slot that
    exclude each other, or of two slots in conflict; and, outside the slots, where two clauses have the same content
    words but one is denied, or an antonym stands in place of a word. A text is read once and remembered.

    Args:
        words: slots and conflicts.

    Raises:
        UserError: no slots, or a conflict or contrast of what is not there.
    """

    kind = "lexical_contradiction"
    caution = "the lexical contradiction scorer is a set of word rules for tests and demonstrations"

    def __init__(self, words: SlotWords) -> None:
        if not words.slots:
            raise UserError("The lexical contradiction scorer was given no slots; expected at least one.")
        self.slots = dict(words.slots)
        self._contrasts = {name: self._contrasts_of(name, slot) for name, slot in self.slots.items()}
        self._conflicts: set[tuple[str, tuple[str, ...], str, tuple[str, ...]]] = set()
        for conflict in words.conflicts:
            self._conflicts |= set(self._pairs_of(conflict))
        self._read = lru_cache(REMEMBERED)(StatementReader(self.slots).read)
        rules = [Path(module.__file__).read_bytes() for module in (phrases, statements, lexical) if module.__file__]
        slots = {name: slot._asdict() for name, slot in self.slots.items()}
        lists = json.dumps([slots, [conflict._asdict() for conflict in words.conflicts]], sort_keys=True, default=list)
        self.identity = fingerprint(Path(__file__).read_bytes(), *rules, lists)

    def score(self, pairs: Sequence[Pair], /) -> Tensor:
        """See `TextScorer.score`."""
        read = self._read
        found = [HIGH if self._contradict(read(one), read(other)) else LOW for one, other in pairs]
        return torch.tensor(found, dtype=torch.float32)

    def _contradict(self, one: Statement, other: Statement) -> bool:
        if self._facts_contradict(one.facts, other.facts):
            return True
        same_slot = any(first.slot == second.slot for first in one.facts for second in other.facts)
        return any(
            _denies(first, second) or (not same_slot and _are_opposites(first, second))
            for first in one.clauses
            for second in other.clauses
        )

    def _facts_contradict(self, one: Sequence[Fact], other: Sequence[Fact]) -> bool:
        for first in one:
            for second in other:
                if first.slot == second.slot and first.value == second.value:
                    if first.affirmed != second.affirmed:
                        return True
                elif first.affirmed and second.affirmed:
                    if first.slot == second.slot:
                        if self._exclude(first, second) and not _agree(first.slot, one, other):
                            return True
                    elif (*first[:2], *second[:2]) in self._conflicts:
                        return True
        return False

    def _exclude(self, first: Fact, second: Fact) -> bool:
        return self.slots[first.slot].exclusive or any(
            first.value in values and second.value in values for values in self._contrasts[first.slot]
        )

    def _contrasts_of(self, name: str, slot: Slot) -> list[frozenset[tuple[str, ...]]]:
        known = set(map(forms, slot.values))
        for value in (value for values in slot.contrasts for value in values):
            if forms(value) not in known:
                raise UserError(f"'{value}' stands in a contrast of the slot {name}; expected one of its values.")
        return [frozenset(map(forms, values)) for values in slot.contrasts]

    def _pairs_of(self, conflict: Conflict) -> Iterator[tuple[str, tuple[str, ...], str, tuple[str, ...]]]:
        """A conflict's pairs of facts, in both orders."""
        sides = []
        for name, values in (
            (conflict.first, conflict.first_values),
            (conflict.second, conflict.second_values),
        ):
            if name not in self.slots:
                raise UserError(f"A conflict names the slot {name}; expected one of {', '.join(sorted(self.slots))}.")
            known = set(map(forms, self.slots[name].values))
            wanted = known if list(values) == [ANY] else set(map(forms, values))
            if unknown := wanted - known:
                raise UserError(f"A conflict names '{' '.join(min(unknown))}' of {name}; expected one of its values.")
            sides.append(wanted)
        for first in sides[0]:
            for second in sides[1]:
                if not conflict.same or first == second:
                    yield conflict.first, first, conflict.second, second
                    yield conflict.second, second, conflict.first, first


def _agree(slot: str, one: Sequence[Fact], other: Sequence[Fact]) -> bool:
    """Do both affirm a value of the slot that is the same? Then other values say nothing against it."""
    first, second = ({fact.value for fact in facts if fact.slot == slot and fact.affirmed} for facts in (one, other))
    return bool(first & second)


def _denies(one: Clause, other: Clause) -> bool:
    """Are both about the same, and just one denied?"""
    n_shared = len(one.content & other.content)
    most = max(len(one.content), len(other.content))
    return one.affirmed != other.affirmed and n_shared >= SHARED * most


def _are_opposites(one: Clause, other: Clause) -> bool:
    """Do they differ in one word, and that is an antonym?"""
    differ = one.content ^ other.content
    return one.affirmed == other.affirmed and differ in _ANTONYMS


_ANTONYMS = frozenset(frozenset(forms(pair)) for pair in OPPOSITES.split(","))
