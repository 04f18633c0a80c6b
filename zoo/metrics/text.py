"""From a reply to the units that F1 and distinct-n count. A metric's name says which way of splitting it used."""

import re
import string
from collections.abc import Callable

from zoo.errors import UserError

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def parlai(text: str) -> list[str]:
    """Words as ParlAI's F1 sees them: lower case, punctuation replaced by blanks, then a, an and the left out.

    The apostrophe is punctuation: "don't" gives "don" and "t". Source: `normalize_answer`, parlai/core/metrics.py.
    """
    return _ARTICLE.sub(" ", _PUNCTUATION.sub(" ", text.lower())).split()


def punctuation(text: str) -> list[str]:
    """Words, every ASCII punctuation character being one: how PAA (arXiv:2210.15088) counts distinct-n."""
    return _PUNCTUATION.sub(r" \g<0> ", text).split()


def words(text: str) -> list[str]:
    """What stands between blanks."""
    return text.split()


def characters(text: str) -> list[str]:
    """Characters other than blanks: for Japanese and other languages that write no blanks."""
    return [character for character in text if not character.isspace()]


TOKENIZERS: dict[str, Callable[[str], list[str]]] = {
    "parlai": parlai,
    "punctuation": punctuation,
    "words": words,
    "characters": characters,
}


def tokenizer(name: str) -> Callable[[str], list[str]]:
    """The way of splitting of that name.

    Raises:
        UserError: there is none of that name.
    """
    if name not in TOKENIZERS:
        raise UserError(f"tokenize={name!r} is unknown. Choose one of {', '.join(TOKENIZERS)}.")
    return TOKENIZERS[name]


def clean_up(text: str) -> str:
    """Take out the blanks before punctuation and English contractions, as transformers 4 did after decoding.

    transformers 5 leaves them in. For responses and references alike; the order matters.
    """
    for spaced in (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"):
        text = text.replace(spaced, spaced.strip())
    return text
