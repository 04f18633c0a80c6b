"""How near a reply comes to its reference: `similarity` and `acc_sim_090`, from embeddings.

Source: Otsuka et al., "User-Specific Dialogue Generation with User Profile-Aware Pre-Training Model and
Parameter-Efficient Fine-Tuning", section 4.2.3 and Figure 2.

Letters: N replies.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.metrics.base import GenerationMetric, columns, ratio
from zoo.metrics.generations import Generation
from zoo.scorers.embedder import Embedder, cosines

NEARLY_IDENTICAL = 0.9
BIN_WIDTH = 0.2
BINS = 5


class Similarity(GenerationMetric):
    """Cosine of reply and reference in an embedder's space; the paper calls it similarity and its distance alike.

    * `similarity`: its mean over replies, -1 to 1;
    * `acc_sim_090`: share of replies where it is at least 0.9, from 0 to 1 and not in percent, as the paper prints it.

    Args:
        embedder: of texts, see `zoo.scorers`; `embedder=` on the command line. Its identity is part of the version, so
            that values of two embedders are never taken for the same thing, and its caution is the metric's.

    Raises:
        UserError: no embedder.
    """

    name = "similarity"
    needs = frozenset({"response", "reference"})
    total: Tensor
    n_close: Tensor

    def __init__(self, embedder: Embedder | None) -> None:
        super().__init__()
        if not isinstance(embedder, Embedder):
            raise UserError(
                f"The similarity was given the embedder {embedder!r}; expected one of texts. Choose "
                "embedder=characters, or embedder=sentence_model with embedder.path=FOLDER."
            )
        self.embedder = embedder
        self.version = f"1, {embedder.short}"
        self.caution = embedder.caution
        self.add_sum("total")
        self.add_sum("n_close", dtype=torch.int64)

    @property
    def result_names(self) -> tuple[str, ...]:
        """Both."""
        return ("similarity", "acc_sim_090")

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        found = similarities(rows, self.embedder)
        self.total += found.sum()
        self.n_close += (found >= NEARLY_IDENTICAL).sum()

    def _result(self) -> dict[str, Tensor]:
        return {"similarity": ratio(self.total, self.n_rows), "acc_sim_090": ratio(self.n_close, self.n_rows)}


def similarities(rows: Sequence[Generation], embedder: Embedder) -> Tensor:
    """Cosine of every reply with its reference; float64 [N] on the CPU. Every row needs a response."""
    pairs = list(columns(rows, "response", "reference"))
    return cosines(embedder.embed([reply for reply, _ in pairs]), embedder.embed([reference for _, reference in pairs]))


def similarity_histogram(values: Tensor) -> Tensor:
    """How many of the cosines [N] lie in [0, 0.2), [0.2, 0.4), ..., [0.8, 1], as in Figure 2; int64 [5].

    What is below 0 is counted in the first bin.

    >>> similarity_histogram(torch.tensor([-0.3, 0.0, 0.2, 0.6, 0.79, 1.0], dtype=torch.float64)).tolist()
    [2, 1, 0, 2, 1]
    """
    borders = torch.tensor([BIN_WIDTH * bin for bin in range(1, BINS)], dtype=torch.float64).round(decimals=6)
    return torch.bucketize(values, borders, right=True).bincount(minlength=BINS)
