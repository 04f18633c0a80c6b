"""What the tasks of a table made, as the report asks for it."""

import json
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from zoo.errors import UserError
from zoo.evidence.published import PEOPLE, PublishedTable, how_to_judge
from zoo.evidence.report.rows import FAILED, ReportRow, ReportTable
from zoo.evidence.reproduction.plans import PlannedRow, Task
from zoo.evidence.reproduction.scales import Scale
from zoo.evidence.reproduction.tasks import Outcome
from zoo.run_record import finished_run
from zoo.scorers.record import read_record


def made_table(
    table: PublishedTable,
    planned: Sequence[PlannedRow],
    scale: Scale,
    tasks: Mapping[str, Task],
    outcomes: Mapping[str, Outcome],
) -> ReportTable:
    """A table's rows with the runs that are there, and why others are not.

    Args:
        table: as printed.
        planned: its rows.
        scale: at which they were run.
        tasks: by name.
        outcomes: what became of them.
    """
    rows = [_row(row, table, tasks, outcomes) for row in planned]
    about = " ".join(scale.about.split())
    notes = [f"scale={scale.name}: {about}"]
    return ReportTable(table.key, table.title, table.source, rows, table.metrics, notes, table.unions)


def printed_by(
    planned: Sequence[PlannedRow], tasks: Mapping[str, Task], outcomes: Mapping[str, Outcome]
) -> dict[str, str]:
    """What reports of `python -m zoo.evidence` behind rows of a table printed, by task."""
    names = dict.fromkeys(name for row in planned for name in row.tasks if not outcomes[name].failure)
    logs = {name: tasks[name].log for name in names if "zoo.evidence" in tasks[name].commands[-1]}
    texts = {name: log.read_text(errors="replace") for name, log in logs.items() if log.is_file()}
    return {name: text.rpartition("$ python ")[2].partition("\n")[2].strip("\n") for name, text in texts.items()}


def _row(
    row: PlannedRow, table: PublishedTable, tasks: Mapping[str, Task], outcomes: Mapping[str, Outcome]
) -> ReportRow:
    failures = [f"{FAILED}: {why}" for name in row.tasks if (why := outcomes[name].failure)]
    done = [folder for folder, name in zip(row.results, row.tasks, strict=True) if not outcomes[name].failure]
    runs, told = [], list(dict.fromkeys(failures))
    values: dict[str, list[float]] = {}
    for folder, name in zip(row.results, row.tasks, strict=True):
        if folder not in done:
            continue
        try:
            runs.append(finished_run(folder).run_dir)
        except UserError as error:  # no run of examples: a synthesis, an analysis
            program = " ".join(takewhile(lambda word: "=" not in word, tasks[name].commands[-1]))
            told.append(f"made by python {program}: {folder}" if not tasks[name].is_run else str(error))
            for key, value in _counted(folder, table.name, row.published.name).items():
                values.setdefault(key, []).append(value)
    if row.published.needs == PEOPLE:
        told.append(how_to_judge(table.key, row.published))
    return ReportRow(row.published.name, row.published, row.variant, runs, row.missing or "; ".join(told), values)


def _counted(folder: Path, table: str, row: str) -> dict[str, float]:
    """What a synthesis counted for a row, see zoo/synthesis/reports/tables_file.py, or how often a scorer was right."""
    if (tables := folder / "tables.json").is_file():
        try:
            found: dict[str, float] = json.loads(tables.read_text()).get(table, {}).get(row, {})
        except (ValueError, AttributeError) as error:
            raise UserError(
                f"{tables} is not what a synthesis counted ({type(error).__name__}: {error}). Delete {folder} and ask "
                "again."
            ) from error
        return found
    scorer = read_record(folder / "scorer")
    return {} if scorer is None else {"accuracy": 100 * scorer.accuracy.value}
