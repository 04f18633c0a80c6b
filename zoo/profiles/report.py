"""Accuracy of profile inference as tables, JSON and a figure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from zoo.data.profiles import ATTRIBUTES
from zoo.evidence.plots import COLOURS, GRID, MARKERS, figure, legend
from zoo.profiles.accuracy import Accuracy, Cell


def table_by_size(cells: Sequence[Cell]) -> Table:
    """A row for every size of unit, a column for every number of units."""
    numbers = sorted({cell.units for cell in cells})
    table = Table(
        title="accuracy of what was decided (coverage), by posts a unit and number of units",
        title_justify="left",
        header_style="bold",
    )
    table.add_column("posts a unit", justify="right")
    for number in numbers:
        table.add_column(f"{number} unit{'s' * (number > 1)}", justify="right")
    at = {(cell.posts_per_unit, cell.units): cell for cell in cells}
    for size in sorted({cell.posts_per_unit for cell in cells}):
        table.add_row(str(size), *(_shown(at[size, number].overall) for number in numbers))
    return table


def table_by_attribute(cells: Sequence[Cell], size: int) -> Table:
    """A row for every attribute, a column for every number of units, for units of one size."""
    own = sorted((cell for cell in cells if cell.posts_per_unit == size), key=lambda cell: cell.units)
    table = Table(title=f"by attribute, {size} posts a unit", title_justify="left", header_style="bold")
    table.add_column("attribute")
    for cell in own:
        table.add_column(f"{cell.units} unit{'s' * (cell.units > 1)}", justify="right")
    for attribute in ATTRIBUTES:
        table.add_row(attribute, *(_shown(cell.of_attribute[attribute]) for cell in own))
    return table


def plain(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """The cells in plain types."""
    return [
        {"posts_per_unit": cell.posts_per_unit, "units": cell.units, **_numbers(cell.overall)}
        | {"attributes": {attribute: _numbers(counts) for attribute, counts in cell.of_attribute.items()}}
        for cell in cells
    ]


def draw(cells: Sequence[Cell], path: Path) -> None:
    """Accuracy (solid) and coverage (dashed) over the number of units, a colour a size.

    Raises:
        ModuleNotFoundError: matplotlib is not installed (the extra `plots`).
    """
    with figure(path) as axes:
        for row, size in enumerate(sorted({cell.posts_per_unit for cell in cells})):
            own = sorted((cell for cell in cells if cell.posts_per_unit == size), key=lambda cell: cell.units)
            points = [(cell.units, share) for cell in own if (share := cell.overall.accuracy) is not None]
            look: dict[str, Any] = {"color": COLOURS[row % len(COLOURS)], "marker": MARKERS[row % len(MARKERS)]}
            axes.plot([units for units, _ in points], [share for _, share in points], "-", **look)
            axes.plot([c.units for c in own], [c.overall.coverage for c in own], "--", **look)
            axes.plot([], [], "-", **look, label=f"{size} posts a unit")
        axes.plot([], [], "-", color="grey", label="accuracy")
        axes.plot([], [], "--", color="grey", label="coverage")
        axes.set_xlabel("units")
        axes.set_ylim(0, 1.02)
        axes.grid(color=GRID)
        legend(axes.figure)


def _shown(counts: Accuracy) -> str:
    accuracy = "–" if counts.accuracy is None else f"{counts.accuracy:.3f}"
    return f"{accuracy} ({counts.coverage:.3f})"


def _numbers(counts: Accuracy) -> dict[str, Any]:
    return {"accuracy": counts.accuracy, "coverage": counts.coverage, "right": counts.right, "decided": counts.decided}
