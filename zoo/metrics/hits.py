"""`hits_1_of_20`: how often the true reply is ranked first among its candidates."""

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.metrics.base import GenerationMetric, columns, sum_by_first_column
from zoo.metrics.generations import Generation


def is_first(scores: Sequence[float], gold: int) -> bool:
    """Is the gold candidate's score above all others? A tie is a miss, and so is NaN.

    ConvAI2 lists the gold candidate last: where ties count as hits, a model that scores all alike reaches 100 %.

    >>> is_first([0.1, 0.7, 0.2], gold=1), is_first([0.5, 0.5], gold=1)
    (True, False)
    """
    return all(scores[gold] > score for index, score in enumerate(scores) if index != gold)


class Hits(GenerationMetric):
    """`hits_1_of_<K>`: percent of the examples with K candidates whose gold candidate scores strictly highest.

    With ConvAI2's 20 candidates that is `hits_1_of_20`. Fewer candidates are an easier task, so examples with another
    number of candidates are a number of their own (`hits_1_of_19`), never part of this one.

    Raises:
        UserError: a `gold` that is no index of `candidate_scores`.
    """

    name = "hits_1_of_20"
    needs = frozenset({"candidate_scores", "gold"})

    def __init__(self) -> None:
        super().__init__()
        self.add_int_rows("counts", 3)  # number of candidates, hits, examples

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        counts = []
        for example, scores, gold in columns(rows, "id", "candidate_scores", "gold"):
            if not 0 <= gold < len(scores):
                raise UserError(f"Example {example!r}: gold is {gold}, expected an index below {len(scores)}.")
            counts.append([len(scores), int(is_first(scores, gold)), 1])
        self.append_int_rows("counts", sum_by_first_column(torch.tensor(counts)), merge=sum_by_first_column)

    def _result(self) -> dict[str, Tensor]:
        if int(self.n_rows) == 0:
            return {self.name: torch.tensor(torch.nan, dtype=torch.float64)}
        return {
            f"hits_1_of_{n_candidates}": torch.tensor(100 * hits / n_examples, dtype=torch.float64)
            for n_candidates, hits, n_examples in sum_by_first_column(self.int_rows("counts")).tolist()
        }
