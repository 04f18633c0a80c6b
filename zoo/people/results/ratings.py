"""Means by row and criterion, with intervals over items, and counts of items by their mean.

Judgements of one item are not independent, so items are what is resampled, each with all of its judgements. Rows that
answered the same examples are resampled alike. The judges are taken as they are: intervals tell of other items that
these people judge, not of other people.

Letters: R resamples, E examples.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.people.questionnaire import Criterion
from zoo.people.records import Item
from zoo.people.results.answers import Answers
from zoo.significance import Floats, draws, interval

Part = tuple[str, str]  # row and group; the group "" is all of the row's items
Values = Mapping[str, tuple[float, ...]]  # by example


@dataclass(frozen=True, slots=True)
class Rating:
    """How one row was rated in one criterion.

    Attributes:
        group: the test set; "" is all of them.
        mean: over judgements.
        sd: sample deviation of the judgements; None of a single one.
        n: judgements; `items`: values of each item, by its example: one each where validators had the last word.
        interval: 95 % bootstrap interval of the mean over items; None of a single one.
    """

    row: str
    group: str
    criterion: str
    mean: float
    sd: float | None
    n: int
    items: Mapping[str, tuple[float, ...]]
    interval: tuple[float, float] | None

    @property
    def means(self) -> dict[str, float]:
        """The mean over judges of each item, by its example."""
        return {example: sum(values) / len(values) for example, values in self.items.items()}


def ratings(answers: Answers, criterion: str, by_group: bool, resamples: int, seed: int) -> list[Rating]:
    """Every row's rating, of each group on its own where `by_group`; rows that nobody judged are left out."""
    given = ((one.item, float(one.value)) for one in answers.of(criterion))
    return rated(parts_of(answers.items, given, by_group), criterion, resamples, seed)


def rated(parts: Mapping[Part, Values], criterion: str, resamples: int, seed: int) -> list[Rating]:
    """The ratings of rows and groups whose values are known."""
    found = []
    for (row, group), values in parts.items():
        every = [value for own in values.values() for value in own]
        mean = sum(every) / len(every)
        moved = resampled_mean(list(values.values()), resamples, seed)
        between = interval(moved, mean)
        found.append(
            Rating(
                row,
                group,
                criterion,
                mean,
                statistics.stdev(every) if len(every) > 1 else None,
                len(every),
                values,
                None if between is None else (between[0], between[1]),
            )
        )
    return found


def parts_of(
    items: Mapping[str, Item],
    given: Iterable[tuple[str, float]],
    by_group: bool,
) -> dict[Part, Values]:
    """Values by row and group, then by example; these are sorted, so that rows on the same ones are drawn alike.

    Args:
        items: in the study's order, which rows and groups take.
        given: items with one value each, as often as there are values.
        by_group: tell groups apart.
    """
    of_item: dict[str, list[float]] = {}
    for key, value in given:
        of_item.setdefault(key, []).append(value)
    found: dict[Part, dict[str, tuple[float, ...]]] = {}
    for key, item in items.items():
        if key in of_item:
            part = found.setdefault((item.rows[0], item.group if by_group else ""), {})
            example = item.example or key
            part[key if example in part else example] = tuple(of_item[key])
    return {part: dict(sorted(values.items())) for part, values in found.items()}


def resampled_mean(values: Sequence[Sequence[float]], resamples: int, seed: int) -> Floats | None:
    """Means over all judgements of drawn items, [R]; None of a single item."""
    if len(values) < 2:
        return None
    times = draws(len(values), len(values), resamples, seed)  # [R, E]
    sums = times @ np.array([float(sum(own)) for own in values])  # [R]
    means: Floats = sums / (times @ np.array([len(own) for own in values]))
    return means


def binned(rating: Rating, criterion: Criterion) -> list[int]:
    """How many items have a mean in [1, 2), [2, 3), ..., of which the last has both ends: Kasahara et al.'s Table 3."""
    low, high = min(criterion.options), max(criterion.options)
    counts = [0] * (high - low)
    for mean in rating.means.values():
        counts[min(math.floor(mean), high - 1) - low] += 1
    return counts


def bins(criterion: Criterion) -> list[str]:
    """Names of `binned`'s counts."""
    low, high = min(criterion.options), max(criterion.options)
    return [f"[{k},{k + 1}{']' if k + 1 == high else ')'}" for k in range(low, high)]
