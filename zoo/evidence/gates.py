"""What PAA's masks kept by turn and layer: `gates RUN_DIR...`, of runs that were tested with callbacks=gates.

Source: Huang et al. 2023, "Personalized Dialogue Generation with Persona-Adaptive Attention" (arXiv:2210.15088). With
the context as numerator tau grows with the history and above 1/2 opens a band of gates which keep neither source; with
the persona it falls, and the band keeps both. Shares are of all entries (response token, channel, layer); what is
counted is told in `zoo.models.mask_watch`.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from zoo.errors import UserError
from zoo.evidence.output import tell_files, write_json
from zoo.evidence.plots import SMALL, canvas, legend, plain_axes
from zoo.evidence.runs import gate_record, run_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUT = "the current folder"
KINDS = {"neither": "neither", "persona_only": "persona only", "context_only": "context only", "both": "both"}
STYLES: dict[str, dict[str, Any]] = {  # colours of `zoo.evidence.plots`; what is kept of neither is the light one
    "neither": {"color": "#c8c8c8"},
    "persona_only": {"color": "#0072B2"},
    "context_only": {"color": "#E69F00", "hatch": "////"},
    "both": {"color": "#009E73", "hatch": "...."},
}
SIDE_BY_SIDE = 7  # turns of which two panels have room in a line
FEW = 160  # cells of a heat map that have room for their percentages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument("run_dirs", nargs="+", type=Path, metavar="RUN_DIR", help="with gates.json")
    parser.add_argument("--names", help="what the runs are called, a,b,... [their folders' names]")


def report(options: argparse.Namespace, console: Console) -> None:
    """Print a table for each run; write gate_shares.json, gates.png and gates.svg."""
    names = run_names(options.run_dirs, options.names)
    found = {name: summary(run_dir) for name, run_dir in zip(names, options.run_dirs, strict=True)}
    for name, shares in found.items():
        console.print(shares_table(name, shares))
    out = options.out or Path()
    write_json(out / "gate_shares.json", found)
    draw(found, out / "gates.png")
    tell_files(console, out / "gate_shares.json", "gates.png", "gates.svg")


def summary(run_dir: Path) -> dict[str, Any]:
    """Shares of each kind in all, by turn, by layer and by both, in plain types.

    Raises:
        UserError: the run has no gates.json, or another one than `zoo.gates` writes.
    """
    record = gate_record(run_dir)
    try:
        settings = {name: record[name] for name in ("fusion", "mask_rule", "tau", "tau_numerator")}
        turns = [{name: turn[name] for name in ("turn", "replies", "tokens", "tau")} for turn in record["turns"]]
        counts = np.array([[turn[kind] for kind in KINDS] for turn in record["turns"]], dtype=np.int64)  # [turns, 4, L]
        if counts.ndim != 3 or not counts.sum(1).all():
            raise ValueError("turns without counts")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{run_dir / 'gates.json'} holds no counts by turn and layer ({type(error).__name__}: {error}). Count "
            "again: run=[test] callbacks=gates writes it."
        ) from None
    by_both = counts / counts.sum(1, keepdims=True)  # [turns, 4, L]
    return {
        "run_dir": str(run_dir),
        **settings,
        "all": _named(counts.sum((0, 2))),
        "turns": [turn | _named(kept) for turn, kept in zip(turns, counts.sum(2), strict=True)],
        "layers": [{"layer": n} | _named(kept) for n, kept in enumerate(counts.sum(0).T, start=1)],
        "by_layer_and_turn": {kind: by_both[:, place].T.tolist() for place, kind in enumerate(KINDS)},
    }


def settings_line(shares: Mapping[str, Any]) -> str:
    """What the masks of a run are, in one line."""
    tau = f"tau {shares['tau']}"
    if isinstance(shares["tau"], str):
        tau = f"tau |{shares['tau_numerator']}| / (|context| + |persona|)"
        tau += " of padded lengths" if shares["tau"] == "padded_ratio" else ""
    return f"fusion {shares['fusion']}, {tau}" + (", complement" if shares["mask_rule"] == "keep_below" else "")


def shares_table(name: str, shares: Mapping[str, Any]) -> Table:
    """Percentages: a row for every turn, every layer and all."""
    table = Table(title=f"{name}: {settings_line(shares)}", title_justify="left", header_style="bold")
    table.add_column("% of entries")
    for column in ("replies", "tau", *KINDS.values()):
        table.add_column(column, justify="right")
    for turn in shares["turns"]:
        table.add_row(f"turn {turn['turn']}", f"{turn['replies']:,}", f"{turn['tau']:.3f}", *_percentages(turn))
    table.add_section()
    for layer in shares["layers"]:
        table.add_row(f"layer {layer['layer']}", "", "", *_percentages(layer))
    table.add_section()
    replies = sum(turn["replies"] for turn in shares["turns"])
    tau = sum(turn["replies"] * turn["tau"] for turn in shares["turns"]) / replies
    table.add_row("all", f"{replies:,}", f"{tau:.3f}", *_percentages(shares["all"]))
    return table


def draw(found: Mapping[str, Mapping[str, Any]], path: Path | None) -> "Figure":
    """Two panels for each run: shares by turn with the mean tau, and the share of neither by layer and turn."""
    most = max(len(shares["turns"]) for shares in found.values())
    rows, columns = (1, 2) if most <= SIDE_BY_SIDE else (2, 1)
    with canvas(path, height=0.6 + 2.7 * rows * len(found)) as drawn:
        panels = drawn.subplots(rows * len(found), columns, squeeze=False).reshape(len(found), 2)
        for (shown, heat), (name, shares) in zip(panels, found.items(), strict=True):
            shown.set_title("\n".join(wrap(name, 54) + wrap(settings_line(shares), 54)), loc="left", fontsize=SMALL)
            heat.set_title("kept of neither source, % of entries", loc="left", fontsize=SMALL)
            _draw_turns(plain_axes(shown), shares)
            drawn.colorbar(_draw_heat(heat, shares), ax=heat, ticks=[0, 50, 100])
        legend(drawn)
    return drawn


def _draw_turns(axes: "Axes", shares: Mapping[str, Any]) -> None:
    places = np.arange(len(shares["turns"]))
    bottom = np.zeros(len(places))
    for kind, label in KINDS.items():
        values = np.array([100 * turn[kind] for turn in shares["turns"]])
        axes.bar(places, values, bottom=bottom, width=0.82, linewidth=0, edgecolor="white", label=label, **STYLES[kind])
        bottom += values
    taus = [100 * turn["tau"] for turn in shares["turns"]]
    axes.plot(places, taus, "-o", color="black", markersize=4, label="mean tau, x 100")
    axes.axhline(50, color="black", linewidth=0.6, linestyle=":")
    axes.set_xlim(-0.5, len(places) - 0.5)  # as the heat map's
    axes.set_ylim(0, 100)
    axes.set_ylabel("% of entries")
    _label_turns(axes, shares, replies=True)


def _draw_heat(axes: "Axes", shares: Mapping[str, Any]) -> Any:
    values = 100 * np.array(shares["by_layer_and_turn"]["neither"])  # [L, turns]
    image = axes.imshow(values, cmap="Greys", vmin=0, vmax=100, origin="lower", aspect="auto")
    if values.size <= FEW:
        for (layer, turn), value in np.ndenumerate(values):
            axes.text(
                turn, layer, f"{value:.0f}", ha="center", va="center", fontsize=SMALL, color=_readable_on(float(value))
            )
    axes.set_yticks(range(len(values)), [str(n + 1) for n in range(len(values))])
    axes.set_ylabel("layer")
    _label_turns(axes, shares, replies=False)
    return image


def _label_turns(axes: "Axes", shares: Mapping[str, Any], replies: bool) -> None:
    turns = shares["turns"]
    labels = [f"{turn['turn']}\n{turn['replies']:,}" if replies else str(turn["turn"]) for turn in turns]
    axes.set_xticks(range(len(turns)), labels, fontsize=SMALL)
    axes.set_xlabel("turn, and its number of replies" if replies else "turn")


def _readable_on(percentage: float) -> str:
    return "white" if percentage > 55 else "black"


def _named(counts: NDArray[np.integer]) -> dict[str, float]:
    """Shares of each kind, from their counts [4]."""
    return dict(zip(KINDS, (counts / counts.sum()).tolist(), strict=True))


def _percentages(shares: Mapping[str, float]) -> list[str]:
    return [f"{100 * shares[kind]:.1f}" for kind in KINDS]
