"""`LexicalToxicity`: a list of rude words with weights. For tests and the offline pipeline."""

import json
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.scorers import phrases
from zoo.scorers.base import fingerprint
from zoo.scorers.phrases import PhraseTable, words
from zoo.scorers.text_scorers import ToxicityScorer


class LexicalToxicity(ToxicityScorer):
    """One minus the product of (1 - weight) over a text's rude words, each as often as it occurs; 0 without any.

    Args:
        words: phrases and their weights from 0 to 1.

    Raises:
        UserError: no words, or a weight outside 0 to 1.
    """

    kind = "lexical_toxicity"
    caution = "the lexical toxicity scorer is a list of words for tests and demonstrations"

    def __init__(self, words: Mapping[str, float]) -> None:
        weights = {str(phrase): float(weight) for phrase, weight in words.items()}
        if not weights or not all(0 <= weight <= 1 for weight in weights.values()):
            raise UserError(
                f"The lexical toxicity scorer was given {len(weights)} words with the weights "
                f"{sorted(set(weights.values()))}; expected at least one word, and weights from 0 to 1."
            )
        self.weights = weights
        self._table: PhraseTable[str] = PhraseTable({phrase: [phrase] for phrase in weights})
        rules = (Path(__file__).read_bytes(), Path(phrases.__file__).read_bytes())
        self.identity = fingerprint(*rules, json.dumps(weights, sort_keys=True))

    def score(self, texts: Sequence[str], /) -> Tensor:
        """See `TextScorer.score`."""
        return torch.tensor([self._toxicity(text) for text in texts], dtype=torch.float32)

    def _toxicity(self, text: str) -> float:
        found = self._table.find(words(text))
        return 1 - prod(1 - max(self.weights[phrase] for phrase in one.owners) for one in found)
