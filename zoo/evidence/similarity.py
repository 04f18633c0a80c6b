"""How near replies come to their references: `similarity RUN_DIR...`, a bar for each run in every bin of 0.2.

Source: Otsuka et al., "User-Specific Dialogue Generation with User Profile-Aware Pre-Training Model and
Parameter-Efficient Fine-Tuning", Figure 2, where prompted language models have much more below 0.2 than fine-tuned
ones. Bars are shares of a run's replies, so that runs of different sizes stand beside each other.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.evidence.embedding import add_embedder_argument, report_embedder
from zoo.evidence.output import tell_files, write_json
from zoo.evidence.plots import GRID, canvas, draw_grouped_bars, legend, plain_axes, warn
from zoo.evidence.runs import replies, run_names
from zoo.metrics.similarity import BIN_WIDTH, BINS, NEARLY_IDENTICAL, similarities, similarity_histogram
from zoo.scorers.embedder import Embedder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUT = "the current folder"
BIN_NAMES = ("below 0.2", *(f"{BIN_WIDTH * n:.1f} to {BIN_WIDTH * (n + 1):.1f}" for n in range(1, BINS)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument("run_dirs", nargs="+", type=Path, metavar="RUN_DIR", help="with generations.jsonl")
    parser.add_argument("--names", help="what the runs are called, a,b,... [their folders' names]")
    add_embedder_argument(parser)


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the table; write similarity.json, figure2.png and figure2.svg."""
    names = run_names(options.run_dirs, options.names)
    embedder = report_embedder(options.embedder, options.run_dirs)
    found = {name: summary(run_dir, embedder) for name, run_dir in zip(names, options.run_dirs, strict=True)}
    console.print(similarity_table(found, embedder.short))
    if embedder.caution:
        console.print(f"not comparable: {embedder.caution}", style="bold", highlight=False, markup=False)
    out = options.out or Path()
    write_json(
        out / "similarity.json",
        {"embedder": embedder.short, "caution": embedder.caution, "bins": BIN_NAMES, "runs": found},
    )
    draw(found, embedder, out / "figure2.png")
    tell_files(console, out / "similarity.json", "figure2.png", "figure2.svg")


def summary(run_dir: Path, embedder: Embedder) -> dict[str, Any]:
    """Similarity, Acc@sim0.9 and the counts of Figure 2 over all replies of a run, in plain types.

    Raises:
        UserError: the run has no replies.
    """
    values = similarities(replies(run_dir), embedder)  # [N]
    return {
        "run_dir": str(run_dir),
        "n_replies": len(values),
        "similarity": float(values.mean()),
        "acc_sim_090": float((values >= NEARLY_IDENTICAL).double().mean()),
        "histogram": similarity_histogram(values).tolist(),
    }


def similarity_table(found: Mapping[str, Mapping[str, Any]], embedder: str) -> Table:
    """A row for every run: both numbers, then how many replies lie in each bin."""
    title = f"similarity of replies and references ({embedder})"
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("run")
    for column in ("replies", "similarity", "acc_sim_090", *BIN_NAMES):
        table.add_column(column, justify="right")
    for name, run in found.items():
        numbers = (f"{run['similarity']:.4f}", f"{run['acc_sim_090']:.4f}")
        table.add_row(Text(name), str(run["n_replies"]), *numbers, *map(str, run["histogram"]))
    return table


def draw(found: Mapping[str, Mapping[str, Any]], embedder: Embedder, path: Path | None) -> "Figure":
    """Bars side by side, a group for every bin, a colour for every run."""
    shares = {
        f"{name} ({run['n_replies']:,})": [100 * count / run["n_replies"] for count in run["histogram"]]
        for name, run in found.items()
    }
    with canvas(path) as drawn:
        axes = plain_axes(drawn.add_subplot())
        draw_grouped_bars(axes, BIN_NAMES, shares)
        axes.set_xlabel(f"similarity of reply and reference ({embedder.short})")
        axes.set_ylabel("replies (%)")
        axes.grid(axis="y", color=GRID)
        legend(drawn, title="runs and their replies")
        warn(axes, [f"not comparable: {embedder.caution}"] if embedder.caution else [])
    return drawn
