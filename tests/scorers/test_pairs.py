"""Reading labelled pairs, and dividing them by dialogue."""

import json
from pathlib import Path

import pytest

from tests.scorers.conftest import labelled_lines
from zoo.errors import UserError
from zoo.scorers.pairs import NliPair, dialogue_nli, machine_labelled, split_by_group

RECORDS = [
    {"sentence1": " i have a dog .", "sentence2": "i have two dogs .", "label": "negative", "dtype": "x", "id": "1"},
    {"sentence1": "i bark .", "sentence2": "i own a dog .", "label": "positive"},
    {"sentence1": "i sing .", "sentence2": "i own a dog .", "label": "neutral"},
]
NAMES = ("dialogue_nli_train.jsonl", "dialogue_nli_dev.jsonl", "dialogue_nli_test.jsonl")


def write_dnli(folder: Path, contents: str | None = None) -> None:
    for n, name in enumerate(NAMES):
        (folder / name).write_text(contents or json.dumps(RECORDS[: n + 1], indent=2))


def test_dialogue_nli_is_arrays_of_its_own_labels(tmp_path: Path) -> None:
    write_dnli(tmp_path)
    data = dialogue_nli(tmp_path)
    assert [len(split) for split in (data.train, data.valid, data.test)] == [1, 2, 3]
    assert data.test[:2] == [NliPair("i have a dog .", "i have two dogs", 2), NliPair("i bark .", "i own a dog", 0)]
    assert (data.name, data.machine_labels, sorted(data.files)) == ("dnli", False, sorted(NAMES))
    assert dialogue_nli(tmp_path, strip_period=False).test[1].hypothesis == "i own a dog ."


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("\n".join(map(json.dumps, RECORDS)), "is not one JSON array"),
        ("[]", "holds no pairs"),
        ("{}", "holds no pairs"),
        ('[{"sentence1": "a", "sentence2": "b", "label": "maybe"}]', "record 0: KeyError 'maybe'. Expected sentence1"),
        ('[{"sentence1": "a", "label": "neutral"}]', "record 0: KeyError 'sentence2'"),
        ('["a"]', "record 0: TypeError"),
    ],
)
def test_what_is_no_dialogue_nli(tmp_path: Path, contents: str, message: str) -> None:
    write_dnli(tmp_path, contents)
    with pytest.raises(UserError, match=message):
        dialogue_nli(tmp_path)


def test_a_missing_file_says_what_to_download(tmp_path: Path) -> None:
    write_dnli(tmp_path)
    (tmp_path / NAMES[1]).unlink()
    with pytest.raises(UserError, match=r"no .*dialogue_nli_dev.jsonl. Download it from wellecks.com/dialogue_nli"):
        dialogue_nli(tmp_path)


def test_no_dialogue_is_on_two_sides(labelled: Path) -> None:
    data = machine_labelled(labelled, "silver", valid_percent=10, test_percent=20, seed=1)
    splits = [{pair.group for pair in split} for split in (data.train, data.valid, data.test)]
    assert [len(split) for split in splits] == [28, 4, 8]
    assert len(set.union(*splits)) == 40
    assert sum(map(len, (data.train, data.valid, data.test))) == len(labelled_lines())
    assert data.machine_labels
    again = machine_labelled(labelled, "silver", valid_percent=10, test_percent=20, seed=1)
    other = machine_labelled(labelled, "silver", valid_percent=10, test_percent=20, seed=2)
    assert data == again != other


def test_a_division_that_leaves_nothing(labelled: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"40 dialogues were to be divided with 1 % .* at least one for each split"):
        machine_labelled(labelled, "silver", valid_percent=1, test_percent=10, seed=1)
    with pytest.raises(UserError, match="divided"):
        split_by_group([NliPair("a", "b", 0, str(n)) for n in range(4)], (50, 50), seed=0)
    with pytest.raises(UserError, match=r"There is no .*gone.jsonl. Expected labelled pairs"):
        machine_labelled(tmp_path / "gone.jsonl", "silver", 10, 10, seed=1)


def test_bad_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    good = json.dumps(labelled_lines(1)[0])
    path.write_text(f"{good}\n\n{good[:20]}\n")
    with pytest.raises(UserError, match="line 3: not valid JSON"):
        machine_labelled(path, "silver", 10, 10, seed=1)
    path.write_text(good.replace('"dialogue"', '"talk"'))
    with pytest.raises(UserError, match=r"record 1: KeyError 'dialogue'. Expected .*, and dialogue"):
        machine_labelled(path, "silver", 10, 10, seed=1)


def test_the_real_silver_pairs(shared_data: Path) -> None:
    data = machine_labelled(shared_data / "dnli_silver" / "silver_valid.jsonl", "dnli_silver", 10, 10, seed=36)
    splits = (data.train, data.valid, data.test)
    assert sum(map(len, splits)) == 34_939
    counts = [sum(pair.label == label for split in splits for pair in split) for label in range(3)]
    assert counts == [4_900, 29_556, 483]
    groups = [{pair.group for pair in split} for split in splits]
    assert [len(group) for group in groups] == [799, 100, 100]
    assert len(set.union(*groups)) == 999  # of 799 + 100 + 100: none twice
