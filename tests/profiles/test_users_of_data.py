"""Profiles for the users of a corpus that has none."""

import json

import pytest

from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.profiles.__main__ import main, texts_of_users


def test_persona_sentences_come_once_and_partners_words_not():
    said = (Utterance(0, "hi ."), Utterance(1, "hello ."), Utterance(0, "bye ."))
    anna, nobody = Speaker(("i am a student .",), "anna"), Speaker(("i am a baker .",))
    found = texts_of_users([Dialogue(name, (anna, nobody), said, responders=(0, 1)) for name in "ab"])
    assert found == {"anna": ["i am a student .", "hi .", "bye .", "hi .", "bye ."]}


def test_profiles_of_the_synthetic_users_from_what_they_say_in_training(tmp_path, capsys):
    main(
        ["data", str(tmp_path / "profiles.jsonl"), "data=synthetic_users", "data.num_users=10", "data.profile_known=0"]
    )
    records = [json.loads(line) for line in (tmp_path / "profiles.jsonl").read_text().splitlines()]
    assert len(records) == 10
    assert "10 users, " in capsys.readouterr().out
    assert any(record["profile"] for record in records)


def test_data_without_users_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["data", str(tmp_path / "x.jsonl"), "data=streamed", f"data.root={tmp_path}"])
    assert stopped.value.code == 2
