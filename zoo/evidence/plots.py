"""How figures are drawn: the canvas, what is common to all of them, and lines, bars and points on it.

Figures are made for print: 7 inches are the text width of a page, no letter is smaller than 8 points there, and series
differ in more than colour (marks, dashes, hatches), so that greyscale tells them apart. Each is written as PNG and, for
typesetting, as SVG whose text is text; the same numbers give the same bytes.
"""

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoo.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Okabe and Ito's colours (jfly.uni-koeln.de/color) without yellow: apart for colour-blind eyes too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
DASHES: tuple[Any, ...] = ("-", "--", "-.", (0, (4, 1, 1, 1, 1, 1)), ":")  # as many as there are none of the others
HATCHES = (None, "////", "....", "\\\\\\\\", "xxxx", "----", "oo")
WARNING, GRID = "#b00000", "#e6e6e6"
TEXT_WIDTH = 7.0  # inches
DOTS_PER_INCH = 200
WIDE_RANGE = 20  # highest over lowest value from which on an axis is logarithmic
SMALL = 8  # points, the smallest letters
SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,  # a "$" in a name is a dollar
    "font.size": 9,
    **dict.fromkeys(("axes.titlesize", "axes.labelsize"), 9),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize", "legend.title_fontsize"), SMALL),
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "hatch.linewidth": 0.6,
    "legend.handlelength": 2.8,  # long enough to see dashes
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "persona-zoo",  # ids do not depend on the day
}


@dataclass(frozen=True)
class Point:
    """The runs of one line at one place; `values` in the order of `runs`."""

    x: float
    mean: float
    min: float
    max: float
    values: list[float]
    runs: list[str]


Curves = Mapping[str, Sequence[Point]]  # by the line's name, x ascending


@contextmanager
def canvas(path: Path | None, width: float = TEXT_WIDTH, height: float = 4) -> Iterator["Figure"]:
    """An empty figure to draw on, written to `path` as PNG and beside it as SVG at the end of the block.

    Args:
        path: of the PNG; None writes nothing: the figure is for `svg_text` or `png_bytes`.
        width, height: inches.

    Raises:
        ModuleNotFoundError: matplotlib is not installed (the extra `plots`).
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SETTINGS):
        drawn = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawn)
        yield drawn
    if path is not None:
        write_atomically(path, [png_bytes(drawn)])
        write_atomically(path.with_suffix(".svg"), [svg_text(drawn).encode()])


@contextmanager
def figure(path: Path | None, width: float = TEXT_WIDTH, height: float = 4) -> Iterator["Axes"]:
    """The axes of a figure that has one pair, see `canvas`."""
    with canvas(path, width, height) as drawn:
        yield plain_axes(drawn.add_subplot())


def plain_axes(axes: "Axes") -> "Axes":
    """Axes without a frame above and to the right, their grid behind everything."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    return axes


