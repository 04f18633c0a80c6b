"""Scorers with one number for a text or a pair: what a sentence is about, whether two contradict each other, and tone.

`CategoryScorer`, `ContradictionScorer` and `ToxicityScorer` are what the filters of PersonaChatGen (paper 003) and its
CoNL algorithm ask. Each sees text alone. Letters: N texts or pairs.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from zoo.scorers.base import Pair

Asked = TypeVar("Asked", bound=str | tuple[str, ...])  # a text, or a pair of texts


class TextScorer(ABC, Generic[Asked]):
    """A probability for each text or pair.

    A scorer changes nothing by being used: whoever holds a copy shares it, and a scorer draws no random numbers.

    Attributes:
        kind: one word for reports.
        identity: a hash of everything that decides the numbers; two scorers of one identity give the same ones.
        caution: why scores by it compare with nobody's, as a sentence; None where they do.
    """

    kind: str
    identity: str
    caution: str | None = None

    @abstractmethod
    def score(self, asked: Sequence[Asked], /) -> Tensor:
        """Probabilities [N], float32 on the CPU, in the order of `asked`; N may be 0.

        A number may depend on its neighbours in the last digits (padding changes the order of sums).
        """

    @property
    def short(self) -> str:
        """What records carry: the kind and the first eight digits of the identity."""
        return f"{self.kind} {self.identity[:8]}"

    def __deepcopy__(self, memo: dict[int, Any]) -> "TextScorer[Asked]":
        return self


class CategoryScorer(TextScorer[Pair]):
    """Is a sentence about a category? Asked pairs are (sentence, label); the label is an entity key: "music artist"."""


class ContradictionScorer(TextScorer[Pair]):
    """Does a premise contradict a hypothesis? Asked pairs are (premise, hypothesis); the order may matter."""


class ToxicityScorer(TextScorer[str]):
    """Is a text rude? Asked are texts."""


def no_text_scores() -> Tensor:
    """The probabilities of nothing, [0]."""
    return torch.empty(0, dtype=torch.float32)
