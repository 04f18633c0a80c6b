"""Rows against one of them on the same examples: mean differences with two p, corrected over the rows.

Both are over items: a paired bootstrap of the mean difference of the items' means, and an exact sign test of how many
items were rated higher and lower.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zoo.people.results.ratings import Rating
from zoo.significance import draws, holm, interval, sign_test, two_sided_p


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A row minus another, over the examples that both have.

    Attributes:
        mean: of the differences of the items' means over judges; None where they have no example in common.
        interval: 95 % bootstrap interval; None of a single item.
        p: two-sided bootstrap p of no difference; `p_holm` corrected over the rows of this criterion and group.
        higher, lower: on how many items the row was rated higher and lower than the other.
        p_sign: exact two-sided p of these; `p_sign_holm` corrected.
    """

    row: str
    minus: str
    group: str
    criterion: str
    n: int
    mean: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    p_holm: float | None = None
    higher: int = 0
    lower: int = 0
    p_sign: float | None = None
    p_sign_holm: float | None = None


def differences(found: Sequence[Rating], against: str, resamples: int, seed: int) -> list[RowDifference]:
    """All other rows minus the row `against`, in each group.

    Args:
        found: ratings of one criterion.
        against: a row's name.
        resamples: of items.
        seed: of the draws.
    """
    told: list[RowDifference] = []
    for group in dict.fromkeys(rating.group for rating in found):
        of_group = {rating.row: rating for rating in found if rating.group == group}
        if against in of_group:
            reference = of_group[against]
            others = [rating for row, rating in of_group.items() if row != against]
            told += _corrected([_difference(rating, reference, resamples, seed) for rating in others])
    return told


def _difference(rating: Rating, reference: Rating, resamples: int, seed: int) -> RowDifference:
    apart = _apart(rating.means, reference.means)
    nothing = RowDifference(rating.row, reference.row, rating.group, rating.criterion, len(apart))
    if not apart:
        return nothing
    mean = sum(apart) / len(apart)
    moved = None
    if len(apart) > 1:
        moved = draws(len(apart), len(apart), resamples, seed) @ np.array(apart) / len(apart)  # [R]
    between = interval(moved, mean)
    higher, lower = sum(one > 0 for one in apart), sum(one < 0 for one in apart)
    return replace(
        nothing,
        mean=mean,
        interval=None if between is None else (between[0], between[1]),
        p=two_sided_p(moved, mean),
        higher=higher,
        lower=lower,
        p_sign=sign_test(higher, lower),
    )


def _apart(first: Mapping[str, float], second: Mapping[str, float]) -> list[float]:
    """Differences on the examples of both, in their order; what is none but for rounding is none."""
    found = [first[example] - second[example] for example in sorted(first.keys() & second.keys())]
    return [0.0 if abs(one) < 1e-9 else one for one in found]


def _corrected(found: Sequence[RowDifference]) -> list[RowDifference]:
    compared = [one for one in found if one.p is not None]
    boot = iter(holm([one.p for one in compared if one.p is not None]))
    sign = iter(holm([one.p_sign for one in compared if one.p_sign is not None]))
    return [one if one.p is None else replace(one, p_holm=next(boot), p_sign_holm=next(sign)) for one in found]
