"""Dialogues of other corpora as `SyntheticDialogue`s, to be measured beside generated ones."""

from collections.abc import Iterable, Iterator

from zoo.data.records import Dialogue
from zoo.synthesis.records import SyntheticDialogue

SILENCE = "__SILENCE__"  # ParlAI's mark of the side that lets the other one begin


def conversations(dialogues: Iterable[Dialogue]) -> Iterator[SyntheticDialogue]:
    """Each dialogue with its first speaker as A.

    Silence at the beginning is left out. Dialogues in which somebody speaks twice in a row are skipped: their
    utterances would be given to the wrong speaker.
    """
    for dialogue in dialogues:
        utterances = list(dialogue.utterances)
        while utterances and utterances[0].text.strip() == SILENCE:
            del utterances[0]
        first = utterances[0].speaker if utterances else 0
        if all(utterance.speaker == (first + turn) % 2 for turn, utterance in enumerate(utterances)):
            yield SyntheticDialogue(
                dialogue.id,
                (dialogue.speakers[first].persona, dialogue.speakers[1 - first].persona),
                tuple(utterance.text for utterance in utterances),
            )
