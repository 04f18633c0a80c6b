"""The papers' tables and figures as printed: `experiments/<paper>/published.toml`.

A file has the paper in one line (`source`) and `[about.TABLE]` for every table: `title`, and where they hold for all
of its rows `metrics` (what is automatic, by our names), `factor` (what a printed number is multiplied with to be in our
metric's unit, by metric), `unions` (test sets that are scored together as one more, `unions = {comb = ["A", "B"]}`,
printed as "comb/f1_parlai"), and any of a row's settings. A row is `[TABLE.ROW]`, or `[TABLE.PART.ROW]`, where
`[TABLE.PART]` may hold settings of all its rows:

* numbers by metric: `f1_parlai = 18.7`, with a deviation `{mean = 14.1, sd = 0.04}`, of a figure `{read_off = 16.3}`;
* `experiment`: the row's file below conf/experiment; `overrides`: what else is typed for it; `sound`: the experiment
  that should be compared instead, where the authors' way of the row is not the sound one; `seeds`: where the number is
  over several; `command`: what makes the row where run.py does not, as typed, with RUN_DIR for the experiment's run;
* `closed = true`: nobody can run it, `needs = "people"`: people judge it; `stand_in`: what stands for a private corpus
  or a closed model, in words;
* `note`: what the paper or its released code says about the row; `disagree`: where these two disagree.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import UserError

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
PEOPLE = "people"  # what a row may need
SETTINGS = ("experiment", "sound", "overrides", "seeds", "command", "closed", "needs", "stand_in", "note", "disagree")


@dataclass(frozen=True, slots=True)
class PublishedValue:
    """One printed number.

    Attributes:
        value: in the unit of our metric.
        sd: the printed standard deviation over seeds, in the same unit; None where there is none.
        read_off: it was read off a figure.
    """

    value: float
    sd: float | None = None
    read_off: bool = False


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row as printed and how it is made here, see the module's text; `name` is "PART/ROW" where there are parts."""

    name: str
    values: Mapping[str, PublishedValue]  # automatic metrics by our name
    other: Mapping[str, Any]  # everything else that is printed: sizes, people's judgements
    experiment: str | None = None
    sound: str | None = None
    overrides: tuple[str, ...] = ()  # the table's, the part's and the row's; of `experiment` and `sound` alike
    seeds: tuple[int, ...] = ()  # that the printed mean is over, as far as they are known
    command: str | None = None
    closed: bool = False
    needs: str | None = None
    stand_in: str | None = None
    note: str | None = None
    disagree: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table or the points of a figure."""

    paper: str  # the folder's name
    name: str  # "table1", "figure3"
    title: str
    source: str  # the paper in one line
    metrics: tuple[str, ...]  # automatic, as columns; without the test set's name where rows differ in it
    rows: tuple[PublishedRow, ...]
    unions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # test sets that are one more together, by name

    @property
    def key(self) -> str:
        """What `python -m zoo.reproduce` calls it: "paa/table1"."""
        return f"{self.paper}/{self.name}"


def papers() -> list[str]:
    """Folders of experiments/ that have published numbers."""
    return sorted(path.parent.name for path in EXPERIMENTS.glob("*/published.toml"))


def published_tables(paper: str) -> dict[str, PublishedTable]:
    """All tables of a paper by name.

    Raises:
        UserError: there is no such paper, or its file is no such TOML.
    """
    path = EXPERIMENTS / paper / "published.toml"
    if not path.is_file():
        raise UserError(f"There are no published numbers of {paper!r}. Expected one of {', '.join(papers())}.")
    try:
        contents = tomllib.loads(path.read_text(encoding="utf-8"))
        source, about = contents.pop("source"), contents.pop("about")
        if lacking := contents.keys() ^ about.keys():
            raise UserError(f"{path} has {', '.join(sorted(lacking))} in one of its tables and [about.*] only.")
        return {name: _table(paper, name, source, about[name], rows) for name, rows in contents.items()}
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a file of published numbers ({type(error).__name__}: {error}).") from error


def all_tables() -> dict[str, PublishedTable]:
    """All tables of all papers by "paper/table"."""
    return {table.key: table for paper in papers() for table in published_tables(paper).values()}


def published_table(key: str) -> PublishedTable:
    """The table "paper/table".

    Raises:
        UserError: there is none; the nearest names are told.
    """
    paper, _, name = key.partition("/")
    tables = published_tables(paper) if paper in papers() else {}
    if name in tables:
        return tables[name]
    known = [table.key for table in tables.values()] or list(all_tables())
    near = get_close_matches(key, known, n=3, cutoff=0.4) or known[:6]
    raise UserError(f"There is no table {key!r}. Expected PAPER/TABLE; the nearest are {', '.join(near)}.")


def study_of(key: str) -> str | None:
    """Which study has people judge the table "paper/table", as typed from the project's folder; None: no file does."""
    paper = key.partition("/")[0]
    return next((name for name, tables in _studies(EXPERIMENTS / paper) if key in tables), None)


