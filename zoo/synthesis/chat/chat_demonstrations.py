"""`ChatDemonstration`: a dialogue that a prompt shows before the one to write."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from zoo.data.convai2 import read_convai2
from zoo.errors import UserError

FILE = Path(__file__).with_name("chat_demonstrations.yaml")
SENTENCES = 5  # of a persona, as in the sets that dialogues are written for
_FORMAT = "a list of entries, each with an id, 'a' and 'b' (sentences about each speaker) and 'utterances'"


@dataclass(frozen=True, slots=True)
class ChatDemonstration:
    """Two speakers who take turns, A first: utterance t is of `personas[t % 2]`."""

    id: str
    personas: tuple[tuple[str, ...], tuple[str, ...]]
    utterances: tuple[str, ...]


def read_chat_demonstrations(path: str | Path | None = None) -> tuple[ChatDemonstration, ...]:
    """The demonstrations of a file, this project's own if none is given.

    Args:
        path: a YAML file like `chat_demonstrations.yaml` beside this one, or ConvAI2's or PersonaChat's text with both
            personas (`train_both_original_no_cands.txt`, packed or not): the paper draws from PersonaChat, which is not
            part of this project.

    Raises:
        UserError: no such file, not of these formats, an id that is there twice, or nothing that demonstrates.
    """
    file = Path(path) if path is not None else FILE
    if file.suffix in (".txt", ".gz"):
        return _of_convai2(file)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"The demonstration dialogues {file} cannot be read: {error}") from error
    if not isinstance(content, list) or not content:
        raise UserError(f"The demonstration dialogues {file} are none; expected {_FORMAT}.")
    return _distinct([_demonstration(entry, file) for entry in content], file)


def _demonstration(entry: Any, file: Path) -> ChatDemonstration:
    try:
        id, a, b, utterances = (entry[name] for name in ("id", "a", "b", "utterances"))
    except (KeyError, TypeError) as error:
        raise UserError(f"The demonstration dialogues {file} have {entry!r:.200}; expected {_FORMAT}.") from error
    for lines in (a, b, utterances):
        if not (isinstance(lines, list) and lines and all(_is_line(line) for line in lines)):
            raise UserError(
                f"The demonstration dialogue {id} in {file} has {lines!r:.200}; expected texts of one line each, none "
                "of them empty."
            )
    return ChatDemonstration(str(id), (tuple(a), tuple(b)), tuple(utterances))


def _is_line(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip()) and len(text.splitlines()) == 1


def _of_convai2(file: Path) -> tuple[ChatDemonstration, ...]:
    """The sides in which the first speaker opens the conversation, whose personas are both there and whole."""
    made = []
    for dialogue in read_convai2(file):
        a, b = (speaker.persona for speaker in dialogue.speakers)
        said = tuple(utterance.text for utterance in dialogue.utterances)
        if len(a) >= SENTENCES and len(b) >= SENTENCES and "__SILENCE__" not in said:
            made.append(ChatDemonstration(dialogue.id, (a[:SENTENCES], b[:SENTENCES]), said))
    if not made:
        raise UserError(
            f"{file} has no dialogue with {SENTENCES} sentences about each speaker; expected one of ConvAI2's or "
            "PersonaChat's files with both personas (both in its name, not self)."
        )
    return tuple(made)


def _distinct(made: Iterable[ChatDemonstration], file: Path) -> tuple[ChatDemonstration, ...]:
    by_id: dict[str, ChatDemonstration] = {}
    for demonstration in made:
        if demonstration.id in by_id:
            raise UserError(f"The demonstration dialogues {file} have {demonstration.id} twice; expected distinct ids.")
        by_id[demonstration.id] = demonstration
    return tuple(by_id.values())
