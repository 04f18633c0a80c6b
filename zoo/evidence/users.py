"""Users of any data, counted as Tables 1 and 2 of the user-specific paper: `users data=synthetic_users data.fold=0`.

Source: Otsuka et al. 2024. Table 1 counts replies by the speaker's profile, here in all splits together; Table 2 users
and replies, in the mean of a user. What follows is a configuration as `run.py` takes it.
"""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from rich.console import Console
from rich.table import Table

from zoo.data.datamodule import SPLITS, DialogueDataModule
from zoo.data.examples import examples_from_dialogues
from zoo.data.profiles import ATTRIBUTES
from zoo.data.records import DialogueExample
from zoo.errors import UserError
from zoo.evidence.output import write_json

OUT = "none"
CONF = Path(__file__).parents[2] / "conf"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="as run.py takes them: data=synthetic_users")


def report(options: argparse.Namespace, console: Console) -> None:
    """Print both tables; with --out write users.json."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", [*options.overrides, "run_dir=unused"])
    data: DialogueDataModule = instantiate(cfg.data.datamodule, template=None)  # replies are counted, not tokenised
    if hasattr(data.corpus, "prepare"):
        data.corpus.prepare(SPLITS)
    replies = {
        split: examples_from_dialogues(data.corpus.load(split), data.history, data.max_exchanges, data.users_rule)
        for split in SPLITS
    }
    counts = profile_counts(replies)
    sizes = user_counts(replies)
    console.print(_profiles_table(counts))
    console.print(_sizes_table(sizes))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        write_json(options.out / "users.json", {"replies_by_profile": counts, "users": sizes})


def profile_counts(replies: Mapping[str, Sequence[DialogueExample]]) -> dict[str, dict[str, int]]:
    """Replies by attribute and value, the most frequent first; what is not known of a speaker is counted nowhere."""
    found: dict[str, Counter[str]] = {attribute: Counter() for attribute in ATTRIBUTES}
    for examples in replies.values():
        for example in examples:
            for attribute, value in example.profile.items():
                found.setdefault(attribute, Counter())[value] += 1
    return {attribute: dict(counts.most_common()) for attribute, counts in found.items()}


def user_counts(replies: Mapping[str, Sequence[DialogueExample]]) -> dict[str, float]:
    """Users, and replies of each split in all and in the mean of a user; over users who have any.

    Raises:
        UserError: the data name nobody.
    """
    of_user = {split: Counter(example.user for example in examples) for split, examples in replies.items()}
    users = {user for counts in of_user.values() for user in counts} - {""}
    if not users:
        raise UserError("The data name no users; expected data with users, such as data=synthetic_users.")
    sizes: dict[str, float] = {"users": len(users)}
    for split, counts in of_user.items():
        sizes |= {
            f"{split}, all": counts.total(),
            f"{split} / user": counts.total() / max(1, len(counts)),
            f"users with {split}": len(counts),
        }
    return sizes


def _profiles_table(counts: Mapping[str, Mapping[str, int]]) -> Table:
    table = _table("replies by the speaker's profile (Table 1)", ("attribute", "value"), ("replies",))
    for attribute, values in counts.items():
        for place, (value, number) in enumerate(values.items()):
            table.add_row("" if place else attribute, value, f"{number:,}")
        if not values:
            table.add_row(attribute, "not known of anybody", "")
        table.add_section()
    return table


def _sizes_table(sizes: Mapping[str, Any]) -> Table:
    table = _table("users and replies (Table 2)", ("",), ("number",))
    for name, number in sizes.items():
        table.add_row(name, f"{number:,.1f}" if isinstance(number, float) else f"{number:,}")
    return table


def _table(title: str, names: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in names:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
