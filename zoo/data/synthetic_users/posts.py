"""A year of dated posts of a synthetic user, as profile inference reads them.

Most posts tell nothing. Some show a liking, a few hold a cue to an attribute of the profile, and fewer mislead: they
quote somebody else, or are about somebody else's life. Some users never give any cue to some attribute.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from zoo.data.demo.draws import Draws
from zoo.data.profiles import ATTRIBUTES, VALUES
from zoo.data.synthetic_users.post_words import PostWords
from zoo.data.synthetic_users.preferences import PREFERENCES
from zoo.data.synthetic_users.users import User
from zoo.data.synthetic_users.wording import wording
from zoo.errors import UserError

CUES = 0.05  # share of posts with a true cue
MISLEADING = 0.02  # with one that is not the user's
LIKINGS = 0.15
RESERVED = 0.15  # of a user's attributes, never shown
YEAR = 2021  # of the paper's reply pairs


@dataclass(frozen=True, slots=True)
class Post:
    """What a user wrote, and when (ISO 8601, minutes)."""

    user: str
    time: str
    text: str


def posts(user: User, number: int = 600, year: int = YEAR) -> list[Post]:
    """`number` posts within one year, oldest first.

    Raises:
        UserError: fewer than one.
    """
    if number < 1:
        raise UserError(f"{number} posts were asked for; expected at least 1.")
    draws = Draws(user.id, "posts", number, year)
    begin = datetime(year, 1, 1)
    minutes = int((datetime(year + 1, 1, 1) - begin) / timedelta(minutes=1))
    times = sorted(draws.below(minutes) for _ in range(number))
    shown = [attribute for attribute in ATTRIBUTES if not Draws(user.id, "reserved", attribute).chance(RESERVED)]
    return [
        Post(user.id, (begin + timedelta(minutes=minute)).isoformat(timespec="minutes"), _text(draws, user, shown))
        for minute in times
    ]


def _text(draws: Draws, user: User, shown: list[str]) -> str:
    words, place = _post_words(user.language), draws.below(10_000) / 10_000
    if place < CUES:
        attribute = draws.pick(ATTRIBUTES)
        if attribute in shown:
            return draws.pick(words.cues[attribute][user.profile[attribute]])
    elif place < CUES + MISLEADING:
        attribute = draws.pick(ATTRIBUTES)
        others = [value for value in VALUES[attribute] if value != user.profile[attribute]]
        cue = draws.pick(words.cues[attribute][draws.pick(others)])
        return draws.pick(words.quotations).format(quoted=cue) if draws.chance(0.5) else cue
    elif place < CUES + MISLEADING + LIKINGS:
        liked = user.answers[draws.pick(tuple(PREFERENCES))]
        spoken = wording(user.language)
        return liked.statement.format(value=liked.surface) + spoken.blank + user.style.ending
    return draws.pick(words.everyday).format(thing=draws.pick(words.things), when=draws.pick(words.whens))


@cache
def _post_words(language: str) -> PostWords:
    if language == "ja":
        from zoo.data.synthetic_users.japanese_posts import JAPANESE_POSTS

        return JAPANESE_POSTS
    from zoo.data.synthetic_users.english_posts import ENGLISH_POSTS

    return ENGLISH_POSTS
