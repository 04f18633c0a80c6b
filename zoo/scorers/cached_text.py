"""The scorers of `zoo.scorers.text_scorers`, cached: no text and no pair is scored twice, by whichever run or process.

`category`, `contradiction` and `toxicity` are what the transformers files in conf/*_scorer/ describe.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Generic

from torch import Tensor

from zoo.scorers.base import Pair
from zoo.scorers.cache import ScoreCache, Texts
from zoo.scorers.text_scorers import (
    Asked,
    CategoryScorer,
    ContradictionScorer,
    TextScorer,
    ToxicityScorer,
    no_text_scores,
)
from zoo.scorers.transformers_text import TEMPLATE, TransformersContradiction, TransformersToxicity, ZeroShotCategory

FILE = "texts.sqlite"  # of all such scorers: rows are told apart by identity
IN_MEMORY = 100_000  # rows


class CachedScores(TextScorer[Asked], Generic[Asked]):
    """A scorer that remembers: the scores, identity and caution are those of the scorer inside.

    Args:
        scorer: what scores new texts.
        folder: of the file, made if need be; None remembers in memory alone.
        in_memory: how many rows are kept in memory, the last ones met, so that it stays flat over a long stream; None
            keeps all.

    Raises (when scoring):
        UserError: the file cannot be opened, read or written.
    """

    def __init__(
        self, scorer: TextScorer[Asked], folder: str | Path | None = None, in_memory: int | None = IN_MEMORY
    ) -> None:
        self.scorer = scorer
        self.kind, self.identity, self.caution = scorer.kind, scorer.identity, scorer.caution
        self.file = Path(folder) / FILE if folder is not None else None
        self._cache = ScoreCache(scorer.identity, self.file, in_memory)

    @property
    def n_scored(self) -> int:
        """Texts or pairs that the scorer inside was asked about."""
        return self._cache.n_scored

    def score(self, asked: Sequence[Asked], /) -> Tensor:
        """See `TextScorer.score`."""
        if not asked:
            return no_text_scores()
        rows = {_row(one): one for one in asked}

        def new(some: Sequence[Texts]) -> Tensor:
            return self.scorer.score([rows[row] for row in some])[:, None]

        return self._cache.scores([_row(one) for one in asked], new)[:, 0]


class CachedCategories(CachedScores[Pair], CategoryScorer):
    """A category scorer that remembers."""


class CachedContradictions(CachedScores[Pair], ContradictionScorer):
    """A contradiction scorer that remembers; the two directions of a pair are two rows."""


class CachedToxicity(CachedScores[str], ToxicityScorer):
    """A toxicity scorer that remembers."""


def category(
    path: str | Path | None,
    template: str = TEMPLATE,
    labels: Sequence[str] | None = None,
    max_length: int = 128,
    batch_size: int = 64,
    device: str = "auto",
    revision: str | None = None,
    cache: str | Path | None = None,
    in_memory: int | None = IN_MEMORY,
) -> CachedCategories:
    """`ZeroShotCategory` with a cache below the folder `cache`."""
    scorer = ZeroShotCategory(path, template, labels, max_length, batch_size, device, revision)
    return CachedCategories(scorer, cache, in_memory)


def contradiction(
    path: str | Path | None,
    labels: Sequence[str] | None = None,
    max_length: int = 128,
    batch_size: int = 64,
    device: str = "auto",
    revision: str | None = None,
    cache: str | Path | None = None,
    in_memory: int | None = IN_MEMORY,
) -> CachedContradictions:
    """`TransformersContradiction` with a cache below the folder `cache`."""
    scorer = TransformersContradiction(path, labels, max_length, batch_size, device, revision)
    return CachedContradictions(scorer, cache, in_memory)


def toxicity(
    path: str | Path | None,
    labels: Sequence[str] | None = None,
    max_length: int = 512,
    batch_size: int = 64,
    device: str = "auto",
    revision: str | None = None,
    cache: str | Path | None = None,
    in_memory: int | None = IN_MEMORY,
) -> CachedToxicity:
    """`TransformersToxicity` with a cache below the folder `cache`."""
    return CachedToxicity(
        TransformersToxicity(path, labels, max_length, batch_size, device, revision), cache, in_memory
    )


def _row(asked: str | Texts) -> Texts:
    return (asked,) if isinstance(asked, str) else tuple(asked)
