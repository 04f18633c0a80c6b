"""How varied a corpus of replies is: `distinct_1`, `distinct_2`, `distinct_2_per_unigram`, `distinct_s`."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.metrics.base import GenerationMetric, columns, ratio
from zoo.metrics.generations import Generation
from zoo.metrics.text import tokenizer, versioned


def ngrams(units: Sequence[str], order: int) -> Iterator[str]:
    """The n-grams of one reply; none crosses into the next reply."""
    return (" ".join(units[start : start + order]) for start in range(len(units) - order + 1))


def stable_hash(text: str) -> int:
    """64 bits, the same in every process and run, as Python's own is not. A million texts collide with 3e-8."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class _DistinctShare(GenerationMetric):
    """100 * number of different things / number of things, over the corpus."""

    needs = frozenset({"response"})
    n_things: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_int_rows("hashes")  # hashes instead of the things themselves, so that processes can exchange them
        self.add_sum("n_things", dtype=torch.int64)

    def collect(self, things: Iterable[str], n_things: int) -> None:
        hashes = torch.tensor(sorted({stable_hash(thing) for thing in things}), dtype=torch.int64)
        self.append_int_rows("hashes", hashes, merge=torch.unique)
        self.n_things += n_things

    def _result(self) -> Tensor:
        n_different = torch.tensor(self.int_rows("hashes").unique().numel(), device=self.device)
        return 100 * ratio(n_different, self.n_things)


class DistinctNgrams(_DistinctShare):
    """`distinct_<n>`: different n-grams / all n-grams of the corpus of replies, in percent (arXiv:1510.03055).

    `denominator="unigrams"` divides by the number of words whatever n is: `distinct_<n>_per_unigram`, PAA's "Dist-2".
    `tokenize` is "punctuation" (PAA's: every punctuation character is a word); with "words", "characters", "japanese"
    or "parlai" the name ends in it. Case is kept. The value falls as a corpus grows: compare corpora of one size.

    Raises:
        UserError: an order below 1, an unknown denominator or way of splitting.
    """

    def __init__(self, order: int, denominator: str = "ngrams", tokenize: str = "punctuation") -> None:
        super().__init__()
        if order < 1 or denominator not in ("ngrams", "unigrams"):
            raise UserError(
                f"distinct of order={order} with denominator={denominator!r}: expected an order from 1 and a "
                "denominator of ngrams or unigrams."
            )
        self.order = order
        self.per_unigram = denominator == "unigrams" and order > 1  # for n = 1 they are the same
        self.split = tokenizer(tokenize)
        self.version = versioned(self.version, tokenize)
        self.name = f"distinct_{order}{'_per_unigram' * self.per_unigram}"
        if tokenize != "punctuation":
            self.name += f"_{tokenize}"

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        replies = [self.split(response) for (response,) in columns(rows, "response")]
        found = [ngram for units in replies for ngram in ngrams(units, self.order)]
        self.collect(found, sum(map(len, replies)) if self.per_unigram else len(found))


class DistinctReplies(_DistinctShare):
    """`distinct_s`: different whole replies / replies, in percent; blanks around a reply do not count."""

    name = "distinct_s"

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        self.collect((response.strip() for (response,) in columns(rows, "response")), len(rows))
