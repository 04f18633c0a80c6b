"""Random draws that stay the same on every Python version.

Of the standard library's generator only `random()` is promised to keep its sequence, so everything here is built on it.
"""

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """One stream of draws, named by its parts: `Draws(0, "train", "personas")` always gives the same stream."""

    def __init__(self, *name: object):
        digest = hashlib.sha256("/".join(map(str, name)).encode()).digest()
        self._random = random.Random(int.from_bytes(digest[:8], "big")).random

    def chance(self, probability: float) -> bool:
        """Whether an event of this probability happens."""
        return self._random() < probability

    def below(self, stop: int) -> int:
        """An integer in [0, stop)."""
        return int(self._random() * stop)

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self._random() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in a random order."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = int(self._random() * (last + 1))
            order[last], order[other] = order[other], order[last]
        return order
