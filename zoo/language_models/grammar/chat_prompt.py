"""The prompts of PersonaChatGen's dialogues (Table 14), read: whose turn it is, what was said, what is known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

YOU, FRIEND = "You", "Friend"
_HEADER = re.compile(rf"(?:### )?Persona(?: of (?P<speaker>{YOU}|{FRIEND}))?:\s*")
_TURN = re.compile(rf"(?P<speaker>{YOU}|{FRIEND}):(?P<text>.*)")
_INSTRUCTION = "The following is"
_IMPLICITLY = "implicitly"


@dataclass(frozen=True, slots=True)
class Chat:
    """The last block of a prompt, before the turn that it asks for."""

    speaker: str  # whose turn it is: "You" or "Friend"
    personas: Mapping[str, tuple[str, ...]]  # sentences by speaker; a prompt for one speaker has "You" alone
    implicitly: bool  # whether the instruction asks for implicit use of the persona (RAW+)
    turns: tuple[tuple[str, str], ...]  # (speaker, utterance) so far
    spaced: bool  # whether white space stands behind the last colon already

    @property
    def partner(self) -> str:
        """Who is not asked."""
        return FRIEND if self.speaker == YOU else YOU

    def said_by(self, speaker: str) -> list[str]:
        """The utterances of one speaker so far."""
        return [text for who, text in self.turns if who == speaker]


def read_chat(prompt: str) -> Chat | None:
    """What the last block of `prompt` says; None if the prompt asks for no turn."""
    *lines, last = prompt.split("\n")
    turn = _TURN.fullmatch(last)
    if turn is None or turn["text"].strip():
        return None
    personas: dict[str, list[str]] = {}
    turns: list[tuple[str, str]] = []
    instruction = ""
    reading: str | None = None  # the speaker whose persona the lines belong to
    for line in lines[_start(lines) :]:
        if header := _HEADER.fullmatch(line):
            reading = header["speaker"] or YOU
            personas[reading] = []
        elif spoken := _TURN.fullmatch(line):
            reading = None
            turns.append((spoken["speaker"], spoken["text"].strip()))
        elif reading and line.strip() and not line.startswith(_INSTRUCTION):
            personas[reading].append(line.strip())
        elif not turns and not (reading and not personas[reading]):  # not a blank line between header and persona
            reading = None
            instruction += line
    return Chat(
        speaker=turn["speaker"],
        personas={speaker: tuple(sentences) for speaker, sentences in personas.items()},
        implicitly=_IMPLICITLY in instruction,
        turns=tuple(turns),
        spaced=bool(turn["text"]),
    )


def _start(lines: Sequence[str]) -> int:
    """Where the last block begins: its persona's header, or the first of the two that name different speakers."""
    headers = [(place, found["speaker"]) for place, line in enumerate(lines) if (found := _HEADER.fullmatch(line))]
    if not headers:
        return 0
    last, speaker = headers[-1]
    if len(headers) > 1 and speaker:
        before, other = headers[-2]
        if other and other != speaker and not any(map(_TURN.fullmatch, lines[before:last])):
            return before
    return last
