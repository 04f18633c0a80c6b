"""What pages show of an item and its questions: texts as they are, and nothing of where they are from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from zoo.people.questionnaire import Criterion, Questionnaire
from zoo.people.records import DIALOGUE, PAIR, SENTENCE, Item

Value = TypeVar("Value", int, float)
_TITLES = {PAIR: ("First reply of A", "Second reply of A"), SENTENCE: ("Sentence",)}
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # which HTML or UTF-8 cannot hold


@dataclass(frozen=True, slots=True)
class Option:
    """One answer: `sign` is what stands on it, and the key that chooses it where that is one digit."""

    value: int
    sign: str
    words: str


@dataclass(frozen=True, slots=True)
class Question:
    """`sparse`: some options have no words, as those between the ends of a scale."""

    name: str
    text: str
    options: tuple[Option, ...]
    sparse: bool


@dataclass(frozen=True, slots=True)
class View:
    """Titles with what stands below each."""

    personas: tuple[tuple[str, tuple[str, ...]], ...]
    turns: tuple[tuple[str, str], ...]
    replies: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]


def view_of(item: Item, swapped: bool = False) -> View:
    """An item as it is shown; `swapped`: the second reply of a pair first."""
    both = item.kind == DIALOGUE
    speakers = "AB" if both else "A"
    personas = [(f"Persona of {speaker}", persona) for speaker, persona in zip(speakers, item.personas, strict=False)]
    titles = _TITLES.get(item.kind, ("Reply of A",))
    texts = item.texts[::-1] if swapped else item.texts
    return View(
        personas=tuple((title, tuple(map(printable, persona))) for title, persona in personas),
        turns=tuple((speaker, printable(text)) for speaker, text in item.turns),
        replies=tuple((title, printable(text)) for title, text in zip(titles, texts, strict=False)),
        facts=tuple((name, printable(text)) for name, text in item.facts.items()),
    )


def questions_of(questionnaire: Questionnaire) -> tuple[Question, ...]:
    """In the questionnaire's order; options lowest first, of a choice the first reply first."""
    return tuple(_question(criterion, questionnaire.shows == PAIR) for criterion in questionnaire.criteria)


def turned(values: Mapping[str, Value], kind: str, swapped: bool) -> dict[str, Value]:
    """Values of rows as values of the sides that were shown, or back: a choice of the second is one of the first."""
    return {name: -value if kind == PAIR and swapped else value for name, value in values.items()}


def printable(text: str) -> str:
    """The text with a mark for each character that no page can show."""
    return _UNPRINTABLE.sub("�", text)


def _question(criterion: Criterion, choice: bool) -> Question:
    values = sorted(criterion.options, reverse=choice)
    sparse = not all(criterion.options.values())
    signs = [str(value) for value in values] if sparse else [str(place) for place in range(1, len(values) + 1)]
    options = tuple(Option(value, sign, criterion.options[value]) for value, sign in zip(values, signs, strict=True))
    return Question(criterion.name, criterion.question, options, sparse)
