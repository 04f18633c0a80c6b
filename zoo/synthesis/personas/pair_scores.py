"""`PairScores`: how strongly sentences contradict each other, each directed pair asked of a scorer once."""

import math
from collections.abc import Iterable, Sequence
from itertools import combinations, islice

from zoo.errors import UserError
from zoo.scorers.text_scorers import ContradictionScorer

Pair = tuple[str, str]  # premise, hypothesis


class PairScores:
    """A scorer's numbers with a memory, whole lists at a time.

    Detectors are asymmetric; what a pair of sentences counts is the larger of its two directions.

    Args:
        scorer: any contradiction scorer.
        keep: directed pairs that are remembered, the oldest forgotten first (some 200 bytes each).

    Attributes:
        calls: directed pairs that the scorer was asked.
        lookups: directed pairs that were asked for here, also those that were known.
    """

    def __init__(self, scorer: ContradictionScorer, keep: int = 2**18) -> None:
        self.scorer, self.keep = scorer, keep
        self.calls = self.lookups = 0
        self._known: dict[Pair, float] = {}

    def directed(self, pairs: Sequence[Pair]) -> list[float]:
        """The contradiction of each (premise, hypothesis); what is not known is scored in one call.

        Raises:
            UserError: the scorer gives something else than one probability a pair.
        """
        self.lookups += len(pairs)
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._known]
        scores = dict(zip(new, self._scored(new), strict=True)) if new else {}
        answers = [scores[pair] if pair in scores else self._known[pair] for pair in pairs]
        self._known |= scores
        for oldest in list(islice(self._known, max(0, len(self._known) - self.keep))):
            del self._known[oldest]
        return answers

    def __call__(self, pairs: Sequence[Pair]) -> list[float]:
        """The contradiction of each pair of sentences: the larger of both directions; a and b may change places."""
        scores = self.directed([*pairs, *((b, a) for a, b in pairs)])
        return [max(both) for both in zip(scores[: len(pairs)], scores[len(pairs) :], strict=True)]

    def contradictory(self, texts: Iterable[str], threshold: float) -> list[Pair]:
        """The pairs among `texts` above the threshold in either direction."""
        pairs = list(combinations(texts, 2))
        return [pair for pair, score in zip(pairs, self(pairs), strict=True) if score > threshold]

    def _scored(self, pairs: list[Pair]) -> list[float]:
        scores: list[float] = self.scorer.score(pairs).tolist()
        self.calls += len(pairs)
        if len(scores) != len(pairs) or not all(math.isfinite(score) for score in scores):
            raise UserError(
                f"The contradiction scorer {type(self.scorer).__name__} gave {len(scores)} numbers for {len(pairs)} "
                "pairs, or some that are not finite; expected one probability a pair. Choose another scorer or mend it."
            )
        return scores
