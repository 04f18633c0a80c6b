"""Several corpora as one: to pretrain on where nobody asks whose text it is, or to cut personas of both into parts."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Literal

from zoo.data.convai2_style import convai2_style
from zoo.data.corpora import DialogueCorpus, describe_corpus
from zoo.data.records import Dialogue, Utterance
from zoo.errors import UserError


class JoinedCorpus:
    """The dialogues of several corpora behind one another; ids get the corpus's name in front.

    Args:
        corpora: by name.
        splits: for a corpus whose splits have other names or uses, which of its splits stand for ours, e.g.
            {"convai2": {"valid": "train"}}; null for none of its dialogues.
        style: "convai2" spells all utterances as ConvAI2's are; "released" leaves them.
        apart: the test dialogues of each corpus are a test set of its own.
    """

    def __init__(
        self,
        corpora: Mapping[str, DialogueCorpus],
        splits: Mapping[str, Mapping[str, str | None]] | None = None,
        style: Literal["released", "convai2"] = "released",
        apart: bool = False,
    ):
        if style not in ("released", "convai2"):
            raise UserError(f"style={style!r} was given for joined corpora; expected released or convai2.")
        self.corpora, self.splits, self.style, self.apart = dict(corpora), splits or {}, style, apart

    def prepare(self, splits: Collection[str]) -> None:
        """Fetch what they lack."""
        for name, corpus in self.corpora.items():
            if hasattr(corpus, "prepare"):
                corpus.prepare([own for split in splits if (own := self._own(name, split)) is not None])

    def load(self, split: str) -> list[Dialogue]:
        """All dialogues of a split."""
        return [
            replace(dialogue, id=f"{name}/{dialogue.id}", utterances=self._spelt(dialogue))
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
        return {"corpus": "joined", "parts": parts, "style": self.style}

    def test_sets(self) -> tuple[str, ...]:
        """The corpora's names, if they are tested apart."""
        names = (name for name in self.corpora if self._own(name, "test") is not None)
        return tuple(names) if self.apart else ()

    def report(self) -> dict[str, Any]:
        """What each has counted."""
        return {name: corpus.report() for name, corpus in self.corpora.items() if hasattr(corpus, "report")}

    def _spelt(self, dialogue: Dialogue) -> tuple[Utterance, ...]:
        if self.style == "released":
            return dialogue.utterances
        spelt = (replace(said, text=convai2_style(said.text)) for said in dialogue.utterances)
        return tuple(said for said in spelt if said.text)  # "..." may have been all of it

    def _own(self, name: str, split: str) -> str | None:
        return self.splits.get(name, {}).get(split, split)
