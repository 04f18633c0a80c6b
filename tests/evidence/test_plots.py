"""What is common to all figures: two files with the same bytes every time, letters that can be read, looks, labels."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from zoo.evidence.labels import place_labels
from zoo.evidence.plots import (
    SMALL,
    Point,
    bands_told,
    bar_style,
    canvas,
    draw_grouped_bars,
    draw_lines,
    figure,
    legend,
    log_axis,
    png_bytes,
    series_style,
    short_number,
    svg_text,
    warn,
)

SVG = "{http://www.w3.org/2000/svg}"


def point(x: float, *values: float) -> Point:
    """Of as many runs as there are values."""
    return Point(x, sum(values) / len(values), min(values), max(values), list(values), [f"run{n}" for n in values])


CURVES = {"a $5 line": [point(1, 0.1, 0.3), point(2, 0.4)], "other": [point(2, 0.2)], "nothing": []}


def draw(path: Path | None) -> str:
    """A figure of all parts; its SVG."""
    with figure(path, height=3) as axes:
        draw_lines(axes, CURVES)
        log_axis(axes, "y", 0.05, 1)
        axes.set_xlabel("epochs")
        legend(axes.figure, title=bands_told(CURVES))
        warn(axes, ["not comparable: another scorer " * 6])
    return svg_text(axes.figure)


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("one", "other"):
        inside = draw(tmp_path / f"{name}.png")
        written.append([(tmp_path / f"{name}{ending}").read_bytes() for ending in (".png", ".svg")])
        assert inside.encode() == written[-1][1]
    assert written[0] == written[1]
    png, svg = written[0]
    assert png.startswith(b"\x89PNG")
    assert svg.startswith(b"<svg")
    assert not re.search(rb"\d\d\d\d-\d\d-\d\d|matplotlib v|Matplotlib v", png + svg)


def test_text_of_an_svg_is_text_that_can_be_read() -> None:
    root = ElementTree.fromstring(draw(None))
    assert root.get("width") == "504pt"  # 7 inches: what follows is in points of a page
    texts = list(root.iter(f"{SVG}text"))
    said = {"".join(text.itertext()) for text in texts}
    assert {"epochs", "a $5 line", "other", "0.2", "0.5"} <= said
    assert "nothing" not in said
    assert "mean of runs, band from the lowest to the highest; hollow marks: fewer runs" in said
    sizes = [float(re.search(r"font-size: ([\d.]+)px", text.get("style", ""))[1]) for text in texts]  # type: ignore[index]
    assert min(sizes) >= SMALL >= 8


def test_nothing_is_written_without_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with canvas(None) as drawn:
        drawn.add_subplot()
    assert png_bytes(drawn).startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == []


def test_lines_bands_and_hollow_marks() -> None:
    with figure(None) as axes:
        draw_lines(axes, CURVES)
    line, hollow, *_ = axes.lines
    assert line.get_xydata().tolist() == [[1, 0.2], [2, 0.4]]  # type: ignore[union-attr]
    assert (line.get_markevery(), hollow.get_markevery()) == ([0], [1])  # the second point is of one run
    assert hollow.get_markerfacecolor() == "white"
    (band,) = axes.collections  # of the line with several runs only
    assert band.get_paths()[0].get_extents().bounds == pytest.approx((1, 0.1, 1, 0.3))
    assert bands_told({"one": [point(1, 0.1)]}) is None
    assert bands_told({"two": [point(1, 0.1, 0.2)]}) == "mean of runs, band from the lowest to the highest"


def test_a_long_line_has_few_marks() -> None:
    with figure(None) as axes:
        draw_lines(axes, {"long": [point(x, x) for x in range(100)]})
    assert 5 < len(axes.lines[0].get_markevery()) <= 12  # type: ignore[arg-type]


def test_series_differ_without_their_colours() -> None:
    looks = [{**series_style(number), "color": None} for number in range(35)]
    assert all(look not in looks[:place] for place, look in enumerate(looks))
    assert len({str(bar_style(number)) for number in range(49)}) == 49
    assert len({bar_style(number)["hatch"] for number in range(7)}) == 7


def test_grouped_bars_by_hand() -> None:
    with figure(None) as axes:
        draw_grouped_bars(axes, ["low", "high"], {"a": [1, 2], "b": [3, 4]})
    bars = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for of in axes.containers for bar in of]
    assert bars == [(pytest.approx(x), y) for x, y in ((-0.21, 1), (0.79, 2), (0.21, 3), (1.21, 4))]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["low", "high"]


@pytest.mark.parametrize("names", [["short"] * 9, ["model=lora data=convai2 learner.epochs=20 optimizer.lr=0.001"] * 5])
def test_a_legend_stays_inside(names: list[str]) -> None:
    with figure(None) as axes:
        handles = [axes.plot([0, 1], [number, 1])[0] for number in range(len(names))]
        legend(axes.figure, handles, names, title="runs")
    axes.figure.draw_without_rendering()
    (above,) = axes.figure.legends
    box = above.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= axes.figure.bbox.x1
    assert box.y0 >= axes.bbox.y1


def test_numbers_on_a_logarithmic_axis() -> None:
    values = (0.05, 3, 20, 999.9, 4096, 124_439_808, 1.5e9)
    assert [short_number(value) for value in values] == ["0.05", "3", "20", "1k", "4.1k", "124M", "1.5G"]
    for low, high, expected in ((2e3, 5e8, {"10k", "100k", "1M", "100M"}), (800, 6_000, {"1k", "2k", "5k"})):
        with figure(None) as axes:
            log_axis(axes, "x", low, high)
        axes.figure.draw_without_rendering()
        shown = {
            label.get_text()
            for label, place in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)
            if low <= place <= high
        }
        assert expected <= shown


def test_labels_neither_overlap_nor_leave() -> None:
    crowd = [(10.0 + n % 3, 5.0 + 0.02 * n, 4.9, 5.3) for n in range(12)] + [
        (1.0, 0.0, 0.0, 0.0),
        (30.0, 9.0, 8.0, 10.0),
    ]
    names = [f"method number {n}" for n in range(len(crowd))]
    with figure(None, height=3.8) as axes:
        axes.set(xlim=(1, 30), ylim=(0, 10))
        assert place_labels(axes, names, crowd) == []
    taken: list[Bbox] = []
    for label in axes.texts:
        label.get_window_extent()  # finds out where it is
        box = Text.get_window_extent(label)  # without the line to its point
        assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1
        assert axes.bbox.y0 <= box.y0 < box.y1 <= axes.bbox.y1
        assert not any(box.overlaps(other) for other in taken)
        taken.append(box)
    for x, y, _, _ in crowd:
        across, up = axes.transData.transform((x, y))
        assert not any(box.contains(across, up) for box in taken)
    assert len(taken) == len(crowd)
    assert sum(label.arrow_patch.get_visible() for label in axes.texts) not in (0, len(crowd))  # type: ignore[attr-defined]


def test_a_label_without_room_is_left_out() -> None:
    with figure(None, height=3) as axes:
        axes.set(xlim=(0, 1), ylim=(0, 1))
        names = ["fits", "far too long to stand anywhere in here " * 5]
        assert place_labels(axes, names, [(0.5, 0.5, 0.5, 0.5), (0.2, 0.2, 0.2, 0.2)]) == [1]
    assert [label.get_text() for label in axes.texts] == ["fits"]
