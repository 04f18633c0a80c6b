"""How much is said (PersonaChatGen, Table 3): dialogues, utterances, utterances a dialogue, words an utterance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DialogueStatistics:
    """Counts of one source; an average over nothing is None."""

    source: str
    dialogues: int
    utterances: int
    words: int

    @property
    def avg_turns(self) -> float | None:
        """Utterances a dialogue: what the paper's Table 3 calls a turn."""
        return self.utterances / self.dialogues if self.dialogues else None

    @property
    def avg_utterance_length(self) -> float | None:
        """Words an utterance."""
        return self.words / self.utterances if self.utterances else None


def dialogue_statistics(source: str, dialogues: Iterable[Sequence[str]]) -> DialogueStatistics:
    """Count dialogues given by their utterances, one after another.

    A word is what stands between blanks. Text of PersonaChat has blanks around punctuation and so counts it as words;
    what language models write has none. The paper doesn't say how it counted.

    Args:
        source: what the row is called, e.g. "PersonaChat".
        dialogues: the utterances of each; an empty utterance counts as one of no words.
    """
    n_dialogues = n_utterances = n_words = 0
    for utterances in dialogues:
        n_dialogues += 1
        n_utterances += len(utterances)
        n_words += sum(len(utterance.split()) for utterance in utterances)
    return DialogueStatistics(source, n_dialogues, n_utterances, n_words)
