"""`ProfileInferer`: what one unit of a user's posts says about the user."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

Inferred = dict[str, tuple[str, float]]  # attribute -> (value of zoo.data.profiles, confidence in [0, 1])


class ProfileInferer(ABC):
    """A back-end of profile inference. It sees texts alone."""

    @abstractmethod
    def infer(self, posts: Sequence[str]) -> Inferred:
        """Values with confidences, in the order of `ATTRIBUTES`; attributes that it cannot tell are left out."""

    def infer_units(self, units: Sequence[Sequence[str]]) -> list[Inferred]:
        """`infer` for every unit; a back-end that gains by seeing several at once overrides it."""
        return [self.infer(unit) for unit in units]


def decide(evidence: Mapping[str, float], threshold: float) -> tuple[str, float] | None:
    """The value with most evidence, or None: abstains without any, on a tie, and below the threshold.

    The confidence is best / (total + 1): 0.5 for a single post that says one thing, towards 1 as more agree.

    Args:
        evidence: value -> posts that speak for it, counted or weighted.
        threshold: the confidence from which on a value is given.
    """
    ranked = sorted(evidence.values(), reverse=True)
    if not ranked or ranked[0] <= 0 or (len(ranked) > 1 and ranked[0] == ranked[1]):
        return None
    value = max(evidence, key=lambda name: evidence[name])
    confidence = evidence[value] / (sum(ranked) + 1)
    return (value, confidence) if confidence >= threshold else None
