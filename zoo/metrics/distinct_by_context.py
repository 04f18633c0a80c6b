"""How differently users answer one question: `distinct_1_by_context`, `distinct_2_by_context`, `distinct_s_by_context`.

Source: Otsuka et al., "User-Specific Dialogue Generation with User Profile-Aware Pre-Training Model and
Parameter-Efficient Fine-Tuning", section 4.3.3 and Table 7.

Letters: Q questions, N things (n-grams or replies).
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.metrics.base import GenerationMetric, columns, ratio, sum_by_first_column
from zoo.metrics.distinct import ngrams, stable_hash
from zoo.metrics.generations import Generation
from zoo.metrics.text import tokenizer, versioned


class _DistinctByContext(GenerationMetric):
    """Mean over questions q of (different things in the answers to q) / (things in them), from 0 to 1."""

    needs = frozenset({"response"})  # and history, which every row has

    def __init__(self) -> None:
        super().__init__()
        self.add_int_rows("things", 2)  # question, thing: hashes, each pair once
        self.add_int_rows("counts", 2)  # question, how many things

    def collect(self, answers: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Count in (question, the things in an answer to it)."""
        hashed = [(stable_hash(question), things) for question, things in answers]
        pairs = sorted({(question, stable_hash(thing)) for question, things in hashed for thing in things})
        counts = [[question, len(things)] for question, things in hashed]
        self.append_int_rows("things", torch.tensor(pairs, dtype=torch.int64).view(-1, 2), merge=_each_once)
        table = torch.tensor(counts, dtype=torch.int64).view(-1, 2)
        self.append_int_rows("counts", sum_by_first_column(table), merge=sum_by_first_column)

    def _result(self) -> Tensor:
        questions, counts = sum_by_first_column(self.int_rows("counts")).unbind(dim=1)  # [Q]
        different = torch.zeros_like(counts)
        of_question = torch.searchsorted(questions.contiguous(), _each_once(self.int_rows("things"))[:, 0].contiguous())
        different.index_add_(0, of_question, torch.ones_like(of_question))
        return ratio(different, counts)[counts > 0].mean()  # the mean over no question is NaN


class DistinctNgramsByContext(_DistinctByContext):
    """`distinct_<n>_by_context`: Dist-n(q) = different n-grams / n-grams in all users' answers to q, mean over q.

    Rows whose last utterance of the history is the same (but for blanks around it) answer one question; rows without a
    history count as one question too. A question whose answers have no n-grams at all (one word each, for Dist-2) is
    left out of the mean. From 0 to 1 and not in percent, as the paper prints it; `distinct_<n>` in percent is over the
    whole corpus. `tokenize` as for `DistinctNgrams`: other ways of splitting than "punctuation" end the name. The value
    falls as users are added: compare over the same users and questions.

    Raises:
        UserError: an order below 1, or an unknown way of splitting.
    """

    def __init__(self, order: int, tokenize: str = "punctuation") -> None:
        super().__init__()
        if order < 1:
            raise UserError(f"distinct by context of order={order} was asked for; expected an order from 1.")
        self.order = order
        self.split = tokenizer(tokenize)
        self.version = versioned(self.version, tokenize)
        self.name = f"distinct_{order}_by_context{f'_{tokenize}' * (tokenize != 'punctuation')}"

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        self.collect(
            (_question(history), list(ngrams(self.split(response), self.order)))
            for history, response in columns(rows, "history", "response")
        )


class DistinctRepliesByContext(_DistinctByContext):
    """`distinct_s_by_context`: Dist-S(q) = different whole answers / answers to q, mean over questions, from 0 to 1.

    Questions are those of `DistinctNgramsByContext`; blanks around an answer do not count.
    """

    name = "distinct_s_by_context"

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        self.collect(
            (_question(history), [response.strip()]) for history, response in columns(rows, "history", "response")
        )


def _question(history: Sequence[str]) -> str:
    return history[-1].strip() if history else ""


def _each_once(rows: Tensor) -> Tensor:
    """Different rows of [N, 2], sorted."""
    return rows.unique(dim=0)
