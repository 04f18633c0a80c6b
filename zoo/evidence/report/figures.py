"""Figures below a report's tables: learning curves of its rows, and quality against trained parameters."""

from collections.abc import Sequence
from pathlib import Path

from zoo.errors import UserError
from zoo.evidence import learning, parameters
from zoo.evidence.plots import svg_text
from zoo.evidence.report.rows import Report, RowReport

MOST_METRICS = 2  # of quality against parameters
MOST_LINES = 14  # of one figure: more have no marks of their own
Figures = list[tuple[str, str]]  # caption and SVG


def figures_of(report: Report) -> Figures:
    """What can be drawn of a report; nothing where matplotlib is not installed (the extra `plots`)."""
    rows = [row for row in report.rows if row.facts.runs]
    try:
        return [*_learning(rows), *_parameters(report, rows)]
    except ModuleNotFoundError:
        return []


def _learning(rows: Sequence[RowReport]) -> Figures:
    """Training loss and what was monitored, of the rows whose runs logged anything."""
    groups = {row.label: [Path(run) for run in row.facts.runs] for row in rows}
    logged = {name: runs for name, runs in groups.items() if all(map(_logs, runs))}
    panels, told = [], []
    try:
        for metric in learning.usual_metrics(logged):
            panel, remarks = learning.read_panel(logged, metric, "step")
            panels.append(panel)
            told += remarks
    except UserError:  # nothing that all figures of this kind show
        return []
    names = {name for panel in panels for name in panel.curves}
    if not names or len(names) > MOST_LINES:
        return []
    return [(" ".join(["Learning curves of these runs.", *told]), svg_text(learning.draw(panels, None)))]


def _parameters(report: Report, rows: Sequence[RowReport]) -> Figures:
    """The first metrics that two or more rows have, with what forbids to compare them."""
    found: Figures = []
    for column in report.columns:
        methods = [
            parameters.Method(
                row.label,
                row.facts.trained,
                row.facts.trained_per_user or row.facts.trained,
                len(row.facts.runs),
                cell.mean,
                cell.interval,
            )
            for row in rows
            if row.facts.trained and (cell := row.cells[column]).mean is not None
        ]
        if 2 <= len(methods) <= MOST_LINES:
            cautions = ["values marked by different letters do not compare"] * _marked(rows, column)
            drawn = parameters.draw(methods, column, "all", cautions, None)
            found.append(
                (f"{column} against parameters that training changed, of all users together.", svg_text(drawn))
            )
    return found[:MOST_METRICS]


def _marked(rows: Sequence[RowReport], column: str) -> bool:
    return len({row.cells[column].mark for row in rows}) > 1


def _logs(run_dir: Path) -> bool:
    return (run_dir / "metrics.csv").is_file() or (run_dir / "users.jsonl").is_file()
