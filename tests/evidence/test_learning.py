"""Learning curves: seeds, steps, epochs and users by hand, a real run, runs that still train, mistakes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from zoo.evidence.__main__ import main
from zoo.evidence.learning import Panel, draw
from zoo.evidence.learning_curves import bin_width, binned
from zoo.evidence.plots import Point

HEADER = "epoch,step,test/ppl_token,train/loss,val/ppl_token"
# (epoch, step, train/loss, val/ppl_token): two epochs of four steps, logged every second
ROWS = [(0, 1, 4.0, ""), (0, 3, 2.0, ""), (0, 3, "", 9.0), (1, 5, 1.5, ""), (1, 7, 0.5, ""), (1, 7, "", 7.0)]


def write_run(folder: Path, rows: list[Any], seed: int = 1, monitor: str = "val/ppl_token", **settings: Any) -> Path:
    """What a run leaves while it trains."""
    folder.mkdir(exist_ok=True)
    config = {"seed": seed, "monitor": monitor, "run_dir": str(folder), **settings}
    (folder / "config.yaml").write_text(json.dumps(config))
    lines = [f"{epoch},{step},,{loss},{value}" for epoch, step, loss, value in rows]
    (folder / "metrics.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    return folder


def write_users(folder: Path, *users: dict[str, Any]) -> None:
    (folder / "users.jsonl").write_text("".join(json.dumps(user) + "\n" for user in users))


def found(folder: Path) -> dict[str, Any]:
    """learning.json: panels by metric, points of groups as (x, values)."""
    panels = json.loads((folder / "learning.json").read_text())["panels"]
    return {
        panel["metric"]: {name: [(p["x"], p["values"]) for p in points] for name, points in panel["curves"].items()}
        for panel in panels
    }


def test_seeds_by_step(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    other = [(epoch, step, loss and loss + 1, value and value + 2) for epoch, step, loss, value in ROWS]
    runs = [write_run(tmp_path / "1", ROWS), write_run(tmp_path / "2", other[:3], seed=2)]
    assert main(["learning", f"base={runs[0]},{runs[1]}", "--out", str(tmp_path / "out")]) == 0
    assert found(tmp_path / "out") == {
        "train/loss": {"base": [(2, [4, 5]), (4, [2, 3]), (6, [1.5]), (8, [0.5])]},
        "val/ppl_token": {"base": [(4, [9, 11]), (8, [7])]},
    }
    printed = capsys.readouterr().out
    assert "train/loss of base: 2 of 4 points are of fewer than 2 runs, from step 6 on." in printed
    row = next(line for line in printed.splitlines() if "│ base" in line)
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    assert cells == ["base", "2", "4", "4.5000", "0.5000 (8)", "4.5000 (2)", "0.5000 (8)"]
    assert (tmp_path / "out" / "learning.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "learning.svg").read_text().startswith("<svg")


def test_by_epoch(tmp_path: Path) -> None:
    twice = [*ROWS, (1, 8, "", 6.0)]  # validated in the middle of the epoch and at its end
    run = write_run(tmp_path / "1", twice)
    assert main(["learning", f"base={run}", "--x", "epoch", "--out", str(tmp_path)]) == 0
    assert found(tmp_path) == {
        "train/loss": {"base": [(1, [3]), (2, [1])]},
        "val/ppl_token": {"base": [(1, [9]), (2, [6])]},
    }


def test_runs_without_names_are_grouped_by_their_settings(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(n), ROWS, seed=n % 2, lr=n // 2) for n in range(4)]
    assert main(["learning", *map(str, runs), "--metric", "val/ppl_token", "--out", str(tmp_path)]) == 0
    assert list(found(tmp_path)) == ["val/ppl_token"]
    assert [len(points[0][1]) for points in found(tmp_path)["val/ppl_token"].values()] == [2, 2]


def test_other_data_are_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    data: list[dict[str, Any]] = [
        {"name": "demo", "batch_size": 4},
        {"name": "demo", "batch_size": 8},
        {"name": "convai2", "batch_size": 8},
    ]
    data[1]["datamodule"] = {"template": "of another model"}
    runs = [f"{n}={write_run(tmp_path / str(n), ROWS, data=own)}" for n, own in enumerate(data)]
    assert main(["learning", *runs, "--out", str(tmp_path)]) == 0
    assert "The data of 2 are not those of 0: data.name." in capsys.readouterr().out
    assert "The data of 1" not in (tmp_path / "learning.json").read_text()


def test_users_of_their_own(tmp_path: Path) -> None:
    """Ann stops after two epochs and keeps her best; the one without validation examples does not count."""
    run = write_run(tmp_path / "1", ROWS, learner={"keep": "best"})
    write_users(
        run,
        {"user": "ann", "start_nll": 5.0, "valid_nll": [3.0, 3.5]},
        {"user": "ben", "start_nll": 7.0, "valid_nll": [5.0, 4.5, 4.0]},
        {"user": "cem", "start_nll": None, "valid_nll": []},
    )
    assert main(["learning", f"lora={run}", "--out", str(tmp_path)]) == 0
    expected = [(0, [6]), (1, [4]), (2, [4]), (3, [3.5])]
    assert found(tmp_path) == {"users/valid_nll": {"lora": expected}}
    write_run(tmp_path / "1", ROWS, learner={"keep": "last"})
    assert main(["learning", f"lora={run}", "--metric", "users/valid_nll", "--out", str(tmp_path)]) == 0
    assert found(tmp_path)["users/valid_nll"]["lora"][3] == (3, [3.75])


def test_a_real_run_of_users(finished: Path, tmp_path: Path) -> None:
    assert main(["learning", f"lora={finished}", "--out", str(tmp_path)]) == 0
    reports = [json.loads(line) for line in (finished / "users.jsonl").read_text().splitlines()]
    (start, (_, (after,))) = found(tmp_path)["users/valid_nll"]["lora"]
    assert start[0] == 0
    assert after == pytest.approx(sum(report["valid_nll"][0] for report in reports) / len(reports))
    assert main(["learning", f"lora={finished}", "--metric", "val/ppl_token", "--out", str(tmp_path)]) == 0


def test_what_is_no_number_is_left_out_and_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = write_run(tmp_path / "1", [*ROWS, (2, 9, "nan", ""), (2, 11, "inf", "")])
    assert main(["learning", f"base={run}", "--metric", "train/loss", "--out", str(tmp_path)]) == 0
    assert len(found(tmp_path)["train/loss"]["base"]) == 4
    assert "train/loss of base was no number 2 times" in capsys.readouterr().out


def test_long_lines_are_means_of_steps() -> None:
    assert bin_width([dict.fromkeys(range(10, 1001, 10), 0.0)]) == 1
    curve = {float(step): float(step) for step in range(10, 2_001, 10)}
    assert bin_width([curve, {1.0: 1.0}]) == 20
    means = binned(curve, 20)
    assert len(means) == 100
    assert list(means.items())[:2] == [(10, 15), (30, 35)]


def test_a_group_looks_the_same_in_all_panels() -> None:
    points = [Point(1, 500.0, 500.0, 500.0, [500.0], ["a"]), Point(2, 5.0, 5.0, 5.0, [5.0], ["a"])]
    panels = [Panel("train/loss", "step", 20, {"a": points, "b": points}), Panel("val/x", "epoch", 1, {"b": points})]
    first, second = draw(panels, None).axes
    assert first.get_xlabel() == "steps done (means of 20)"
    assert (second.get_xlabel(), second.get_yscale()) == ("epochs done", "log")
    (b,) = (line for line in second.lines if line.get_label() == "b")
    assert b.get_color() == first.lines[2].get_color() != first.lines[0].get_color()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "There is no folder nowhere"),
        (["base=run,run"], "names the run run more than once"),
        (["run", "--metric", "val/f1"], "None of the runs logged val/f1. Expected of train/loss, val/ppl_token."),
        (["bare"], "The runs logged neither train/loss nor what they monitor"),
        (["bare", "--metric", "train/loss"], "There is no bare/metrics.csv: this run has logged nothing yet"),
        (["empty", "--metric", "train/loss"], "empty/metrics.csv is empty"),
        (["torn", "--metric", "train/loss"], "train/loss is 'much' in torn/metrics.csv"),
        (["other", "--metric", "train/loss"], "other/metrics.csv is not what a run logs"),
        (["users"], "users/users.jsonl is not a record of users"),
    ],
)
def test_mistakes(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("run", "bare", "empty", "torn", "other", "users"):
        write_run(Path(name), ROWS)
    Path("bare/metrics.csv").unlink()
    Path("empty/metrics.csv").write_text(HEADER + "\n")
    write_run(Path("torn"), [(0, 1, "much", "")])
    Path("other/metrics.csv").write_text("step,train/loss\nfirst,1\n")
    write_users(Path("users"), {"user": "ann", "valid_nll": ["low"]})
    assert main(["learning", *arguments]) == 2
    error = capsys.readouterr().err
    assert re.search(re.escape(message), error), error
    assert error.count("\n") == 1
    assert not Path("learning.png").exists()
