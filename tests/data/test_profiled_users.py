"""Profiles from a file, laid over the dialogues' own, and checked."""

import json

import pytest

from zoo.data.profiled_users import ProfiledUsers
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError


class Two:
    def __init__(self, **profile):
        self.profile = profile

    def load(self, split):
        said = (Utterance(0, "hi"), Utterance(1, "hello"))
        return [Dialogue("d", (Speaker((), "anna", self.profile), Speaker((), "ben")), said)]

    def describe(self, split):
        return {"two": split}


def profiles(corpus):
    return {speaker.user: dict(speaker.profile) for speaker in corpus.load("train")[0].speakers}


@pytest.fixture
def written(tmp_path):
    def write(*records):
        path = tmp_path / "profiles.jsonl"
        path.write_text("".join(f"{json.dumps(r)}\n" if isinstance(r, dict) else f"{r}\n" for r in records))
        return path

    return write


def test_a_file_adds_to_what_dialogues_say(written):
    path = written({"user": "anna", "profile": {"age": "30s"}, "posts": 3}, {"user": "ben", "profile": {}})
    corpus = ProfiledUsers(Two(age="20s", location="Kanto"), path)
    assert profiles(corpus) == {"anna": {"age": "30s", "location": "Kanto"}, "ben": {}}
    assert profiles(ProfiledUsers(Two(gender="Female"))) == {"anna": {"gender": "Female"}, "ben": {}}


def test_the_file_is_part_of_the_fingerprint(written):
    before = ProfiledUsers(Two(), written({"user": "anna", "profile": {"age": "30s"}})).describe("train")
    after = ProfiledUsers(Two(), written({"user": "anna", "profile": {"age": "40s"}})).describe("train")
    assert before != after


def test_an_unknown_value_is_named_or_kept():
    with pytest.raises(
        UserError, match=r"user 'anna' of dialogue d.*'astronaut'|'astronaut'.*user 'anna' of dialogue d"
    ):
        ProfiledUsers(Two(occupation="astronaut")).load("train")
    kept = ProfiledUsers(Two(occupation="astronaut", hobby="chess"), unknown_values="keep")
    assert profiles(kept)["anna"] == {"occupation": "astronaut", "hobby": "chess"}


def test_an_unknown_value_of_the_file_is_the_files(written):
    path = written({"user": "anna", "profile": {"age": "old"}})
    with pytest.raises(UserError, match=r"user 'anna' of .*profiles\.jsonl says age='old'.*data\.unknown_values=keep"):
        ProfiledUsers(Two(), path).load("train")


def test_a_file_about_others_is_told(written, caplog):
    """No error: who is missing from one split may speak in another."""
    path = written({"user": "zed", "profile": {"age": "30s"}})
    assert ProfiledUsers(Two(), path).load("train")
    assert "1 users (zed), none of whom speaks in the train split's dialogues (anna, ben)" in caplog.text


@pytest.mark.parametrize("line", ["nonsense", '{"user": "anna"}', '{"user": "anna", "profile": {"age": 30}}', "[]"])
def test_a_bad_line_is_named(line, written):
    path = written({"user": "ben", "profile": {}}, line)
    with pytest.raises(UserError, match=r"profiles\.jsonl, line 2: expected"):
        ProfiledUsers(Two(), path).load("train")


def test_a_user_twice_or_no_file(written, tmp_path):
    with pytest.raises(UserError, match="line 2: user 'anna' has a profile already"):
        ProfiledUsers(Two(), written(*[{"user": "anna", "profile": {}}] * 2)).load("train")
    with pytest.raises(UserError, match="cannot be read"):
        ProfiledUsers(Two(), tmp_path / "none.jsonl").load("train")
