"""Do models say what other users said? `leak RUN_DIR...`: nearest to another's reply, or one word for word.

Otsuka et al., "User-Specific Dialogue Generation with User Profile-Aware Pre-Training Model and Parameter-Efficient
Fine-Tuning", section 4.3.4, warn that one model for all users (One-ID) could generate what it learnt from others, and
do not measure it. Real replies are those of each run's own training data (with the half that its backbone was adapted
on), read again through its config.yaml, so the command runs where the run did. What is counted how is told in
`zoo.evidence.leak_rates`.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.errors import UserError
from zoo.evidence.embedding import add_embedder_argument, report_embedder
from zoo.evidence.leak_rates import NEW, OWN, OWN_AND_OTHERS, SEVERAL_OTHERS, WORDLESS, leak_rates
from zoo.evidence.output import write_json
from zoo.evidence.real_replies import read_real_replies
from zoo.evidence.runs import replies, run_names
from zoo.scorers.embedder import Embedder

OUT = "each RUN_DIR"
KINDS_SHOWN = {
    "several others' words": (SEVERAL_OTHERS,),
    "own words": (OWN, OWN_AND_OTHERS),
    "new words": (NEW,),
    "without a word": (WORDLESS,),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument("run_dirs", nargs="+", type=Path, metavar="RUN_DIR", help="One-ID, LoRA, FULL, ...")
    parser.add_argument("--names", metavar="A,B,...", help="names of the runs [their folders' names]")
    parser.add_argument("--seed", type=int, default=0, help="of the resampled users [0]")
    add_embedder_argument(parser)


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the table; write leak.json into every run directory, or with --out leak_<name>.json."""
    names = run_names(options.run_dirs, options.names)
    embedder = report_embedder(options.embedder, options.run_dirs)
    found: dict[str, dict[str, Any]] = {}
    written = []
    for name, run_dir in zip(names, options.run_dirs, strict=True):
        found[name] = leak_of(run_dir, embedder, options.seed)
        written.append(options.out / f"leak_{name}.json" if options.out else run_dir / "leak.json")
        write_json(written[-1], found[name])
    console.print(leak_table(found, embedder.short))
    for line in notes(found, embedder):
        console.print(line, highlight=False, markup=False)
    for path in written:
        console.print(str(path), highlight=False, markup=False, soft_wrap=True)


def leak_of(run_dir: Path, embedder: Embedder, seed: int) -> dict[str, Any]:
    """The contents of leak.json.

    Raises:
        UserError: the run has no replies, its data cannot be read, or none of its users is in its training data.
    """
    rows = replies(run_dir)
    found = leak_rates(rows, read_real_replies(run_dir), embedder, seed)
    if not found["n_replies"]:
        raise UserError(
            f"None of the users of {run_dir}'s replies ({', '.join(sorted({repr(row.user) for row in rows})[:3])}) is "
            "in its training data. Expected a run that was tested on the users it was trained for."
        )
    return {"run_dir": str(run_dir), "embedder": embedder.short, "caution": embedder.caution, "seed": seed, **found}


def leak_table(found: Mapping[str, Mapping[str, Any]], embedder: str) -> Table:
    """A column for every run: rates in percent with their intervals, what chance would give, and the other replies."""
    title = f"replies that are another user's, % (95 % interval over users; {embedder})"
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("")
    for name in found:
        table.add_column(Text(name), justify="right")
    runs = list(found.values())
    table.add_row("nearer to another's real reply", *(_shown(run["nearer"]) for run in runs))
    table.add_row("  by chance", *(_number(run["nearer"] and run["nearer"]["chance"]) for run in runs))
    table.add_row("others who are nearer (by chance about 50)", *(_shown(run["others_nearer"]) for run in runs))
    table.add_row("one other's, word for word", *(_shown(run["verbatim"]) for run in runs))
    table.add_row("  by chance", *(_number(run["verbatim"]["chance"]) for run in runs))
    for label, kinds in KINDS_SHOWN.items():
        shares = [100 * sum(run["kinds"][kind] for kind in kinds) / run["n_replies"] for run in runs]
        table.add_row(label, *map(_number, shares))
    table.add_section()
    table.add_row("replies", *(str(run["n_replies"]) for run in runs))
    table.add_row("users", *(str(run["n_users"]) for run in runs))
    return table


def notes(found: Mapping[str, Mapping[str, Any]], embedder: Embedder) -> list[str]:
    """What a reader of the table has to know."""
    lines = [] if embedder.caution is None else [f"not comparable: {embedder.caution}"]
    lines.append(
        'Real replies that several users said ("yes !") are nobody\'s: none is compared with, and replies that repeat '
        "one are counted apart."
    )
    for name, run in found.items():
        several, total = run["n_real_replies_of_several"], run["n_real_replies"]
        compared = run["nearer"]["n_replies"] if run["nearer"] else 0
        line = f"{name}: {several} of {total} different real replies are several users'; {compared} of the "
        line += f"{run['n_replies']} replies were compared by cosine"
        if run["n_left_out"]:
            line += f"; {run['n_left_out']} replies of users without training replies left out"
        lines.append(line)
    return lines


def _shown(rate: Mapping[str, Any] | None) -> str:
    if rate is None or rate["rate"] is None:
        return ""
    low_high = rate["interval"]
    return _number(rate["rate"]) + (f" ({low_high[0]:.1f} to {low_high[1]:.1f})" if low_high else "")


def _number(percent: float | None) -> str:
    return "" if percent is None else f"{percent:.1f}"
