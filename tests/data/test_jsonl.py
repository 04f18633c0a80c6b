"""Dialogues as JSON lines: a round trip, and errors with line numbers."""

import json
import os
from dataclasses import replace

import pytest

from zoo.data.jsonl import read_jsonl, write_jsonl
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError

DIALOGUE = Dialogue(
    id="dé 1",
    speakers=(Speaker(user="ben", profile={"age": "30s"}), Speaker(persona=("i bake .", "i sing ."), user="anna")),
    utterances=(Utterance(0, "hi !\u2028there"), Utterance(1, "hello .", ("bye .", "hello ."))),
    responders=(0, 1),
)


def test_round_trip(tmp_path, twelve):
    path = tmp_path / "folder" / "own.jsonl"
    write_jsonl([DIALOGUE, *twelve], path)
    assert read_jsonl(path) == [DIALOGUE, *twelve]
    assert [entry.name for entry in path.parent.iterdir()] == ["own.jsonl"]


def test_provenance_is_left_aside(tmp_path):
    path = tmp_path / "own.jsonl"
    made = [{"source": {"model": "m"}, "scores": {"toxicity": 0.25}}, {}]
    second = replace(DIALOGUE, id="2")
    write_jsonl([DIALOGUE, second], path, made)
    assert read_jsonl(path) == [DIALOGUE, second]
    assert [json.loads(line)["provenance"] for line in path.read_bytes().splitlines()] == made
    write_jsonl([DIALOGUE], path)
    assert b"provenance" not in path.read_bytes()
    with pytest.raises(ValueError, match="shorter"):
        write_jsonl([DIALOGUE, second], path, made[:1])


def test_the_file_is_as_readable_as_others(tmp_path):
    old = os.umask(0o022)
    try:
        write_jsonl([DIALOGUE], tmp_path / "own.jsonl")
    finally:
        os.umask(old)
    assert (tmp_path / "own.jsonl").stat().st_mode & 0o777 == 0o644


def test_defaults(tmp_path):
    path = tmp_path / "short.jsonl"
    path.write_text('\n{"speakers": [{}, {}], "utterances": [{"speaker": 0, "text": "hi"}]}\n')
    (dialogue,) = read_jsonl(path)
    assert dialogue == Dialogue("short:2", (Speaker(), Speaker()), (Utterance(0, "hi"),))


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "own.jsonl"
    write_jsonl([DIALOGUE], path)

    def breaks():
        yield DIALOGUE
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_jsonl(breaks(), path)
    assert read_jsonl(path) == [DIALOGUE]
    assert [entry.name for entry in tmp_path.iterdir()] == ["own.jsonl"]


GOOD = {"speakers": [{}, {}], "utterances": [{"speaker": 1, "text": "hi"}]}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("{", "line 2: Expecting"),
        ("[]", "the line is list where dict was expected"),
        ({"speakers": [{}, {}]}, r"lacks \['utterances'\]"),
        (GOOD | {"provenance": "gpt"}, "'provenance' is str where dict"),
        (GOOD | {"turns": []}, r"unknown keys \['turns'\]"),
        (GOOD | {"speakers": [{}]}, "'speakers' has 1 entries"),
        (GOOD | {"speakers": [{}, {"persona": "i sing"}]}, r"speakers\[1\].persona is str where list"),
        (GOOD | {"speakers": [{}, {"profile": {"age": 30}}]}, r"profile\['age'\] is int where str"),
        (GOOD | {"utterances": []}, "'utterances' is empty"),
        (GOOD | {"utterances": [{"speaker": 2, "text": "hi"}]}, "speaker is 2 where 0 or 1"),
        (GOOD | {"utterances": [{"speaker": 1, "text": " "}]}, "text is empty"),
        (GOOD | {"utterances": [{"speaker": 1, "text": "a", "candidates": ["b"]}]}, "lacks the utterance's own text"),
        (GOOD | {"responders": [2]}, "'responders' is"),
        (GOOD | {"id": "first"}, "already used in line 1"),
    ],
)
def test_bad_lines_are_named(tmp_path, record, words):
    path = tmp_path / "own.jsonl"
    line = record if isinstance(record, str) else json.dumps(record)
    path.write_text(json.dumps(GOOD | {"id": "first"}) + "\n" + line + "\n")
    with pytest.raises(UserError, match=words) as error:
        read_jsonl(path)
    assert f"{path}, line 2" in str(error.value)


def test_empty_and_foreign_files(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text("\n")
    with pytest.raises(UserError, match="is empty"):
        read_jsonl(path)
    path.write_bytes(b'{"id": "\xe9"}\n')
    with pytest.raises(UserError, match=r"line 1: 'utf-8' codec"):
        read_jsonl(path)
