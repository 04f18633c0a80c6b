"""A metric against a setting, a line a method: `curves NAME=RUN_DIR,RUN_DIR,... --metric test/B/c_score`.

Source: Han et al. 2023, "PersonaPKT" (arXiv:2306.08126), Figure 2: the C score after a number of epochs on each
persona, for three source prefixes. Runs of one line that share a value of the setting (seeds) are averaged; the band
reaches from the lowest to the highest of them.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.errors import UserError
from zoo.evidence.output import tell_files, write_json
from zoo.evidence.plots import GRID, Curves, Point, bands_told, canvas, draw_lines, legend, plain_axes, warn
from zoo.evidence.runs import checked, setting
from zoo.metrics.results import Results, read_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUT = "the current folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument("lines", nargs="+", metavar="NAME=RUN_DIR,RUN_DIR,...", help="a line of the plot and its runs")
    parser.add_argument(
        "--metric", required=True, help="of metrics.json, e.g. test/c_score, with several test sets test/B/c_score"
    )
    parser.add_argument("--x", default="learner.epochs", metavar="SETTING", help="of config.yaml [learner.epochs]")


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the table and what forbids to compare; write curves.json, curves.png and curves.svg."""
    runs = read_lines(options.lines)
    results = {run_dir: _results(run_dir) for run_dirs in runs.values() for run_dir in run_dirs}
    curves = {
        name: gather([(setting(r, options.x), value(results[r], options.metric, r), r) for r in run_dirs])
        for name, run_dirs in runs.items()
    }
    by_line = {name: [results[r] for r in run_dirs] for name, run_dirs in runs.items()}
    scorers, cautions = scorer_lines(by_line, options.metric), caution_lines(by_line, options.metric)
    console.print(curves_table(curves, options.metric, options.x))
    for line in scorers + cautions:
        console.print(line, style="bold", highlight=False, markup=False)
    out = options.out or Path()
    plain = {name: [asdict(point) for point in points] for name, points in curves.items()}
    told = {"scored_by": scorers, "not_comparable": cautions}
    write_json(out / "curves.json", {"metric": options.metric, "x": options.x, "curves": plain, **told})
    draw(curves, options.metric, options.x, cautions, out / "curves.png")
    tell_files(console, out / "curves.json", "curves.png", "curves.svg")


def read_lines(given: Sequence[str]) -> dict[str, list[Path]]:
    """NAME=RUN_DIR,RUN_DIR,... as run directories by name.

    Raises:
        UserError: a line without a name or runs, a name given twice, or a run twice in a line.
    """
    lines: dict[str, list[Path]] = {}
    for text in given:
        name, _, paths = text.partition("=")
        runs = [Path(path.strip()) for path in paths.split(",") if path.strip()]
        if not name or not runs:
            raise UserError(f"{text!r} was given; expected NAME=RUN_DIR,RUN_DIR,...")
        if name in lines:
            raise UserError(
                f"{name}= was given twice; expected all runs of a line behind one name, with commas between."
            )
        if twice := sorted({str(run) for run in runs if sum(run.resolve() == r.resolve() for r in runs) > 1}):
            raise UserError(f"{name}= names the run {twice[0]} more than once; expected each run once.")
        lines[name] = runs
    return lines


def value(results: Results, metric: str, run_dir: Path) -> float:
    """A metric of metrics.json.

    Raises:
        UserError: the run did not measure it, or it is no number there.
    """
    found = results.metrics.get(metric)
    if found is None:
        known = ", ".join(sorted(results.metrics))
        raise UserError(f"{run_dir / 'metrics.json'} has no {metric}. Expected one of {known}.")
    if not math.isfinite(found):
        raise UserError(f"{metric} is no number in {run_dir / 'metrics.json'}: the run had nothing to measure it on.")
    return found


def gather(measured: Sequence[tuple[float, float, Path]]) -> list[Point]:
    """Points from (x, value, run), x ascending."""
    points = []
    for x in sorted({x for x, _, _ in measured}):
        values = [value for other, value, _ in measured if other == x]
        runs = [str(run_dir) for other, _, run_dir in measured if other == x]
        points.append(Point(x, math.fsum(values) / len(values), min(values), max(values), values, runs))
    return points


def caution_lines(results: Mapping[str, Sequence[Results]], metric: str) -> list[str]:
    """Why values compare with nobody's or not with each other: "not comparable: <why> (<lines>)"; usually nothing.

    Reasons are the metric's own (`cautions` of metrics.json) and several versions of it among the runs: a C score's
    version names its scorer.
    """
    own, reasons = metric.rpartition("/")[-1], _remarks("cautions", results, metric)
    versions = {str(run.versions.get(own)) for runs in results.values() for run in runs}
    if len(versions) > 1:
        reasons[f"{own} has several versions, {'; '.join(sorted(versions))}"] = list(results)
    return [f"not comparable: {reason} ({', '.join(dict.fromkeys(names))})" for reason, names in reasons.items()]


def scorer_lines(results: Mapping[str, Sequence[Results]], metric: str) -> list[str]:
    """What scored the values and how accurate it is: "scored by <what> (<lines>)"; nothing for other metrics."""
    found = _remarks("scorers", results, metric)
    return [f"scored by {scorer} ({', '.join(dict.fromkeys(names))})" for scorer, names in found.items()]


def _remarks(key: str, results: Mapping[str, Sequence[Results]], metric: str) -> dict[str, list[str]]:
    """Lines by what metrics.json says of the metric under `key`."""
    found: dict[str, list[str]] = {}
    for name, runs in results.items():
        for told in (run.other.get(key) or {} for run in runs):
            for remark in dict.fromkeys(told[k] for k in (metric.rpartition("/")[-1], metric) if k in told):
                found.setdefault(str(remark), []).append(name)
    return found


def curves_table(curves: Curves, metric: str, x: str) -> Table:
    """A row for every value of the setting, a column for every line: the mean (lowest to highest, number of runs)."""
    table = Table(title=f"{metric} by {x}", title_justify="left", header_style="bold")
    table.add_column(Text(x), justify="right")
    for name in curves:
        table.add_column(Text(name), justify="right")
    for place in sorted({point.x for points in curves.values() for point in points}):
        at = {name: next((p for p in points if p.x == place), None) for name, points in curves.items()}
        table.add_row(f"{place:g}", *("" if point is None else _shown(point) for point in at.values()))
    return table


def draw(curves: Curves, metric: str, x: str, cautions: Sequence[str], path: Path | None) -> "Figure":
    """Lines through the means, a band from the lowest to the highest run."""
    with canvas(path) as drawn:
        axes = plain_axes(drawn.add_subplot())
        draw_lines(axes, curves)
        places = sorted({point.x for points in curves.values() for point in points})
        if len(places) <= 12:
            axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.set_xlabel(x)
        axes.set_ylabel(metric)
        axes.grid(color=GRID)
        legend(drawn, title=bands_told(curves))
        warn(axes, cautions)
    return drawn


def _shown(point: Point) -> str:
    if len(point.runs) == 1:
        return f"{point.mean:.4f}"
    return f"{point.mean:.4f} ({point.min:.4f} to {point.max:.4f}, n={len(point.runs)})"


def _results(run_dir: Path) -> Results:
    return read_results(checked(run_dir) / "metrics.json")
