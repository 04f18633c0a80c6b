"""Lines over runs: means and bands by hand, what forbids to compare, a real run, mistakes."""

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from zoo.evidence.__main__ import main
from zoo.metrics.results import read_results, write_results

METRIC = "test/B/c_score"
WEAK = "the scorer was taught by a machine"
# epochs -> values of the seeds
VALUES = {"base": {1: [0.1, 0.3], 4: [0.5]}, "meta": {1: [0.2], 2: [0.4, 0.1, 0.4]}}


def write_run(
    folder: Path, epochs: object, value: float, other: dict[str, Any] | None = None, version: Any = 1
) -> Path:
    """What a run leaves of a metric."""
    write_results(folder / "metrics.json", {METRIC: value}, {"c_score": version}, 9, 36, other)
    (folder / "config.yaml").write_text(f"learner:\n  epochs: {epochs}\n  optimizer: adamw\n  clip: true\n")
    return folder


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    """Arguments: two lines, runs in no order."""
    given = []
    for name, points in VALUES.items():
        runs = [
            write_run(tmp_path / f"{name}{x}{n}", x, y) for x, ys in reversed(points.items()) for n, y in enumerate(ys)
        ]
        given.append(f"{name}={','.join(map(str, runs))}")
    return given


def test_means_and_bands_by_hand(lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["curves", *lines, "--metric", METRIC, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "curves.json").read_text())
    assert (found["metric"], found["x"], found["not_comparable"]) == (METRIC, "learner.epochs", [])
    points = {
        name: [(p["x"], pytest.approx(p["mean"]), p["min"], p["max"], p["values"]) for p in of]
        for name, of in found["curves"].items()
    }
    assert points == {
        "base": [(1, 0.2, 0.1, 0.3, [0.1, 0.3]), (4, 0.5, 0.5, 0.5, [0.5])],
        "meta": [(1, 0.2, 0.2, 0.2, [0.2]), (2, 0.3, 0.1, 0.4, [0.4, 0.1, 0.4])],
    }
    assert found["curves"]["base"][1]["runs"] == [str(tmp_path / "base40")]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if line[0] == "│"]
    assert rows == [
        ["1", "0.2000 (0.1000 to 0.3000, n=2)", "0.2000"],
        ["2", "", "0.3000 (0.1000 to 0.4000, n=3)"],
        ["4", "0.5000", ""],
    ]
    assert (tmp_path / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "curves.svg").read_text().startswith("<svg")
    assert "not comparable" not in printed


def test_cautions_are_told(
    lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.axes import Axes

    titles: list[str] = []
    monkeypatch.setattr(Axes, "set_title", lambda self, text, **_: titles.append(text))
    write_run(tmp_path / "base10", 1, 0.1, {"cautions": {"c_score": WEAK, "f1_parlai": "unasked"}})
    assert main(["curves", *lines, "--metric", METRIC, "--out", str(tmp_path)]) == 0
    assert f"not comparable: {WEAK} (base)" in capsys.readouterr().out
    assert [" ".join(title.split()) for title in titles] == [f"not comparable: {WEAK} (base)"]
    assert json.loads((tmp_path / "curves.json").read_text())["not_comparable"] == [f"not comparable: {WEAK} (base)"]


def test_what_scored_is_told(lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    scorer = "nli 1a2b3c4d, accuracy 0.8843 on dnli test (16,500 pairs)"
    write_run(tmp_path / "meta10", 1, 0.2, {"scorers": {"c_score": scorer, "entail_rate": "unasked"}})
    assert main(["curves", *lines, "--metric", METRIC, "--out", str(tmp_path)]) == 0
    assert f"scored by {scorer} (meta)" in capsys.readouterr().out
    found = json.loads((tmp_path / "curves.json").read_text())
    assert (found["scored_by"], found["not_comparable"]) == ([f"scored by {scorer} (meta)"], [])


def test_several_versions_are_told(lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_run(tmp_path / "meta10", 1, 0.2, version="1 of another scorer")
    assert main(["curves", *lines, "--metric", METRIC, "--out", str(tmp_path)]) == 0
    told = "not comparable: c_score has several versions, 1; 1 of another scorer (base, meta)"
    assert told in capsys.readouterr().out


def test_a_real_run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [f"lora={finished}", "--metric", "test/B/ppl_token", "--x", "learner.batch_size"]
    assert main(["curves", *arguments]) == 0
    (point,) = json.loads((tmp_path / "curves.json").read_text())["curves"]["lora"]
    assert point["mean"] == read_results(finished / "metrics.json").metrics["test/B/ppl_token"]
    assert point["x"] == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["base"], "'base' was given; expected NAME=RUN_DIR"),
        (["=base10"], "expected NAME=RUN_DIR"),
        (["base=,"], "expected NAME=RUN_DIR"),
        (["base=base10", "base=base11"], "base= was given twice"),
        (["base=base10,./base10"], "names the run base10 more than once"),
        (["base=nowhere"], "There is no folder nowhere"),
        (["base=base10", "--metric", "test/C/c_score"], "has no test/C/c_score. Expected one of test/B/c_score"),
        (["base=base10", "--x", "learner.lr"], "learner.lr is None in .*expected the name of a setting that is a numb"),
        (["base=base10", "--x", "learner.optimizer"], "learner.optimizer is 'adamw'"),
        (["base=base10", "--x", "learner.clip"], "learner.clip is True"),
        (["base=nan"], "test/B/c_score is no number in nan/metrics.json"),
        (["base=bare"], "There is no bare/metrics.json"),
        (["base=unset"], "There is no unset/config.yaml"),
        (["base=torn"], "torn/config.yaml cannot be read"),
    ],
)
def test_mistakes(
    arguments: list[str],
    message: str,
    lines: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "nan", 1, math.nan)
    (tmp_path / "bare").mkdir()
    (write_run(tmp_path / "unset", 1, 0.1) / "config.yaml").unlink()
    (write_run(tmp_path / "torn", 1, 0.1) / "config.yaml").write_text("a: [")
    assert main(["curves", "--metric", METRIC, *arguments]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert error.count("\n") == 1


def test_without_matplotlib(
    lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """The table and the numbers are there; the message names the package."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["curves", *lines, "--metric", METRIC, "--out", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert "matplotlib" in printed.err
    assert "pyproject.toml lists the extras" in printed.err
    assert "0.3000" in printed.out
    assert (tmp_path / "curves.json").exists()
    assert not (tmp_path / "curves.png").exists()


def test_what_is_asked_for_has_to_be_known() -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["curve"])
    assert stopped.value.code == 2
