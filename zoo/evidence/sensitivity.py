"""How much users' losses depend on their settings: `sensitivity RUN_DIR`, of a run with a grid.

Source: Han et al. 2023, "PersonaPKT" (arXiv:2306.08126), section 5.2, which finds persona-specific models more
sensitive to learning rate and batch size than models of all personas, and prints no numbers. Here every user was
trained under every point of `learner.grid`, so both choices can be made afterwards: each user's own best point
(persona-specific), or one point for all (pooled). Losses are of users' own validation examples, which also chose the
points: the gain is never negative and somewhat too good, the more so the fewer examples a user has.

Letters: U users, G points of the grid, R resamples.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.errors import UserError
from zoo.evidence.output import tell_files, write_json
from zoo.evidence.plots import COLOURS, GRID, figure, legend
from zoo.evidence.runs import user_reports

OUT = "RUN_DIR"
RESAMPLES = 1_000
PRINTED_USERS = 10
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GridLosses:
    """The lowest validation loss of every user at every point of the grid, nats a token.

    Attributes:
        users, points: names, of rows and columns.
        losses: [U, G]; NaN where a user's training diverged in its first epoch.
        left_out: users without a loss at any point; they have no row.
        unfinished: trainings that did not come to their end.
    """

    users: list[str]
    points: list[str]
    losses: Floats
    left_out: list[str]
    unfinished: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="of a run with learner.grid")
    parser.add_argument("--seed", type=int, default=0, help="of the resampled users [0]")


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the tables; write sensitivity.json, sensitivity.png and sensitivity.svg."""
    grid = read_grid(options.run_dir)
    found = summary(grid, options.seed)
    for table in (points_table(found), users_table(found)):
        console.print(table)
    for line in notes(found):
        console.print(line, highlight=False, markup=False)
    out = options.out or options.run_dir
    write_json(out / "sensitivity.json", found)
    draw(grid, found["pooled"]["setting"], out / "sensitivity.png")
    tell_files(console, out / "sensitivity.json", "sensitivity.png", "sensitivity.svg")


def read_grid(run_dir: Path) -> GridLosses:
    """The losses in users.jsonl.

    Raises:
        UserError: the users were trained under one setting each, or the records are not of one grid.
    """
    records = user_reports(run_dir)
    if not any("grid" in record for record in records):
        raise UserError(
            f"The users of {run_dir} were trained under one setting each, so nothing can be said of others. Train them "
            "under several, e.g. python run.py ... learner.grid.lr=[1e-4,1e-3] learner.grid.batch_size=[2,8]"
        )
    try:
        names = [str(record["user"]) for record in records]
        points = [str(point["setting"]) for point in records[0]["grid"]]
        if any([point["setting"] for point in record["grid"]] != points for record in records):
            raise UserError(f"{run_dir / 'users.jsonl'} holds users of different grids; expected those of one run.")
        losses = np.array(
            [[math.nan if (loss := p["best_nll"]) is None else float(loss) for p in r["grid"]] for r in records]
        )
        unfinished = sum(not point["finished"] for record in records for point in record["grid"])
    except UserError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{run_dir / 'users.jsonl'} is not a record of users with a grid ({type(error).__name__}: {error}). Train "
            "the run again: that writes it."
        ) from None
    known = ~np.isnan(losses).all(axis=1)
    if not known.any():
        raise UserError(f"No user of {run_dir} has a validation loss at any point of the grid. Lower learner.grid.lr.")
    left_out = [name for name, has_loss in zip(names, known, strict=True) if not has_loss]
    return GridLosses([n for n in names if n not in left_out], points, losses[known], left_out, unfinished)


def summary(grid: GridLosses, seed: int = 0) -> dict[str, Any]:
    """Spread of every user, losses of both choices and what is between them; in plain types, losses in nats a token.

    A user's spread is over the points where it has a loss: highest minus lowest, and the standard deviation (of the
    grid as it is, not of a sample). Pooled is the point with the lowest mean over users, of those at which all users
    have a loss. The gain is the pooled loss minus the persona-specific one; its interval is a 95 % percentile bootstrap
    over users, the pooled point chosen anew in every resample; null for a single user.

    Raises:
        UserError: at every point some user has no loss.
    """
    losses = grid.losses  # [U, G]
    means = losses.mean(axis=0)  # [G], NaN where a user lacks it
    if np.isnan(means).all():
        raise UserError(
            "At every point of the grid the training of some user diverged, so no point can be fixed for all. Lower "
            "the rates of learner.grid.lr, or set learner.clip=1.0."
        )
    pooled, own, best = int(np.nanargmin(means)), np.nanmin(losses, axis=1), np.nanargmin(losses, axis=1)
    spread = np.nanmax(losses, axis=1) - own  # [U]
    deviation = np.nanstd(losses, axis=1)  # [U]
    return {
        "users_compared": len(grid.users),
        "users_left_out": grid.left_out,
        "unfinished": grid.unfinished,
        "persona_specific": float(own.mean()),
        "pooled": {"setting": grid.points[pooled], "nll": float(means[pooled])},
        "gain": float((losses[:, pooled] - own).mean()),
        "gain_interval": gain_interval(losses, seed),
        "resamples": RESAMPLES,
        "seed": seed,
        "points": [
            {
                "setting": point,
                "nll": None if math.isnan(means[g]) else float(means[g]),
                "users_best_here": int((best == g).sum()),
                "users_without_loss": int(np.isnan(losses[:, g]).sum()),
            }
            for g, point in enumerate(grid.points)
        ],
        "users": [
            {
                "user": user,
                "setting": grid.points[best[u]],
                "best_nll": float(own[u]),
                "range": float(spread[u]),
                "standard_deviation": float(deviation[u]),
            }
            for u, user in enumerate(grid.users)
        ],
    }


