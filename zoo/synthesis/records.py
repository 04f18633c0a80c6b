"""What passes between the stages of a synthesis: sentences, persona sets, dialogues. Every record is one JSON line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.files import write_atomically


@dataclass(frozen=True, slots=True)
class ProfileSentence:
    """A sentence about its writer, with the entity in it."""

    text: str
    leaf: str  # id of the taxonomy's leaf that it was asked for
    key: str  # entity key as the model wrote it, e.g. "music artist"
    value: str  # entity value, e.g. "Taylor Swift"
    source: Mapping[str, Any] = field(default_factory=dict)  # where it is from: prompt hash, seed, demonstration
    scores: Mapping[str, float] = field(default_factory=dict)  # what filters measured


@dataclass(frozen=True, slots=True)
class PersonaSet:
    """Sentences that fit together, as one speaker's persona."""

    id: str
    sentences: tuple[ProfileSentence, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The sentences alone."""
        return tuple(sentence.text for sentence in self.sentences)


@dataclass(frozen=True, slots=True)
class SyntheticDialogue:
    """A dialogue of two speakers who take turns, A first: utterance t is of `personas[t % 2]`."""

    id: str
    personas: tuple[tuple[str, ...], tuple[str, ...]]  # A's and B's persona sentences
    utterances: tuple[str, ...]
    source: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)

    def own(self, speaker: int) -> tuple[str, ...]:
        """The utterances of speaker 0 or 1."""
        return self.utterances[speaker::2]


def write_records(path: Path, records: Iterable[Any]) -> None:
    """One JSON object a line; the file is there whole or not at all. Records are streamed."""
    write_atomically(path, (json.dumps(asdict(row), ensure_ascii=False).encode() + b"\n" for row in records))


def read_records(path: Path, kind: type[Any]) -> Iterator[Any]:
    """The records of a file that `write_records` wrote, one after another.

    Raises:
        UserError: no such file, or a line that is no such record.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield _record(kind, json.loads(line))
                except (ValueError, TypeError, KeyError, AttributeError) as error:
                    raise UserError(
                        f"{path}, line {number} is no {kind.__name__}: {error}. Expected one JSON object a line, as "
                        "python -m zoo.synthesis writes them."
                    ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _record(kind: type[Any], fields: dict[str, Any]) -> Any:
    if kind is PersonaSet:
        return PersonaSet(fields["id"], tuple(ProfileSentence(**sentence) for sentence in fields["sentences"]))
    if kind is SyntheticDialogue:
        a, b = fields["personas"]
        return SyntheticDialogue(
            **fields | {"personas": (tuple(a), tuple(b)), "utterances": tuple(fields["utterances"])}
        )
    return kind(**fields)
