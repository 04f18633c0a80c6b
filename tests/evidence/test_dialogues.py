"""Figure 3 of a real run, and runs without parts."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.evidence.conftest import FEW, REGULAR
from zoo.evidence.__main__ import main
from zoo.evidence.dialogues import read_counts


def cells(output: str) -> dict[str, list[str]]:
    """A printed table's rows by their first cell."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines() if line.startswith("│")]
    return {row[0]: row[1:] for row in rows}


def test_a_real_run(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    counts = read_counts(finished)
    assert counts["C"] == dict(Counter(FEW.values()))
    assert Counter(counts["A"]) + Counter(counts["B"]) == Counter(REGULAR.values())
    assert main(["dialogues", str(finished), "--out", str(tmp_path)]) == 0
    table = cells(capsys.readouterr().out)
    assert set(table) == {"3", "4", "6", "7", "8", "personas", "dialogues of all", "mean", "median"}
    assert table["3"] == ["", "", "1"]
    assert table["personas"] == ["2", "2", "2"]
    assert table["dialogues of all"][2] == "7"
    assert (table["mean"][2], table["median"][2]) == ("3.50", "3.5")
    assert sum(int(table["dialogues of all"][part]) for part in (0, 1)) == sum(REGULAR.values())
    assert (tmp_path / "figure3.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "figure3.svg").read_text().startswith("<svg")


def test_a_part_may_be_empty(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    report = {"dialogues_of_personas": {"A": {"12": 3, "7": 2}, "B": {"7": 1}, "C": {}}}
    (tmp_path / "provenance.json").write_text(json.dumps({"data": {"report": report}}))
    assert main(["dialogues", str(tmp_path)]) == 0
    table = cells(capsys.readouterr().out)
    assert list(table)[:2] == ["7", "12"]
    assert table["dialogues of all"] == ["50", "7", "0"]
    assert table["mean"] == ["10.00", "7.00", ""]
    assert table["median"] == ["12", "7", ""]


@pytest.mark.parametrize(
    ("provenance", "message"),
    [
        (None, "There is no"),
        ({"data": {}}, "does not tell how many dialogues personas have"),
        ({"data": {"report": {"personas": {"A": 1}}}}, "run=[test]"),
        ({"data": {"report": {"dialogues_of_personas": {"A": {"many": 1}}}}}, "data=personapkt_mixed"),
        ({"data": {"report": {"dialogues_of_personas": {"A": {}}}}}, "does not tell"),
        ([1], "expected an object"),
    ],
)
def test_runs_without_parts(provenance: object, message: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    if provenance is not None:
        (tmp_path / "provenance.json").write_text(json.dumps(provenance))
    assert main(["dialogues", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "figure3.png").exists()
