"""What it takes to answer as one user: `serving RUN_DIR...`, of One-ID, LoRA and FULL runs.

Source: Otsuka et al. 2024, Table 6: number of models, size of one, and the time "between loading the user-specific
model and generating an utterance"; here loading, from a file that was just written, and generating apart, one user at a
time.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from transformers.utils.logging import disable_progress_bar

from zoo.adapters.peft_folder import read_peft_folder, write_peft_folder
from zoo.data.records import DialogueExample
from zoo.evidence.output import write_json
from zoo.loading import load
from zoo.models.adapted import AdaptedModel
from zoo.models.finetune import FineTune
from zoo.module import UNREAD, DialogueModule

OUT = "none"
COLUMNS = ("models", "megabytes of one", "load, s", "generate, s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument("run_dirs", nargs="+", type=Path, metavar="RUN_DIR")
    parser.add_argument("--times", type=int, default=5, help="users whose times are measured; medians are told [5]")


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the table; with --out write serving.json."""
    disable_progress_bar()
    measured = {str(run_dir): measure(load(run_dir), options.times) for run_dir in options.run_dirs}
    table = Table(title="answering as one user (Table 6)", title_justify="left", header_style="bold")
    table.add_column("run")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for run_dir, (models, *numbers) in measured.items():
        table.add_row(run_dir, f"{models:.0f}", *(f"{number:.3f}" for number in numbers))
    console.print(table)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        rows = {run: dict(zip(COLUMNS, numbers, strict=True)) for run, numbers in measured.items()}
        write_json(options.out / "serving.json", rows)


def measure(module: DialogueModule, times: int) -> tuple[float, float, float, float]:
    """Models, megabytes (2^20 bytes) of one, and median seconds of loading and of generating one reply."""
    net, users = module.net, list(module.net.users)[:times] or [""]
    models = len(net.users) if net.has_user_rows else 1
    with tempfile.TemporaryDirectory() as folder:
        sizes, loads, replies = [], [], []
        for user in [users[0], *users]:  # the first time warms up
            place = Path(folder) / "model"
            restore = _stored(net, user, place)
            sizes.append(sum(file.stat().st_size for file in place.rglob("*.safetensors")) / 2**20)
            loads.append(_seconds(restore) if net.has_user_rows else 0.0)
            asked = [DialogueExample("x", "x", (), ("hello , how are you ?",), (False,), UNREAD, user)]
            replies.append(_seconds(partial(module.answer, asked)))
    return models, statistics.median(sizes), statistics.median(loads[1:]), statistics.median(replies[1:])


def _stored(net: Any, user: str, place: Path) -> Callable[[], Any]:
    """Write a user's model to disk; what is given loads it from there."""
    if isinstance(net, AdaptedModel):
        write_peft_folder(place, net.adapter(user))
        return lambda: net.take(net.row_of(user), read_peft_folder(place))
    if isinstance(net, FineTune) and net.banked:
        net.bank.write(net.row_of(user))
    net.lm.save_pretrained(place)
    return lambda: type(net.lm).from_pretrained(place)


def _seconds(what: Callable[[], Any]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began
