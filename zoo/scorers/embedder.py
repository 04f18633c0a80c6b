"""`Embedder`: texts as points on a unit sphere; how alike two of them are is their cosine.

Letters: N texts, D dimensions.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Embedder(ABC):
    """Embeddings of texts.

    An embedder changes nothing by being used: copies of a metric share theirs, and it draws no random numbers.

    Attributes:
        kind: one word for reports.
        identity: a hash of everything that decides the numbers; two embedders of one identity give the same ones.
        caution: why similarities by it compare with nobody's, as a sentence; None where they do.
    """

    kind: str
    identity: str
    caution: str | None = None

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> Tensor:
        """Embeddings [N, D] of unit length, float32 on the CPU, in the order of `texts`; N may be 0.

        Equal texts have equal embeddings within a run; across runs they may differ in the last digits (padding changes
        the order of sums).
        """

    @property
    def short(self) -> str:
        """What versions of metrics carry: the kind and the first eight digits of the identity."""
        return f"{self.kind} {self.identity[:8]}"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Embedder":
        return self


def cosines(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of each row of `first` [N, D] with the same row of `second`; float64 [N].

    Rounded to six decimals: the digits behind them depend on batches and processors, and a value of exactly 0.9 or 0.2
    shall fall on the same side everywhere.
    """
    return torch.linalg.vecdot(first.double(), second.double()).round(decimals=6)
