"""Questionnaires as data: `zoo/people/questionnaires/NAME.yaml`, or a file of one's own.

source: the paper and its section
about: what judges are told first
shows: reply | pair | dialogue | sentence
criteria:
  fluency:
    question: "Is the reply fluent English?"
    options: {1: Not at all, 2: "", 3: "", 4: "", 5: To a great extent}
    level: ordinal | nominal | interval   # of measurement, for the agreement [ordinal]
    published: fluency_1_to_5              # the column's name in published.toml [the criterion's own]
    of: 0                                  # the persona that it asks about, where several are shown [all]

What stands in [brackets] is taken where a key is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import UserError
from zoo.people.records import KINDS, PAIR

FOLDER = Path(__file__).parent / "questionnaires"
LEVELS = ("ordinal", "nominal", "interval")
CHOICE = {1: "the first", 0: "a tie", -1: "the second"}  # values of a pair's options


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question.

    Attributes:
        options: the words of each value, lowest first; may be empty between the ends.
        level: of measurement.
        published: its column among the printed numbers.
        persona: index of the persona that it asks about; None: whatever is shown.
    """

    name: str
    question: str
    options: Mapping[int, str]
    level: str
    published: str
    persona: int | None = None


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """What is asked about every item; `shows` is the kind of item that it fits."""

    name: str
    source: str
    about: str
    shows: str
    criteria: tuple[Criterion, ...]

    def criterion(self, name: str) -> Criterion:
        """The one of that name."""
        return next(criterion for criterion in self.criteria if criterion.name == name)


def questionnaires() -> list[str]:
    """Names of those that come with the zoo."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_questionnaire(name: str, beside: Path | None = None) -> Questionnaire:
    """By its name, or by the path of a file (ends in .yaml), relative to the folder `beside`.

    Raises:
        UserError: there is none, or it is not one; says which key was wrong and what was expected.
    """
    path = (beside or Path()) / name if name.endswith((".yaml", ".yml")) else FOLDER / f"{Path(name).name}.yaml"
    if not path.is_file():
        raise UserError(
            f"There is no questionnaire {name!r}. Expected one of {', '.join(questionnaires())}, or the path of a file "
            "of your own that ends in .yaml."
        )
    try:
        return questionnaire_of(yaml.safe_load(path.read_text(encoding="utf-8")), path.stem)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"The questionnaire {path} is no YAML: {error}") from error
    except UserError as error:
        raise UserError(f"The questionnaire {path}: {error}") from error


def questionnaire_of(plain: Any, name: str) -> Questionnaire:
    """From nested settings, as the file has them.

    Raises:
        UserError: a key is missing, unknown, or has a value that cannot be.
    """
    _keys(plain, "it", {"source", "about", "shows", "criteria"}, set())
    if plain["shows"] not in KINDS:
        raise UserError(f"shows: {plain['shows']!r} was given; expected one of {', '.join(KINDS)}.")
    if not isinstance(plain["criteria"], Mapping) or not plain["criteria"]:
        raise UserError("criteria: expected at least one, by its name.")
    criteria = tuple(_criterion(str(key), value, plain["shows"]) for key, value in plain["criteria"].items())
    return Questionnaire(name, str(plain["source"]), str(plain["about"]).strip(), plain["shows"], criteria)


def _criterion(name: str, plain: Any, shows: str) -> Criterion:
    _keys(plain, name, {"question", "options"}, {"level", "published", "of"})
    options = plain["options"]
    if not isinstance(options, Mapping) or len(options) < 2 or not all(type(value) is int for value in options):
        raise UserError(
            f"{name}.options: {options!r} was given; expected a scale of at least two whole numbers, each with its "
            "words (which may be empty): {1: Not at all, 2: '', 3: A lot}."
        )
    if any(isinstance(words, bool) for words in options.values()):
        raise UserError(
            f"{name}.options: {options!r} was given; expected words as texts. YAML takes Yes and No for true and "
            'false: write them in quotation marks, as in {0: "No", 1: "Yes"}.'
        )
    if shows == PAIR and set(options) != set(CHOICE) and set(options) != {1, -1}:
        raise UserError(
            f"{name}.options: {sorted(options)} were given; expected 1 (the first reply), -1 (the second) and, where "
            "a tie is allowed, 0."
        )
    level = plain.get("level", "ordinal")
    if level not in LEVELS:
        raise UserError(f"{name}.level: {level!r} was given; expected one of {', '.join(LEVELS)}.")
    persona = plain.get("of")
    if persona is not None and type(persona) is not int:
        raise UserError(f"{name}.of: {persona!r} was given; expected the number of a persona, from 0.")
    words = {value: "" if options[value] is None else str(options[value]) for value in sorted(options)}
    return Criterion(name, str(plain["question"]), words, level, str(plain.get("published", name)), persona)


def _keys(plain: Any, what: str, needed: set[str], allowed: set[str]) -> None:
    if not isinstance(plain, Mapping):
        raise UserError(f"{what}: {plain!r} was given; expected keys {', '.join(sorted(needed))}.")
    if missing := needed - plain.keys():
        raise UserError(f"{what} lacks {', '.join(sorted(missing))}.")
    if strange := plain.keys() - needed - allowed:
        known = ", ".join(sorted(needed | allowed))
        raise UserError(f"{what} has {', '.join(map(str, sorted(strange, key=str)))}; expected only {known}.")
