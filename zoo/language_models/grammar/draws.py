"""`Draws`: random choices that a seed and a prompt decide alone, the same on every machine and Python."""

import hashlib
import random
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TypeVar

Item = TypeVar("Item")


class Draws:
    """Choices for one request. Only `random.Random.random` is used, whose sequence Python promises to keep.

    Args:
        seed: of the request.
        prompt: of the request, also with half a surrogate pair.
    """

    def __init__(self, seed: int, prompt: str) -> None:
        digest = hashlib.sha256(f"{seed}:{prompt}".encode("utf-8", "surrogatepass")).digest()
        self._random = random.Random(int.from_bytes(digest, "big"))

    def happens(self, probability: float) -> bool:
        """True with this probability; takes one number whatever it is, so that settings do not shift later draws."""
        return self._random.random() < probability

    def pick(self, items: Sequence[Item], skew: float = 0.0) -> Item:
        """One of `items`, which has at least one: the r-th of them, from 1, with a weight of r ** -skew."""
        upper = _upper(len(items), skew)
        return items[min(bisect_right(upper, self._random.random() * upper[-1]), len(items) - 1)]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """All of `items` in a random order."""
        return [item for _, item in sorted(((self._random.random(), item) for item in items), key=lambda pair: pair[0])]


@lru_cache
def _upper(n: int, skew: float) -> list[float]:
    """Running sums of the n weights."""
    return list(accumulate(rank**-skew for rank in range(1, n + 1)))
