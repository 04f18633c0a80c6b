"""What the modes of `zoo.synthesis.conl` share: they yield directed pairs to be scored and are sent the scores."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from zoo.synthesis.pair_scores import Pair
from zoo.synthesis.records import ProfileSentence

Candidates = Mapping[str, Sequence[ProfileSentence]]  # category -> its sentences
FIRST_BATCH = 16  # directed pairs: at 3 % contradictions two candidates in five are known to fail by then


@dataclass(frozen=True, slots=True)
class Consistent:
    """What came of a pool."""

    taken: Mapping[str, ProfileSentence]  # category -> its sentence, in the pool's order
    dropped: tuple[str, ...]  # categories of which no sentence fits
    complete: bool = True  # False where the released mode came to its limit

    @classmethod
    def of(cls, pool: Candidates, taken: Mapping[str, ProfileSentence], complete: bool = True) -> "Consistent":
        """With the pool's other categories as dropped."""
        return cls(
            {category: taken[category] for category in pool if category in taken},
            tuple(category for category in pool if category not in taken),
            complete,
        )


Steps = Generator[list[Pair], list[float], Consistent]


@dataclass(frozen=True, slots=True)
class Other:
    """A sentence that a candidate is held against."""

    text: str
    first: bool  # whether it is the premise where one direction is scored


def fits(
    candidate: ProfileSentence, others: list[Other], threshold: float, both_directions: bool
) -> Generator[list[Pair], list[float], bool]:
    """Does the candidate contradict none of the others, and is none of them the same text?

    Asks in batches that double, and stops at the first with a contradiction in it. What a candidate failed at moves to
    the front of `others`: the next of its category often fails at the same.
    """
    if any(other.text == candidate.text for other in others):
        return False
    start, size = 0, FIRST_BATCH // (2 if both_directions else 1)
    while start < len(others):
        batch = others[start : start + size]
        ways = [in_order(other.text, candidate.text, other.first, both_directions) for other in batch]
        scores = iter((yield [pair for way in ways for pair in way]))
        for place, way in enumerate(ways, start):
            if max(next(scores) for _ in way) > threshold:
                others.insert(0, others.pop(place))
                return False
        start, size = start + len(batch), 2 * size
    return True


def in_order(a: str, b: str, a_first: bool, both_directions: bool) -> list[Pair]:
    """The directed pairs to score for two sentences."""
    if both_directions:
        return [(a, b), (b, a)]
    return [(a, b) if a_first else (b, a)]
