"""From a reply to the units that F1, ROUGE and distinct-n count. A metric's name says how its texts were split."""

import re
import string
from collections.abc import Callable

from zoo.errors import UserError
from zoo.metrics.japanese import dictionary, folded_characters, folded_words, japanese

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
_SPACED_OUT = re.compile(r"([.,?])")
_BLANKS = re.compile(r"\s+")
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


Split = Callable[[str], list[str]]

TOKENIZERS: dict[str, Split] = {
    "parlai": parlai,
    "punctuation": punctuation,
    "words": words,
    "characters": characters,
    "japanese": japanese,
}
# (words, normalise) -> what the overlap metrics compare
OVERLAP: dict[tuple[str, str], Split] = {
    ("whitespace", "parlai"): parlai,
    ("whitespace", "none"): words,
    ("japanese", "parlai"): folded_words,
    ("japanese", "none"): japanese,
    ("characters", "parlai"): folded_characters,
    ("characters", "none"): characters,
}


def tokenizer(name: str) -> Split:
    """The way of splitting of that name.

    Raises:
        UserError: there is none of that name.
    """
    if name not in TOKENIZERS:
        raise UserError(f"tokenize={name!r} is unknown. Choose one of {', '.join(TOKENIZERS)}.")
    return TOKENIZERS[name]


def overlap_tokenizer(words: str, normalise: str = "parlai") -> Split:
    """What the overlap of a reply with its reference is counted in.

    Args:
        words: "whitespace", "japanese" (the extra `[ja]`) or "characters".
        normalise: "parlai" leaves out case and punctuation, of English also a, an and the; "none" keeps all.

    Raises:
        UserError: an unknown setting.
    """
    if (words, normalise) not in OVERLAP:
        raise UserError(
            f"words={words!r} with normalise={normalise!r} is unknown. Choose words of whitespace, japanese and "
            "characters, and normalise of parlai and none."
        )
    return OVERLAP[words, normalise]


def overlap_ending(words: str, normalise: str) -> str:
    """What a metric's name ends in for these settings of `overlap_tokenizer`; nothing for the defaults."""
    return (f"_{words}" if words != "whitespace" else "") + ("_unnormalised" if normalise == "none" else "")


def versioned(version: int | str, words: str) -> int | str:
    """A metric's version, with the dictionary that decides where its words end.

    Raises:
        UserError: that is not installed: said when the metric is made, not after an hour of decoding.
    """
    return f"{version}, {dictionary()}" if words == "japanese" else version


def clean_up(text: str) -> str:
    """Take out the blanks before punctuation and English contractions, as transformers 4 did after decoding.

    transformers 5 leaves them in. For responses; of references see `clean_up_reference`. The order matters. A second
    pass changes nothing where words are divided by single blanks.
    """
    for spaced in (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"):
        text = text.replace(spaced, spaced.strip())
    return text


def clean_up_reference(text: str) -> str:
    """A reference as PAA's release compares it: encoded with blanks around each of `. , ?`, decoded, cleaned up.

    So it is whatever the model's template does with punctuation: the rule is part of the metrics' definition. It is
    that of zoo.data.template (`space_punctuation`), which this package cannot see, and a test holds the two together.
    "3.5" becomes "3. 5". A second pass may set a blank between a comma, period or question mark and the apostrophe
    after it, which no metric of PAA's protocol tells apart.
    """
    return clean_up(_BLANKS.sub(" ", _SPACED_OUT.sub(r" \1 ", text)).strip())