def gain_interval(losses: Floats, seed: int) -> list[float] | None:
    """Between 2.5 and 97.5 % of the gains of 1,000 draws of users with replacement; None for one user. [U, G]."""
    users = len(losses)
    if users < 2:
        return None
    drawn = np.random.default_rng(seed).multinomial(users, np.full(users, 1 / users), size=RESAMPLES)  # [R, U]
    weights = drawn / users
    above = losses - np.nanmin(losses, axis=1, keepdims=True)  # [U, G]
    gains = (weights @ above[:, ~np.isnan(above).any(axis=0)]).min(axis=1)  # [R], of points at which all have a loss
    low, high = np.percentile(gains, (2.5, 97.5)).tolist()
    return [low, high]


def points_table(found: dict[str, Any]) -> Table:
    """One row a point, then both choices and the gain."""
    count = found["users_compared"]
    table = Table(title=f"validation loss of {count} users, nats a token", title_justify="left", header_style="bold")
    table.add_column("setting")
    table.add_column("mean loss", justify="right")
    table.add_column("users whose best it is", justify="right")
    for point in found["points"]:
        lacking = f"{point['users_without_loss']} diverged"
        loss = lacking if point["nll"] is None else f"{point['nll']:.4f}"
        table.add_row(Text(point["setting"]), loss, str(point["users_best_here"]))
    table.add_section()
    pooled, interval = found["pooled"], found["gain_interval"]
    table.add_row("persona-specific: each user's own best", f"{found['persona_specific']:.4f}", "")
    table.add_row(Text(f"pooled: {pooled['setting']} for all"), f"{pooled['nll']:.4f}", "")
    between = f"95 %: {interval[0]:.4f} to {interval[1]:.4f}" if interval else ""
    table.add_row("gain", f"{found['gain']:.4f}", between, style="bold")
    return table


def users_table(found: dict[str, Any]) -> Table:
    """The spread over users, and the users with the widest."""
    users: Sequence[dict[str, Any]] = sorted(found["users"], key=lambda user: -user["range"])
    heading = "spread over the grid, nats a token"
    if len(users) > PRINTED_USERS:
        heading += f": the {PRINTED_USERS} widest of {len(users)} (sensitivity.json has all)"
    table = Table(title=heading, title_justify="left", header_style="bold")
    table.add_column("user")
    for column in ("highest - lowest", "standard deviation", "best loss"):
        table.add_column(column, justify="right")
    table.add_column("at")
    for user in users[:PRINTED_USERS]:
        values = (f"{user[key]:.4f}" for key in ("range", "standard_deviation", "best_nll"))
        table.add_row(Text(user["user"]), *values, Text(user["setting"]))
    table.add_section()
    for name, average in (("mean of all", np.mean), ("median of all", np.median)):
        values = (f"{average([u[key] for u in users]):.4f}" for key in ("range", "standard_deviation", "best_nll"))
        table.add_row(name, *values, "", style="bold")
    return table


def notes(found: dict[str, Any]) -> list[str]:
    """What a reader of the tables has to know."""
    lines = ["The same validation examples chose the points and measure them: the gain is somewhat too good."]
    if left_out := found["users_left_out"]:
        lines.append(f"{len(left_out)} users have no loss at any point and are left out: {', '.join(left_out[:3])}")
    if found["unfinished"]:
        lines.append(f"{found['unfinished']} trainings did not come to their end; resume the run with ckpt_path=last.")
    return lines


def draw(grid: GridLosses, pooled: str, path: Path) -> None:
    """A box for every point of the grid: users' losses above each one's own best."""
    above = grid.losses - np.nanmin(grid.losses, axis=1, keepdims=True)  # [U, G]
    columns = [column[~np.isnan(column)] for column in above.T]
    places = np.arange(len(columns), 0, -1)  # the first point on top
    jitter = np.random.default_rng(0).uniform(-0.22, 0.22, above.shape)  # [U, G]
    with figure(path, height=1.6 + 0.45 * len(columns)) as axes:
        grey = {"color": "#777777"}
        boxes = axes.boxplot(
            columns, positions=places, widths=0.6, orientation="horizontal", showfliers=False, showmeans=True,
            patch_artist=True, boxprops={"facecolor": "#e4e4e4", "edgecolor": "#777777"}, whiskerprops=grey,
            capprops=grey, medianprops={"color": "black", "linewidth": 2},
            meanprops={"marker": "D", "markerfacecolor": COLOURS[1], "markeredgecolor": "white", "markersize": 8},
        )  # fmt: skip
        dots = axes.scatter(above, places + jitter, s=14, alpha=0.6, color=COLOURS[0], edgecolors="none", zorder=3)
        for mark in (*boxes["medians"], *boxes["means"]):
            mark.set_zorder(4)
        labels = [f"{point}\n(best for all)" if point == pooled else point for point in grid.points]
        axes.set_yticks(places, labels)
        axes.set_xlabel("validation loss above the user's own best (nats a token)")
        axes.grid(axis="x", color=GRID)
        handles = [dots, boxes["boxes"][0], boxes["medians"][0], boxes["means"][0]]
        names = [f"one of {len(above)} users", "middle half of users", "median", "mean"]
        legend(axes.figure, handles, names)
