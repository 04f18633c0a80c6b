"""Shares of what masks keep: by hand from counts, several runs, the picture, mistakes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from zoo.evidence.__main__ import main
from zoo.evidence.gates import draw, summary

COUNTS = {  # two layers
    "fusion": "paa",
    "mask_rule": "keep_above",
    "tau": "length_ratio",
    "tau_numerator": "context",
    "turns": [
        {"turn": 1, "replies": 3, "tokens": 10, "tau": 0.2, "neither": [0, 2], "persona_only": [1, 1],
         "context_only": [3, 1], "both": [4, 4]},
        {"turn": 2, "replies": 1, "tokens": 5, "tau": 0.6, "neither": [4, 3], "persona_only": [0, 1],
         "context_only": [0, 0], "both": [0, 0]},
    ],
}  # fmt: skip


def write_run(folder: Path, **changed: Any) -> str:
    folder.mkdir()
    (folder / "gates.json").write_text(json.dumps(COUNTS | changed))
    return str(folder)


def test_shares_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["gates", write_run(tmp_path / "run"), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if line[0] == "│"]
    assert rows == [
        ["turn 1", "3", "0.200", "12.5", "12.5", "25.0", "50.0"],
        ["turn 2", "1", "0.600", "87.5", "12.5", "0.0", "0.0"],
        ["layer 1", "", "", "33.3", "8.3", "25.0", "33.3"],
        ["layer 2", "", "", "41.7", "16.7", "8.3", "33.3"],
        ["all", "4", "0.300", "37.5", "12.5", "16.7", "33.3"],
    ]
    found = json.loads((tmp_path / "out" / "gate_shares.json").read_text())["run"]
    assert found["by_layer_and_turn"]["neither"] == [[0, 1], [0.25, 0.75]]
    assert found["turns"][0]["context_only"] == 0.25
    assert (tmp_path / "out" / "gates.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "gates.svg").read_text().startswith("<svg")


def test_what_the_picture_shows(tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", tau=0.4, mask_rule="keep_below")
    runs = {"PAA": write_run(tmp_path / "run"), "constant": other}
    drawn = draw({name: summary(Path(run)) for name, run in runs.items()}, None)
    left, heat, second, _, *_ = drawn.axes
    heights = [[bar.get_height() for bar in kind] for kind in left.containers]
    assert heights == [[12.5, 87.5], [12.5, 12.5], [25, 0], [50, 0]]
    assert left.lines[0].get_ydata() == pytest.approx([20, 60])
    assert [label.get_text() for label in left.get_xticklabels()] == ["1\n3", "2\n1"]
    assert heat.images[0].get_array().tolist() == [[0, 100], [25, 75]]
    assert [text.get_text() for text in heat.texts] == ["0", "100", "25", "75"]
    assert second.get_title(loc="left") == "constant\nfusion paa, tau 0.4, complement"


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (None, r"There is no run/gates.json.*hydra.run.dir=run ckpt_path=best run=\[test\] callbacks=gates"),
        ("{", "run/gates.json is not valid JSON"),
        ("{}", "holds no counts by turn and layer .KeyError: 'fusion'"),
        (json.dumps(COUNTS | {"turns": []}), "holds no counts"),
        (json.dumps(COUNTS | {"turns": [COUNTS["turns"][0] | {"both": [1]}]}), "holds no counts"),
        (json.dumps(COUNTS | {"turns": [{"turn": 1}]}), "KeyError: 'replies'"),
        (json.dumps(COUNTS | {"turns": 3}), "TypeError"),
    ],
)
def test_mistakes(
    contents: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    if contents is not None:
        Path("run/gates.json").write_text(contents)
    assert main(["gates", "run"]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert error.count("\n") == 1
    assert not Path("gates.png").exists()
