"""What reports write: JSON, figures, and lines on a console that does not fold them."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from zoo.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours (jfly.uni-koeln.de/color) without yellow: apart for colour-blind eyes too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DOTS_PER_INCH = 150


def wide_console() -> Console:
    """Standard output; in a log file rich would fold tables to 80 characters."""
    console = Console()
    if not console.is_terminal:
        console.width = 120
    return console


def write_json(path: Path, contents: Any) -> None:
    """Write `contents`, indented, in full precision."""
    write_atomically(path, [json.dumps(contents, indent=2, ensure_ascii=False).encode() + b"\n"])


@contextmanager
def canvas(path: Path, width: float, height: float) -> Iterator["Figure"]:
    """An empty figure to draw on, written to `path` as PNG at the end of the block.

    Args:
        path: of the PNG.
        width, height: inches.

    Raises:
        ModuleNotFoundError: matplotlib is not installed (the extra `plots`).
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"text.parse_math": False}):  # a "$" in a name is a dollar
        drawn = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawn)
        yield drawn
        png = io.BytesIO()
        drawn.savefig(png, format="png", dpi=DOTS_PER_INCH)
    write_atomically(path, [png.getvalue()])


@contextmanager
def figure(path: Path, width: float, height: float) -> Iterator["Axes"]:
    """The axes of a figure that has one pair, see `canvas`."""
    with canvas(path, width, height) as drawn:
        axes = drawn.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        yield axes
