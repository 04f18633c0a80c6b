"""The ConvAI2 reader: what it reads, and how it says what is wrong."""

import gzip
import re

import pytest

from zoo.data.convai2 import read_convai2
from zoo.errors import UserError

SIDE = "1 your persona: i sing.\n2 hi\thello .\n3 and ?\tno .\n"


def test_reads_personas_turns_and_speakers(tmp_path):
    path = tmp_path / "valid_both_original.txt"
    path.write_text(
        "1 your persona: i sing.\n2 partner's persona: i bake.\n3 __SILENCE__\thello : ) .\t\tbye .|hello : ) .\n"
        + SIDE
    )
    first, second = read_convai2(path)
    assert [first.id, second.id] == ["valid_both_original:1", "valid_both_original:2"]
    assert first.speakers[0].persona == ("i bake.",)
    assert first.speakers[1].persona == ("i sing.",)
    assert [(u.speaker, u.text, u.candidates) for u in first.utterances] == [
        (0, "__SILENCE__", ()),
        (1, "hello : ) .", ("bye .", "hello : ) .")),
    ]
    assert [u.text for u in second.utterances] == ["hi", "hello .", "and ?", "no ."]
    assert second.responders == (1,)


def test_twelve_dialogues(twelve):
    assert [len(dialogue.utterances) // 2 for dialogue in twelve] == [3, 1, 5, 2, 7, 4, 1, 12, 2, 6, 1, 3]


def test_gzip_and_windows_line_ends_read_the_same(tmp_path):
    plain, zipped = tmp_path / "a.txt", tmp_path / "a.txt.gz"
    plain.write_bytes(SIDE.replace("\n", "\r\n").encode() + b"\n")
    zipped.write_bytes(gzip.compress(SIDE.encode()))
    assert read_convai2(plain) == read_convai2(zipped)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (SIDE + "your persona: no number\n", 4, "does not start with a number"),
        (SIDE + "4 no tab here\n", 4, "no tab"),
        (SIDE + "4 no response\t\n", 4, "one of them is empty"),
        (SIDE + "7 hi\thello\n", 4, "the number is 7 where 1 or 4 was expected"),
        ("2 hi\thello\n", 1, "the number is 2 where 1"),
        (SIDE + "4 your persona: late.\n", 4, "after the first turn"),
        (SIDE + "4 a\tb\t\tc|d\n", 4, "the response 'b' is not among its 2 candidates"),
        (SIDE + "1 your persona: cut off.\n", 4, "the file ends there"),
        ("1 your persona: cut off.\n" + SIDE, 1, "the next dialogue starts at line 2"),
    ],
)
def test_malformed_lines_are_named(tmp_path, text, line, words):
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(f"{path}, line {line}: ")) as error:
        read_convai2(path)
    assert words in str(error.value)


def test_empty_absent_and_foreign_files(tmp_path):
    empty, latin, cut = tmp_path / "empty.txt", tmp_path / "latin.txt", tmp_path / "cut.txt.gz"
    empty.write_text("\n")
    latin.write_bytes(SIDE.encode() + "4 café\toui\n".encode("latin-1"))
    cut.write_bytes(gzip.compress((SIDE * 2000).encode())[:-20])
    with pytest.raises(UserError, match="is empty"):
        read_convai2(empty)
    with pytest.raises(UserError, match=r"line 4: .* not UTF-8"):
        read_convai2(latin)
    with pytest.raises(UserError, match=r"cannot be unpacked after line [1-9]"):
        read_convai2(cut)
    with pytest.raises(UserError, match="cannot be read"):
        read_convai2(tmp_path / "absent.txt")


def test_official_validation_files_agree(shared_data):
    folder = shared_data / "convai2"
    plain = read_convai2(folder / "valid_self_original_no_cands.txt")
    ranked = read_convai2(folder / "valid_self_original.txt.gz")
    assert len(plain) == 1000
    assert sum(len(dialogue.utterances) for dialogue in plain) == 2 * 7801
    for one, other in zip(plain, ranked, strict=True):
        assert [u.text for u in one.utterances] == [u.text for u in other.utterances]
        assert {len(u.candidates) for u in other.utterances if u.speaker == 1} == {20}
