"""What synthetic users say to each other: greetings, questions, guesses, answers, reactions and farewells.

An answer states the speaker's own liking in the speaker's own way most of the time, so a model of the user can give
it; some words are drawn anew each time, so no model gets all of them right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from zoo.data.demo.draws import Draws
from zoo.data.synthetic_users.preferences import PREFERENCES
from zoo.data.synthetic_users.users import User
from zoo.data.synthetic_users.wording import wording

USUAL = 0.75  # how often a user takes their usual phrase
GUESSED = 0.3  # share of the questions about likings that name one


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked; `guess` is the surface that the asker guessed at, "" for an open question."""

    topic: str
    guess: str = ""


def converse(draws: Draws, speakers: tuple[User, User], turns: int) -> list[str]:
    """A dialogue of `turns` utterances (at least 4) that alternate, `speakers[0]` first.

    Both greet at first and part at the end; between, each answers what the other asked and asks in turn.
    """
    told: tuple[set[str], set[str]] = (set(), set())  # topics each has spoken about
    agenda = draws.shuffled(tuple(speakers[0].answers))
    asked: Question | None = None
    said = []
    for turn in range(turns):
        side = turn % 2
        user, last = speakers[side], turn >= turns - 2
        parts = [_usual(draws, user, "greeting", user.style.greeting)] if turn < 2 else []
        answered = asked
        if answered is not None:
            parts.append(answer(draws, user, answered))
            told[side].add(answered.topic)
        elif 2 <= turn < turns - 1:
            parts.append(_usual(draws, user, "reaction", user.style.reaction))
        asked = None
        if last:
            parts.append(_usual(draws, user, "farewell", user.style.farewell))
        elif answered and answered.topic not in told[1 - side] and draws.chance(0.5):
            asked = Question(answered.topic)
            parts.append(draws.pick(wording(user.language).and_you[user.style.politeness]))
        elif (answered is None and turn > 0) or draws.chance(0.6):
            asked = _new_question(draws, agenda, told[1 - side], speakers[1 - side])
            parts += [_ask(draws, user, asked)] if asked else []
        said.append(wording(user.language).blank.join(parts))
    return said


def answer(draws: Draws, user: User, asked: Question) -> str:
    """The user's answer: a yes or no to a guess, then the truth, sometimes with where it came from."""
    words, style = wording(user.language), user.style
    own = user.answers[asked.topic]
    parts = []
    if asked.guess:
        parts.append(draws.pick((words.yes if asked.guess == own.surface else words.no)[style.politeness]))
    ending = style.ending if draws.chance(0.85) else words.plain_ending[style.politeness]
    statements = words.topics[asked.topic].statements
    statement = own.statement if draws.chance(USUAL) else draws.pick(statements)
    sentence = statement.format(value=own.surface) + words.blank + ending
    if draws.chance(0.6):
        interjection = style.interjection if draws.chance(USUAL) else draws.pick(words.interjections)
        sentence = interjection + words.comma + words.blank + sentence
    parts.append(sentence)
    if own.origin and draws.chance(0.4):
        parts.append(words.origin.format(origin=own.origin) + words.blank + ending)
    return words.blank.join(parts)


def _ask(draws: Draws, user: User, question: Question) -> str:
    words, politeness = wording(user.language), user.style.politeness
    if question.guess:
        return draws.pick(words.guesses[politeness]).format(value=question.guess)
    phrases = words.topics[question.topic].questions[politeness]
    return phrases[user.style.question % len(phrases)] if draws.chance(USUAL) else draws.pick(phrases)


def _new_question(draws: Draws, agenda: Sequence[str], told: set[str], other: User) -> Question | None:
    """About the next topic that the other has not spoken about; some likings are guessed at, some guesses are right."""
    topic = next((topic for topic in agenda if topic not in told), None)
    if topic is None:
        return None
    if topic not in PREFERENCES or not draws.chance(GUESSED):
        return Question(topic)
    right = draws.chance(0.35)
    return Question(
        topic, other.answers[topic].surface if right else draws.pick(PREFERENCES[topic]).surface(other.language)
    )


def _usual(draws: Draws, user: User, kind: str, own: str) -> str:
    phrases: tuple[str, ...] = getattr(wording(user.language), f"{kind}s")[user.style.politeness]
    return own if draws.chance(USUAL) else draws.pick(phrases)
