"""`Funnel`: how many are left after each stage of a pipeline, counted while they stream through (Tables 1 and 2)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from zoo.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stage:
    """One row of a survival table. Shares are from 0 to 1, and 0 where there was nothing to begin with."""

    name: str
    count: int
    cumulative: float  # share of the first stage's count
    conditional: float  # share of the stage's before; the first has 1


class Funnel:
    """Named stages in order, each with a count that is at most the count of the stage before it.

    Args:
        first: name of the first stage, of which cumulative shares are taken.

    >>> funnel = Funnel("raw")
    >>> words = funnel.count("raw", ["a", "bb", "cc", "ddd"])
    >>> kept = funnel.count("long", (word for word in words if len(word) > 2))
    >>> list(kept), funnel.to_dict()
    (['ddd'], {'raw': 4, 'long': 1})
    """

    def __init__(self, first: str = "raw") -> None:
        self._counts = {first: 0}
        self._before: dict[str, str | None] = {first: None}

    def count(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """`items`, each counted for `stage` when it passes. The stage takes its place now, not at the first item."""
        self.add(stage, 0)
        return self._counted(stage, items)

    def add(self, stage: str, n: int = 1) -> None:
        """Count `n` more for `stage`; a stage that is new follows those that there are.

        Raises:
            UserError: `n` is negative, or more came through than there were at the stage before.
        """
        if n < 0:
            raise UserError(f"{n} were counted for the stage {stage}; expected a number of at least 0.")
        if stage not in self._counts:
            self._before[stage] = list(self._counts)[-1]
            self._counts[stage] = 0
        self._counts[stage] += n
        before = self._before[stage]
        if before is not None and self._counts[stage] > self._counts[before]:
            raise UserError(
                f"{self._counts[stage]} were counted for the stage {stage}, but {self._counts[before]} for {before} "
                "before it; a stage can only remove. Count the stages in their order, each as often as the one before."
            )

    def rows(self) -> list[Stage]:
        """The stages in order, with their shares."""
        counts = list(self._counts.values())
        return [
            Stage(name, n, _share(n, counts[0]), _share(n, counts[max(i - 1, 0)]))
            for i, (name, n) in enumerate(self._counts.items())
        ]

    def to_dict(self) -> dict[str, int]:
        """Counts by stage, in order: plain, for JSON."""
        return dict(self._counts)

    @classmethod
    def from_dict(cls, counts: Mapping[str, Any]) -> "Funnel":
        """The funnel that `to_dict` gave.

        Raises:
            UserError: no stages, a count that is none, or a count above the one before it.
        """
        if not counts or any(isinstance(n, bool) or not isinstance(n, int) for n in counts.values()):
            raise UserError(f"The funnel {dict(counts)} was given; expected whole numbers by stage, at least one.")
        funnel = cls(next(iter(counts)))
        for stage, n in counts.items():
            funnel.add(stage, n)
        return funnel

    def _counted(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        for item in items:
            self.add(stage)
            yield item


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
