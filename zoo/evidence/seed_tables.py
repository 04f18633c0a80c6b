"""What `seeds` prints: the tables, what forbids to compare, and what a reader has to know."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from zoo.evidence.seed_groups import differing
from zoo.evidence.seed_values import Measured, common_metrics, pairs

FEW_RUNS, FEW_DIALOGUES = 5, 20
BY_TOKENS = ("ppl_token", "ppl_reference")  # compare within one tokenizer only


def groups_table(summaries: Mapping[str, Mapping[str, dict[str, Any]]], title: str) -> Table:
    """A section for every metric, a row in it for every group."""
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("metric", overflow="fold")
    table.add_column("group", overflow="fold")
    for column in ("n", "mean", "std", "min", "max"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("95 % of the mean", justify="right", no_wrap=True)
    for metric in dict.fromkeys(metric for of in summaries.values() for metric in of):
        table.add_section()
        name = metric
        for group, of in summaries.items():
            if metric in of:
                row = of[metric]
                numbers = (_number(row[key]) for key in ("mean", "std", "min", "max"))
                table.add_row(Text(name), Text(group), str(row["n"]), *numbers, _interval(row["interval"]))
                name = ""
    return table


def differences_table(differences: Sequence[dict[str, Any]]) -> Table:
    """A section for every metric, a row in it for every group but the first."""
    title = f"difference to {differences[0]['minus']}, over common seeds, on the same draws of seeds and dialogues"
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    table.add_column("metric", overflow="fold")
    table.add_column("group", overflow="fold")
    table.add_column("n", justify="right")
    for column in ("mean difference", "95 % of it"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("0 inside")
    for metric in dict.fromkeys(row["metric"] for row in differences):
        table.add_section()
        name = metric
        for row in differences:
            if row["metric"] == metric:
                between = row["interval"]
                inside = "" if between is None else "yes" if between[0] <= 0 <= between[1] else "no"
                numbers = (_number(row["mean"], "+"), _interval(between, "+"))
                table.add_row(Text(name), Text(row["group"]), str(len(row["seeds"])), *numbers, inside)
                name = ""
    return table


def cautions(found: Mapping[str, Sequence[Measured]], metrics: Sequence[str]) -> list[str]:
    """Why values of the groups do not compare, "not comparable: <why>"; usually nothing."""
    told = []
    own = dict.fromkeys(name for metric in metrics if (name := metric.rpartition("/")[-1]) in BY_TOKENS)
    tokens: dict[frozenset[tuple[str, str, str]], dict[int | None, str]] = {}
    for group, runs in found.items():
        for run in runs:
            tokens.setdefault(run.examples, {}).setdefault(run.n_tokens, group)
    for numbers in tokens.values():
        if own and len(numbers) > 1:
            counted = ", ".join(f"{group}: {number:,}" for number, group in numbers.items() if number is not None)
            told.append(
                f"not comparable: tokenizers split the same references into different numbers of tokens ({counted}) "
                f"({', '.join(own)})"
            )
    return told


def notes(found: Mapping[str, Sequence[Measured]], metrics: Sequence[str]) -> list[str]:
    """What a reader of the tables has to know."""
    return [*_about_intervals(found), *_about_groups(found, metrics), *about_stored(found, metrics)]


def _about_intervals(found: Mapping[str, Sequence[Measured]]) -> list[str]:
    told = []
    if single := [group for group, runs in found.items() if len(runs) == 1]:
        told.append(f"One run ({', '.join(single)}): the interval tells of other dialogues only, not of other seeds.")
    if few := [f"{group}: {len(runs)}" for group, runs in found.items() if 1 < len(runs) < FEW_RUNS]:
        told.append(f"Few runs ({', '.join(few)}): intervals are too narrow, as few seeds show little of the others.")
    dialogues = {group: min(run.dialogues for run in runs) for group, runs in found.items()}
    if few := [f"{group}: {number}" for group, number in dialogues.items() if number < FEW_DIALOGUES]:
        told.append(f"Few test dialogues ({', '.join(few)}): intervals are too narrow; of a single one there are none.")
    return told


def _about_groups(found: Mapping[str, Sequence[Measured]], metrics: Sequence[str]) -> list[str]:
    told, elsewhere = [], []
    (first_name, first), *_ = found.items()
    for group, runs in found.items():
        if more := list(dict.fromkeys(key for run in runs for key in differing(runs[0].run, run.run))):
            several = f" and {len(more) - 3} more" if len(more) > 3 else ""
            told.append(f"Runs of {group} differ in more than their seed: {', '.join(more[:3])}{several}.")
        if len({run.examples for run in runs}) > 1:
            elsewhere.append(group)
        if lacking := [metric for metric in metrics if metric not in common_metrics(runs)]:
            told.append(f"Not all runs of {group} measured {', '.join(lacking)}.")
        if group != first_name and not pairs(first, runs):
            common = {run.run.seed for run in first} & {run.run.seed for run in runs}
            why = "were not scored on the same examples" if common else "have no seed in common"
            told.append(f"No differences of {group} to {first_name}: they {why}.")
    if elsewhere:
        told.append(
            f"Seeds were scored on different examples ({', '.join(elsewhere)}): deviations hold that too, and each set "
            "of examples is resampled on its own."
        )
    return told


def about_stored(found: Mapping[str, Sequence[Measured]], metrics: Sequence[str]) -> list[str]:
    """Where metrics.json says something else than what its generations give now."""
    told: dict[str, dict[str, None]] = {}
    for run in (run for runs in found.values() for run in runs):
        stored = run.run.stored
        for metric in metrics:
            own, value, kept = metric.rpartition("/")[-1], run.results.metrics.get(metric), stored.metrics.get(metric)
            if value is None or kept is None:
                continue
            former, now = stored.versions.get(own), run.results.versions[own]
            where = str(run.run.run_dir / "metrics.json")
            if former != now:
                told.setdefault(f"{own} by version {former}, here computed again by version {now}", {})[where] = None
            elif not math.isclose(value, kept, rel_tol=1e-9) and (math.isfinite(value) or math.isfinite(kept)):
                told.setdefault(f"another {metric} than its generations give, which count here", {})[where] = None
    return [
        f"{next(iter(files))}{f' and {len(files) - 1} others' if len(files) > 1 else ''}: {what}."
        for what, files in told.items()
    ]


def _number(value: float | None, sign: str = "") -> str:
    return "" if value is None else format(value, f"{sign}.{4 if abs(value) < 1_000 else 1}f")


def _interval(between: Sequence[float] | None, sign: str = "") -> str:
    return "" if between is None else f"{_number(between[0], sign)} to {_number(between[1], sign)}"
