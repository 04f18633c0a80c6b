"""What a run logged while it trained, as curves: metrics.csv, and for users of their own users.jsonl."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf

from zoo.errors import UserError
from zoo.evidence.runs import checked, configuration, user_reports

Axis = Literal["step", "epoch"]
Curve = dict[float, float]  # value by optimizer steps or epochs done, ascending
USERS = "users/valid_nll"  # of users.jsonl; the other curves are columns of metrics.csv
MOST_POINTS = 100  # of a line by step; a run logs many more


def trained_each_user(run_dir: Path) -> bool:
    """Whether the run trained users one by one."""
    return (checked(run_dir) / "users.jsonl").is_file()


def read_rows(run_dir: Path) -> list[dict[str, str]]:
    """metrics.csv: rows as they are, an empty text where nothing was logged.

    Raises:
        UserError: there is no such file, or nothing in it, or it has no epochs and steps.
    """
    path = checked(run_dir) / "metrics.csv"
    if not path.is_file():
        raise UserError(f"There is no {path}: this run has logged nothing yet. Expected the directory of a run.")
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, restval=""))
        for row in rows:
            int(row["epoch"] or 0), int(row["step"] or 0)
    except (csv.Error, KeyError, ValueError) as error:
        raise UserError(
            f"{path} is not what a run logs ({type(error).__name__}: {error}); expected the columns epoch and step."
        ) from None
    if not rows:
        raise UserError(f"{path} is empty: this run has logged nothing yet.")
    return rows


def run_curve(run_dir: Path, metric: str, axis: Axis) -> Curve:
    """One metric of a run; empty where it was not logged. NaN and infinity are values.

    By epoch, `train/` metrics are means over what was logged in it, others the last value in it. `USERS` is by epoch.

    Raises:
        UserError: a value is no number.
    """
    if metric == USERS:
        return users_curve(run_dir) if trained_each_user(run_dir) else {}
    values: dict[float, list[float]] = {}
    for row in read_rows(run_dir):
        if text := row.get(metric):
            try:
                values.setdefault(int(row[axis] or 0) + 1, []).append(float(text))
            except ValueError:
                raise UserError(f"{metric} is {text!r} in {run_dir / 'metrics.csv'}; expected a number.") from None
    mean_of_epoch = axis == "epoch" and metric.startswith("train/")
    return {
        place: math.fsum(of) / len(of) if mean_of_epoch and all(map(math.isfinite, of)) else of[-1]
        for place, of in sorted(values.items())
    }


def users_curve(run_dir: Path) -> Curve:
    """Validation loss after each epoch, nats a token, averaged over all users who have validation examples.

    A user who stopped earlier counts with the loss of the parameters that it kept (learner.keep).

    Raises:
        UserError: users.jsonl is not what a run writes.
    """
    records = user_reports(run_dir)
    keeps_last = OmegaConf.select(configuration(run_dir), "learner.keep") == "last"
    try:
        users = [[float(loss) for loss in record["valid_nll"]] for record in records if record["valid_nll"]]
        starts: list[Any] = [record.get("start_nll") for record in records if record["valid_nll"]]
        curve: Curve = {}
        if users and None not in starts:
            curve[0] = math.fsum(float(start) for start in starts) / len(users)
        for epoch in range(1, 1 + max(map(len, users), default=0)):
            now = [of[epoch - 1] if epoch <= len(of) else of[-1] if keeps_last else min(of) for of in users]
            curve[epoch] = math.fsum(now) / len(now)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{run_dir / 'users.jsonl'} is not a record of users ({type(error).__name__}: {error}). Train the run "
            "again: that writes it."
        ) from None
    return curve


def known_metrics(run_dirs: Sequence[Path]) -> list[str]:
    """What was logged at all in some of the runs, columns in their order."""
    known: dict[str, None] = {}
    for run_dir in run_dirs:
        if trained_each_user(run_dir):
            known[USERS] = None
        if (run_dir / "metrics.csv").is_file():
            rows = read_rows(run_dir)
            known |= {name: None for row in rows for name, text in row.items() if text and name not in Axis.__args__}  # type: ignore[attr-defined]
    return list(known)


def bin_width(curves: Sequence[Mapping[float, float]]) -> int:
    """Steps that are averaged so that no line has more than `MOST_POINTS` points; 1 where none has more."""
    longest = max((max(curve, default=0) for curve in curves), default=0)
    if all(len(curve) <= MOST_POINTS for curve in curves):
        return 1
    widths = (digit * 10**power for power in range(20) for digit in (1, 2, 5))
    return next(width for width in widths if longest / width <= MOST_POINTS)


def binned(curve: Curve, width: int) -> Curve:
    """Means over `width` steps, each at the middle of its steps; as it is for a width of 1."""
    if width == 1:
        return curve
    bins: dict[int, list[Any]] = {}
    for place, value in curve.items():
        bins.setdefault(math.ceil(place / width) - 1, []).append(value)
    return {(number + 0.5) * width: math.fsum(of) / len(of) for number, of in sorted(bins.items())}
