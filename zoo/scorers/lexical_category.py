"""`LexicalCategory`: what a sentence is about, by its values and cue words. For tests and the offline pipeline."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import exp
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.scorers import phrases
from zoo.scorers.base import Pair, fingerprint
from zoo.scorers.phrases import PhraseTable, words
from zoo.scorers.text_scorers import CategoryScorer

# Weights of the logistic. A value with a cue gives 0.95, a value that no other label has gives 0.91; a value that
# others have too, or a cue alone, gives 0.27; a sentence that is clearly about something else, less.
BIAS, VALUE, CUE, OWN_VALUE, RIVAL = -4.0, 3.0, 4.0, 3.3, -2.5
REMEMBERED = 1 << 14  # sentences, whose words are kept


class CategoryWords(NamedTuple):
    """Word lists by label.

    Args:
        values: what the label's sentences name: "Taylor Swift" for "music artist".
        cues: what shows that a sentence is about the label: "concert".
    """

    values: Mapping[str, Sequence[str]]
    cues: Mapping[str, Sequence[str]]


class _Hits(NamedTuple):
    values: frozenset[str]  # labels of which a value is there
    own_values: frozenset[str]  # labels of which a value is there that no other label has
    cues: frozenset[str]


class LexicalCategory(CategoryScorer):
    """A logistic function of what is found in the sentence.

    It has: a value of the label; a value that only this label has; a cue of the label; and, where it has no cue of the
    label, a rival, which is a label with both a value and a cue there. Longer phrases hide shorter ones in them: "Ford
    Mustang" names no "Ford".

    Args:
        words: of all labels that may be asked.

    Raises:
        UserError: no labels, or a label that has only values or only cues.
    """

    kind = "lexical_category"
    caution = "the lexical category scorer is a list of words for tests and demonstrations"

    def __init__(self, words: CategoryWords) -> None:
        if not words.values or set(words.values) != set(words.cues):
            raise UserError(
                f"The lexical category scorer was given values of {len(words.values)} labels and cues of "
                f"{len(words.cues)}; expected both for the same labels, at least for one."
            )
        self.labels = frozenset(words.values)
        self._values: PhraseTable[str] = PhraseTable(words.values)
        self._cues: PhraseTable[str] = PhraseTable(words.cues)
        rules = (Path(__file__).read_bytes(), Path(phrases.__file__).read_bytes())
        lists = [{label: list(own) for label, own in some.items()} for some in words]
        self.identity = fingerprint(*rules, json.dumps(lists, sort_keys=True))
        self._hits = lru_cache(REMEMBERED)(self._found)

    def score(self, pairs: Sequence[Pair], /) -> Tensor:
        """See `TextScorer.score`.

        Raises:
            UserError: a label without words.
        """
        if unknown := {label for _, label in pairs} - self.labels:
            raise UserError(
                f"The lexical category scorer has no words for the label '{min(unknown)}'; it knows "
                f"{', '.join(sorted(self.labels))}. A transformers one takes any label: category_scorer=bart_mnli."
            )
        return torch.tensor([self._probability(*pair) for pair in pairs], dtype=torch.float32)

    def _probability(self, sentence: str, label: str) -> float:
        hits = self._hits(sentence)
        has_cue = label in hits.cues
        rival = not has_cue and bool((hits.values & hits.cues) - {label})
        logit = BIAS + VALUE * (label in hits.values) + OWN_VALUE * (label in hits.own_values) + CUE * has_cue
        return 1 / (1 + exp(-(logit + RIVAL * rival)))

    def _found(self, sentence: str) -> _Hits:
        text = words(sentence)
        values = [found.owners for found in self._values.find(text)]
        cues = [found.owners for found in self._cues.find(text)]
        alone = [owners for owners in values if len(owners) == 1]
        none: frozenset[str] = frozenset()
        return _Hits(none.union(*values), none.union(*alone), none.union(*cues))
