"""Several corpora as one: for pretraining, where more text is better and nobody asks whose it is."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from zoo.data.corpora import DialogueCorpus, describe_corpus
from zoo.data.records import Dialogue


class JoinedCorpus:
    """The dialogues of several corpora behind one another; ids get the corpus's name in front.

    Args:
        corpora: by name.
        splits: for a corpus whose splits have other names or uses, which of its splits stand for ours, e.g.
            {"convai2": {"valid": "train"}}; null for none of its dialogues.
    """

    def __init__(
        self,
        corpora: Mapping[str, DialogueCorpus],
        splits: Mapping[str, Mapping[str, str | None]] | None = None,
    ):
        self.corpora, self.splits = dict(corpora), splits or {}

    def prepare(self, splits: Collection[str]) -> None:
        """Fetch what they lack."""
        for name, corpus in self.corpora.items():
            if hasattr(corpus, "prepare"):
                corpus.prepare([own for split in splits if (own := self._own(name, split)) is not None])

    def load(self, split: str) -> list[Dialogue]:
        """All dialogues of a split."""
        return [
            replace(dialogue, id=f"{name}/{dialogue.id}")
            for name, corpus in self.corpora.items()
            if (own := self._own(name, split)) is not None
            for dialogue in corpus.load(own)
        ]

    def describe(self, split: str) -> dict[str, Any]:
        """What each says."""
        parts = {}
        for name, corpus in self.corpora.items():
            if (own := self._own(name, split)) is not None:
                parts[name] = describe_corpus(corpus, own)
        return {"corpus": "joined", "parts": parts}

    def _own(self, name: str, split: str) -> str | None:
        return self.splits.get(name, {}).get(split, split)
