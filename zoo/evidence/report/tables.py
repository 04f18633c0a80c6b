"""From a table that is asked for to its report: runs scored again, cells, status, and what forbids to compare."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from zoo.errors import UserError
from zoo.evidence.published import PEOPLE, PublishedValue, other_number
from zoo.evidence.report.audit import audit_of, notes_on, with_sound_metrics
from zoo.evidence.report.classes import classes, measured_as, set_and_name
from zoo.evidence.report.conditions import Conditions
from zoo.evidence.report.differences import differences
from zoo.evidence.report.facts import row_facts
from zoo.evidence.report.measuring import MeasuredRun, measure_run
from zoo.evidence.report.rows import Cell, Report, ReportRow, ReportTable, RowReport
from zoo.evidence.report.status import agrees, row_conditions, row_status
from zoo.evidence.seed_groups import SeedRun, read_run
from zoo.evidence.seed_intervals import summary
from zoo.evidence.seed_tables import BY_TOKENS, FEW_DIALOGUES, FEW_RUNS, about_stored
from zoo.evidence.seed_values import stacked
from zoo.metrics.suite import USER_MEAN
from zoo.run_record import FinishedRun, finished_run

RESAMPLES = 1_000


def cache_folder() -> Path:
    """Where values that were computed before are kept."""
    return Path(os.environ.get("ZOO_CACHE", Path.home() / ".cache" / "persona-zoo")) / "report"


def report_of(
    table: ReportTable,
    resamples: int = RESAMPLES,
    seed: int = 0,
    *,
    protocol: str | None = None,
    against: str | None = None,
    cache: Path | None = None,
) -> Report:
    """A table with all its values, and its audit where there are notes on the paper.

    Args:
        table: what is asked for.
        resamples: of each interval, at least 1.
        seed: of the resamples.
        protocol: that all runs are scored by; None: each by its own.
        against: the label of the row that all others are compared with; a note says where it has no runs.
        cache: folder of values that were computed before [`cache_folder`].

    Raises:
        UserError: a run is unfinished, foreign or kept no generations, two runs of a row have one seed, or two rows
            have one label.
    """
    _check(table)
    if against is not None and not table.has_runs(against):
        told = f"No differences to {against}: {table.key} has no such row with runs."
        table, against = replace(table, notes=[*table.notes, told]), None
    notes = notes_on(table)
    asked = with_sound_metrics(table, notes)
    wanted = {set_and_name(metric)[1] for metric in asked.metrics}
    records = {row.label: [finished_run(path) for path in row.run_dirs] for row in table.rows if row.run_dirs}
    read = {name: _runs(name, found) for name, found in records.items()}
    folder = cache or cache_folder()
    measured = {
        name: [measure_run(run, protocol, wanted, resamples, seed, folder, table.unions) for run in runs]
        for name, runs in read.items()
    }
    columns = _columns(asked, measured)
    own = {set_and_name(metric)[1] for metric in table.metrics}
    shown = tuple(column for column in columns if not own or set_and_name(column)[1] in own)
    marks, not_comparable = classes(measured, shown)
    found = {
        row.label: row_conditions(row, read[row.label], records[row.label]) for row in table.rows if row.label in read
    }
    rows = []
    for row in table.rows:
        runs = measured.get(row.label, [])
        conditions = found.get(row.label)
        cells = {
            column: _cell(column, row, runs, conditions, marks.get((row.label, column), ""), seed) for column in columns
        }
        n = len(runs) or max(map(len, row.values.values()), default=0)
        status = row_status(row, list(cells.values()), n, conditions)
        published = row.published
        rows.append(
            RowReport(
                row.name,
                row.variant,
                row.label,
                cells,
                status,
                row_facts(runs, records.get(row.label, [])),
                row.missing or ("" if runs else "not run yet"),
                (published.note if published else None) or "",
                (published.disagree if published else None) or "",
            )
        )
    return Report(
        table.key,
        table.title,
        table.source,
        shown,
        tuple(rows),
        differences(measured, against, shown, seed) if against is not None else (),
        (*not_comparable, *_cautions(measured, shown)),
        (*table.notes, *_notes(measured, shown)),
        {column: version for column in columns if (version := _version(column, measured)) is not None},
        resamples,
        seed,
        against or "",
        audit_of(table, rows, shown, notes),
    )


def _check(table: ReportTable) -> None:
    labels = [row.label for row in table.rows]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise UserError(f"{table.key} has two rows {twice[0]!r}; expected a different name for each.")


def _runs(label: str, records: Sequence[FinishedRun]) -> list[SeedRun]:
    runs = [read_run(record.run_dir) for record in records]
    of_seed: dict[int, SeedRun] = {}
    for run in runs:
        if (other := of_seed.setdefault(run.seed, run)) is not run:
            raise UserError(
                f"{other.run_dir} and {run.run_dir} both have seed {run.seed} and are both of the row {label}; "
                "expected each seed once. Leave one of them out."
            )
    return runs


def _columns(table: ReportTable, measured: Mapping[str, Sequence[MeasuredRun]]) -> list[str]:
    """The metrics asked for, in every test set that is printed or was measured; see `ReportTable.metrics` for none."""
    printed = dict.fromkeys(key for row in table.rows if row.published for key in row.published.values)
    of_runs = dict.fromkeys(
        name.removeprefix("test/")
        for runs in measured.values()
        for run in runs
        for name in run.measured.results.metrics
    )
    known = list(printed | of_runs)
    found: dict[str, None] = {}
    for metric in table.metrics:
        own = [metric] if "/" in metric else [key for key in known if set_and_name(key)[1] == metric]
        found |= dict.fromkeys(own or [metric])
    if not table.metrics and all(row.published is None for row in table.rows):
        found = dict.fromkeys(key for key in of_runs if not key.endswith(USER_MEAN))
    if not table.metrics:
        found |= dict.fromkeys(name for row in table.rows for name in _judged(row))
    return list(found | dict.fromkeys(name for row in table.rows for name in row.values))


def _judged(row: ReportRow) -> dict[str, PublishedValue]:
    """The printed numbers of people."""
    if row.published is None or row.published.needs != PEOPLE:
        return {}
    return {name: found for name, printed in row.published.other.items() if (found := other_number(printed))}


def _cell(
    column: str, row: ReportRow, runs: Sequence[MeasuredRun], found: Conditions | None, mark: str, seed: int
) -> Cell:
    if column in row.values:
        return _made(column, row, seed)
    printed = {**_judged(row), **row.published.values}.get(column) if row.published else None
    metric = measured_as(column)
    if not runs or not all(metric in run.measured.results.metrics for run in runs):
        return Cell(column, printed)
    values = [run.measured.results.metrics[metric] for run in runs]
    told = summary(values, stacked([run.measured for run in runs], metric), seed)
    mean, between = told["mean"], told["interval"]
    if mean is None:
        return Cell(column, printed, values=tuple(values), mark=mark)
    name = set_and_name(column)[1]
    because = next((f"metric: {why}" for run in runs if (why := run.suite.cautions([name]).get(name))), "")
    if not because and found is not None:
        because = f"split: {found.split}" if found.split else ""
        if not because and found.backbone and name in BY_TOKENS:
            because = "metric: tokens of another backbone"
    return Cell(
        column,
        printed,
        mean,
        told["std"],
        None if between is None else (between[0], between[1]),
        tuple(values),
        None if printed is None else mean - printed.value,
        because if printed is not None else "",
        None if printed is None or because else agrees(printed, mean, told["std"], between),
        mark,
    )


def _made(column: str, row: ReportRow, seed: int) -> Cell:
    """A value that no run was scored for: a count of what was made."""
    printed = other_number(row.published.other.get(column)) if row.published else None
    values = tuple(row.values[column])
    told = summary(values, None, seed)
    mean, stand_in = told["mean"], row.published.stand_in if row.published else None
    difference = None if printed is None or mean is None else mean - printed.value
    because = "" if printed is None else f"stand-in: {stand_in}" if stand_in else "made under conditions of its own"
    return Cell(column, printed, mean, told["std"], None, values, difference, because)


def _version(column: str, measured: Mapping[str, Sequence[MeasuredRun]]) -> int | str | None:
    name = set_and_name(column)[1]
    found = {run.measured.results.versions.get(name) for runs in measured.values() for run in runs} - {None}
    return " | ".join(sorted(map(str, found))) if len(found) > 1 else next(iter(found), None)


def _cautions(measured: Mapping[str, Sequence[MeasuredRun]], columns: Sequence[str]) -> list[str]:
    """What metrics themselves say against comparing their values with anybody's."""
    told: dict[str, dict[str, None]] = {}
    for runs in measured.values():
        for run in runs:
            for column in columns:
                name = set_and_name(column)[1]
                if measured_as(column) in run.measured.results.metrics and (
                    why := run.suite.cautions([name]).get(name)
                ):
                    told.setdefault(why, {})[column] = None
    return [f"not comparable in {', '.join(names)}, with anybody's values: {why}" for why, names in told.items()]


