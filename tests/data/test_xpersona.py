"""X-Persona's JSON, its errors by entry, and the real Japanese files."""

import json

import pytest
from hydra.utils import instantiate

from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.data.xpersona import XPersonaCorpus, read_xpersona
from zoo.errors import UserError

ENTRY = {"persona": ["私は歌います。 ", ""], "dialogue": [["こんにちは", " や\u200bあ"], ["元気？", "はい。"]]}
FILES = ("Jp_persona_split_valid_human_annotated.json", "Jp_persona_split_test_human_annotated.json")


def test_reading(tmp_path):
    path = tmp_path / "Jp.json"
    path.write_text(json.dumps([ENTRY]), encoding="utf-8")
    assert read_xpersona(path) == [
        Dialogue(
            id="Jp:1",
            speakers=(Speaker(), Speaker(persona=("私は歌います。",))),
            utterances=(
                Utterance(0, "こんにちは"),
                Utterance(1, "やあ"),
                Utterance(0, "元気？"),
                Utterance(1, "はい。"),
            ),
        )
    ]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ([], "'persona' is 'None'"),
        (ENTRY | {"persona": "私"}, "'persona' is '私'"),
        (ENTRY | {"dialogue": []}, r"'dialogue' is '\[\]'"),
        (ENTRY | {"dialogue": [["はい", "いいえ"], ["はい"]]}, "turn 2 is"),
        (ENTRY | {"dialogue": [["はい", "\u200b"]]}, "turn 1 is"),
        (ENTRY | {"dialogue": [["はい", 3]]}, "turn 1 is"),
    ],
)
def test_bad_entries_are_named(tmp_path, entry, words):
    path = tmp_path / "Jp.json"
    path.write_text(json.dumps([ENTRY, entry]), encoding="utf-8")
    with pytest.raises(UserError, match=f"entry 2: {words}") as error:
        read_xpersona(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[", "no JSON file in UTF-8"),
        (b'["\x82\xa0"]', "no JSON file in UTF-8"),
        (b"[]", "no list"),
        (b"{}", "no list"),
    ],
)
def test_foreign_files(tmp_path, content, words):
    path = tmp_path / "Jp.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_xpersona(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_xpersona(tmp_path / "none.json")


def test_no_training_file_is_said(tmp_path):
    corpus = XPersonaCorpus(tmp_path, None, *FILES)
    with pytest.raises(UserError, match=r"no train file.*data\.train_file="):
        corpus.load("train")


@pytest.mark.parametrize(("file", "turns"), zip(FILES, (2139, 2161), strict=True))
def test_the_real_files(shared_data, file, turns):
    dialogues = read_xpersona(shared_data / "xpersona_ja" / file)
    assert len(dialogues) == 275
    assert sum(len(dialogue.utterances) for dialogue in dialogues) == 2 * turns
    assert {len(dialogue.speakers[1].persona) for dialogue in dialogues} == {4, 5}
    assert not any("\u200b" in utterance.text for dialogue in dialogues for utterance in dialogue.utterances)


def test_the_data_file(shared_data, composed):
    cfg = composed("data=xpersona_ja", f"data.root={shared_data / 'xpersona_ja'}", f"data.train_file={FILES[0]}")
    corpus = instantiate(cfg.data.corpus)
    assert [len(corpus.load(split)) for split in ("train", "valid", "test")] == [275, 275, 275]
    assert corpus.describe("test")["files"].keys() == {FILES[1]}
    assert corpus.may_publish_models
