"""Your own dialogues as JSON lines: one `Dialogue` a line.

::

    {"id": "d1",
     "speakers": [{"persona": [], "user": "ben", "profile": {"age": "30s"}},
                  {"persona": ["i have two dogs ."], "user": "anna", "profile": {}}],
     "utterances": [{"speaker": 0, "text": "hi !"},
                    {"speaker": 1, "text": "hello .", "candidates": ["bye .", "hello ."]}],
     "responders": [1]}

`speakers` (exactly two) and `utterances` are required. Left out, `id` is `"<file stem>:<line>"`, `persona`, `profile`
and `candidates` are empty, `user` is "", and `responders` is `[1]`: the utterances of speaker 1 are the replies to
learn. Where candidates are given, the utterance itself must be one of them. A line may have `provenance` too, an object
of whatever its maker records (which model wrote it, what filters measured): nothing here reads it.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError
from zoo.files import write_atomically


def read_jsonl(path: Path | str) -> list[Dialogue]:
    """Read dialogues in the schema of this module.

    Raises:
        UserError: the file is absent, empty or not UTF-8, or a line breaks the schema; names file and line.
    """
    path = Path(path)
    dialogues: list[Dialogue] = []
    line_of: dict[str, int] = {}
    try:
        raw_lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror or error}); expected dialogues as JSON lines."
        ) from error
    for line, raw in enumerate(raw_lines, start=1):
        if not raw.strip():
            continue
        dialogue = parse_line(raw, path, line)
        if dialogue.id in line_of:
            raise _broken(path, line, f"the id {dialogue.id!r} was already used in line {line_of[dialogue.id]}")
        line_of[dialogue.id] = line
        dialogues.append(dialogue)
    if not dialogues:
        raise UserError(f"{path} is empty; expected one dialogue a line in the schema at the top of zoo/data/jsonl.py.")
    return dialogues


def parse_line(raw: bytes, path: Path | str, line: int) -> Dialogue:
    """The dialogue of one line.

    Args:
        raw: the line, with or without its end.
        path, line: where it stands, counted from 1: for messages, and for the id of a dialogue without one.

    Raises:
        UserError: the line breaks the schema; names file and line.
    """
    try:
        return _dialogue(json.loads(raw.decode("utf-8")), default_id=f"{Path(path).stem}:{line}")
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors too
        raise _broken(path, line, str(error)) from error


def _broken(path: Path | str, line: int, reason: str) -> UserError:
    return UserError(
        f"{path}, line {line}: {reason}. Expected one dialogue a line in the schema at the top of zoo/data/jsonl.py; "
        "mend the line."
    )


def write_jsonl(
    dialogues: Iterable[Dialogue], path: Path | str, provenance: Iterable[Mapping[str, Any]] | None = None
) -> None:
    """Write dialogues so that `read_jsonl` gives them back unchanged; the file appears whole or not at all.

    Args:
        dialogues: streamed.
        path: of the file.
        provenance: of each dialogue, plain; None to write none.
    """
    lines = (
        map(_plain, dialogues)
        if provenance is None
        else (_plain(one) | {"provenance": dict(of_it)} for one, of_it in zip(dialogues, provenance, strict=True))
    )
    write_atomically(Path(path), (json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines))


def _plain(dialogue: Dialogue) -> dict[str, Any]:
    return {
        "id": dialogue.id,
        "speakers": [
            {"persona": list(speaker.persona), "user": speaker.user, "profile": dict(speaker.profile)}
            for speaker in dialogue.speakers
        ],
        "utterances": [
            {"speaker": utterance.speaker, "text": utterance.text}
            | ({"candidates": list(utterance.candidates)} if utterance.candidates else {})
            for utterance in dialogue.utterances
        ],
        "responders": list(dialogue.responders),
    }


def _dialogue(record: Any, default_id: str) -> Dialogue:
    _check_keys(record, "the line", required={"speakers", "utterances"}, optional={"id", "responders", "provenance"})
    _typed(record.get("provenance", {}), dict, "'provenance'")
    speakers = _typed(record["speakers"], list, "'speakers'")
    if len(speakers) != 2:
        raise ValueError(f"'speakers' has {len(speakers)} entries where exactly 2 were expected")
    utterances = _typed(record["utterances"], list, "'utterances'")
    if not utterances:
        raise ValueError("'utterances' is empty where at least one was expected")
    responders = _typed(record.get("responders", [1]), list, "'responders'")
    if not responders or any(responder not in (0, 1) or isinstance(responder, bool) for responder in responders):
        raise ValueError(f"'responders' is {responders} where a list of 0 and 1 was expected")
    first, second = (_speaker(speaker, f"speakers[{index}]") for index, speaker in enumerate(speakers))
    return Dialogue(
        id=_typed(record.get("id", default_id), str, "'id'"),
        speakers=(first, second),
        utterances=tuple(_utterance(entry, f"utterances[{index}]") for index, entry in enumerate(utterances)),
        responders=tuple(responders),
    )


def _speaker(record: Any, where: str) -> Speaker:
    _check_keys(record, where, required=set(), optional={"persona", "user", "profile"})
    profile = _typed(record.get("profile", {}), dict, f"{where}.profile")
    for name, value in profile.items():
        _typed(value, str, f"{where}.profile[{name!r}]")
    return Speaker(
        persona=_strings(record.get("persona", []), f"{where}.persona"),
        user=_typed(record.get("user", ""), str, f"{where}.user"),
        profile=profile,
    )


def _utterance(record: Any, where: str) -> Utterance:
    _check_keys(record, where, required={"speaker", "text"}, optional={"candidates"})
    speaker = _typed(record["speaker"], int, f"{where}.speaker")
    if speaker not in (0, 1) or isinstance(speaker, bool):
        raise ValueError(f"{where}.speaker is {speaker} where 0 or 1 was expected")
    text = _typed(record["text"], str, f"{where}.text")
    if not text.strip():
        raise ValueError(f"{where}.text is empty")
    candidates = _strings(record.get("candidates", []), f"{where}.candidates")
    if candidates and text not in candidates:
        raise ValueError(f"{where}.candidates lacks the utterance's own text {text!r}")
    return Utterance(speaker=speaker, text=text, candidates=candidates)


def _check_keys(record: Any, where: str, required: set[str], optional: set[str]) -> None:
    _typed(record, dict, where)
    if missing := required - record.keys():
        raise ValueError(f"{where} lacks {sorted(missing)}")
    if unknown := record.keys() - required - optional:
        raise ValueError(f"{where} has unknown keys {sorted(unknown)}; known are {sorted(required | optional)}")


def _strings(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_typed(entry, str, f"{where}[{index}]") for index, entry in enumerate(_typed(value, list, where)))


def _typed(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{where} is {type(value).__name__} where {kind.__name__} was expected")
    return value
