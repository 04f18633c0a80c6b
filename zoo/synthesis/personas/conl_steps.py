"""What the modes of `zoo.synthesis.personas.conl` share: they yield directed pairs, and are sent their scores."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from zoo.synthesis.personas.pair_scores import Pair
from zoo.synthesis.records import ProfileSentence

Candidates = Mapping[str, Sequence[ProfileSentence]]  # category -> its sentences


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


class Pace:
    """How many pairs to score at once: an eighth of what passes, so far, between two contradictions.

    A batch that contains a contradiction was half in vain; like this some 3 % of all scores are.
    """

    def __init__(self) -> None:
        self.n_scored, self.n_bad = 64, 1  # a guess to begin with

    def count(self, n_scored: int, bad: bool) -> None:
        """After a batch."""
        self.n_scored += n_scored
        self.n_bad += bad

    @property
    def batch(self) -> int:
        """Directed pairs."""
        return self.n_scored // (8 * self.n_bad)


def fits(
    candidate: ProfileSentence, others: list[Other], pace: Pace, threshold: float, both_directions: bool
) -> Generator[list[Pair], list[float], bool]:
    """Does the candidate contradict none of the others, and is none of them the same text?

    Asks in batches and stops at the first with a contradiction in it. What a candidate failed at moves to the front of
    `others`: the next of its category often fails at the same.
    """
    if any(other.text == candidate.text for other in others):
        return False
    start = 0
    while start < len(others):
        batch = others[start : start + max(1, pace.batch // (1 + both_directions))]
        ways = [in_order(other.text, candidate.text, other.first, both_directions) for other in batch]
        scores = iter((yield [pair for way in ways for pair in way]))
        worst = [max(next(scores) for _ in way) for way in ways]
        bad = next((place for place, score in enumerate(worst) if score > threshold), None)
        pace.count(len(batch) * (1 + both_directions), bad is not None)
        if bad is not None:
            others.insert(0, others.pop(start + bad))
            return False
        start += len(batch)
    return True


def in_order(a: str, b: str, a_first: bool, both_directions: bool) -> list[Pair]:
    """The directed pairs to score for two sentences."""
    if both_directions:
        return [(a, b), (b, a)]
    return [(a, b) if a_first else (b, a)]
