"""The BLEU family from one pass of sacrebleu's statistics: precisions, cumulative scores and the brevity penalty."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.metrics.base import GenerationMetric, columns
from zoo.metrics.generations import Generation
from zoo.metrics.japanese import dictionary, japanese, unified_characters
from zoo.metrics.text import versioned

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU, BLEUScore

MAX_ORDER = 4
OWN = {
    "japanese": japanese,
    "characters": unified_characters,
}  # splitting before sacrebleu, which then splits at blanks
MEASURES = ("bleu_p1", "bleu_p2", "bleu1", "bleu2", "bleu4", "brevity_penalty")


@functools.cache
def scorer(tokenize: str, effective_order: bool = False) -> "BLEU":
    """BLEU as sacrebleu has it by default (mixed case, exponential smoothing), with the given tokenizer.

    Raises:
        UserError: sacrebleu has no such tokenizer, or what it needs is not installed.
    """
    from sacrebleu.metrics.bleu import BLEU

    if tokenize not in BLEU.TOKENIZERS:
        raise UserError(f"BLEU tokenize={tokenize!r} is unknown to sacrebleu. Choose of {', '.join(BLEU.TOKENIZERS)}.")
    try:
        return BLEU(tokenize=tokenize, effective_order=effective_order)
    except (RuntimeError, ImportError) as error:
        raise UserError(f"BLEU tokenize={tokenize!r} cannot be used: {' '.join(str(error).split())}") from error


def score(counts: Sequence[int], totals: Sequence[int], length: int, reference_length: int, order: int) -> "BLEUScore":
    """Corpus BLEU up to n-grams of `order` from summed statistics: sacrebleu's own formula and smoothing."""
    from sacrebleu.metrics.bleu import BLEU

    # copies (slices): sacrebleu writes into the lists under some smoothing methods
    return BLEU.compute_bleu(
        correct=list(counts[:order]),
        total=list(totals[:order]),
        sys_len=length,
        ref_len=reference_length,
        smooth_method="exp",
        max_ngram_order=order,
    )


def _summed(statistics: list[list[int]]) -> Tensor:
    return torch.tensor(statistics).sum(dim=0)


class Bleu(GenerationMetric):
    """Corpus BLEU of the replies against one reference each.

    * `bleu_p1`, `bleu_p2`: n-gram precision in percent, no brevity penalty. PAA's "BLEU-1/2", of cleaned-up texts.
    * `bleu1`, `bleu2`, `bleu4`: 100 * brevity penalty * geometric mean of the precisions up to that order.
    * `brevity_penalty`: min(1, exp(1 - reference length / reply length)), between 0 and 1.

    Equal to `sacrebleu.corpus_bleu` (smoothing, tokenizer and all; `BLEU(max_ngram_order=n)` for `bleu<n>`). `report`
    says which are given; with a tokenizer other than sacrebleu's default "13a", such as "char" or "ja-mecab", their
    names end in it (`bleu4_char`). "japanese" and "characters" put texts into NFKC, which sacrebleu's own do not, and
    split them by zoo.metrics.japanese. `signature` is sacrebleu's, to print beside a number.

    Raises:
        UserError: unknown names in `report`, or a tokenizer that cannot be used.
    """

    name = "bleu"
    needs = frozenset({"response", "reference"})
    counts: Tensor
    totals: Tensor
    lengths: Tensor

    def __init__(self, tokenize: str = "13a", report: Sequence[str] = MEASURES) -> None:
        super().__init__()
        if unknown := [measure for measure in report if measure not in MEASURES]:
            raise UserError(f"BLEU has no {', '.join(unknown)}. Choose of {', '.join(MEASURES)}.")
        self.tokenize = tokenize
        self.split = OWN.get(tokenize)
        self._scorer_tokenize = "none" if self.split else tokenize
        scorer(self._scorer_tokenize)  # a tokenizer that is not there fails now, not after an hour of decoding
        self.version = versioned(self.version, tokenize)
        self.report = tuple(report)
        self.add_sum("counts", MAX_ORDER, dtype=torch.int64)  # n-grams found in the reference, by order
        self.add_sum("totals", MAX_ORDER, dtype=torch.int64)  # n-grams of the reply
        self.add_sum("lengths", 2, dtype=torch.int64)  # tokens of the reply, of the reference

    @property
    def signature(self) -> str:
        """What was computed, in sacrebleu's notation."""
        bleu = scorer(self._scorer_tokenize)
        bleu.corpus_score(["."], [["."]])  # sacrebleu knows the number of references only after a score
        words = dictionary() if self.tokenize == "japanese" else self.tokenize
        return str(bleu.get_signature()) + (f"|words:{words}" if self.split else "")

    @property
    def result_names(self) -> tuple[str, ...]:
        """The names in `report`, with the tokenizer's ending."""
        return tuple(map(self._reported_as, self.report))

    def _reported_as(self, measure: str) -> str:
        return measure if self.tokenize == "13a" else f"{measure}_{self.tokenize.replace('-', '_')}"

    def _spaced(self, text: str) -> str:
        return " ".join(self.split(text)) if self.split else text

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        # effective_order changes only a sentence's score, which is not read; without it sacrebleu warns every time
        bleu = scorer(self._scorer_tokenize, effective_order=True)
        sentences = [
            bleu.sentence_score(self._spaced(response), [self._spaced(reference)])
            for response, reference in columns(rows, "response", "reference")
        ]
        self.counts += _summed([sentence.counts for sentence in sentences]).to(self.device)
        self.totals += _summed([sentence.totals for sentence in sentences]).to(self.device)
        self.lengths += _summed([[sentence.sys_len, sentence.ref_len] for sentence in sentences]).to(self.device)

    def _result(self) -> dict[str, Tensor]:
        counts, totals = self.counts.tolist(), self.totals.tolist()
        length, reference_length = self.lengths.tolist()
        by_order = {n: score(counts, totals, length, reference_length, n) for n in (1, 2, MAX_ORDER)}
        full = by_order[MAX_ORDER]
        values = {
            "bleu_p1": full.precisions[0],
            "bleu_p2": full.precisions[1],
            "bleu1": by_order[1].score,
            "bleu2": by_order[2].score,
            "bleu4": full.score,
            "brevity_penalty": full.bp,
        }
        nothing = int(self.n_rows) == 0  # sacrebleu's zeros are for replies without a match
        return {
            self._reported_as(measure): torch.tensor(torch.nan if nothing else values[measure], dtype=torch.float64)
            for measure in self.report
        }
