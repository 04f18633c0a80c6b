"""Sentences of the lexicon: made, found again in a text, turned round."""

import re
import string
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from zoo.data.persona_lexicon import LeafLexicon, Lexicon
from zoo.language_models.grammar.draws import Draws
from zoo.language_models.grammar.phrases import Phrases

SLOT = "{value}"
REMEMBERED = 1 << 14  # sentences whose facts are kept; a persona comes back with every turn
TAIL = 4  # words of a sentence that the lexicon does not know by which it is told and found again
_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_PAST = (
    "had|went|got|grew|came|spent|left|became|began|took|gave|did|wrote|told|chose|taught|brought|bought|made|met|saw|"
    "lost|could|once|used"
)
_AUXILIARY = re.compile(
    r"\b(?:am|is|are|was|were|can|will|would|I'm|I've|I'd)\b|"
    r"\b(?:have|has|had)(?= (?:just|been|had|always|seen|read|taught|known|\w+ed)\b)"
)
_PRESENT = re.compile(rf"\bI (?!(?:\w+ed|{_PAST})\b)(\w+)\b")
_NOT_VERBS = {"also", "always", "still", "just", "really", "often", "usually", "never", "currently", "now"}


@dataclass(frozen=True, slots=True)
class Fact:
    """What a sentence says."""

    text: str
    leaf: LeafLexicon | None  # None: the lexicon does not know the sentence
    value: str  # the leaf's, or the sentence's last words


class Sentences:
    """The lexicon's sentences, with the openers and closers around them."""

    def __init__(self, lexicon: Lexicon, phrases: Phrases) -> None:
        self.lexicon, self.phrases = lexicon, phrases
        self.fact = lru_cache(REMEMBERED)(self._fact)  # the fact in a sentence
        self._frames: list[tuple[str, str, LeafLexicon, frozenset[str]]] = []
        for leaf in lexicon.leaves.values():
            for before, after in (template.split(SLOT) for template in leaf.templates):
                self._frames.append((before, after, leaf, frozenset(leaf.values)))

    def decorated(self, template: str, draws: Draws) -> str:
        """`template` with an opener or a closer."""
        if draws.happens(0.5) and template.endswith("."):
            return template[:-1] + draws.pick(self.phrases.closers) + "."
        first = template.split(maxsplit=1)[0]
        keep = first.startswith(SLOT) or re.fullmatch(r"I(\W.*)?", first)  # "I", "I'm": capital everywhere
        return draws.pick(self.phrases.openers) + (template if keep else template[0].lower() + template[1:])

    def _fact(self, text: str) -> Fact:
        plain = text.strip()
        for opener in self.phrases.openers:
            plain = plain.removeprefix(opener)
        for closer in self.phrases.closers:
            plain = plain.replace(closer + ".", ".")
        for sentence in dict.fromkeys((plain, plain[:1].upper() + plain[1:])):
            for before, after, leaf, values in self._frames:
                if sentence.startswith(before) and sentence.endswith(after):
                    value = sentence[len(before) : len(sentence) - len(after)]
                    if value in values:
                        return Fact(text, leaf, value)
        return Fact(text, None, " ".join(text.strip().rstrip(".!?").split()[-TAIL:]))


def words(text: str) -> list[str]:
    """The words of ParlAI's F1: lower case, ASCII's punctuation replaced by blanks, then no articles."""
    return _ARTICLE.sub(" ", _PUNCTUATION.sub(" ", text.lower())).split()


def overlap(one: str, other: str) -> float:
    """F1 of two texts' words, as `zoo.synthesis.word_f1` counts it, which cannot be seen from here; a test compares.

    >>> overlap("I love the pizza.", "I love tacos")
    0.6666666666666666
    """
    first, second = words(one), words(other)
    common = sum((Counter(first) & Counter(second)).values())
    return 2 * common / (len(first) + len(second)) if common else 0.0


def says(text: str, value: str) -> bool:
    """Are the words of `value` in `text`, one after the other?"""
    return f" {' '.join(words(value))} " in f" {' '.join(words(text))} "


def negated(sentence: str) -> str:
    """The opposite, in plain English.

    >>> negated("I am a nurse."), negated("I love tea."), negated("I grew up in Rome.")
    ('I am not a nurse.', 'I do not love tea.', 'I never grew up in Rome.')
    """
    not_true = "It is not true that " + (sentence if sentence.startswith("I ") else sentence[:1].lower() + sentence[1:])
    if re.search(r"\b(no|not|never)\b", sentence):
        return not_true
    present = _PRESENT.search(sentence)
    auxiliary = _AUXILIARY.search(sentence)
    if auxiliary and (present is None or auxiliary.start() <= present.start(1)):
        return f"{sentence[: auxiliary.end()]} not{sentence[auxiliary.end() :]}"
    if present and present.group(1) not in _NOT_VERBS:
        return f"{sentence[: present.start()]}I do not {sentence[present.start(1) :]}"
    if re.search(r"\bI\b", sentence):
        return re.sub(r"\bI\b", "I never", sentence, count=1)
    return not_true
