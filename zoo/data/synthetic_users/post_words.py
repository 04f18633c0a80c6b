"""The form of the words of posts; the contents are in `english_posts` and `japanese_posts`."""

from collections.abc import Mapping
from dataclasses import dataclass


def lines(text: str) -> tuple[str, ...]:
    """One sentence a line."""
    return tuple(line.strip() for line in text.strip().splitlines())


def words(text: str) -> tuple[str, ...]:
    """Words with blanks between."""
    return tuple(text.split())


@dataclass(frozen=True, slots=True)
class PostWords:
    """Sentences of posts.

    `cues` are told of one's own life: attribute -> value -> sentences, for every value of `zoo.data.profiles`.
    `everyday` may name a "{thing}" and a "{when}".
    """

    cues: Mapping[str, Mapping[str, tuple[str, ...]]]
    quotations: tuple[str, ...]  # with "{quoted}"
    everyday: tuple[str, ...]
    things: tuple[str, ...]
    whens: tuple[str, ...]
