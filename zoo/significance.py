"""How far a mean could lie elsewhere, and whether two things differ: what all tables share.

Letters: R resamples, U units that are drawn (dialogues, users, items).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def draws(units: int, size: int, resamples: int, *key: int) -> Ints:
    """How often each unit is among `size` draws with replacement, [R, U]; the same for the same numbers `key`."""
    return np.random.default_rng(key).multinomial(size, np.full(units, 1 / units), size=resamples)


def interval(values: Floats | None, observed: float) -> list[float] | None:
    """Between 2.5 and 97.5 % of resampled values [R], shifted so that their mean is `observed`; None without any."""
    finite = values[np.isfinite(values)] if values is not None else np.empty(0)
    if not finite.size or not math.isfinite(observed):
        return None
    low, high = (np.percentile(finite, (2.5, 97.5)) - finite.mean() + observed).tolist()
    return [low, high]


def two_sided_p(values: Floats | None, observed: float) -> float | None:
    """Twice the share of resampled differences on the far side of 0, shifted so that their mean is `observed`.

    One more is counted on each side, so that p is never below what the number of resamples can tell.
    """
    finite = values[np.isfinite(values)] if values is not None else np.empty(0)
    if not finite.size:
        return None
    shifted = finite - finite.mean() + observed
    beyond = min(int((shifted <= 0).sum()), int((shifted >= 0).sum()))
    return min(1.0, 2 * (beyond + 1) / (finite.size + 1))


def sign_test(wins: int, losses: int) -> float:
    """The exact two-sided p of as many wins and losses where both are as likely; ties are left out before.

    1 where there is neither.
    """
    n, fewer = wins + losses, min(wins, losses)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n)


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's (1979) corrected p of each, in the order given."""
    corrected, largest = [0.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[index]))
        corrected[index] = largest
    return corrected
