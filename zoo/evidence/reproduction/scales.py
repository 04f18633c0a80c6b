"""How a paper's rows are run at some scale: `experiments/<paper>/scales.toml`.

What is typed for a run is, in this order: `experiment=` of the row, the row's own `overrides` (published.toml), the
scale's `overrides`, those of every pattern of `rows` that the run's name matches (its experiment, and after "-" the
values of the row's own overrides), one of `repeats`, and where the run goes. Of words that set the same key the last
counts; "-KEY" takes one back. Settings are words as in a shell: `overrides = "optimizer.lr=1e-3 'data.sizes={A: 2}'"`.

    [rows]                        # at every scale
    "paa/paa_hits" = "init_from={run:paa/paa}"
    [small]
    about = "what this scale is"  # printed with the tables
    repeats = ["seed=36", "seed=37"]
    overrides = "data.root={data}/convai2"
    [small.rows]
    "paa/gpt2_*" = "..."
    [[small.prepare]]             # before the runs that match
    name = "tokenizer"
    rows = "*"
    commands = ["python experiments/paa/small_tokenizer.py {data}/convai2/train.txt {work}/tokenizer"]

`{data}` is the folder of corpora, `{work}` the paper's own folder at this scale, `{repeat}` the repeat's first value,
and `{run:EXPERIMENT}` the directory of another experiment's run of the same repeat, which is then made first. Rows that
a command makes without an experiment are called by its module: `"personachatgen/zoo.synthesis" = "size=small"`.
"""

import tomllib
from dataclasses import dataclass
from typing import Any

from zoo.errors import UserError
from zoo.evidence.published import EXPERIMENTS

SCALES = ("paper", "small", "smoke")


@dataclass(frozen=True, slots=True)
class Preparation:
    """Commands that runs of some rows need first, as `rows` (a pattern of experiments) tells."""

    name: str
    rows: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """A paper's rows at one scale, see the module's text."""

    paper: str
    name: str
    about: str
    repeats: tuple[str, ...]
    overrides: str
    rows: tuple[tuple[str, str], ...]  # pattern, words; in order
    prepare: tuple[Preparation, ...]


def read_scale(paper: str, name: str) -> Scale:
    """A scale of a paper.

    Raises:
        UserError: there is no such scale, or the file is not as it should be.
    """
    if name not in SCALES:
        raise UserError(f"scale={name} was given; expected one of {', '.join(SCALES)}.")
    path = EXPERIMENTS / paper / "scales.toml"
    try:
        contents: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        if unknown := contents.keys() - {*SCALES, "rows"}:
            raise UserError(f"{path} has [{sorted(unknown)[0]}]; expected {', '.join(SCALES)} and rows.")
        if name not in contents:
            raise UserError(f"{path} has no [{name}]: the rows of {paper} are not run at this scale.")
        own = contents[name]
        return Scale(
            paper,
            name,
            about=own.get("about", ""),
            repeats=tuple(own["repeats"]),
            overrides=own.get("overrides", ""),
            rows=(*contents.get("rows", {}).items(), *own.get("rows", {}).items()),
            prepare=tuple(
                Preparation(entry["name"], entry.get("rows", "*"), tuple(entry["commands"]))
                for entry in own.get("prepare", ())
            ),
        )
    except FileNotFoundError:
        raise UserError(f"There is no {path}: nothing says how the rows of {paper} are run.") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a file of scales ({type(error).__name__}: {error}).") from error
