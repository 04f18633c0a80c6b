"""Names beside the points of a scatter plot, where nothing else is."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

DISTANCES = (7, 12, 20, 32, 48, 66)  # points
DIRECTIONS = (0, 90, 270, 180, 45, 315, 135, 225)  # degrees, the best first
WITH_LINE = 10  # points: what is farther away is joined to its point
MARGIN = 3  # pixels around everything


def place_labels(axes: "Axes", names: Sequence[str], places: Sequence[tuple[float, float, float, float]]) -> list[int]:
    """Write each name at the first free spot around its point, in their order: the same every time.

    Limits, scales and everything around the axes have to be as they will stay.

    Args:
        axes: where the points are.
        names: N of them.
        places: N of x, y, and the lowest and highest y that the point's error bar covers.

    Returns:
        Which names found no room and are not there.
    """
    from matplotlib.text import Text

    figure, left_over = axes.get_figure(root=True), []
    assert figure is not None
    figure.draw_without_rendering()  # fixes where the axes are
    to_pixels, per_point = axes.transData.transform, figure.dpi / 72
    taken = [box for place in places for box in _covered(*place, to_pixels, per_point)]
    for number, (name, (x, y, _, _)) in enumerate(zip(names, places, strict=True)):
        label = axes.annotate(
            name, (x, y), (0, 0), textcoords="offset points", ha="center", va="center", zorder=5,
            arrowprops={"arrowstyle": "-", "color": "#888888", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip
        label.update_positions(figure.canvas.get_renderer())  # type: ignore[attr-defined]
        box = Text.get_window_extent(label)  # without the line to the point
        for distance, direction in ((d, a) for d in DISTANCES for a in DIRECTIONS):
            away = _offset(distance * per_point, direction, box.width, box.height)
            moved = box.translated(*away).padded(MARGIN)
            if _inside(moved, axes.bbox) and not any(moved.overlaps(other) for other in taken):
                label.set_position((away[0] / per_point, away[1] / per_point))
                label.arrow_patch.set_visible(distance >= WITH_LINE)  # type: ignore[union-attr]
                taken.append(moved)
                break
        else:
            label.remove()
            left_over.append(number)
    return left_over


def _covered(
    x: float, y: float, low: float, high: float, to_pixels: Callable[..., Any], per_point: float
) -> list["Bbox"]:
    """Boxes of a point's mark and of its error bar, in pixels."""
    from matplotlib.transforms import Bbox

    (across, up), (_, bottom), (_, top) = to_pixels([(x, y), (x, low), (x, high)])
    radius = 4 * per_point
    return [
        Bbox.from_extents(across - radius, up - radius, across + radius, up + radius),
        Bbox.from_extents(across - radius / 2, bottom, across + radius / 2, top),
    ]


def _offset(distance: float, direction: float, width: float, height: float) -> tuple[float, float]:
    """From the point to the middle of a box of that size whose edge is `distance` away."""
    across, up = math.cos(math.radians(direction)), math.sin(math.radians(direction))
    return across * distance + round(across) * width / 2, up * distance + round(up) * height / 2


def _inside(box: "Bbox", outer: "Bbox") -> bool:
    return outer.x0 <= box.x0 and box.x1 <= outer.x1 and outer.y0 <= box.y0 and box.y1 <= outer.y1
