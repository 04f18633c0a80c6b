"""Dot plots as SVG text: a small one a metric, printed values as diamonds, ours as dots with their intervals.

Drawn by hand and not by matplotlib, so that they take the page's colours, light or dark, and need no extra.
"""

from collections.abc import Callable, Sequence
from html import escape
from math import floor, log10

from zoo.evidence.report import cells
from zoo.evidence.report.rows import Cell, Report

LEFT, WIDTH, LINE, TOP, BOTTOM, RIGHT = 190, 460, 20, 8, 26, 14  # pixels
LONGEST = 28  # letters of a row's name


def dot_plot(report: Report, column: str) -> str:
    """One metric of all rows that have a value; "" where fewer than one row has."""
    rows = [(row.label, row.cells[column]) for row in report.rows]
    rows = [(name, cell) for name, cell in rows if cell.mean is not None or cell.printed is not None]
    if not any(cell.mean is not None for _, cell in rows):
        return ""
    low, high = _range([cell for _, cell in rows])
    height = TOP + LINE * len(rows) + BOTTOM

    def x(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    places = cells.decimals(report, column)
    parts = []
    for tick in _ticks(low, high):
        parts.append(
            f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP}" y2="{height - BOTTOM + 4}"/>'
        )
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="{height - 6}">{_short(tick)}</text>')
    for number, (name, cell) in enumerate(rows):
        y = TOP + LINE * (number + 0.5)
        shown = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        parts.append(f'<text class="name" x="{LEFT - 10}" y="{y + 4:.1f}">{escape(shown)}</text>')
        parts.append(f"<g><title>{escape(_told(name, cell, places))}</title>{_marks(cell, y, x)}</g>")
    label = f"{column}: printed values and ours with 95 % intervals"
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def _marks(cell: Cell, y: float, x: Callable[[float], float]) -> str:
    parts = []
    if cell.printed is not None:
        at, kind = x(cell.printed.value), "printed other" if cell.because else "printed"
        if cell.printed.sd:
            ends = (x(cell.printed.value - cell.printed.sd), x(cell.printed.value + cell.printed.sd))
            parts.append(f'<line class="{kind}" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<path class="{kind}" d="M{at:.1f} {y - 5:.1f}l5 5l-5 5l-5-5z"/>')
    if cell.mean is not None:
        if cell.interval is not None:
            a, b = x(cell.interval[0]), x(cell.interval[1])
            parts.append(f'<line class="ours" x1="{a:.1f}" x2="{b:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<circle class="ours" cx="{x(cell.mean):.1f}" cy="{y:.1f}" r="3.6"/>')
    return "".join(parts)


def _range(of: Sequence[Cell]) -> tuple[float, float]:
    """All values, printed ones and ends of intervals, with some room beside them."""
    values = [value for cell in of for value in (cell.mean, *(cell.interval or ())) if value is not None]
    for cell in of:
        if cell.printed is not None:
            values += [cell.printed.value - (cell.printed.sd or 0), cell.printed.value + (cell.printed.sd or 0)]
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers."""
    rough = (high - low) / 4
    power = 10.0 ** floor(log10(rough))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough)
    first = floor(low / step) + 1
    return [number * step for number in range(first, first + 12) if number * step <= high]


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", cells.MINUS)


def _told(name: str, cell: Cell, places: int) -> str:
    ours = f"{cells.ours_text(cell, places)} ({cells.interval_text(cell.interval, places)})"
    return f"{name}: printed {cells.printed_text(cell, places)}, ours {ours}"
