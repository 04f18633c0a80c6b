"""What the grammar says beside the lexicon's sentences, from phrases.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).parent / "phrases.yaml"


@dataclass(frozen=True, slots=True)
class Phrases:
    """The lists of phrases.yaml, which says what each is for."""

    openers: tuple[str, ...]
    closers: tuple[str, ...]
    greetings: tuple[str, ...]
    greeting_answers: tuple[str, ...]
    acknowledgements: tuple[str, ...]
    follow_ups: tuple[str, ...]
    goodbyes: tuple[str, ...]
    rewordings: tuple[str, ...]
    rude: tuple[str, ...]
    unknown: tuple[str, ...]
    questions: Mapping[str, str]  # by entity key


@cache
def read_phrases() -> Phrases:
    """The phrases, read once."""
    lists = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    questions = lists.pop("questions")
    return Phrases(**{name: tuple(phrases) for name, phrases in lists.items()}, questions=questions)
