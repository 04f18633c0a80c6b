"""DailyDialog: both forms, topics, and how it says what is wrong."""

import json
import re

import pytest

import zoo.data.dailydialog
from zoo.data.dailydialog import TOPICS, DailyDialogCorpus, read_dailydialog, topic_number
from zoo.errors import UserError

TEXT = "Hi , Jim ! __eou__ Hello . __eou__ Bye . __eou__\nSo ? __eou__ Well . __eou__\nIt's é . __eou__Oh ?__eou__\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("train", "validation", "test"):
        (tmp_path / f"dialogues_{name}.txt").write_text(TEXT, encoding="utf-8")
        (tmp_path / f"dialogues_topic_{name}.txt").write_text("5\n0\n10\n")
    return tmp_path


def test_reads_turns_and_speakers(folder):
    dialogues = DailyDialogCorpus(folder).load("valid")
    assert [dialogue.id for dialogue in dialogues] == [f"dialogues_validation:{line}" for line in (1, 2, 3)]
    assert [(u.speaker, u.text) for u in dialogues[0].utterances] == [(0, "Hi , Jim !"), (1, "Hello ."), (0, "Bye .")]
    assert [u.text for u in dialogues[2].utterances] == ["It's é .", "Oh ?"]
    assert dialogues[0].responders == (0, 1)
    assert {speaker.user or speaker.persona for d in dialogues for speaker in d.speakers} == {()}


@pytest.mark.parametrize(
    ("topic", "lines"),
    [
        ("relationship", [1]),
        ("Relationship", [1]),
        (5, [1]),
        ("finance", [3]),
        (0, [2]),
        ("unknown", [2]),
        (None, [1, 2, 3]),
    ],
)
def test_topics(folder, topic, lines):
    found = DailyDialogCorpus(folder, topic).load("test")
    assert [int(dialogue.id.split(":")[1]) for dialogue in found] == lines


def test_topic_names():
    assert [topic_number(name) for name in TOPICS] == list(range(1, 11))
    assert topic_number("Culture & Education") == topic_number("culture and education") == 3
    assert topic_number("Attitude & Emotion") == 4
    for wrong in ("love", 11, -1, "5"):
        with pytest.raises(UserError, match=r"topic=.* was given; expected .*relationship \(5\)"):
            topic_number(wrong)


def test_no_dialogue_of_a_topic(folder):
    with pytest.raises(UserError, match="no dialogue of topic 7"):
        DailyDialogCorpus(folder, "health").load("train")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (TEXT + "no end\n", 4, "does not end in __eou__"),
        (TEXT + "Hi . __eou__ cut o\n", 4, "does not end in __eou__"),
        (TEXT + "Alone . __eou__\n", 4, "it is the only one"),
        ("Hi . __eou__ __eou__ Oh . __eou__\n" + TEXT, 1, "an utterance is empty"),
        ("\n" + TEXT, 1, "blank"),
        (TEXT.replace("So", "\n\nSo"), 2, "blank"),
        (TEXT.encode() + "é __eou__ b __eou__".encode("latin-1"), 4, "byte 0 of the line is not UTF-8"),
    ],
)
def test_malformed_lines_are_named(tmp_path, text, line, words):
    path = tmp_path / "bad.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=re.escape(f"{path}, line {line}: ")) as error:
        read_dailydialog(path)
    assert words in str(error.value)


@pytest.mark.parametrize("number", ["11", "-1", "five", "5 5", "１"])
def test_malformed_topics_are_named(folder, number):
    path = folder / "dialogues_topic_train.txt"
    path.write_text(f"5\n{number}\n1\n")
    with pytest.raises(UserError, match=rf"line 2: .*{number}.* is no topic; expected a number from 0 to 10"):
        DailyDialogCorpus(folder, "work").load("train")


@pytest.mark.parametrize("numbers", ["5\n5\n", "5\n5\n5\n5\n"])
def test_topics_of_another_release(folder, numbers):
    (folder / "dialogues_topic_train.txt").write_text(numbers)
    with pytest.raises(UserError, match=rf"3 dialogues, but .* has {numbers.count('5')} topics"):
        DailyDialogCorpus(folder, "relationship").load("train")


def test_missing_and_empty_files(folder, tmp_path):
    with pytest.raises(UserError, match=r"neither dialogues_train.txt nor train.json .*c3adb09b.*CC BY-NC-SA"):
        DailyDialogCorpus(tmp_path / "nowhere").load("train")
    (folder / "dialogues_train.txt").write_text("\n")
    with pytest.raises(UserError, match="is empty"):
        DailyDialogCorpus(folder).load("train")
    (folder / "dialogues_topic_test.txt").unlink()
    assert len(DailyDialogCorpus(folder).load("test")) == 3  # nobody asks for topics
    with pytest.raises(UserError, match=r"topic=relationship .* there is no .*dialogues_topic_test\.txt"):
        DailyDialogCorpus(folder, 5).load("test")
    with pytest.raises(UserError, match="without a file of topics"):
        read_dailydialog(folder / "dialogues_test.txt", topic=5)


def test_parlais_form(tmp_path):
    records = [
        {"topic": "relationship", "dialogue": [{"text": " Hi ."}, {"text": "Hello . "}]},
        {"topic": "culture_and_educastion", "dialogue": [{"text": "So ?"}, {"text": "Well ."}]},
    ]
    path = tmp_path / "valid.json"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    assert [u.text for u in DailyDialogCorpus(tmp_path, 5).load("valid")[0].utterances] == ["Hi .", "Hello ."]
    assert [dialogue.id for dialogue in DailyDialogCorpus(tmp_path, 3).load("valid")] == ["valid:2"]
    assert len(DailyDialogCorpus(tmp_path).load("valid")) == 2
    for bad in ("{", "{}", "[]", '{"topic": "love", "dialogue": []}', '{"topic": "work", "dialogue": [{"text": "a"}]}'):
        path.write_text(json.dumps(records[0]) + f"\n{bad}\n")
        with pytest.raises(UserError, match=r"valid\.json, line 2: "):
            DailyDialogCorpus(tmp_path).load("valid")


def test_the_authors_folders_and_fetching(folder, monkeypatch):
    (folder / "test").mkdir()
    (folder / "dialogues_test.txt").rename(folder / "test" / "dialogues_test.txt")
    (folder / "dialogues_topic_test.txt").rename(folder / "test" / "dialogues_topic_test.txt")
    corpus = DailyDialogCorpus(folder, 5, download=True)
    assert len(corpus.load("test")) == 1
    assert corpus.describe("test")["licence"]["name"] == "CC BY-NC-SA 4.0"
    assert set(corpus.describe("test")["files"]) == {"dialogues_test.txt", "dialogues_topic_test.txt"}
    asked = []
    monkeypatch.setattr(zoo.data.dailydialog, "fetch", lambda corpus, root: asked.append((corpus.name, root)))
    corpus.prepare(["train", "test"])
    assert asked == []
    (folder / "dialogues_train.txt").unlink()
    corpus.prepare(["train"])
    DailyDialogCorpus(folder).prepare(["train"])  # offline unless asked
    assert asked == [("dailydialog", folder)]


def test_the_real_files(shared_data):
    everything = DailyDialogCorpus(shared_data / "dailydialog")
    assert [len(everything.load(split)) for split in ("train", "valid", "test")] == [11_118, 1_000, 1_000]
    relationship = DailyDialogCorpus(shared_data / "dailydialog", "relationship")
    assert [len(relationship.load(split)) for split in ("train", "valid", "test")] == [2_323, 71, 348]
