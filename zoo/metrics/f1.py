"""Word overlap of replies (`f1_parlai`) and PAA's macro-F1 over teacher-forced tokens (`f1_teacher_forced_macro`).

The two share nothing but the letters: the first reads decoded text, the second never decodes anything.
"""

import math
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.metrics.base import GenerationMetric, columns, ratio, sum_by_first_column
from zoo.metrics.generations import Generation
from zoo.metrics.text import tokenizer, versioned


def overlap_f1(response: Sequence[str], reference: Sequence[str]) -> float:
    """Harmonic mean of precision and recall of the words as multisets, 0 to 1.

    0 without a word in common, so also when both are empty (ParlAI's convention).

    >>> overlap_f1(["i", "like", "cats"], ["cats", "i", "own", "two"])  # 2 common: 2 * 2 / (3 + 4)
    0.5714285714285714
    """
    common = (Counter(response) & Counter(reference)).total()
    return 2 * common / (len(response) + len(reference)) if common else 0.0


def macro_f1(counts: Tensor) -> Tensor:
    """Mean over classes of 2 tp / (predicted + gold), 0 to 1, from rows (class, tp, predicted, gold) [K, 4]."""
    _, hits, predicted, gold = counts.unbind(dim=1)
    return ratio(2 * hits, predicted + gold).mean()  # the mean over no classes is NaN


class WordF1(GenerationMetric):
    """`f1_parlai`: mean over replies of `overlap_f1` with the reference, in percent.

    `tokenize` may be "words", "characters", "japanese" or "punctuation" instead, which keep case and punctuation; the
    name then ends in it (`f1_characters`). `NgramF1` of order 1 leaves these out in Japanese too.
    Source: ParlAI parlai/core/metrics.py, F1Metric with one reference.
    """

    needs = frozenset({"response", "reference"})
    f1: Tensor

    def __init__(self, tokenize: str = "parlai") -> None:
        super().__init__()
        self.name = f"f1_{tokenize}"
        self.split = tokenizer(tokenize)
        self.version = versioned(self.version, tokenize)
        self.add_sum("f1")

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        self.f1 += math.fsum(
            overlap_f1(self.split(response), self.split(reference))
            for response, reference in columns(rows, "response", "reference")
        )

    def _result(self) -> Tensor:
        return 100 * ratio(self.f1, self.n_rows)


class TeacherForcedMacroF1(GenerationMetric):
    """`f1_teacher_forced_macro`: macro-F1 of argmax against target ids, padding included, in percent.

    Every token type that is target or argmax anywhere is a class and weighs the same; equals
    `100 * sklearn.metrics.f1_score(targets, argmaxes, average="macro", zero_division=0)`. It depends on the batches,
    because the ids are padded as they were evaluated. Source: the F1 of PAA's tables (arXiv:2210.15088), released code.

    Raises:
        UserError: a row whose two lists differ in length.
    """

    name = "f1_teacher_forced_macro"
    needs = frozenset({"target_ids", "argmax_ids"})

    def __init__(self) -> None:
        super().__init__()
        self.add_int_rows("counts", 4)  # class, tp, predicted, gold

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        target_ids: list[int] = []
        argmax_ids: list[int] = []
        for example, targets, argmaxes in columns(rows, "id", "target_ids", "argmax_ids"):
            if len(targets) != len(argmaxes):
                raise UserError(
                    f"Example {example!r} has {len(targets)} target_ids, but {len(argmaxes)} argmax_ids. Expected one "
                    "of each for every position."
                )
            target_ids += targets
            argmax_ids += argmaxes
        gold, predicted = torch.tensor(target_ids).long(), torch.tensor(argmax_ids).long()  # [N], N may be 0
        none, one = torch.zeros_like(gold), torch.ones_like(gold)
        counts = torch.cat(
            [
                torch.stack([gold, (gold == predicted).long(), none, one], dim=1),
                torch.stack([predicted, none, one, none], dim=1),
            ]
        )  # [2N, 4]
        self.append_int_rows("counts", sum_by_first_column(counts), merge=sum_by_first_column)

    def _result(self) -> Tensor:
        return 100 * macro_f1(sum_by_first_column(self.int_rows("counts")))
