"""JPersonaChat and JEmpatheticDialogues: small workbooks in the released layout, and errors with sheet and row."""

import builtins
import datetime

import openpyxl
import pytest

from zoo.data.examples import examples_from_dialogues
from zoo.data.jpersonachat import (
    JEmpatheticDialoguesCorpus,
    JPersonaChatCorpus,
    read_jempathetic,
    read_jpersonachat,
    split_by_pairs,
)
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError

PERSONAS = [
    ["No", "対話ID", "ペルソナA", "ペルソナB"],
    [1, "PP1", "私は犬を飼っています。\n私は歌います。", "私は東京に住んでいます。私は猫が好きです。"],
    [2, "PP2", "私は東京に住んでいます。\n私は猫が好きです。", "私は学生です。"],
]
SAID = [
    ["No", "対話ID", "話者", "発話", "備考"],
    [1, "PP1", "A", "こんにちは。", None],
    [2, "PP1", "Ｂ", "こんに\nちは！", "x"],
    [3, "PP1", "A", 100, None],
    [None, None, None, None],
    [4, "PP2", "B", "はじめまして。"],
    [5, "PP2", "A", "どうも。"],
]
SITUATIONS = [["1_1", "喜び", "試験に受かった"], ["1_2", "怒り", "財布を落とした"]]
TOLD = [
    ["ID", "話者", "発話"],
    ["1_1", "A", "受かりました。"],
    ["1_1", "B", "おめでとう！"],
    ["1_1", "A", "ありがとう。"],
    ["1_2", "甲", None],
    ["1_2", "乙", "どうしたの？"],
    ["1_2", "甲", "財布を落とした。"],
]


def save(path, **sheets):
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def persona_chat(folder, personas=PERSONAS, said=SAID):
    return save(folder / "japanese_persona_chat.xlsx", ペルソナリスト=personas, 対話=said)


def empathetic(folder, said=TOLD):
    return save(folder / "japanese_empathetic_dialogues.xlsx", 状況文=SITUATIONS, 対話=said)


def with_row(rows, number, **cells):
    """The rows with some cells of one row (from 1) changed: A="x"."""
    changed = [list(row) for row in rows]
    for letter, value in cells.items():
        changed[number - 1]["ABCDE".index(letter)] = value
    return changed


def test_jpersonachat(tmp_path):
    first, second = read_jpersonachat(persona_chat(tmp_path))
    lives = Speaker(persona=("私は東京に住んでいます。", "私は猫が好きです。"))  # in one line or in two: one persona
    assert first == Dialogue(
        id="japanese_persona_chat:PP1",
        speakers=(Speaker(persona=("私は犬を飼っています。", "私は歌います。")), lives),
        utterances=(Utterance(0, "こんにちは。"), Utterance(1, "こんにちは！"), Utterance(0, "100")),
        responders=(0, 1),
    )
    assert second.speakers == (lives, Speaker(persona=("私は学生です。",)))
    assert [utterance.speaker for utterance in second.utterances] == [1, 0]


def test_one_persona_is_one_user_on_either_side(tmp_path):
    examples = examples_from_dialogues(read_jpersonachat(persona_chat(tmp_path)), users="persona")
    assert [example.response for example in examples] == ["こんにちは！", "100", "どうも。"]
    assert examples[0].user == examples[2].user != examples[1].user
    assert examples[0].persona == ("私は東京に住んでいます。", "私は猫が好きです。")


def test_jempathetic(tmp_path):
    first, second = read_jempathetic(empathetic(tmp_path))
    nobody = (Speaker(), Speaker())
    assert first == Dialogue(
        id="japanese_empathetic_dialogues:1_1",
        speakers=nobody,
        utterances=(Utterance(0, "受かりました。"), Utterance(1, "おめでとう！"), Utterance(0, "ありがとう。")),
        responders=(0, 1),
    )
    assert second.utterances == (Utterance(0, "どうしたの？"), Utterance(1, "財布を落とした。"))  # no empty opening


