"""A study: what is judged, by which questions, how often. Read from `STUDY.yaml`.

title: What judges see at the top
table: paa/table3              # printed numbers that stand beside the results; a list of several [none]
questionnaire: paa             # one of zoo/people/questionnaires, or a file beside the study
runs:                          # ROW of the table (or any name): a run directory, or one of python -m zoo.synthesis
  paa: ../../outputs/paa/36    # relative to the study's folder; or given as python -m zoo.judge STUDY paa=RUN_DIR;
                               # a list (RUN_DIR,RUN_DIR) where one model was trained for each persona
seed: 36                       # of what is drawn, of orders and of sides
draw:                          # the same examples of every run; several entries: of several test sets
  - {users: 50, number: 377}   # `users` personas, then `number` of their examples
  - {set: general, number: 150}       # of one test set of several
  - {each: key, number: 10}    # so many of every user, entity key, leaf, ... [of all together]
judges_per_item: 3
items_per_judge: 40            # at most, attention checks among them [all]
checks: {number: 4, allowed: 1}  # attention checks, and how many of them a judge may fail [none]
validators: 2                  # look at the judges' answers again and settle conflicts [0]
references: true               # people's own replies are judged as one more row, "human" [false]

What stands in [brackets] is taken where a key is missing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import UserError
from zoo.people.questionnaire import Questionnaire, read_questionnaire
from zoo.people.records import HUMAN, PAIR, REPLY

KEYS = {
    *("title", "table", "questionnaire", "runs", "seed", "draw", "judges_per_item", "items_per_judge", "checks"),
    *("validators", "references"),
}
NEEDED = {"title", "questionnaire", "runs", "seed", "judges_per_item"}
EACH = ("user", "key", "leaf")


@dataclass(frozen=True, slots=True)
class Draw:
    """A rule by which examples are drawn.

    Attributes:
        test_set: of the runs; "" where they have one.
        users: so many personas first, None: all.
        number: so many examples of them, of each group where `each` is given; None: all.
        each: "" or one of EACH.
    """

    test_set: str = ""
    users: int | None = None
    number: int | None = None
    each: str = ""


@dataclass(frozen=True, slots=True)
class Checks:
    """Attention checks: `number` among a judge's items; who fails more than `allowed` is left out of the results."""

    number: int = 0
    allowed: int = 0


@dataclass(frozen=True, slots=True)
class Study:
    """See the module's text; `runs` by the name of their row, mostly one each, with absolute paths."""

    path: Path
    title: str
    questionnaire: Questionnaire
    runs: Mapping[str, tuple[Path, ...]]
    seed: int
    judges_per_item: int
    draw: tuple[Draw, ...] = (Draw(),)
    items_per_judge: int | None = None
    checks: Checks = Checks()
    validators: int = 0
    references: bool = False
    tables: tuple[str, ...] = ()  # "paper/table"

    @property
    def name(self) -> str:
        """The file's name without its ending, in which the folder's stands for "study": paa of paa/study.yaml."""
        return re.sub(r"^study(?=_|$)", lambda _: self.path.parent.name, self.path.stem, count=1)

    @property
    def database(self) -> Path:
        """Where judgements are kept unless another file is named, from where the command was typed."""
        return Path("outputs") / "studies" / f"{self.name or 'study'}.sqlite"


