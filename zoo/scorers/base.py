"""`NliScorer`: does a premise entail a hypothesis, contradict it, or neither?"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.scorers.record import Accuracy

LABELS = ("entailment", "neutral", "contradiction")  # the order of every table of probabilities here
ENTAILMENT, NEUTRAL, CONTRADICTION = range(3)
Pair = tuple[str, str]  # premise, hypothesis


class NliScorer(ABC):
    """Probabilities of `LABELS` for pairs of texts.

    A scorer changes nothing by being used: copies of a metric share theirs, and a scorer draws no random numbers.

    Attributes:
        kind: one word for reports.
        identity: a hash of everything that decides the numbers; two scorers of one identity give the same ones.
        accuracy: measured on a labelled set, None where nobody knows.
        caution: why scores by it compare with nobody's, as a sentence; None where they do.
    """

    kind: str
    identity: str
    accuracy: Accuracy | None = None
    caution: str | None = None

    @abstractmethod
    def score(self, pairs: Sequence[Pair]) -> Tensor:
        """Probabilities [N, 3], float32 on the CPU, in the order of `pairs` and of `LABELS`; N may be 0.

        A pair's numbers may depend on its neighbours in the last digits (padding changes the order of sums).
        """

    @property
    def short(self) -> str:
        """What versions of metrics carry: the kind and the first eight digits of the identity."""
        return f"{self.kind} {self.identity[:8]}"

    @property
    def description(self) -> str:
        """What stands beside its scores in reports: "nli 1a2b3c4d, accuracy 0.8843 on dnli test (16,500 pairs)"."""
        return f"{self.short}, accuracy {self.accuracy or 'not known'}"

    def __deepcopy__(self, memo: dict[int, Any]) -> "NliScorer":
        return self


def fingerprint(*parts: str | bytes) -> str:
    """A sha256 over the parts, their borders included."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def hypothesis(persona_sentence: str, strip_period: bool = True) -> str:
    """A persona sentence as scorers read it: without blanks around it and, as in PAML's evaluation, the final period.

    >>> hypothesis(" i have two dogs .")
    'i have two dogs'
    """
    sentence = persona_sentence.strip()
    return sentence.removesuffix(".").rstrip() if strip_period else sentence


def no_scores() -> Tensor:
    """The probabilities of no pairs, [0, 3]."""
    return torch.empty(0, 3, dtype=torch.float32)