@lru_cache(maxsize=16)
def _studies(folder: Path) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The studies beside a paper's published.toml, each with the tables that it fills in."""
    found = []
    for path in sorted(folder.glob("study*.yaml")):
        try:
            contents = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}. Mend it.") from error
        if not isinstance(contents, Mapping):
            raise UserError(f"{path} has {contents!r}; expected the settings of a study, as python -m zoo.judge has.")
        tables = contents.get("table") or ()
        found.append(
            (f"experiments/{folder.name}/{path.name}", (tables,) if isinstance(tables, str) else tuple(tables))
        )
    return tuple(found)


def how_to_judge(key: str, row: PublishedRow) -> str:
    """What a row of the table "paper/table", which people fill in, says where nobody did."""
    study = study_of(key)
    how = f"judged by people: python -m zoo.judge {study}" if study else f"needs {PEOPLE}, who judge it"
    return f"closed; what stands for it is {how}" if row.closed and study else how


def _table(paper: str, name: str, source: str, about: Mapping[str, Any], contents: Mapping[str, Any]) -> PublishedTable:
    metrics, factors = tuple(about.get("metrics", ())), about.get("factor", {})
    rows = tuple(_row(label, entry, metrics, factors) for label, entry in _rows(contents, _settings(about)))
    unions = {union: tuple(parts) for union, parts in about.get("unions", {}).items()}
    return PublishedTable(paper, name, about["title"], source, metrics, rows, unions)


def _rows(
    contents: Mapping[str, Any], given: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """("ROW", entry), or ("PART/ROW", entry) below what holds rows, each with the settings given above it."""
    for name, entry in contents.items():
        rows = {key: value for key, value in entry.items() if isinstance(value, dict) and not _is_number(value)}
        if strange := entry.keys() - rows.keys() - set(SETTINGS) if rows else ():
            raise TypeError(f"{prefix}{name} has rows and, beside them, {', '.join(sorted(strange))}")
        settings = {**given, **_settings(entry)}
        settings["overrides"] = [*given.get("overrides", ()), *entry.get("overrides", ())]
        if rows:
            yield from _rows(rows, settings, f"{prefix}{name}/")
        else:
            yield prefix + name, {**entry, **settings}


def _settings(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in SETTINGS if key in entry}


def _row(label: str, entry: Mapping[str, Any], metrics: tuple[str, ...], factors: Mapping[str, float]) -> PublishedRow:
    own = _settings(entry)
    own |= {key: tuple(own[key]) for key in ("overrides", "seeds") if key in own}
    printed = {key: value for key, value in entry.items() if key not in SETTINGS}
    automatic = {key: value for key, value in printed.items() if key.rpartition("/")[-1] in metrics}
    values = {key: _value(value, factors.get(key.rpartition("/")[-1], 1)) for key, value in automatic.items()}
    return PublishedRow(label, values, {key: printed[key] for key in printed if key not in automatic}, **own)


def _is_number(value: Mapping[str, Any]) -> bool:
    return bool(value) and value.keys() <= {"mean", "sd", "read_off"}


def other_number(printed: Any) -> PublishedValue | None:
    """What stands in a row's `other` as a number; None where it is anything else: a text, counts."""
    if isinstance(printed, Mapping):
        return _value(printed, 1) if _is_number(printed) else None
    return PublishedValue(printed) if isinstance(printed, int | float) else None


def _value(printed: Any, factor: float) -> PublishedValue:
    if not isinstance(printed, Mapping):
        return PublishedValue(factor * printed)
    read_off = "read_off" in printed
    sd = printed.get("sd")
    return PublishedValue(
        factor * printed["read_off" if read_off else "mean"], None if sd is None else factor * sd, read_off
    )
