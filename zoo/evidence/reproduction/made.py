"""What the tasks of a table made, as the report asks for it."""

from collections.abc import Mapping, Sequence

from zoo.errors import UserError
from zoo.evidence.published import PublishedTable
from zoo.evidence.report.rows import ReportRow, ReportTable
from zoo.evidence.reproduction.plans import PlannedRow, Task
from zoo.evidence.reproduction.scales import Scale
from zoo.evidence.reproduction.tasks import Outcome
from zoo.run_record import finished_run


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
    rows = [_row(row, tasks, outcomes) for row in planned]
    about = " ".join(scale.about.split())
    return ReportTable(table.key, table.title, table.source, rows, table.metrics, [f"scale={scale.name}: {about}"])


def _row(row: PlannedRow, tasks: Mapping[str, Task], outcomes: Mapping[str, Outcome]) -> ReportRow:
    failures = [f"failed: {why}" for name in row.tasks if (why := outcomes[name].failure)]
    done = [folder for folder, name in zip(row.results, row.tasks, strict=True) if not outcomes[name].failure]
    runs, told = [], list(dict.fromkeys(failures))
    for folder, name in zip(row.results, row.tasks, strict=True):
        if folder not in done:
            continue
        try:
            runs.append(finished_run(folder).run_dir)
        except UserError as error:  # no run of examples: a synthesis, an analysis
            program = " ".join(tasks[name].commands[-1][:3])
            told.append(f"made by python {program}: {folder}" if not tasks[name].is_run else str(error))
    return ReportRow(row.published.name, row.published, row.variant, runs, row.missing or "; ".join(told))
