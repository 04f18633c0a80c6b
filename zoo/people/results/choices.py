"""Choices between two rows: won, lost, tied, and whether chance would do as well.

Two exact sign tests, ties left out: over judgements, as papers count them, which takes judgements of one item for
independent and so finds too small a p; and over items, each by the majority of its judges.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from zoo.people.questionnaire import CHOICE
from zoo.people.results.answers import Answers
from zoo.people.results.ratings import parts_of, resampled_mean
from zoo.significance import interval, sign_test

WIN, TIE, LOSE = CHOICE


@dataclass(frozen=True, slots=True)
class Counts:
    """How often the first row won, lost and tied, with the sign test's p."""

    win: int
    lose: int
    tie: int

    @property
    def n(self) -> int:
        """All of them."""
        return self.win + self.lose + self.tie

    @property
    def p(self) -> float:
        """Of as many wins as losses, two-sided and exact; ties are left out."""
        return sign_test(self.win, self.lose)

    def share(self, value: int) -> float:
        """Of wins, losses or ties, in percent."""
        return 100 * {WIN: self.win, LOSE: self.lose, TIE: self.tie}[value] / self.n


@dataclass(frozen=True, slots=True)
class Choice:
    """The first row against the second in one criterion.

    Attributes:
        judgements: counted one by one.
        items: each counted once, as most of its judges chose; where two choices are chosen most it is a tie.
        intervals: 95 % bootstrap intervals over items of the shares of judgements, in percent, of 1 (the first won),
            0 (tie) and -1; None of a single item.
    """

    first: str
    second: str
    group: str
    criterion: str
    judgements: Counts
    items: Counts
    intervals: dict[int, tuple[float, float] | None]

    @property
    def name(self) -> str:
        """As tables call the row."""
        return f"{self.first}_against_{self.second}"

    def turned(self) -> "Choice":
        """The second against the first."""
        judgements, items = (Counts(of.lose, of.win, of.tie) for of in (self.judgements, self.items))
        intervals = {value: self.intervals[-value] for value in CHOICE}
        return Choice(self.second, self.first, self.group, self.criterion, judgements, items, intervals)


def choices(answers: Answers, criterion: str, by_group: bool, resamples: int, seed: int) -> list[Choice]:
    """The two rows of a study of pairs, in each group on its own where `by_group`."""
    found = []
    pairs = {item.rows for item in answers.items.values()}
    for first, second in sorted(pairs):
        own = {key: item for key, item in answers.items.items() if item.rows == (first, second)}
        given = ((one.item, float(one.value)) for one in answers.of(criterion))
        for (_, group), values in parts_of(own, given, by_group).items():
            of_items = list(values.values())
            moved = {value: _moved(of_items, value, resamples, seed) for value in CHOICE}
            every = counts([value for own_values in of_items for value in own_values])
            each = counts([majority(own_values) for own_values in of_items])
            found.append(Choice(first, second, group, criterion, every, each, moved))
    return found


def counts(values: Sequence[float]) -> Counts:
    """Of single choices."""
    counted = Counter[float](values)
    return Counts(counted[WIN], counted[LOSE], counted[TIE])


def majority(values: Sequence[float]) -> float:
    """What most chose; a tie where two values are chosen most."""
    (first, most), *others = Counter(values).most_common()
    return TIE if others and others[0][1] == most else first


def _moved(of_items: Sequence[Sequence[float]], value: int, resamples: int, seed: int) -> tuple[float, float] | None:
    chosen = [[100.0 * (one == value) for one in own] for own in of_items]
    every = [one for own in chosen for one in own]
    between = interval(resampled_mean(chosen, resamples, seed), sum(every) / len(every))
    return None if between is None else (between[0], between[1])
