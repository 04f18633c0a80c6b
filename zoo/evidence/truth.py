"""Do replies tell the truth about *this* user? `truth RUN_DIR...`, of runs on the synthetic users, who are known.

A reply that states one of the user's likings, work or home is right or wrong; most replies state nothing. Beside it,
how often the same replies would be right of another user: what a model that knows nobody in particular gets.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from zoo.data.synthetic_users import matches_truth
from zoo.errors import UserError
from zoo.evidence import runs
from zoo.evidence.output import write_json

OUT = "none"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument("run_dirs", nargs="+", type=Path, metavar="RUN_DIR", help="runs, or their folders questions/")


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the table; with --out write truth.json."""
    measured = {str(run_dir): rates(said(run_dir)) for run_dir in options.run_dirs}
    console.print(_table(measured))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        write_json(options.out / "truth.json", measured)


def said(run_dir: Path) -> list[tuple[str, str]]:
    """(user, reply) of every row.

    Raises:
        UserError: the run's users are not the synthetic ones, or nothing was decoded.
    """
    found = [(row.user, row.response) for row in runs.generations(run_dir) if row.response is not None]
    try:
        for user in {user for user, _ in found}:
            matches_truth(user, "")
    except UserError as error:
        raise UserError(
            f"{run_dir} has users of whom nothing is known; expected data=synthetic_users. {error}"
        ) from error
    if not found:
        raise UserError(f"{run_dir} has no replies; test it under a protocol that decodes.")
    return found


def rates(
    replies: Sequence[tuple[str, str]], judge: Callable[[str, str], bool | None] = matches_truth
) -> dict[str, float]:
    """Percent of replies that state something, of these that are right, and that would be right of another user.

    Args:
        replies: (user, reply).
        judge: of a user and a reply; None where it states nothing.
    """
    users = sorted({user for user, _ in replies})
    verdicts = [judge(user, reply) for user, reply in replies]
    stated = [verdict for verdict in verdicts if verdict is not None]
    stating = [pair for pair, verdict in zip(replies, verdicts, strict=True) if verdict is not None]
    others = [bool(judge(other, reply)) for user, reply in stating for other in users if other != user]
    return {
        "replies": len(replies),
        "state something": 100 * len(stated) / len(replies),
        "right of those": 100 * sum(stated) / len(stated) if stated else float("nan"),
        "of another user": 100 * sum(others) / len(others) if others else float("nan"),
    }


def _table(measured: dict[str, dict[str, float]]) -> Table:
    table = Table(title="replies that are true of the user, %", title_justify="left", header_style="bold")
    table.add_column("run")
    for name in next(iter(measured.values())):
        table.add_column(name, justify="right")
    for run_dir, values in measured.items():
        table.add_row(run_dir, *(f"{v:.1f}" if isinstance(v, float) else str(v) for v in values.values()))
    return table
