"""ParlAI's F1 of two texts' words: how filters and analyses say that a sentence was copied."""

import re
import string
from collections import Counter

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def words(text: str) -> list[str]:
    """Lower case, punctuation replaced by blanks, then a, an and the left out.

    The same words as those of the metric `f1_parlai`, which this package cannot see; a test holds the two together.
    Source: `normalize_answer`, parlai/core/metrics.py.
    """
    return _ARTICLE.sub(" ", _PUNCTUATION.sub(" ", text.lower())).split()


def word_f1(first: str, second: str) -> float:
    """Harmonic mean of precision and recall of the words as multisets, 0 to 1; 0 without a word in common.

    >>> word_f1("I have two dogs.", "i have two dogs and a cat")  # 4 common: 2 * 4 / (4 + 6)
    0.8
    """
    return bag_f1(Counter(words(first)), Counter(words(second)))


def bag_f1(first: Counter[str], second: Counter[str]) -> float:
    """`word_f1` of words that are counted already."""
    common = (first & second).total()
    return 2 * common / (first.total() + second.total()) if common else 0.0
