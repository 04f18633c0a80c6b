"""Replies of several runs side by side, for one user: `examples RUN_DIR...`.

Source: Han et al. 2023, "PersonaPKT" (arXiv:2306.08126), Table 4: persona, dialogue history, the human reply, and the
reply of every setting. Which user and which dialogues is a seeded draw, not a choice of the best-looking.
"""

import argparse
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.errors import UserError
from zoo.evidence.runs import generations, run_names
from zoo.files import write_atomically
from zoo.metrics.generations import Generation

OUT = "the current folder"
Key = tuple[
    str, tuple[str, ...], str
]  # user, history, reference: ids differ between runs with one and several test sets
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~&])")


@dataclass(frozen=True)
class Example:
    """A place in a dialogue, and what every run said there."""

    id: str
    history: list[str]
    human: str
    replies: dict[str, str]  # by the run's name


@dataclass(frozen=True)
class Page:
    """Examples of one user; the persona's sentences are those of all its test dialogues, each once."""

    user: str
    persona: list[str]
    examples: list[Example]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument("run_dirs", type=Path, nargs="+", metavar="RUN_DIR", help="runs tested on the same dialogues")
    parser.add_argument("--user", metavar="ID", help="whose dialogues [a seeded choice of those in all runs]")
    parser.add_argument("--number", type=int, default=3, help="examples [3]")
    parser.add_argument("--names", metavar="A,B,...", help="names of the runs [their folders' names]")
    parser.add_argument("--turns", type=int, default=4, help="last utterances of the history to show [4]")
    parser.add_argument("--seed", type=int, default=0, help="of the choices [0]")


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the page; write examples.md."""
    for name in ("number", "turns"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} {getattr(options, name)} was given; expected at least 1.")
    names = run_names(options.run_dirs, options.names)
    runs = {name: generations(run_dir) for name, run_dir in zip(names, options.run_dirs, strict=True)}
    page = choose(runs, options.user, options.number, options.seed)
    for shown in printed(page, options.turns):
        console.print(shown)
        console.print()
    path = (options.out or Path()) / "examples.md"
    write_atomically(path, [markdown(page, options.turns).encode(errors="replace")])
    console.print(str(path), highlight=False, markup=False, soft_wrap=True)


def choose(runs: Mapping[str, Sequence[Generation]], user: str | None, number: int, seed: int = 0) -> Page:
    """Up to `number` examples that all runs answered, in the first run's order, of the user or of one drawn by `seed`.

    Raises:
        UserError: a run decoded nothing, or no user or not this one has an example in all runs.
    """
    answers: dict[str, dict[Key, str]] = {}
    for name, rows in runs.items():
        answers[name] = {_key(row): row.response for row in rows if row.response is not None}
        if not answers[name]:
            raise UserError(f"The run {name} decoded no replies. Score it again with run=[test] and a decoding.")
    first = next(iter(runs.values()))
    common: dict[str, dict[Key, Generation]] = {}
    for row in first:
        if row.user and all(_key(row) in own for own in answers.values()):
            common.setdefault(row.user, {}).setdefault(_key(row), row)
    if not common:
        raise UserError(
            "No user has an example that all these runs answered. Expected runs tested on the same dialogues: the same "
            "data, parts and seed (another seed draws other parts)."
        )
    draw = random.Random(seed)
    chosen = draw.choice(sorted(common)) if user is None else user
    if chosen not in common:
        raise UserError(
            f"--user {chosen} was given, but no example of theirs was answered by all these runs. Expected one of "
            f"{len(common)}: {', '.join(sorted(common)[:5])}{', ...' if len(common) > 5 else ''}."
        )
    rows = list(common[chosen].values())
    places = sorted(draw.sample(range(len(rows)), min(number, len(rows))))
    return Page(
        chosen,
        list(dict.fromkeys(sentence for row in first if row.user == chosen for sentence in row.persona)),
        [
            Example(row.id, row.history, row.reference, {name: own[_key(row)] for name, own in answers.items()})
            for row in map(rows.__getitem__, places)
        ],
    )


def printed(page: Page, turns: int) -> list[Table]:
    """For a terminal: the persona, then every example. Texts may hold brackets, so nothing of them is markup."""
    persona = Table.grid(padding=(0, 2))
    persona.add_column(justify="right", style="dim", no_wrap=True)
    persona.add_column()
    persona.add_row("user", _text(page.user, "bold"))
    for number, sentence in enumerate(page.persona or ["-"]):
        persona.add_row("" if number else "persona", _text(sentence))
    tables = [persona]
    for example in page.examples:
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right", no_wrap=True)
        table.add_column()
        table.add_row(_text("example", "dim"), _text(example.id, "dim"))
        for number, said in enumerate(_history(example, turns)):
            table.add_row(_text("" if number else "history", "dim"), _text(said))
        table.add_row(_text("human", "bold"), _text(example.human, "bold"))
        for name, reply in example.replies.items():
            table.add_row(_text(name), _text(reply or "(nothing)"))
        tables.append(table)
    return tables


def markdown(page: Page, turns: int) -> str:
    """The same as a file."""
    lines = [f"# Replies to {_plain(page.user)}", "", "Persona:", ""]
    lines += [f"- {_plain(sentence)}" for sentence in page.persona or ["none"]]
    for example in page.examples:
        lines += ["", f"## {_plain(example.id)}", ""]
        lines += [f"- {_plain(said)}" for said in _history(example, turns)]
        lines += ["", "| | reply |", "|---|---|", f"| **human** | {_plain(example.human)} |"]
        lines += [f"| {_plain(name)} | {_plain(reply) or '(nothing)'} |" for name, reply in example.replies.items()]
    return "\n".join(lines) + "\n"


def _history(example: Example, turns: int) -> list[str]:
    earlier = len(example.history) - turns
    shown = example.history[-turns:] or ["(the dialogue begins here)"]
    return [f"({earlier} earlier)", *shown] if earlier > 0 else shown


def _text(text: str, style: str = "") -> Text:
    return Text(text.encode(errors="replace").decode(), style)  # half of a surrogate pair cannot be printed


def _key(row: Generation) -> Key:
    return row.user, tuple(row.history), row.reference


def _plain(text: str) -> str:
    """One line of Markdown that reads as `text` does."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
