"""How many dialogues personas have, by part: `dialogues RUN_DIR`, of a run with parts A, B and C.

Source: Han et al. 2023, "PersonaPKT" (arXiv:2306.08126), Figure 3, a histogram over PersonaChat's personas. The counts
are those of `zoo.data.persona_parts.PersonaParts`, over all personas of every part, whether the run used them or not.
"""

import argparse
import statistics
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from zoo.errors import UserError
from zoo.evidence.output import tell_files
from zoo.evidence.plots import GRID, bar_style, figure, legend
from zoo.evidence.runs import data_report

OUT = "RUN_DIR"
Counts = Mapping[str, Mapping[int, int]]  # part -> number of dialogues -> number of personas


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument(
        "run_dir", type=Path, metavar="RUN_DIR", help="of a run with data=personapkt or personapkt_mixed"
    )


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the table; write figure3.png and figure3.svg."""
    counts = read_counts(options.run_dir)
    console.print(counts_table(counts))
    path = (options.out or options.run_dir) / "figure3.png"
    draw(counts, path)
    tell_files(console, path, "figure3.svg")


def read_counts(run_dir: Path) -> Counts:
    """How many personas have how many dialogues, by part.

    Raises:
        UserError: the run's data have no parts, or were not counted in this way.
    """
    counted = data_report(run_dir).get("dialogues_of_personas")
    try:
        counts = {part: {int(n): int(personas) for n, personas in of.items()} for part, of in counted.items()}  # type: ignore[union-attr]
    except (AttributeError, TypeError, ValueError):
        counts = {}
    if not any(counts.values()):
        raise UserError(
            f"{run_dir / 'provenance.json'} does not tell how many dialogues personas have (data.report, "
            "dialogues_of_personas). Expected a run with data=personapkt or data=personapkt_mixed; a run of an earlier "
            "version tells it after python run.py hydra.run.dir=RUN_DIR ckpt_path=best run=[test]."
        )
    return counts


def counts_table(counts: Counts) -> Table:
    """A row for every number of dialogues, a column for every part; totals below."""
    table = Table(title="personas by their number of dialogues", title_justify="left", header_style="bold")
    table.add_column("dialogues")
    for part in counts:
        table.add_column(part, justify="right")
    for number in sorted(set[int]().union(*counts.values())):
        table.add_row(str(number), *(str(of.get(number, "")) for of in counts.values()))
    table.add_section()
    values = [[n for n, personas in of.items() for _ in range(personas)] for of in counts.values()]
    for name, shown in (
        ("personas", [str(len(own)) for own in values]),
        ("dialogues of all", [str(sum(own)) for own in values]),
        ("mean", [f"{statistics.mean(own):.2f}" if own else "" for own in values]),
        ("median", [f"{statistics.median(own):g}" if own else "" for own in values]),
    ):
        table.add_row(name, *shown, style="bold")
    return table


def draw(counts: Counts, path: Path) -> None:
    """Stacked bars, one for every number of dialogues."""
    from matplotlib.ticker import MaxNLocator

    with figure(path, height=3.5) as axes:
        below = Counter[int]()
        for number, (part, of) in enumerate(counts.items()):
            label = f"part {part}: {sum(of.values())} personas"
            bottom = [below[n] for n in of]
            axes.bar(list(of), list(of.values()), 0.85, bottom, label=label, linewidth=0, **bar_style(number))
            below.update(of)
        axes.set_xlabel("dialogues of a persona")
        axes.set_ylabel("personas")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
        axes.grid(axis="y", color=GRID)
        legend(axes.figure)
