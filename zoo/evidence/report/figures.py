"""Figures below a report's tables: points as lines, learning curves of rows, quality against trained parameters."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zoo.errors import UserError
from zoo.evidence import learning, parameters
from zoo.evidence.curves import draw as draw_curves
from zoo.evidence.plots import Point, svg_text
from zoo.evidence.published import all_tables
from zoo.evidence.report.rows import Report, RowReport

MOST_METRICS = 2  # of quality against parameters
MOST_LINES = 14  # of one figure: more have no marks of their own
Figures = list[tuple[str, str]]  # caption and SVG


def figures_of(report: Report) -> Figures:
    """What can be drawn of a report; nothing where matplotlib is not installed (the extra `plots`)."""
    rows = [row for row in report.rows if row.facts.runs]
    try:
        return [*_points(report), *_learning(rows), *_parameters(report, rows)]
    except ModuleNotFoundError:
        return []


def _points(report: Report) -> Figures:
    """Lines of rows that are points ("paa/10", "paa/20"), as a figure of a paper has them: printed, and ours."""
    found: Figures = []
    for column in report.columns:
        lines: dict[str, list[Point]] = {}
        for row in report.rows:
            name, _, place = row.name.rpartition("/")
            cell = row.cells[column]
            if not name or not place.replace(".", "", 1).isdigit():
                continue
            if cell.mean is not None and cell.values:
                label = f"{name} ({row.variant})" if row.variant else name
                ours = Point(float(place), cell.mean, min(cell.values), max(cell.values), list(cell.values), [])
                lines.setdefault(label, []).append(replace(ours, runs=list(row.facts.runs)))
            if cell.printed is not None and row.variant != "sound":
                value = cell.printed.value
                printed = Point(float(place), value, value, value, [value], ["printed"])
                lines.setdefault(f"{name}, printed", []).append(printed)
        curves = {name: sorted(points, key=lambda point: point.x) for name, points in lines.items()}
        if any(len(points) > 1 for points in curves.values()) and len(curves) <= MOST_LINES:
            drawn = draw_curves(curves, column, _setting(report), (), None)
            found.append((f"{report.title}: {column}.", svg_text(drawn)))
    return found


def _setting(report: Report) -> str:
    """What differs from point to point: the setting whose value stands in the rows' names."""
    table = all_tables().get(report.key)  # none of runs that no table has
    keys = (
        key
        for row in (table.rows if table else ())
        for key, _, value in (override.partition("=") for override in row.overrides)
        if value == row.name.rpartition("/")[2]
    )
    return next(keys, "point")


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
        if len(found) == MOST_METRICS:
            break
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
    return found


def _marked(rows: Sequence[RowReport], column: str) -> bool:
    return len({row.cells[column].mark for row in rows}) > 1


def _logs(run_dir: Path) -> bool:
    return (run_dir / "metrics.csv").is_file() or (run_dir / "users.jsonl").is_file()
