"""The spread over a grid: numbers by hand, a real run, and runs that tell nothing."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo.evidence.__main__ import main
from zoo.evidence.sensitivity import gain_interval, read_grid, summary

POINTS = ["lr=0.1", "lr=0.2", "lr=0.3"]
# each user's own best: 1, 2, 3; means of the points: 3, 2.5, 3
LOSSES = {"ann": [1.0, 1.5, 3.0], "ben": [4.0, 2.0, 3.0], "cem": [4.0, 4.0, 3.0]}


def write_users(folder: Path, losses: dict[str, list[float | None]], points: list[str] = POINTS) -> Path:
    """users.jsonl as a run with a grid writes it."""
    records = [
        {
            "user": user,
            "grid": [{"setting": p, "finished": True, "best_nll": x} for p, x in zip(points, own, strict=True)],
        }
        for user, own in losses.items()
    ]
    (folder / "users.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def test_spread_and_both_choices_by_hand(tmp_path: Path) -> None:
    found = summary(read_grid(write_users(tmp_path, LOSSES)))
    assert found["persona_specific"] == pytest.approx(2.0)
    assert found["pooled"] == {"setting": "lr=0.2", "nll": 2.5}
    assert found["gain"] == pytest.approx(0.5)
    assert [point["nll"] for point in found["points"]] == pytest.approx([3.0, 2.5, 3.0])
    assert [point["users_best_here"] for point in found["points"]] == [1, 1, 1]
    assert [user["range"] for user in found["users"]] == [2.0, 2.0, 1.0]
    deviations = [math.sqrt(13 / 18), math.sqrt(2 / 3), math.sqrt(2 / 9)]  # of the three, about their mean
    assert [user["standard_deviation"] for user in found["users"]] == pytest.approx(deviations)
    assert [(user["user"], user["setting"], user["best_nll"]) for user in found["users"]] == [
        ("ann", "lr=0.1", 1.0),
        ("ben", "lr=0.2", 2.0),
        ("cem", "lr=0.3", 3.0),
    ]


def test_the_interval_is_of_users_and_chooses_anew() -> None:
    low, high = gain_interval(np.array(list(LOSSES.values())), seed=0) or []
    assert low == 0.0  # a draw of one user three times has the same best point for all
    losses = np.array(list(LOSSES.values()))
    gains = [
        losses[list(draw)].mean(0).min() - losses[list(draw)].min(1).mean() for draw in np.ndindex(3, 3, 3)
    ]  # of all 27 draws, equally likely
    assert high == pytest.approx(max(gains))
    assert gain_interval(losses, seed=0) == [low, high]
    assert gain_interval(losses[:1], seed=0) is None


def test_who_gains_nothing_has_an_interval_at_nought() -> None:
    assert gain_interval(np.array([[1.0, 2.0], [3.0, 5.0], [0.5, 0.7]]), seed=3) == [0.0, 0.0]


def test_a_point_at_which_someone_diverged_is_not_for_all(tmp_path: Path) -> None:
    """Its mean would be over other users than the others' means."""
    losses: dict[str, Any] = LOSSES | {"ben": [4.0, None, 3.0], "dot": [None] * 3}
    found = summary(read_grid(write_users(tmp_path, losses)))
    assert found["users_left_out"] == ["dot"]
    assert found["pooled"] == {"setting": "lr=0.1", "nll": 3.0}
    assert found["points"][1] == {"setting": "lr=0.2", "nll": None, "users_best_here": 0, "users_without_loss": 1}
    assert found["users"][1]["range"] == 1.0
    assert found["persona_specific"] == pytest.approx(7 / 3)


def test_a_real_run(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["sensitivity", str(finished), "--out", str(tmp_path / "new")]) == 0
    printed = capsys.readouterr().out
    found = json.loads((tmp_path / "new" / "sensitivity.json").read_text())
    reports = [json.loads(line) for line in (finished / "users.jsonl").read_text().splitlines()]
    assert [user["best_nll"] for user in found["users"]] == [report["best_nll"] for report in reports]
    assert [user["setting"] for user in found["users"]] == [report["setting"] for report in reports]
    pooled = [sum(report["grid"][g]["best_nll"] for report in reports) / 4 for g in range(2)]
    assert found["pooled"]["nll"] == pytest.approx(min(pooled))
    assert found["pooled"]["setting"] == ["lr=0.001", "lr=0.1"][pooled.index(min(pooled))]
    assert f"pooled: {found['pooled']['setting']} for all" in printed
    assert f"{found['gain']:.4f}" in printed
    assert "the gain is somewhat too good" in printed
    assert (tmp_path / "new" / "sensitivity.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "new" / "sensitivity.svg").read_text().startswith("<svg")
    assert found["unfinished"] == 0


def test_the_widest_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    users = {f"user {number:02}": [1.0, 1.0, 1.0 + number] for number in range(12)}
    assert main(["sensitivity", str(write_users(tmp_path, users))]) == 0
    printed = capsys.readouterr().out
    assert "the 10 widest of 12" in printed
    assert "user 11" in printed
    assert "user 01" not in printed
    assert len(json.loads((tmp_path / "sensitivity.json").read_text())["users"]) == 12


def only_one_setting(folder: Path) -> None:
    (folder / "users.jsonl").write_text('{"user": "ann", "best_nll": 1.0}\n')


def other_points(folder: Path) -> None:
    write_users(folder, {"ann": [1.0, 2.0, 3.0]})
    first = (folder / "users.jsonl").read_text()
    write_users(folder, {"ben": [1.0, 2.0]}, ["lr=0.1", "lr=7"])
    (folder / "users.jsonl").write_text(first + (folder / "users.jsonl").read_text())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (only_one_setting, "were trained under one setting each.*learner.grid.lr=\\[1e-4,1e-3\\]"),
        (other_points, "^[^ ]*users.jsonl holds users of different grids"),
        (lambda folder: write_users(folder, {"ann": [None] * 3}), "No user of .* has a validation loss"),
        (
            lambda folder: write_users(folder, {"ann": [1.0, None, None], "ben": [None, 2.0, 2.0]}),
            "At every point of the grid the training of some user diverged",
        ),
        (
            lambda folder: (folder / "users.jsonl").write_text('{"grid": [{}]}\n'),
            "is not a record of users with a grid",
        ),
        (
            lambda folder: write_users(folder, {"ann": [1.0, "lost", 2.0]}),
            "is not a record of users with a grid .ValueError: could not convert string to float",
        ),
        (lambda folder: (folder / "users.jsonl").write_text("{\n"), "users.jsonl is not valid JSON"),
        (lambda folder: (folder / "users.jsonl").write_text("[1]\n"), "expected an object"),
        (lambda folder: (folder / "users.jsonl").write_text("\n"), "holds no users"),
        (lambda folder: None, "this run trained no users one by one"),
        (lambda folder: folder.rmdir(), "There is no folder"),
    ],
)
def test_runs_that_tell_nothing(spoil: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    spoil(tmp_path)
    assert main(["sensitivity", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error), error
