"""Overlap in n-grams: `f1_2gram`, and the unigram F1 of languages without blanks (`f1_1gram_japanese`)."""

import math
from collections.abc import Sequence

from torch import Tensor

from zoo.errors import UserError
from zoo.metrics.base import GenerationMetric, columns, ratio
from zoo.metrics.distinct import ngrams
from zoo.metrics.f1 import overlap_f1
from zoo.metrics.generations import Generation
from zoo.metrics.text import overlap_ending, overlap_tokenizer, versioned


def ngram_f1(response: Sequence[str], reference: Sequence[str], order: int, clipped: bool = True) -> float:
    """Harmonic mean of precision and recall of the n-grams, 0 to 1; 0 without one in common.

    Clipped counts, the default, are multisets: an n-gram counts as often as both have it. Otherwise every n-gram counts
    once (sets, as in PAML's ROUGE-N). A reply shorter than `order` has no n-gram, and 0 even where it is right.

    >>> ngram_f1("the cat the cat".split(), "the cat sat".split(), order=2)  # 1 of 3 and of 2
    0.4
    >>> ngram_f1("the cat the cat".split(), "the cat sat".split(), order=2, clipped=False)  # 1 of 2 and of 2
    0.5
    """
    found, wanted = list(ngrams(response, order)), list(ngrams(reference, order))
    return overlap_f1(found, wanted) if clipped else overlap_f1(list(set(found)), list(set(wanted)))


class NgramF1(GenerationMetric):
    """`f1_2gram`: mean over replies of `ngram_f1` with the reference, in percent.

    Settings other than the first of each end the name, in this order:

    * `words`: "whitespace", "japanese", "characters" (`f1_2gram_japanese`);
    * `normalise`: "parlai", see `zoo.metrics.text.overlap_tokenizer`, or "none" (`f1_2gram_unnormalised`);
    * `ngram`: "clipped" or "set" (`f1_2gram_set`). PAML's ROUGE-2 is `f1_2gram_unnormalised_set`.

    Order 1 with the first of all is ParlAI's F1 and is called so: `f1_parlai`. PersonaPKT (arXiv:2306.08126) prints
    "1-gram, 2-gram, LCS F1" without naming an implementation; these are the defaults chosen for it.

    Raises:
        UserError: an order below 1, an unknown setting, or Japanese words without their extra.
    """

    needs = frozenset({"response", "reference"})
    f1: Tensor

    def __init__(
        self, order: int = 2, words: str = "whitespace", normalise: str = "parlai", ngram: str = "clipped"
    ) -> None:
        super().__init__()
        if order < 1 or ngram not in ("clipped", "set"):
            raise UserError(
                f"F1 of n-grams of order={order} with ngram={ngram!r}: expected an order from 1 and ngram of clipped "
                "or set."
            )
        self.order = order
        self.clipped = ngram == "clipped"
        self.split = overlap_tokenizer(words, normalise)
        self.version = versioned(self.version, words)
        ending = overlap_ending(words, normalise) + "_set" * (not self.clipped)
        self.name = "f1_parlai" if order == 1 and not ending else f"f1_{order}gram{ending}"
        self.add_sum("f1")

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        self.f1 += math.fsum(
            ngram_f1(self.split(response), self.split(reference), self.order, self.clipped)
            for response, reference in columns(rows, "response", "reference")
        )

    def _result(self) -> Tensor:
        return 100 * ratio(self.f1, self.n_rows)
