"""`CopyPaste`, `Consistency` and `Toxicity`: which dialogues are kept (PersonaChatGen, §5.4.2, Table 2). Streamed.

The paper and its code differ in what is dropped (conf/dialogue_filters); the code's readings are the defaults:

| filter | paper | code |
|---|---|---|
| copy-paste | more than one sentence of either persona copied, F1 > 0.8 | the same, F1 >= 0.8 |
| consistency | "more than one" contradictory pair of either persona | any contradictory pair |
| toxicity | any toxic utterance | the same |
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from zoo.errors import UserError
from zoo.scorers.text_scorers import ContradictionScorer, ToxicityScorer
from zoo.synthesis.analyses.copying import copy_scores
from zoo.synthesis.chat.chunks import chunks
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.records import SyntheticDialogue

Scores = dict[str, float]


class DialogueFilter(ABC):
    """Measures dialogues and keeps some; those kept stay in order and carry what was measured in their `scores`.

    Attributes:
        name: of its stage in a funnel.
        chunk: dialogues that are measured together; its memory.
    """

    name: str

    def __init__(self, threshold: float, drop_from: int, chunk: int) -> None:
        if not 0 <= threshold <= 1 or drop_from < 1 or chunk < 1:
            raise UserError(
                f"threshold={threshold}, drop_from={drop_from}, chunk={chunk} was given for the filter {self.name}; "
                "expected a threshold from 0 to 1, and at least 1 of the others."
            )
        self.threshold, self.drop_from, self.chunk = threshold, drop_from, chunk

    def kept(self, dialogues: Iterable[SyntheticDialogue], funnel: Funnel | None = None) -> Iterator[SyntheticDialogue]:
        """The dialogues that pass, counted in the funnel as its next stage; at most `chunk` are read ahead.

        Raises:
            UserError: the scorer's.
        """
        passing = self._passing(dialogues)
        return passing if funnel is None else funnel.count(self.name, passing)

    def _passing(self, dialogues: Iterable[SyntheticDialogue]) -> Iterator[SyntheticDialogue]:
        for some in chunks(dialogues, self.chunk):
            for dialogue, (count, scores) in zip(some, self._measured(some), strict=True):
                if count < self.drop_from:
                    yield replace(dialogue, scores={**dialogue.scores, **scores})

    @abstractmethod
    def _measured(self, dialogues: Sequence[SyntheticDialogue]) -> Iterable[tuple[int, Scores]]:
        """For each dialogue how much speaks against it, and the scores to keep."""


class CopyPaste(DialogueFilter):
    """Drops dialogues whose speakers recite.

    A profile sentence is copied if its word F1 with an utterance of its owner reaches the threshold. Scores: "copied_a"
    and "copied_b", how many of each persona, and "copy_f1", the highest F1.

    Args:
        threshold: of F1. Exactly 0.8 happens and is exact here. In ParlAI's formula, over rounded precision and recall,
            4 common words of 5 and 5 give 0.8000000000000002, and 6 of 7 and 8 give 0.7999999999999999.
        inclusive: is a sentence at the threshold copied?
        drop_from: so many copied sentences of one persona are too many.
        chunk: dialogues that are read ahead.

    Raises:
        UserError: a setting that is none.
    """

    name = "copy_paste"

    def __init__(self, threshold: float = 0.8, inclusive: bool = True, drop_from: int = 2, chunk: int = 64) -> None:
        super().__init__(threshold, drop_from, chunk)
        self.inclusive = inclusive

    def _measured(self, dialogues: Sequence[SyntheticDialogue]) -> Iterator[tuple[int, Scores]]:
        for dialogue in dialogues:
            highest = copy_scores(dialogue)
            a, b = (sum(map(self._is_copy, of_speaker)) for of_speaker in highest)
            top = max((score for of_speaker in highest for score in of_speaker), default=0.0)
            yield max(a, b), {"copied_a": a, "copied_b": b, "copy_f1": round(top, 6)}

    def _is_copy(self, score: float) -> bool:
        return score >= self.threshold if self.inclusive else score > self.threshold


class Consistency(DialogueFilter):
    """Drops dialogues whose speakers contradict their own persona.

    Asked are all pairs of a profile sentence (premise) and an utterance (hypothesis) of one speaker, 80 for a dialogue
    of 16 turns, all of a chunk at once. Scores: "contradicted_a" and "contradicted_b", contradictory pairs of each, and
    "contradiction", the highest probability.

    Args:
        scorer: of contradictions.
        threshold: a probability above it is a contradiction.
        drop_from: so many contradictory pairs of one persona are too many.
        chunk: dialogues whose pairs are scored together.

    Raises:
        UserError: a setting that is none.
    """

    name = "consistency"

    def __init__(
        self, scorer: ContradictionScorer, threshold: float = 0.9, drop_from: int = 1, chunk: int = 64
    ) -> None:
        super().__init__(threshold, drop_from, chunk)
        self.scorer = scorer

    def _measured(self, dialogues: Sequence[SyntheticDialogue]) -> Iterator[tuple[int, Scores]]:
        pairs = [
            [(sentence, text) for sentence in dialogue.personas[speaker] for text in dialogue.own(speaker) if text]
            for dialogue in dialogues
            for speaker in (0, 1)
        ]
        scores = self.scorer.score([pair for of_speaker in pairs for pair in of_speaker])
        above = (scores > self.threshold).tolist()  # in the scores' own precision: 0.9 is not above 0.9
        cuts = list(pairwise(accumulate(map(len, pairs), initial=0)))
        counts = [sum(above[first:last]) for first, last in cuts]
        values = scores.tolist()
        top = [max(values[first:last], default=0.0) for first, last in cuts]
        for a in range(0, len(pairs), 2):
            highest = round(max(top[a], top[a + 1]), 6)
            found = {"contradicted_a": counts[a], "contradicted_b": counts[a + 1], "contradiction": highest}
            yield max(counts[a], counts[a + 1]), found


class Toxicity(DialogueFilter):
    """Drops dialogues with a rude utterance. Score: "toxicity", the highest of any utterance.

    Args:
        scorer: of rudeness.
        threshold: a score above it is rude.
        chunk: dialogues whose utterances are scored together.

    Raises:
        UserError: a setting that is none.
    """

    name = "toxicity"

    def __init__(self, scorer: ToxicityScorer, threshold: float = 0.7, chunk: int = 64) -> None:
        super().__init__(threshold, 1, chunk)
        self.scorer = scorer

    def _measured(self, dialogues: Sequence[SyntheticDialogue]) -> Iterator[tuple[int, Scores]]:
        said = [[text for text in dialogue.utterances if text] for dialogue in dialogues]
        scores = self.scorer.score([text for texts in said for text in texts])
        above, values = (scores > self.threshold).tolist(), scores.tolist()
        for first, last in pairwise(accumulate(map(len, said), initial=0)):
            yield sum(above[first:last]), {"toxicity": round(max(values[first:last], default=0.0), 6)}


def filtered(
    dialogues: Iterable[SyntheticDialogue], filters: Iterable[DialogueFilter], funnel: Funnel
) -> Iterator[SyntheticDialogue]:
    """What passes all filters, one after another; the funnel's first stage is "raw", counted here."""
    stream = funnel.count("raw", dialogues)
    for one in filters:
        stream = one.kept(stream, funnel)
    return stream
