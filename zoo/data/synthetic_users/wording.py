"""The words in which synthetic users speak: one `Wording` a language, its contents in `english` and `japanese`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from zoo.errors import UserError

Language = Literal["en", "ja"]
Politeness = Literal["polite", "casual"]
Phrases = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TopicWords:
    """How a topic is asked for and stated; `{value}` stands for a surface. Statements take a style's ending."""

    questions: Mapping[Politeness, Phrases]
    statements: Phrases


@dataclass(frozen=True, slots=True)
class Wording:
    """Everything sayable in one language.

    Endings close statements, in Japanese together with the copula; every one holds a mark that ends a sentence, and
    questions alone end in a question mark.
    """

    blank: str  # between sentences and before an ending
    comma: str
    topics: Mapping[str, TopicWords]  # the preferences' topics, then occupation and location
    surfaces: Mapping[str, Mapping[str, str]]  # of occupation and location: profile value -> words
    greetings: Mapping[Politeness, Phrases]
    interjections: Phrases
    reactions: Mapping[Politeness, Phrases]
    farewells: Mapping[Politeness, Phrases]
    endings: Mapping[Politeness, Phrases]
    dialect_endings: Mapping[str, Phrases]  # location -> endings
    plain_ending: Mapping[Politeness, str]
    guesses: Mapping[Politeness, Phrases]  # "do you like {value} ?"
    yes: Mapping[Politeness, Phrases]
    no: Mapping[Politeness, Phrases]
    and_you: Mapping[Politeness, Phrases]
    origin: str  # "{origin} got me into it"
    origins: Phrases


def wording(language: str) -> Wording:
    """The words of a language.

    Raises:
        UserError: a language that is neither "en" nor "ja".
    """
    if language == "en":
        from zoo.data.synthetic_users.english import ENGLISH

        return ENGLISH
    if language == "ja":
        from zoo.data.synthetic_users.japanese import JAPANESE

        return JAPANESE
    raise UserError(f"The language {language!r} was given for synthetic users; expected 'en' or 'ja'.")
