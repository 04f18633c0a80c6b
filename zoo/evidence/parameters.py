"""Trained parameters against quality: `parameters NAME=RUN_DIR,... [NAME=...] --metric test/ppl_token`.

Parameters are those that training changed (provenance.json, parameters.trainable): of runs with users' own, all
users' together, or, with --count user, those of one. What a first stage trained for everybody (RUN_DIR/source) is not
among them. Quality is the mean over a group's runs (seeds), computed again from their generations; its interval is that
of `python -m zoo.evidence seeds`.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.errors import UserError
from zoo.evidence.labels import place_labels
from zoo.evidence.output import tell_files, write_json
from zoo.evidence.plots import GRID, canvas, legend, log_axis, plain_axes, series_style, value_axis, warn
from zoo.evidence.runs import provenance
from zoo.evidence.seed_groups import SeedRun, read_groups
from zoo.evidence.seed_tables import cautions, notes
from zoo.evidence.seed_values import Measured, asked_metrics, measure, summarised
from zoo.evidence.seeds import add_group_arguments, asked_suite, check_numbers, shared_protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUT = "the current folder"
COUNTS = {"all": "trained parameters", "user": "trained parameters of one user"}


@dataclass(frozen=True)
class Method:
    """A group of runs: what it trained and what came of it.

    Attributes:
        trained: parameters, of all users together.
        per_user: of one user; `trained` where users have none of their own.
        n: runs.
        mean: of the metric.
        interval: 95 % of the mean; None where nothing could be resampled.
    """

    name: str
    trained: int
    per_user: int
    n: int
    mean: float
    interval: tuple[float, float] | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    add_group_arguments(parser)
    parser.add_argument("--metric", required=True, help="e.g. test/ppl_token, with several test sets test/B/c_score")
    parser.add_argument("--count", choices=list(COUNTS), default="all", help="parameters of all users or of one [all]")


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the table; write parameters.json, parameters.png and parameters.svg."""
    check_numbers(options.resamples, options.seed)
    groups = read_groups(options.groups)
    counted = {name: parameter_counts(name, runs) for name, runs in groups.items()}
    suite = shared_protocol(options.protocol, [run for runs in groups.values() for run in runs])
    found = measure(groups, asked_suite(suite, [options.metric]), options.resamples, options.seed)
    (metric,) = asked_metrics(found, [options.metric])
    summaries = {name: summarised(runs, [metric], options.seed) for name, runs in found.items()}
    methods = [method(name, *counted[name], summary.get(metric, {}), metric) for name, summary in summaries.items()]
    forbidding, told = cautions(found, [metric]) + other_examples(found), notes(found, [metric])
    told = [line for line in told if not line.startswith("No differences")]
    console.print(parameters_table(methods, metric, suite.name))
    for line in forbidding + told:
        console.print(line, highlight=False, markup=False, style="bold" if line in forbidding else None)
    out = options.out or Path()
    contents = {"metric": metric, "protocol": suite.name, "resamples": options.resamples, "seed": options.seed}
    points = {"methods": [asdict(point) for point in methods], "not_comparable": forbidding, "notes": told}
    write_json(out / "parameters.json", contents | points)
    draw(methods, metric, options.count, forbidding, out / "parameters.png")
    tell_files(console, out / "parameters.json", "parameters.png", "parameters.svg")


def parameter_counts(name: str, runs: Sequence[SeedRun]) -> tuple[int, int]:
    """What the runs of a group trained: of all users together, and of one.

    Raises:
        UserError: a run does not tell, trained nothing, or trained another number than the others.
    """
    found: dict[tuple[int, int], Path] = {}
    for run in runs:
        told = provenance(run.run_dir).get("parameters")
        trained = told.get("trainable") if isinstance(told, dict) else None
        per_user = told.get("trainable_per_user", trained) if isinstance(told, dict) else None
        if not isinstance(trained, int) or not isinstance(per_user, int) or min(trained, per_user) < 1:
            raise UserError(
                f"{run.run_dir / 'provenance.json'} tells of no trained parameters; expected a run of run.py that "
                "trained some (a language model that only gets a prompt has none)."
            )
        found.setdefault((trained, per_user), run.run_dir)
    if len(found) > 1:
        told = ", ".join(f"{run_dir} {trained:,}" for (trained, _), run_dir in found.items())
        raise UserError(
            f"Runs of {name} trained different numbers of parameters ({told}); expected seeds of one model."
        )
    return next(iter(found))


