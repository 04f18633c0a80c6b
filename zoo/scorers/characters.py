"""`CharacterNgrams`: texts are alike that share runs of characters. Needs no model, so it serves every language.

Letters: N texts, D dimensions.
"""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import normalize

from zoo.errors import UserError
from zoo.scorers.base import fingerprint
from zoo.scorers.embedder import Embedder

EDGE = "\n"  # stands before and after a text; blanks inside a text are " ", so it is no part of any


class CharacterNgrams(Embedder):
    """How often a text has each character n-gram, hashed into D signed places and scaled to unit length.

    Texts are put into NFKC and lower case, runs of blanks count as one, and an edge is added at both ends, so that an
    empty text has an n-gram too. The signs of the hash make collisions cancel on average (Weinberger et al.,
    "Feature Hashing for Large Scale Multitask Learning", arXiv:0902.2206): unrelated texts have cosines around 0 with
    a standard deviation of 1 / sqrt(D), half of them below 0. It sees spelling, not sense: "i am glad" and "how happy i
    feel" are strangers, so its numbers always carry a caution. Nothing is remembered, since counting is as fast.

    Args:
        orders: which n; single characters (1) make all texts of one alphabet alike.
        dimensions: D.

    Raises:
        UserError: no order, an order outside 1 to 8, or fewer than 64 dimensions.
    """

    kind = "characters"
    caution = "similarity of character n-grams sees spelling, not sense"

    def __init__(self, orders: Sequence[int] = (2, 3), dimensions: int = 4096) -> None:
        self.orders, self.dimensions = tuple(sorted(set(orders))), dimensions
        if not self.orders or self.orders[0] < 1 or self.orders[-1] > 8 or dimensions < 64:
            raise UserError(
                f"Character n-grams of orders={list(orders)} in dimensions={dimensions} were asked for; expected "
                "orders from 1 to 8, for example [2,3], and at least 64 dimensions."
            )
        settings = json.dumps([self.orders, dimensions, unicodedata.unidata_version])
        self.identity = fingerprint(settings, Path(__file__).read_bytes())  # the rules are this file

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [N, D]; see `zoo.scorers.embedder.Embedder`."""
        rows: list[int] = []
        hashes: list[int] = []
        for row, text in enumerate(texts):
            own = [_hash(ngram) for ngram in self.ngrams(text)]
            rows += [row] * len(own)
            hashes += own
        hashed = torch.tensor(hashes, dtype=torch.int64)
        signs = (hashed % 2 * 2 - 1).float()
        counts = torch.zeros(len(texts), self.dimensions)  # [N, D]
        places = (torch.tensor(rows, dtype=torch.int64), hashed // 2 % self.dimensions)
        return normalize(counts.index_put_(places, signs, accumulate=True), dim=1)

    def ngrams(self, text: str) -> Iterator[str]:
        r"""All n-grams of a text, edges included.

        >>> list(CharacterNgrams(orders=[2]).ngrams("Ａ b"))
        ['\na', 'a ', ' b', 'b\n']
        """
        plain = EDGE + " ".join(unicodedata.normalize("NFKC", text).lower().split()) + EDGE
        for order in self.orders:
            length = min(order, len(plain))  # of an empty text the edges alone
            yield from (plain[start : start + length] for start in range(len(plain) - length + 1))


@lru_cache(maxsize=1 << 17)
def _hash(ngram: str) -> int:
    """62 bits, not negative, the same in every process."""
    return int.from_bytes(blake2b(ngram.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 2
