"""Learning curves: `learning RUN_DIR...` or `learning NAME=RUN_DIR,RUN_DIR,... --x epoch`, a line a group of seeds.

Values are what the runs logged (metrics.csv); they may still be training. Of runs that trained users one by one, it is
the validation loss of users.jsonl, by each user's own epochs. A line is the mean of its runs, the band reaches from the
lowest to the highest of them.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.errors import UserError
from zoo.evidence.curves import gather
from zoo.evidence.learning_curves import (
    USERS,
    Axis,
    bin_width,
    binned,
    known_metrics,
    run_curve,
    trained_each_user,
)
from zoo.evidence.output import tell_files, write_json
from zoo.evidence.plots import GRID, Curves, Point, bands_told, canvas, draw_lines, legend, plain_axes, value_axis
from zoo.evidence.runs import configuration
from zoo.evidence.seed_groups import SeedRun, differing, read_groups

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUT = "the current folder"
# what begins so says nothing of which examples there are, or (the datamodule) says it a second time
SAME_DATA = (
    *("data.batch_size", "data.eval_batch_size", "data.num_workers", "data.order", "data.pad_left"),
    "data.datamodule.",
)
TRAIN_LOSS = "train/loss"
NAMES = {TRAIN_LOSS: "train/loss (nats a token)", USERS: "validation loss, mean over users (nats a token)"}


@dataclass(frozen=True)
class Panel:
    """One metric of all groups.

    Attributes:
        x: step or epoch.
        bin: steps that a point is the mean of; 1 where it is what was logged.
        curves: by group; without those that did not log it.
    """

    metric: str
    x: Axis
    bin: int
    curves: Curves


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument(
        "groups", nargs="+", metavar="NAME=RUN_DIR,...", help="runs of several seeds; without names grouped by settings"
    )
    parser.add_argument(
        "--metric", nargs="+", metavar="COLUMN",
        help=f"of metrics.csv, or {USERS} [{TRAIN_LOSS} and what was monitored; with users=each {USERS}]",
    )  # fmt: skip
    parser.add_argument("--x", choices=["step", "epoch"], default="step", help="[step]")


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the tables; write learning.json, learning.png and learning.svg."""
    given = read_groups(options.groups, finished=False)
    groups = {name: [run.run_dir for run in runs] for name, runs in given.items()}
    metrics = list(dict.fromkeys(options.metric or usual_metrics(groups)))
    panels, told = [], other_data(given)
    for metric in metrics:
        panel, remarks = read_panel(groups, metric, options.x)
        panels.append(panel)
        told += remarks
        console.print(panel_table(panel))
    for line in told:
        console.print(line, highlight=False, markup=False)
    out = options.out or Path()
    plain = [
        {**asdict(panel), "curves": {name: [asdict(p) for p in of] for name, of in panel.curves.items()}}
        for panel in panels
    ]
    write_json(out / "learning.json", {"panels": plain, "notes": told})
    draw(panels, out / "learning.png")
    tell_files(console, out / "learning.json", "learning.png", "learning.svg")


def usual_metrics(groups: Mapping[str, Sequence[Path]]) -> list[str]:
    """The training loss and what runs monitored; of those that trained users one by one, the users' loss."""
    found: dict[str, None] = {}
    for run_dir in (run_dir for run_dirs in groups.values() for run_dir in run_dirs):
        monitored = OmegaConf.select(configuration(run_dir), "monitor")
        usual = [USERS] if trained_each_user(run_dir) else [TRAIN_LOSS, str(monitored)]
        known = known_metrics([run_dir])
        found |= {metric: None for metric in usual if metric in known}
    if not found:
        raise UserError(
            f"The runs logged neither {TRAIN_LOSS} nor what they monitor, and no losses of users. Wait until they have "
            "trained for some steps, or name columns of metrics.csv: --metric COLUMN."
        )
    return list(found)


def other_data(groups: Mapping[str, Sequence[SeedRun]]) -> list[str]:
    """Which groups learnt from or were validated on other data than the first, as far as settings tell."""
    (first_name, (first, *_)), *others = groups.items()
    told = []
    for name, (run, *_) in others:
        keys = [key for key in differing(first, run) if key.startswith("data.") and not key.startswith(SAME_DATA)]
        if keys:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            told.append(f"The data of {name} are not those of {first_name}: {', '.join(keys[:3])}{more}.")
    return told