def png_bytes(drawn: "Figure") -> bytes:
    """The figure as PNG."""
    return _saved(drawn, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def svg_text(drawn: "Figure") -> str:
    """The figure as an `<svg>` element, which may stand in an HTML page as it is."""
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    text = _saved(drawn, format="svg", metadata=metadata).decode()
    return text[text.index("<svg") :]  # without the XML declaration


def _saved(drawn: "Figure", **how: Any) -> bytes:
    import matplotlib

    written = io.BytesIO()
    with matplotlib.rc_context(SETTINGS):
        drawn.savefig(written, **how)
    return written.getvalue()


def series_style(number: int) -> dict[str, Any]:
    """Colour, mark and dashes of a figure's series, by its place; 35 different ones."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number % len(DASHES)],
    }


def bar_style(number: int) -> dict[str, Any]:
    """Colour and hatch of bars, by their series' place."""
    turn, place = divmod(number, len(COLOURS))
    return {"color": COLOURS[place], "hatch": HATCHES[(place + turn) % len(HATCHES)], "edgecolor": "white"}


def draw_lines(axes: "Axes", curves: Curves) -> None:
    """Lines through means, a band from the lowest to the highest run; marks are hollow where a line has fewer runs.

    A line of many points has marks on some of them. Nothing is drawn of a line without points.
    """
    for number, (name, points) in enumerate(curves.items()):
        if not points:
            continue
        style = series_style(number)
        most, places = max(len(point.runs) for point in points), [point.x for point in points]
        marked = range(0, len(points), -(-len(points) // 12))
        full = [place for place in marked if len(points[place].runs) == most]
        hollow = [place for place in marked if len(points[place].runs) < most]
        means = [point.mean for point in points]
        axes.plot(places, means, **style, markevery=full, label=name)
        axes.plot(places, means, **style | {"linestyle": "none"}, markevery=hollow, markerfacecolor="white")
        if most > 1:
            low, high = [point.min for point in points], [point.max for point in points]
            axes.fill_between(places, low, high, color=style["color"], alpha=0.15, linewidth=0)


def bands_told(curves: Curves) -> str | None:
    """What a legend says of `draw_lines`; None where there is one run at every point."""
    numbers = [{len(point.runs) for point in points} for points in curves.values()]
    if not any(number > 1 for of in numbers for number in of):
        return None
    hollow = "; hollow marks: fewer runs" if any(len(of) > 1 for of in numbers) else ""
    return f"mean of runs, band from the lowest to the highest{hollow}"


def draw_grouped_bars(axes: "Axes", groups: Sequence[str], series: Mapping[str, Sequence[float]]) -> None:
    """Bars side by side: `series` by name, each with one height for every group."""
    width = 0.84 / len(series)
    for number, (name, heights) in enumerate(series.items()):
        places = [group - 0.42 + width * (number + 0.5) for group in range(len(groups))]
        axes.bar(places, heights, 0.94 * width, label=name, linewidth=0, **bar_style(number))
    axes.set_xticks(range(len(groups)), groups)


def legend(
    drawn: "Figure | SubFigure",
    handles: Sequence[Any] | None = None,
    names: Sequence[str] | None = None,
    title: str | None = None,
) -> None:
    """A legend above everything, in as many columns as have room; long names are wrapped.

    Without handles it has what the first axes drew.
    """
    if handles is None or names is None:
        handles, names = drawn.axes[0].get_legend_handles_labels()
    if not names:
        return
    letters = int(15 * _root(drawn).get_figwidth())  # of 8 points, in a line
    wrapped = [textwrap.fill(name, max(12, min(letters // 2, 60) - 9)) for name in names]
    lengths = [9 + max(map(len, name.split("\n"))) for name in wrapped]  # with what stands before a name
    columns = len(names) if sum(lengths) <= letters else max(1, min(len(names), letters // max(lengths)))
    drawn.legend(handles, wrapped, title=title, loc="outside upper center", ncols=columns, frameon=False)


def warn(axes: "Axes", cautions: Sequence[str]) -> None:
    """What forbids to compare, in red above the axes."""
    letters = int(14 * _root(axes).get_figwidth())
    if cautions:
        text = "\n".join(line for caution in cautions for line in textwrap.wrap(caution, letters))
        axes.set_title(text, loc="left", fontsize=SMALL, color=WARNING)


def _root(part: "Axes | Figure | SubFigure") -> "Figure":
    root = part.get_figure(root=True)
    assert root is not None
    return root


def log_axis(axes: "Axes", which: Literal["x", "y"], low: float, high: float) -> None:
    """A logarithmic axis whose ticks are plain numbers: 500, 2k, 10M.

    Args:
        axes: with an axis `which`.
        low, high: what is shown on it, above 0.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    wide = high / low > 300
    axis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5) if high / low > 5 else range(1, 10)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
    axis.set_minor_locator(LogLocator(subs=range(2, 10)) if wide else NullLocator())
    axis.set_minor_formatter(NullFormatter())


def value_axis(axes: "Axes", values: Sequence[float]) -> None:
    """The y axis for these values: logarithmic where they are far apart (perplexities), else as it is."""
    low, high = min(values), max(values)
    if 0 < low * WIDE_RANGE < high:
        log_axis(axes, "y", low / 1.3, high * 1.3)


def short_number(value: float) -> str:
    """At most three digits and a unit: 0.5, 20, 4.1k, 124M, 1.5G."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"