def other_examples(found: Mapping[str, Sequence[Measured]]) -> list[str]:
    """What forbids to compare: groups that have no test examples in common with the first; usually nothing."""
    (first_name, first), *others = found.items()
    own = {run.examples for run in first}
    elsewhere = [name for name, runs in others if not own & {run.examples for run in runs}]
    if not elsewhere:
        return []
    return [f"not comparable: {', '.join(elsewhere)} was scored on other examples than {first_name}"]


def method(name: str, trained: int, per_user: int, summary: Mapping[str, Any], metric: str) -> Method:
    """A point of the figure, from a summary of `zoo.evidence.seed_values.summarised`.

    Raises:
        UserError: some run did not measure the metric, or it is no number there.
    """
    if summary.get("mean") is None:
        raise UserError(
            f"Not all runs of {name} measured {metric} as a number; leave the group out, or its other runs."
        )
    between = summary["interval"]
    return Method(name, trained, per_user, summary["n"], summary["mean"], None if between is None else tuple(between))


def parameters_table(methods: Sequence[Method], metric: str, protocol: str) -> Table:
    """A row for every group, by its trained parameters."""
    table = Table(title=f"{metric}, protocol {protocol}", title_justify="left", header_style="bold")
    table.add_column("group", overflow="fold")
    for column in ("trained parameters", "of one user", "runs", "mean", "95 % of the mean"):
        table.add_column(column, justify="right")
    for point in sorted(methods, key=lambda point: point.trained):
        between = "" if point.interval is None else "{:.4f} to {:.4f}".format(*point.interval)
        own = f"{point.per_user:,}" if point.per_user != point.trained else ""
        table.add_row(Text(point.name), f"{point.trained:,}", own, str(point.n), f"{point.mean:.4f}", between)
    return table


def draw(methods: Sequence[Method], metric: str, count: str, cautions: Sequence[str], path: Path | None) -> "Figure":
    """A mark for every method, with its interval and its name; parameters on a logarithmic axis.

    Args:
        methods: at least one.
        metric: name of the y axis.
        count: parameters of "all" users, or of one "user".
        cautions: what forbids to compare.
        path: of the PNG; None writes nothing.
    """
    sizes = [point.trained if count == "all" else point.per_user for point in methods]
    between = [point.interval or (point.mean, point.mean) for point in methods]
    with canvas(path, height=3.8) as drawn:
        axes = plain_axes(drawn.add_subplot())
        for number, (point, size, (low, high)) in enumerate(zip(methods, sizes, between, strict=True)):
            style = series_style(number) | {"linestyle": "none"}
            bar = style | {"marker": "none"}  # about its own middle: of few dialogues the mean may lie outside
            axes.errorbar([size], [(low + high) / 2], (high - low) / 2, **bar, elinewidth=1, capsize=3)
            axes.plot([size], [point.mean], **style, markersize=6, label=point.name)
        log_axis(axes, "x", min(sizes) / 2.5, max(sizes) * 2.5)
        axes.margins(y=0.15)
        value_axis(axes, [value for low_high in between for value in low_high])
        axes.set_xlabel(COUNTS[count])
        axes.set_ylabel(f"{metric}, mean and 95 %" if any(p.interval for p in methods) else metric)
        axes.grid(color=GRID)
        warn(axes, cautions)
        places = [(size, p.mean, *reach) for size, p, reach in zip(sizes, methods, between, strict=True)]
        unnamed = place_labels(axes, [point.name for point in methods], places)
        handles, names = axes.get_legend_handles_labels()
        if unnamed:
            legend(drawn, [handles[n] for n in unnamed], [names[n] for n in unnamed])
    return drawn
