"""Reports on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.evidence.report import cells
from zoo.evidence.report.markdown import NUMBERS
from zoo.evidence.report.rows import Report


def show(report: Report, console: Console) -> None:
    """The values metric by metric, the rows' status, the differences, and what has to be known."""
    console.print(grid_table(cells.long(report), f"{report.key}: {report.title}", sections=True))
    for line in report.not_comparable:
        console.print(line, highlight=False, markup=False, style="bold")
    if (conditions := cells.conditions(report))[1]:
        console.print(grid_table(conditions, "status"))
    if report.differences:
        console.print(grid_table(cells.paired(report), cells.paired_title(report), sections=True))
    notes = [
        *cells.without_runs(report),
        cells.legend(report),
        *report.notes,
        *cells.bracketed(report),
        *cells.row_notes(report),
    ]
    for line in notes:
        console.print(line, highlight=False, markup=False)
    for line in cells.provenance(report):
        console.print(line, highlight=False, markup=False, style="dim")


def grid_table(grid: cells.Grid, title: str, sections: bool = False) -> Table:
    """A grid; with `sections` a line before every new value of the first column, which is told once."""
    header, rows = grid
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    for name in header:
        right = name in NUMBERS
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold", no_wrap=name == "n")
    former = None
    for row in rows:
        if sections and row[0] != former:
            table.add_section()
            former, shown = row[0], row
        else:
            shown = ["", *row[1:]] if sections else row
        table.add_row(*map(Text, shown))
    return table


def show_all(reports: Sequence[Report], console: Console) -> None:
    """One after the other."""
    for report in reports:
        show(report, console)
