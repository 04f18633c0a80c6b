"""Users of any data, counted as in Tables 1 and 2."""

import json
from pathlib import Path

import pytest

from zoo.data.examples import examples_from_dialogues
from zoo.data.jsonl import write_jsonl
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError
from zoo.evidence.__main__ import main
from zoo.evidence.users import user_counts

PROFILES = {"ann": {"age": "20s", "gender": "Female"}, "ben": {"age": "20s"}, "cat": {}}


def meeting(one: str, other: str) -> Dialogue:
    """Four utterances: of three replies `other` gives two."""
    said = tuple(Utterance(turn % 2, f"{one} {other} {turn}") for turn in range(4))
    return Dialogue(f"{one}-{other}", (Speaker((), one, PROFILES[one]), Speaker((), other, PROFILES[other])), said)


def test_replies_are_counted_without_a_tokenizer(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_jsonl([meeting("ann", "ben"), meeting("ben", "cat"), meeting("cat", "ann")], tmp_path / "users.jsonl")
    data = ["data=users_jsonl", f"data.root={tmp_path}", "backbone.path=/nowhere"]
    assert main(["users", *data, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "not known of anybody" in printed, "locations, say"
    found = json.loads((tmp_path / "users.json").read_text())
    assert found["replies_by_profile"]["age"] == {"20s": 6}
    assert found["replies_by_profile"]["gender"] == {"Female": 3}
    assert found["users"]["users"] == 3
    assert sum(found["users"][f"{split}, all"] for split in ("train", "valid", "test")) == 9
    trained = found["users"]["train, all"] / found["users"]["users with train"]
    assert found["users"]["train / user"] == trained


def test_data_without_users_are_refused() -> None:
    said = (Utterance(0, "hi"), Utterance(1, "hello"))
    nobody = examples_from_dialogues([Dialogue("d", (Speaker(), Speaker()), said)])
    with pytest.raises(UserError, match="name no users"):
        user_counts({"train": nobody, "valid": [], "test": []})
