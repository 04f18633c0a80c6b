"""Overlap in order: `f1_lcs` and `rouge_l`, both from the longest common subsequence of a reply and its reference.

`rouge_l` is what the rouge-score library calls rougeL (F-measure, no stemming). The library itself is not used: its
ROUGE-L is this same quotient over a tokenizer whose `[^a-z0-9]` leaves nothing of Japanese, and it brings nltk along.
"""

import math
import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.metrics.base import GenerationMetric, columns, ratio
from zoo.metrics.generations import Generation
from zoo.metrics.text import overlap_ending, overlap_tokenizer, versioned


def lcs_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    One bit a word of `first`, all at once (Hyyrö, "Bit-Parallel LCS-length Computation Revisited", 2004): after each
    word of `second` the zeros of `row` mark where the length of the classical table rises by one.

    >>> lcs_length("a b c d".split(), "b d a c".split())
    2
    """
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    everywhere = (1 << len(first)) - 1
    row = everywhere
    for word in second:
        matches = row & places.get(word, 0)
        row = (row + matches | row - matches) & everywhere
    return len(first) - row.bit_count()


def lcs_f1(response: Sequence[str], reference: Sequence[str], beta: float | None = 1.0) -> float:
    """F-measure of the longest common subsequence, 0 to 1; 0 without a word in common.

    (1 + beta^2) P R / (R + beta^2 P) with P = LCS / words of the response and R = LCS / words of the reference; beta 1
    is the harmonic mean. `beta=None` is P / R = words of the reference / words of the response, as in PAML's code.

    >>> lcs_f1("the cat sat down".split(), "the dog sat".split())  # LCS 2: 2 * 2 / (4 + 3)
    0.5714285714285714
    """
    length = lcs_length(response, reference)
    if not length:
        return 0.0
    weight = 1.0 if beta == 1 else (len(reference) / len(response) if beta is None else beta) ** 2
    return (1 + weight) * length / (len(reference) * weight + len(response))


class LcsF1(GenerationMetric):
    """`f1_lcs`: mean over replies of `lcs_f1` with the reference, in percent.

    Settings other than the first of each end the name, in this order: `words` and `normalise` as for `NgramF1`,
    `lcs_beta` "one" or "ratio" (`f1_lcs_beta_ratio`). PAML's ROUGE-L is `f1_lcs_unnormalised_beta_ratio`. It is never
    above the unigram F1 over the same words, and with PAML's beta, which leans to the smaller of P and R, lower still.

    Raises:
        UserError: an unknown setting, or Japanese words without their extra.
    """

    needs = frozenset({"response", "reference"})
    f1: Tensor

    def __init__(self, words: str = "whitespace", normalise: str = "parlai", lcs_beta: str = "one") -> None:
        super().__init__()
        if lcs_beta not in ("one", "ratio"):
            raise UserError(f"lcs_beta={lcs_beta!r} is unknown. Choose one or ratio.")
        self.beta = 1.0 if lcs_beta == "one" else None
        self.split: Callable[[str], list[str]] = overlap_tokenizer(words, normalise)
        self.version = versioned(self.version, words)
        self.name = f"f1_lcs{overlap_ending(words, normalise)}{'_beta_ratio' * (lcs_beta == 'ratio')}"
        self.add_sum("f1")

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        self.f1 += math.fsum(
            lcs_f1(self.split(response), self.split(reference), self.beta)
            for response, reference in columns(rows, "response", "reference")
        )

    def _result(self) -> Tensor:
        return 100 * ratio(self.f1, self.n_rows)


def rouge_words(text: str) -> list[str]:
    """Words as rouge-score's default tokenizer has them without stemming: lower case, runs of a-z and 0-9, no more.

    Articles stay, and letters outside a-z part words ("café" gives "caf"): for English only.
    """
    return re.findall("[a-z0-9]+", text.lower())


class RougeL(LcsF1):
    """`rouge_l`: `lcs_f1` with beta 1 over `rouge_words`, in percent: rouge-score's rougeL F-measure.

    Where more than half of the references have no such word, as in Japanese, it is NaN: the 0 that rouge-score gives
    would be of the splitting and not of the replies. With `words` "japanese" or "characters" it runs over those
    instead, lower-cased and without punctuation, and the name ends in them. That is then `f1_lcs` of the same words:
    only in English do the two split differently.

    Raises:
        UserError: an unknown way of splitting, or Japanese words without their extra.
    """

    n_wordless: Tensor

    def __init__(self, words: str = "whitespace") -> None:
        super().__init__(words)
        self.name = self.name.replace("f1_lcs", "rouge_l")
        if words == "whitespace":
            self.split = rouge_words
            self.version = 2  # 1 had 0 in place of NaN
        self.add_sum("n_wordless", dtype=torch.int64)

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        super()._accumulate(rows)
        if self.split is rouge_words:
            self.n_wordless += sum(not rouge_words(reference) for (reference,) in columns(rows, "reference"))

    def _result(self) -> Tensor:
        return torch.where(2 * self.n_wordless > self.n_rows, torch.nan, super()._result())