def read_study(path: str | Path, runs: Mapping[str, str] | None = None) -> Study:
    """The study of a file.

    Args:
        path: of the YAML file.
        runs: run directories, relative to where the command was typed, in place of the file's own.

    Raises:
        UserError: the file cannot be read, or a key is missing, unknown or has a value that cannot be.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise UserError(f"There is no study {path}. Expected a YAML file such as experiments/paa/study.yaml.")
    try:
        plain = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"The study {path} is no YAML: {error}") from error
    try:
        study = _study(plain, file)
        if strange := (runs or {}).keys() - study.runs.keys():
            raise UserError(f"a run for {', '.join(sorted(strange))} was given; its rows are {', '.join(study.runs)}.")
    except UserError as error:
        raise UserError(f"The study {path}: {error}") from error
    given = {name: tuple(Path(run).resolve() for run in of_row.split(",")) for name, of_row in (runs or {}).items()}
    return replace(study, runs={**study.runs, **given})


def _study(plain: Any, file: Path) -> Study:
    if not isinstance(plain, Mapping):
        raise UserError(f"{plain!r} was given; expected keys {', '.join(sorted(KEYS))}.")
    if strange := plain.keys() - KEYS:
        raise UserError(f"it has {', '.join(map(str, strange))}; expected only {', '.join(sorted(KEYS))}.")
    if missing := NEEDED - plain.keys():
        raise UserError(f"it lacks {', '.join(sorted(missing))}.")
    questionnaire = read_questionnaire(str(plain["questionnaire"]), beside=file.parent)
    runs = plain["runs"]
    if not isinstance(runs, Mapping) or not runs or not all(map(_are_runs, runs.values())):
        raise UserError(f"runs: {runs!r} was given; expected run directories by the names of their rows.")
    if questionnaire.shows == PAIR and len(runs) != 2:
        raise UserError(f"runs: {len(runs)} were given; expected two, of which judges choose one (or a tie).")
    draw = plain.get("draw", [{}])
    if not isinstance(draw, list) or not draw:
        raise UserError(f"draw: {draw!r} was given; expected a list of rules, such as [{{users: 50, number: 377}}].")
    if plain.get("references") and (questionnaire.shows != REPLY or HUMAN in runs):
        raise UserError(
            f"references: people's own replies can be judged beside models' where the questionnaire shows a reply "
            f"({questionnaire.name} shows a {questionnaire.shows}), and no run is called {HUMAN!r}, as they are."
        )
    checks = plain.get("checks") or {}
    _only("checks", checks, {"number", "allowed"})
    number, allowed = (_whole(f"checks.{key}", checks.get(key, 0), 0) for key in ("number", "allowed"))
    items_per_judge = plain.get("items_per_judge")
    if type(items_per_judge) is int and items_per_judge <= number != 0:
        raise UserError(f"items_per_judge: {items_per_judge} was given; expected more than checks.number, {number}.")
    return Study(
        path=file,
        title=str(plain["title"]),
        questionnaire=questionnaire,
        runs={
            str(name): tuple((file.parent / run).resolve() for run in ([of_row] if isinstance(of_row, str) else of_row))
            for name, of_row in runs.items()
        },
        seed=_whole("seed", plain["seed"], 0),
        judges_per_item=_whole("judges_per_item", plain["judges_per_item"], 1),
        draw=tuple(_draw(rule) for rule in draw),
        items_per_judge=None if items_per_judge is None else _whole("items_per_judge", items_per_judge, 1),
        checks=Checks(number, allowed),
        validators=_whole("validators", plain.get("validators", 0), 0),
        references=_yes_or_no("references", plain.get("references", False)),
        tables=_tables(plain.get("table") or []),
    )


def _are_runs(plain: Any) -> bool:
    return isinstance(plain, str) or (
        isinstance(plain, list) and bool(plain) and all(isinstance(run, str) for run in plain)
    )


def _tables(plain: Any) -> tuple[str, ...]:
    tables = [plain] if isinstance(plain, str) else plain
    if not isinstance(tables, list) or not all(isinstance(table, str) and "/" in table for table in tables):
        raise UserError(f"table: {plain!r} was given; expected PAPER/TABLE, such as paa/table3, or a list of these.")
    return tuple(tables)


def _draw(plain: Any) -> Draw:
    _only("draw", plain, {"set", "users", "number", "each"})
    each = plain.get("each") or ""
    if each and each not in EACH:
        raise UserError(f"draw.each: {each!r} was given; expected one of {', '.join(EACH)}.")
    users, number = (
        None if plain.get(key) is None else _whole(f"draw.{key}", plain[key], 1) for key in ("users", "number")
    )
    return Draw(str(plain.get("set") or ""), users, number, each)


def _only(what: str, plain: Any, keys: set[str]) -> None:
    if not isinstance(plain, Mapping) or plain.keys() - keys:
        raise UserError(f"{what}: {plain!r} was given; expected {', '.join(sorted(keys))}, each with its value.")


def _whole(what: str, value: Any, least: int) -> int:
    if type(value) is not int or value < least:
        raise UserError(f"{what}: {value!r} was given; expected a whole number from {least} on.")
    return value


def _yes_or_no(what: str, value: Any) -> bool:
    if type(value) is not bool:
        raise UserError(f"{what}: {value!r} was given; expected true or false.")
    return value
