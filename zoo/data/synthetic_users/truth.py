"""The truth about synthetic users, and whether a reply agrees with it: does a model reproduce *this* user?"""

import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from zoo.data.synthetic_users.preferences import PREFERENCES
from zoo.data.synthetic_users.users import User, user_named
from zoo.data.synthetic_users.wording import Language, wording
from zoo.errors import UserError

_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]*")


def truth(user: User | str) -> dict[str, Any]:
    """Everything that is so of a user (or a user id): profile, style, preferences, introduction, in plain types."""
    known = user_named(user) if isinstance(user, str) else user
    return {
        "user": known.id,
        "language": known.language,
        "profile": dict(known.profile),
        "style": asdict(known.style),
        "preferences": {topic: asdict(answer) for topic, answer in known.answers.items()},
        "introduction": list(known.introduction),
    }


def expected(user: User | str, topic: str) -> str:
    """The words that a true reply about a topic contains.

    Raises:
        UserError: users say nothing about such a topic.
    """
    known = user_named(user) if isinstance(user, str) else user
    if topic not in known.answers:
        raise UserError(f"The topic {topic!r} was given; expected one of {', '.join(known.answers)}.")
    return known.answers[topic].surface


def matches_truth(user: User | str, reply: str, topic: str | None = None) -> bool | None:
    """Does what a reply states agree with this user?

    Questions in the reply state nothing. With `topic`, statements about other topics are ignored.

    Returns:
        True: it states something of the user and nothing that is not so; False: it states something that is not so;
        None: it states nothing that could be judged.
    """
    known = user_named(user) if isinstance(user, str) else user
    stated = claims(reply, known.language)
    if topic is not None:
        own = expected(known, topic)
        return all(surface == own for surface in stated[topic]) if topic in stated else None
    if not stated:
        return None
    return all(surface == known.answers[name].surface for name, surfaces in stated.items() for surface in surfaces)


def claims(text: str, language: Language) -> dict[str, set[str]]:
    """The surfaces that a text's statements hold, by topic; topics without any are left out."""
    sentences = [
        sentence for sentence in _SENTENCE.findall(text.lower()) if not sentence.rstrip().endswith(("?", "？"))
    ]
    found: dict[str, set[str]] = {}
    for topic, (pattern, surface_of) in _patterns(language).items():
        for sentence in sentences:
            for match in pattern.findall(sentence):
                found.setdefault(topic, set()).add(surface_of[match])
    return found


@cache
def _patterns(language: Language) -> Mapping[str, tuple[re.Pattern[str], Mapping[str, str]]]:
    """For every topic a pattern of its surfaces, in lower case, and the surfaces behind them."""
    surfaces = {topic: [value.surface(language) for value in values] for topic, values in PREFERENCES.items()}
    surfaces |= {topic: list(of_profile.values()) for topic, of_profile in wording(language).surfaces.items()}
    edge = (r"(?<!\w)", r"(?!\w)") if language == "en" else ("", "")
    return {
        topic: (
            re.compile(edge[0] + "(" + "|".join(re.escape(one.lower()) for one in known) + ")" + edge[1]),
            {one.lower(): one for one in known},
        )
        for topic, known in surfaces.items()
    }