def read_panel(groups: Mapping[str, Sequence[Path]], metric: str, axis: Axis) -> tuple[Panel, list[str]]:
    """The curves of one metric, and what a reader has to know of them.

    Raises:
        UserError: no run logged it.
    """
    axis = "epoch" if metric == USERS else axis
    logged = {name: {run: run_curve(run, metric, axis) for run in runs} for name, runs in groups.items()}
    if not any(curve for curves in logged.values() for curve in curves.values()):
        known = known_metrics([run for runs in groups.values() for run in runs])
        raise UserError(
            f"None of the runs logged {metric}. Expected of {', '.join(known) or 'nothing: they are empty'}."
        )
    width = bin_width([curve for curves in logged.values() for curve in curves.values()]) if axis == "step" else 1
    found, told = {}, []
    for name, curves in logged.items():
        if lacking := [str(run) for run, curve in curves.items() if not curve]:
            told.append(f"{metric} was not logged by {', '.join(lacking)} ({name}).")
        if lost := sum(not math.isfinite(value) for curve in curves.values() for value in curve.values()):
            told.append(f"{metric} of {name} was no number {lost} times: these are left out.")
        finite = {run: {x: y for x, y in curve.items() if math.isfinite(y)} for run, curve in curves.items()}
        points = gather([(x, y, run) for run, curve in finite.items() for x, y in binned(curve, width).items()])
        if points:
            found[name] = points
        told += _about_runs(name, metric, axis, points)
    return Panel(metric, axis, width, found), told


def _about_runs(name: str, metric: str, axis: Axis, points: Sequence[Point]) -> list[str]:
    most = max((len(point.runs) for point in points), default=0)
    fewer = [point for point in points if len(point.runs) < most]
    if not fewer:
        return []
    if axis == "step" and len(fewer) > len(points) / 2:
        return [f"Runs of {name} logged {metric} at different steps: most points are of one of them. Try --x epoch."]
    return [
        f"{metric} of {name}: {len(fewer)} of {len(points)} points are of fewer than {most} runs, from {axis} "
        f"{fewer[0].x:g} on."
    ]


def panel_table(panel: Panel) -> Table:
    """A row for every group: its mean at the first, the lowest, the highest and the last point."""
    means = f", means of {panel.bin} steps" if panel.bin > 1 else ""
    table = Table(title=f"{panel.metric} by {panel.x}{means}", title_justify="left", header_style="bold")
    table.add_column("group", overflow="fold")
    for column in ("runs", "points", "first", f"lowest (at {panel.x})", f"highest (at {panel.x})", "last"):
        table.add_column(column, justify="right")
    for name, points in panel.curves.items():
        low, high = min(points, key=lambda p: p.mean), max(points, key=lambda p: p.mean)
        runs = str(max(len(point.runs) for point in points))
        ends = [f"{point.mean:.4f} ({point.x:g})" for point in (low, high)]
        table.add_row(
            Text(name), runs, str(len(points)), f"{points[0].mean:.4f}", *ends, f"{points[-1].mean:.4f} "
            f"({points[-1].x:g})",
        )  # fmt: skip
    return table


def draw(panels: Sequence[Panel], path: Path | None) -> "Figure":
    """A panel a metric, two in a row; a group looks the same in all of them.

    Args:
        panels: at least one.
        path: of the PNG; None writes nothing.
    """
    names = list(dict.fromkeys(name for panel in panels for name in panel.curves))
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    with canvas(path, height=(3.6 if columns == 1 else 2.6) * rows + 0.5) as drawn:
        from matplotlib.ticker import MaxNLocator

        handles: dict[str, Any] = {}
        for place, panel in enumerate(panels):
            axes = plain_axes(drawn.add_subplot(rows, columns, place + 1))
            draw_lines(axes, {name: panel.curves.get(name, []) for name in names})
            handles |= {name: handle for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
            means = f" (means of {panel.bin})" if panel.bin > 1 else ""
            axes.set_xlabel(f"{panel.x}s done{means}" if panel.x == "step" else "epochs done")
            axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], integer=True))
            last = max(of[-1].x for other in panels if other.x == panel.x for of in other.curves.values())
            axes.set_xlim(-0.03 * last, 1.03 * last)  # panels side by side have the same
            axes.set_ylabel(NAMES.get(panel.metric, panel.metric))
            axes.grid(color=GRID)
            value_axis(
                axes, [y for points in panel.curves.values() for point in points for y in (point.min, point.max)]
            )
        everything = {f"{panel.metric} {name}": points for panel in panels for name, points in panel.curves.items()}
        legend(drawn, list(handles.values()), list(handles), title=bands_told(everything))
    return drawn
