"""Likelihood of the references: `ppl_token`, `ppl_word`, `bits_per_char` and PAA's `ppl_reference`.

All of them are exp (or log 2) of one corpus-level quotient, never a mean of the quotients of batches or replies.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from zoo.metrics.base import GenerationMetric, columns, ratio
from zoo.metrics.generations import Generation


def perplexity(nll: Tensor, n_events: Tensor) -> Tensor:
    """exp(nll / n_events), nll in nats; NaN over no events.

    >>> perplexity(torch.tensor(2 * math.log(8.0)), torch.tensor(2))
    tensor(8.0000, dtype=torch.float64)
    """
    return ratio(nll, n_events).exp()


def bits(nll: Tensor, n_events: Tensor) -> Tensor:
    """Bits per event, nll / ln 2 / n_events with nll in nats; NaN over no events.

    >>> bits(torch.tensor(6 * math.log(2.0)), torch.tensor(3))
    tensor(2.0000, dtype=torch.float64)
    """
    return ratio(nll, n_events) / math.log(2)


class _LikelihoodPerEvent(GenerationMetric):
    event_count: ClassVar[str]  # the field that counts what the likelihood is shared among
    nll: Tensor
    n_events: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_sum("nll")
        self.add_sum("n_events", dtype=torch.int64)

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        self.nll += math.fsum(nll for (nll,) in columns(rows, "nll"))
        self.n_events += sum(count for (count,) in columns(rows, self.event_count))

    def _result(self) -> Tensor:
        return perplexity(self.nll, self.n_events)


class TokenPerplexity(_LikelihoodPerEvent):
    """`ppl_token` = exp(sum of nll / sum of n_tokens). Only models with the same tokenizer compare."""

    name = "ppl_token"
    needs = frozenset({"nll", "n_tokens"})
    event_count = "n_tokens"


class WordPerplexity(_LikelihoodPerEvent):
    """`ppl_word` = exp(sum of nll / sum of n_words), n_words counting the reply's end: compares across tokenizers.

    It is not ConvAI2's, which runs over a dictionary of 19,304 words and skips words outside it.
    """

    name = "ppl_word"
    needs = frozenset({"nll", "n_words"})
    event_count = "n_words"


class BitsPerChar(_LikelihoodPerEvent):
    """`bits_per_char` = sum of nll / ln 2 / sum of n_chars: compares across tokenizers, with or without blanks."""

    name = "bits_per_char"
    needs = frozenset({"nll", "n_chars"})
    event_count = "n_chars"

    def _result(self) -> Tensor:
        return bits(self.nll, self.n_events)


class ReferencePerplexity(_LikelihoodPerEvent):
    """`ppl_reference` = exp(mean of the token losses above 0), as PAA's released code measures it.

    The filter is meant to drop padding, and also drops every real token whose float32 loss is exactly 0. The tokens are
    those of that code's targets, a lone blank before [EOS] included. Source: arXiv:2210.15088, released evaluation.
    """

    name = "ppl_reference"
    needs = frozenset({"token_nll"})

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        # `not <= 0` instead of `> 0`: a loss that is NaN has to show.
        kept = [loss for (losses,) in columns(rows, "token_nll") for loss in losses if not loss <= 0]
        self.nll += math.fsum(kept)
        self.n_events += len(kept)
