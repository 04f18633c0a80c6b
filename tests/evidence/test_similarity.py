"""Figure 2 of runs: counts by hand, several runs, the picture, and runs that do not compare."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from zoo.evidence.__main__ import main
from zoo.metrics.generations import Generation, write_generations
from zoo.scorers.characters import CharacterNgrams

HEADER = ["below 0.2", "0.2 to 0.4", "0.4 to 0.6", "0.6 to 0.8", "0.8 to 1.0"]


def replied(*pairs: tuple[str | None, str]) -> list[Generation]:
    """Rows of (response, reference)."""
    return [Generation(str(n), "u", [], ["hi"], said, response, None, None) for n, (response, said) in enumerate(pairs)]


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    """Two runs: one repeats half of the references, the other says something else."""
    same = replied(
        *[(f"i like {thing}", f"i like {thing}") for thing in ("cats", "dogs")], ("12345", "xyz"), ("", "no")
    )
    unlike = replied(("12345", "i like cats"), ("9876", "i like dogs"))
    for name, rows in (("tuned", same), ("prompted", unlike)):
        (tmp_path / name).mkdir()
        write_generations(tmp_path / name / "generations.jsonl", rows)
    return [str(tmp_path / "tuned"), str(tmp_path / "prompted")]


def test_two_runs(runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["similarity", *runs, "--out", str(tmp_path / "out"), "--names", "LoRA,GPT"]) == 0
    printed = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if line.startswith("│")]
    assert rows[0] == ["LoRA", "4", "0.5000", "0.5000", "2", "0", "0", "0", "2"]
    assert rows[1][:2] + rows[1][3:] == ["GPT", "2", "0.0000", "2", "0", "0", "0", "0"]
    assert "not comparable: similarity of character n-grams" in printed
    found = json.loads((tmp_path / "out" / "similarity.json").read_text())
    assert found["embedder"] == CharacterNgrams().short
    assert found["bins"] == HEADER
    assert found["runs"]["LoRA"]["histogram"] == [2, 0, 0, 0, 2]
    assert (tmp_path / "out" / "figure2.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "figure2.svg").read_text().startswith("<svg")


def test_runs_with_embedders_of_their_own(runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = ["--out", str(tmp_path / "out")]
    bigrams = "embedder: {_target_: zoo.scorers.characters.CharacterNgrams, orders: [2]}\n"
    (Path(runs[0]) / "config.yaml").write_text(bigrams)
    assert main(["similarity", *runs, *out]) == 2
    assert "chose different embedders" in capsys.readouterr().err
    (Path(runs[1]) / "config.yaml").write_text(bigrams)
    assert main(["similarity", *runs, *out]) == 0
    assert json.loads((tmp_path / "out" / "similarity.json").read_text())["embedder"] == CharacterNgrams([2]).short
    assert main(["similarity", *runs, *out, "--embedder", "characters"]) == 0
    assert json.loads((tmp_path / "out" / "similarity.json").read_text())["embedder"] == CharacterNgrams().short
    capsys.readouterr()
    assert main(["similarity", *runs, *out, "--embedder", "nowhere/at-all"]) == 2
    assert "There is no model 'nowhere/at-all'" in capsys.readouterr().err


def test_runs_without_replies(runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    rows = replied(("i like cats", "i like cats"), ("no", "no"))
    write_generations(Path(runs[0]) / "generations.jsonl", [rows[0], replace(rows[1], response=None)])
    assert main(["similarity", *runs]) == 2
    assert "decoded no replies" in capsys.readouterr().err
    assert main(["similarity", runs[1], runs[1]]) == 2
    assert "expected a different name for each" in capsys.readouterr().err
    assert main(["similarity", str(tmp_path / "gone")]) == 2
    assert "There is no folder" in capsys.readouterr().err
