"""A synthesis as PNG and SVG: survival beside the paper's, copying (Figure 2), overlap of values (Table 9)."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.synthesis.analyses.copying import Copying
from zoo.synthesis.analyses.overlap import KeyOverlap
from zoo.synthesis.funnel import Stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, PAPERS, INVENTORY = "#0072B2", "#B8BEC4", "#E69F00"  # blue and orange of Okabe and Ito; the paper is grey
DOTS_PER_INCH = 150


@dataclass(slots=True)
class Drawing:
    """A picture as PNG and as SVG."""

    png: bytes = b""
    svg: bytes = b""


def survival_plot(funnels: Mapping[str, Sequence[Stage]], unit: str) -> Drawing:
    """Bars of the cumulative share after each stage, a colour a funnel, stages side by side by their place.

    Args:
        funnels: by what they are called, the first is the one the picture is about; its stages name the groups.
        unit: what is counted, e.g. "sentences".

    Raises:
        ModuleNotFoundError: matplotlib is not installed (the extra `plots`).
    """
    stages = [stage.name for stage in next(iter(funnels.values()))]
    width = 0.8 / len(funnels)
    with _figure(7, 3.4) as (axes, drawing):
        for number, (name, rows) in enumerate(funnels.items()):
            colour = PAPERS if name == "paper" else (OURS, INVENTORY, "#009E73", "#CC79A7")[number % 4]
            places = [place + (number - (len(funnels) - 1) / 2) * width for place in range(len(rows))]
            shares = [100 * stage.cumulative for stage in rows]
            axes.bar(places, shares, width * 0.92, color=colour, label=name)
            for place, share in zip(places, shares, strict=True):
                axes.annotate(f"{share:.0f}", (place, share), (0, 2), textcoords="offset points", ha="center", size=8)
        axes.set_xticks(range(len(stages)), stages)
        axes.set_ylabel(f"% of raw {unit}")
        axes.set_ylim(0, 112)
        axes.set_yticks(range(0, 101, 20))
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y", color="#eeeeee")
        _legend(axes, len(funnels))
    return drawing


def copying_plot(sources: Sequence[Copying]) -> Drawing:
    """Figure 2: a bar of the average F1 for every source that has any sentences, in percent.

    Raises:
        ModuleNotFoundError: matplotlib is not installed (the extra `plots`).
    """
    bars = [(source.source, 100 * source.f1) for source in sources if source.f1 is not None]
    with _figure(7, 0.7 + 0.42 * max(len(bars), 1)) as (axes, drawing):
        places = range(len(bars))
        axes.barh(places, [f1 for _, f1 in bars], 0.62, color=OURS)
        for place, (_, f1) in zip(places, bars, strict=True):
            axes.annotate(f"{f1:.1f}", (f1, place), (4, 0), textcoords="offset points", va="center", size=9)
        axes.set_yticks(places, [name for name, _ in bars])
        axes.invert_yaxis()
        axes.set_xlim(0, min(100, 1.15 * max((f1 for _, f1 in bars), default=1) + 1))
        axes.set_xlabel("highest word F1 of a profile sentence with its owner's utterances, average (%)")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="#eeeeee")
    return drawing


def overlap_plot(columns: Mapping[str, Sequence[KeyOverlap]]) -> Drawing:
    """Jaccard similarity of every entity key, a mark for every column, keys from the first column's highest down.

    Args:
        columns: at most three, by what they are called, e.g. "sentences", "inventory" and "paper".

    Raises:
        ModuleNotFoundError: matplotlib is not installed (the extra `plots`).
    """
    by_key = {name: {row.key: row.jaccard for row in rows} for name, rows in columns.items()}
    keys = [key for key in dict.fromkeys(key for rows in by_key.values() for key in rows) if _any(by_key, key)]
    with _figure(7, 1.1 + 0.19 * max(len(keys), 1)) as (axes, drawing):
        marks = list(zip(by_key.items(), (OURS, INVENTORY, PAPERS), "osD", (5, 4, 3), strict=False))
        for (name, rows), colour, marker, above in marks:
            points = [(share, place) for place, key in enumerate(keys) if (share := rows.get(key)) is not None]
            axes.plot(
                [100 * x for x, _ in points],
                [y for _, y in points],
                marker,
                color=colour,
                label=name,
                ms=5.5,
                zorder=above,
            )
        axes.set_yticks(range(len(keys)), keys, size=8)
        axes.set_ylim(len(keys) - 0.4, -0.6)
        axes.set_xlim(left=-1)
        axes.set_xlabel("values in common, % of the values of either (Jaccard)")
        axes.tick_params(axis="y", length=0)
        axes.grid(color="#eeeeee")
        _legend(axes, len(columns))
    return drawing


def _any(by_key: Mapping[str, Mapping[str, float | None]], key: str) -> bool:
    return any(rows.get(key) is not None for rows in by_key.values())


def _legend(axes: "Axes", columns: int) -> None:
    axes.figure.legend(loc="outside upper left", ncols=min(columns, 4), frameon=False, fontsize=9)


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple["Axes", Drawing]]:
    """Axes in inches, and the picture, which is filled at the end of the block with the same bytes every time."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # a "$" in a name is a dollar; in an SVG text stays text, and ids do not depend on the day
    settings: dict[Any, Any] = {"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "persona-zoo"}
    drawing = Drawing()
    with matplotlib.rc_context(settings):
        drawn = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawn)
        axes = drawn.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        yield axes, drawing
        png, svg = io.BytesIO(), io.BytesIO()
        drawn.savefig(png, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
        drawn.savefig(svg, format="svg", metadata=dict.fromkeys(("Date", "Creator")))
    drawing.png, drawing.svg = png.getvalue(), svg.getvalue()
