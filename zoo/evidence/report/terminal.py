"""Reports on a terminal."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.evidence.report import cells
from zoo.evidence.report.markdown import NUMBERS
from zoo.evidence.report.rows import Report


def show(report: Report, console: Console) -> None:
    """The values metric by metric, the rows' status and cost, differences, the audit, and what has to be known."""
    title, values = f"{report.key}: {report.title}", cells.long(report)
    if values[1]:
        console.print(grid_table(values, title, sections=True))
    else:
        console.print(Text(title, style="italic"))
    _lines(console, "", report.not_comparable, "bold")
    if (conditions := cells.conditions(report))[1]:
        console.print(grid_table(conditions, "status"))
    if report.differences:
        console.print(grid_table(cells.paired(report), cells.paired_title(report), sections=True))
    for about, grid in cells.more(report):
        console.print(grid_table(grid, about))
    if (costs := cells.costs(report))[1]:
        console.print(grid_table(costs, "cost"))
    if (audit := cells.audit(report))[1]:
        console.print(grid_table(audit, cells.AUDIT_TITLE, sections=True))
    _lines(console, "audit", cells.audit_sentences(report))
    notes = [*cells.without_runs(report), *report.notes, *cells.bracketed(report), *cells.row_notes(report)]
    _lines(console, "notes", [cells.legend(report), *notes])
    _lines(console, "provenance", cells.provenance(report), "dim")


def _lines(console: Console, title: str, lines: Sequence[str], style: str | None = None) -> None:
    if lines and title:
        console.print(Text(title, style="bold"))
    for line in lines:
        console.print(f"- {line}" if title else line, highlight=False, markup=False, style=style)


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


def summary(report: Report) -> str:
    """One line: how many rows of which status."""
    counted = Counter(row.status.word for row in report.rows)
    return f"{report.key}: {', '.join(f'{number} {word}' for word, number in counted.most_common())}"
