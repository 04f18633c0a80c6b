"""Synthetic users: who they are, what they like and how they talk, drawn from their number and a seed.

Half comes from the profile (who is in their 60s likes other music than a high school student, and is more often
polite), half is the user's own: there is something that only a model of this very user can know.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from zoo.data.demo.draws import Draws
from zoo.data.profiles import ATTRIBUTES, VALUES
from zoo.data.synthetic_users.preferences import PREFERENCES, Value
from zoo.data.synthetic_users.wording import Language, Politeness, Wording, wording
from zoo.errors import UserError

OWN = 0.4  # share of preferences that ignore the profile
PULL = 6  # how much likelier one leaning makes a value
INTRODUCED = 2  # preferences that a self-introduction names
AGES = (*["10s"] * 3, *["20s"] * 6, *["30s"] * 4, *["40s"] * 3, *["50s"] * 2, *["60s"] * 2)
OCCUPATIONS = {  # age -> occupations; the others share the rest of the list
    "10s": ("High school student", "High school student", "College student", "Part-time worker"),
    "20s": ("College student", "Office worker", "Office worker", "Part-time worker", "Unemployed", "Civil servant"),
}
LATER = tuple(value for value in VALUES["occupation"] if not value.endswith("student")) + ("Office worker",) * 3
MARRIED = {"10s": 0.0, "20s": 0.2, "30s": 0.6, "40s": 0.7, "50s": 0.8, "60s": 0.8}
POLITE = {"10s": 0.1, "20s": 0.25, "30s": 0.4, "40s": 0.5, "50s": 0.65, "60s": 0.8}
_ID = re.compile(r"(en|ja)-(\d+)-(p?)(\d+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a user says about one topic: `value` is language-free, `surface` its words, `statement` the user's own."""

    value: str
    surface: str
    statement: str  # with "{value}", the phrase this user most often takes
    origin: str = ""  # where the liking came from; "" for occupation and location


@dataclass(frozen=True, slots=True)
class Style:
    """How a user talks. Each is taken most of the time, not always."""

    politeness: Politeness
    greeting: str
    interjection: str
    ending: str
    reaction: str
    farewell: str
    question: int  # which of a topic's phrases, modulo their number


@dataclass(frozen=True, slots=True)
class User:
    """A synthetic user, the whole truth. `answers` has the topics of `PREFERENCES`, then occupation and location."""

    id: str
    language: Language
    profile: Mapping[str, str]  # all five attributes
    style: Style
    answers: Mapping[str, Answer]
    introduction: tuple[str, ...]

    def shown_profile(self, share: float) -> dict[str, str]:
        """The part of the profile that others may know: each attribute with probability `share`, always the same."""
        return {name: value for name, value in self.profile.items() if Draws(self.id, "known", name).chance(share)}


@lru_cache(maxsize=4096)
def synthetic_user(language: Language, number: int, seed: int = 0, pretraining: bool = False) -> User:
    """The user of a number, 0 or more; those of pre-training are other people than those of the dialogues.

    Profile, likings and their origins do not depend on the language: en-0-0003 and ja-0-0003 are the same person.
    """
    words = wording(language)
    group = "p" if pretraining else ""
    draws = Draws(seed, "synthetic users", group, number)
    profile = _profile(draws)
    values = {topic: _liked(draws, topic, profile) for topic in PREFERENCES}
    origins = {topic: draws.below(len(words.origins)) for topic in PREFERENCES}
    draws = Draws(seed, "synthetic users", group, number, language)
    answers = {
        topic: Answer(
            value.english,
            value.surface(language),
            draws.pick(words.topics[topic].statements),
            words.origins[origins[topic]],
        )
        for topic, value in values.items()
    }
    for topic, surfaces in words.surfaces.items():
        value_of_profile = profile[topic]
        statement = draws.pick(words.topics[topic].statements)
        answers[topic] = Answer(value_of_profile, surfaces[value_of_profile], statement)
    style = _style(draws, words, profile)
    return User(
        id=f"{language}-{seed}-{group}{number:04d}",
        language=language,
        profile=profile,
        style=style,
        answers=answers,
        introduction=_introduction(draws, words, style, answers),
    )


def user_named(user: str) -> User:
    """The user of an id, e.g. "en-0-0012" or, of pre-training, "ja-3-p0100".

    Raises:
        UserError: no synthetic user has such an id.
    """
    match = _ID.fullmatch(user)
    found = match and synthetic_user(
        "ja" if match[1] == "ja" else "en", int(match[4]), int(match[2]), pretraining=bool(match[3])
    )
    if not found or found.id != user:
        raise UserError(
            f"{user!r} is no synthetic user; expected <language>-<seed>-<number of at least four digits>, as in "
            f"en-0-0012. The truth is known of embedded users alone."
        )
    return found


def _profile(draws: Draws) -> dict[str, str]:
    age = draws.pick(AGES)
    occupation = draws.pick(OCCUPATIONS.get(age, LATER))
    drawn = {
        "age": age,
        "gender": draws.pick(VALUES["gender"]),
        "occupation": occupation,
        "marriage": "Married" if draws.chance(0.0 if "student" in occupation else MARRIED[age]) else "Single",
        "location": draws.pick(VALUES["location"]),
    }
    return {attribute: drawn[attribute] for attribute in ATTRIBUTES}


def _liked(draws: Draws, topic: str, profile: Mapping[str, str]) -> Value:
    values = PREFERENCES[topic]
    if draws.chance(OWN):
        return draws.pick(values)
    held = set(profile.values())
    return draws.pick([value for value in values for _ in range(1 + PULL * len(held.intersection(value.leanings)))])


def _style(draws: Draws, words: Wording, profile: Mapping[str, str]) -> Style:
    politeness: Politeness = "polite" if draws.chance(POLITE[profile["age"]]) else "casual"
    endings = words.endings[politeness]
    dialect = words.dialect_endings.get(profile["location"])
    if dialect and politeness == "casual" and draws.chance(0.5):
        endings = dialect
    return Style(
        politeness=politeness,
        greeting=draws.pick(words.greetings[politeness]),
        interjection=draws.pick(words.interjections),
        ending=draws.pick(endings),
        reaction=draws.pick(words.reactions[politeness]),
        farewell=draws.pick(words.farewells[politeness]),
        question=draws.below(60),  # a multiple of every number of phrases
    )


def _introduction(draws: Draws, words: Wording, style: Style, answers: Mapping[str, Answer]) -> tuple[str, ...]:
    """A few sentences: occupation, location and some of the likings; the rest has to be learnt from dialogues."""
    topics = ["occupation", "location", *draws.shuffled(tuple(PREFERENCES))[:INTRODUCED]]
    ending = words.plain_ending[style.politeness]
    return tuple(
        words.topics[topic].statements[0].format(value=answers[topic].surface) + words.blank + ending
        for topic in topics
    )
