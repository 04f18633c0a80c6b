"""How much of a persona is copied into what its owner says (PersonaChatGen, Figure 2).

The figure says "average F1 score for how many profile sentences are copied"; here it is, for each profile sentence, the
highest word F1 with any utterance of its owner, averaged over all sentences of all dialogues.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from zoo.synthesis.records import SyntheticDialogue
from zoo.synthesis.word_f1 import bag_f1, words

COPIED = 0.8  # from here on a sentence is called copied, as in the released filter


@dataclass(frozen=True, slots=True)
class Copying:
    """Of one source, e.g. RAW, RAW+ or PersonaChat; an average over nothing is None."""

    source: str
    dialogues: int
    sentences: int  # profile sentences, each once a dialogue
    f1_sum: float
    copied: int  # sentences whose highest F1 is at least `COPIED`

    @property
    def f1(self) -> float | None:
        """The bar of Figure 2, 0 to 1."""
        return self.f1_sum / self.sentences if self.sentences else None

    @property
    def copied_share(self) -> float | None:
        """Share of sentences that are copied."""
        return self.copied / self.sentences if self.sentences else None


def copy_scores(dialogue: SyntheticDialogue) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """For each profile sentence of A and of B the highest F1 with an utterance of the same speaker; 0 without any."""
    a, b = (_highest(persona, dialogue.own(speaker)) for speaker, persona in enumerate(dialogue.personas))
    return a, b


def copying(source: str, dialogues: Iterable[SyntheticDialogue]) -> Copying:
    """Average over dialogues, one after another; a speaker without persona sentences adds nothing."""
    n_dialogues = 0
    scores: list[float] = []
    for dialogue in dialogues:
        n_dialogues += 1
        scores += (score for of_speaker in copy_scores(dialogue) for score in of_speaker)
    return Copying(source, n_dialogues, len(scores), math.fsum(scores), sum(score >= COPIED for score in scores))


def _highest(persona: tuple[str, ...], utterances: tuple[str, ...]) -> tuple[float, ...]:
    said = [Counter(words(utterance)) for utterance in utterances]
    return tuple(
        max((bag_f1(Counter(words(sentence)), utterance) for utterance in said), default=0.0) for sentence in persona
    )
