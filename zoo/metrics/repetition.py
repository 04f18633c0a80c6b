"""`repetition_rate`: how much of a reply it has said before; loops that quote a persona raise the C score."""

import math
from collections.abc import Sequence

from torch import Tensor

from zoo.errors import UserError
from zoo.metrics.base import GenerationMetric, columns, ratio
from zoo.metrics.distinct import ngrams
from zoo.metrics.generations import Generation
from zoo.metrics.text import tokenizer, versioned


def repetition(units: Sequence[str], order: int) -> float:
    """Share of the n-grams of one reply that occurred before in it, 0 to 1; 0 for a reply without an n-gram.

    >>> repetition("yes yes yes yes".split(), order=2)  # two of three
    0.6666666666666666
    """
    found = list(ngrams(units, order))
    return (len(found) - len(set(found))) / len(found) if found else 0.0


class RepetitionRate(GenerationMetric):
    """`repetition_rate`: mean over replies of `repetition`, in percent.

    Bigrams, because replies are short (12 words and punctuation marks on average in ConvAI2): people repeat words all
    the time ("i", commas: 6.2 % of the words of ConvAI2's validation replies occurred before in them), bigrams hardly
    ever (0.5 %), while a loop of any length up to half a reply shows; 4-grams (0.02 %) would miss "yes yes yes".
    Another order ends the name (`repetition_rate_4`), and so does a way of splitting other than "punctuation".

    Raises:
        UserError: an order below 1, an unknown way of splitting.
    """

    needs = frozenset({"response"})
    repeated: Tensor

    def __init__(self, order: int = 2, tokenize: str = "punctuation") -> None:
        super().__init__()
        if order < 1:
            raise UserError(f"repetition_rate of order={order}: expected an order from 1.")
        self.order = order
        self.split = tokenizer(tokenize)
        self.version = versioned(self.version, tokenize)
        self.name = "repetition_rate" + f"_{order}" * (order != 2) + f"_{tokenize}" * (tokenize != "punctuation")
        self.add_sum("repeated")

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        self.repeated += math.fsum(
            repetition(self.split(response), self.order) for (response,) in columns(rows, "response")
        )

    def _result(self) -> Tensor:
        return 100 * ratio(self.repeated, self.n_rows)