def _notes(measured: Mapping[str, Sequence[MeasuredRun]], columns: Sequence[str]) -> list[str]:
    """How far intervals can be trusted, and where metrics.json says something else."""
    groups = {name: [run.measured for run in runs] for name, runs in measured.items()}
    known = {metric for runs in groups.values() for run in runs for metric in run.results.metrics}
    shown = [metric for column in columns if (metric := measured_as(column)) in known]
    if not shown:
        return []
    told: list[str] = []
    protocols: dict[str, list[str]] = {}
    for name, runs in measured.items():
        protocols.setdefault(", ".join(dict.fromkeys(run.suite.name for run in runs)), []).append(name)
    if len(protocols) > 1:
        own = "; ".join(f"{protocol} ({', '.join(names)})" for protocol, names in protocols.items())
        told.append(
            f"Scored by different protocols: {own}. A column is one metric, by name and version, in all of them."
        )
    if single := [name for name, runs in measured.items() if len(runs) == 1]:
        told.append(f"One run ({', '.join(single)}): intervals tell of other dialogues only, not of other seeds.")
    if few := [f"{name}: {len(runs)}" for name, runs in measured.items() if 1 < len(runs) < FEW_RUNS]:
        told.append(f"Few runs ({', '.join(few)}): intervals are too narrow, as few seeds show little of the others.")
    dialogues = {name: min(run.measured.dialogues for run in runs) for name, runs in measured.items()}
    if few := [f"{name}: {number}" for name, number in dialogues.items() if number < FEW_DIALOGUES]:
        told.append(f"Few test dialogues ({', '.join(few)}): intervals are too narrow; of a single one there are none.")
    return told + about_stored(groups, shown)