@pytest.mark.parametrize(
    ("personas", "said", "words"),
    [
        (PERSONAS, with_row(SAID, 3, C="C"), r"sheet '対話', row 3: the speaker is 'C' where A or B"),
        (PERSONAS, with_row(SAID, 3, D=" "), r"sheet '対話', row 3: column D \(utterance\) is empty"),
        (PERSONAS, with_row(SAID, 3, D=datetime.datetime(2020, 1, 1)), r"row 3: column D .* a datetime where text"),
        (PERSONAS, with_row(SAID, 7, B="PP9"), r"row 7: dialogue PP9 has no row in sheet 'ペルソナリスト'"),
        (PERSONAS, [*SAID, [6, "PP1", "A", "また。"]], r"row 8: dialogue PP1 goes on here, after dialogue PP2 began"),
        (PERSONAS, SAID[:1], "holds no dialogues"),
        (with_row(PERSONAS, 3, B="PP1"), SAID, r"sheet 'ペルソナリスト', row 3: dialogue PP1 has personas already"),
        (with_row(PERSONAS, 2, D=None), SAID, r"'ペルソナリスト', row 2: column D \(persona B\) is empty"),
    ],
)
def test_bad_rows_are_named(tmp_path, personas, said, words):
    path = persona_chat(tmp_path, personas, said)
    with pytest.raises(UserError, match=words) as error:
        read_jpersonachat(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (with_row(TOLD, 4, B="C"), r"sheet '対話', row 4: 'C' speaks too, after 'A' and 'B'"),
        (with_row(TOLD, 4, C=None), r"row 4: column C \(utterance\) is empty"),
        ([*TOLD, ["1_1", "A", "また。"]], "row 8: dialogue 1_1 goes on here"),
    ],
)
def test_bad_rows_of_the_empathetic_ones_are_named(tmp_path, said, words):
    with pytest.raises(UserError, match=words):
        read_jempathetic(empathetic(tmp_path, said))


def test_foreign_files(tmp_path):
    with pytest.raises(UserError, match=r"not downloaded.*accepting its licence.*data\.root="):
        read_jpersonachat(tmp_path / "japanese_persona_chat.xlsx")
    page = tmp_path / "page.xlsx"
    page.write_text("<html>")
    with pytest.raises(UserError, match="cannot be read as an xlsx file"):
        read_jpersonachat(page)
    with pytest.raises(UserError, match="has no sheet 'ペルソナリスト', only 状況文, 対話"):
        read_jpersonachat(empathetic(tmp_path))


def test_without_openpyxl_it_says_what_to_install(tmp_path, monkeypatch):
    path = persona_chat(tmp_path)
    whole = builtins.__import__

    def without(name, *arguments, **options):
        if name == "openpyxl":
            raise ModuleNotFoundError("No module named 'openpyxl'")
        return whole(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"openpyxl.*persona-zoo\[ja\]"):
        read_jpersonachat(path)


def test_the_authors_split():
    """Their script asks before adding a dialogue whether more than so many pairs stand before it."""
    dialogues = [Dialogue(str(n), (Speaker(), Speaker()), (Utterance(0, "a"),) * 3) for n in range(10)]  # 2 pairs each
    parts = split_by_pairs(dialogues, first_valid=10, first_test=14)
    assert {split: [d.id for d in part] for split, part in parts.items()} == {
        "train": list("012345"),  # dialogue 5 has exactly 10 pairs before it
        "valid": list("67"),
        "test": list("89"),
    }


@pytest.mark.parametrize(
    ("corpus", "write"), [(JPersonaChatCorpus, persona_chat), (JEmpatheticDialoguesCorpus, empathetic)]
)
def test_corpora(tmp_path, corpus, write):
    write(tmp_path)
    cut = corpus(tmp_path, first_valid_pair=1, first_test_pair=1)
    assert [len(cut.load(split)) for split in ("train", "test")] == [1, 1]
    with pytest.raises(UserError, match=r"nothing is left for the valid split.*data\.first_valid_pair"):
        cut.load("valid")
    description = cut.describe("train")
    assert description["first_pairs"] == [1, 1]
    assert [len(sha) for sha in description["files"].values()] == [64]
    assert (description["licence"]["may_publish_models"], cut.may_publish_models) == (False, False)
    with pytest.raises(UserError, match="not below the first"):
        corpus(tmp_path, first_valid_pair=2, first_test_pair=1)
