"""Words of a text and phrases found among them: what the lexical scorers of one number share."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

Owner = TypeVar("Owner", bound=str)

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_SHORT_FORMS = tuple(
    (re.compile(short, re.I), long)
    for short, long in (
        (r"\bwon't\b", "will not"),
        (r"\bcan't\b|\bcannot\b", "can not"),
        (r"n't\b", " not"),
        (r"'m\b", " am"),
        (r"'re\b", " are"),
        (r"'ve\b", " have"),
        (r"'ll\b", " will"),
        (r"\b(it|that|he|she|there)'s\b", r"\1 is"),
    )
)
_NUMBERS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_UNITS = {word: number for number, word in enumerate(_NUMBERS.split())}
_TENS = {
    word: 10 * number
    for number, word in enumerate(("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), 2)
}


class Word(NamedTuple):
    """One word of a text."""

    form: str  # lower case, singular where a plural ends in s, a number in digits: what is compared
    capital: bool
    after: str  # what stands between the word before and this one


class Found(NamedTuple, Generic[Owner]):
    """A phrase in a text: words `start` to `end`, `end` not included."""

    start: int
    end: int
    phrase: tuple[str, ...]
    owners: frozenset[Owner]


def words(text: str) -> list[Word]:
    """The words of a text, short forms written out.

    >>> [word.form for word in words("I'm twenty-five; I don't own 2 dogs.")]
    ['i', 'am', '25', 'i', 'do', 'not', 'own', '2', 'dog']
    """
    text = text.replace("’", "'")
    for short, long in _SHORT_FORMS:
        text = short.sub(long, text)
    found: list[Word] = []
    end = 0
    for match in _WORD.finditer(text):
        between, end = text[end : match.start()], match.end()
        form = match.group().lower()
        if form in _UNITS and found and found[-1].form in _ROUND and between in ("-", " "):
            found[-1] = found[-1]._replace(form=str(int(found[-1].form) + _UNITS[form]))
            continue
        found.append(Word(_form(form), match.group()[0].isupper(), between))
    return found


def forms(text: str) -> tuple[str, ...]:
    """The forms of a text's words."""
    return tuple(word.form for word in words(text))


class PhraseTable(Generic[Owner]):
    """Phrases and who owns them, found in texts.

    A phrase with a capital is a name: in a text that has capitals it is found only with one ("Friends", not "my
    friends").

    Args:
        phrases: of each owner.
    """

    def __init__(self, phrases: Mapping[Owner, Iterable[str]]) -> None:
        owners: dict[tuple[str, ...], set[Owner]] = {}
        names: dict[tuple[str, ...], bool] = {}
        for owner, own in phrases.items():
            for phrase in own:
                found = words(phrase)
                key = tuple(word.form for word in found)
                if key:
                    owners.setdefault(key, set()).add(owner)
                    names[key] = names.get(key, True) and any(word.capital for word in found)
        self._owners = {key: frozenset(some) for key, some in owners.items()}
        self._names = names
        lengths: dict[str, set[int]] = {}
        for key in owners:
            lengths.setdefault(key[0], set()).add(len(key))
        self._lengths = {first: sorted(some, reverse=True) for first, some in lengths.items()}

    def owners(self, phrase: tuple[str, ...]) -> frozenset[Owner]:
        """Who owns a phrase, given as forms."""
        return self._owners.get(phrase, frozenset())

    def find(self, text: Sequence[Word]) -> list[Found[Owner]]:
        """All phrases in a text that lie in no longer one."""
        capitals = any(word.capital for word in text)
        found: list[Found[Owner]] = []
        for start, word in enumerate(text):
            for length in self._lengths.get(word.form, ()):
                phrase = tuple(other.form for other in text[start : start + length])
                if len(phrase) < length or phrase not in self._owners:
                    continue
                if self._names[phrase] and capitals and not any(w.capital for w in text[start : start + length]):
                    continue
                found.append(Found(start, start + length, phrase, self._owners[phrase]))
        return [one for one in found if not any(_inside(one, other) for other in found)]


def _inside(one: Found[Owner], other: Found[Owner]) -> bool:
    return other.start <= one.start and one.end <= other.end and one.end - one.start < other.end - other.start


def _form(word: str) -> str:
    if word in _UNITS or word in _TENS:
        return str(_UNITS.get(word, _TENS.get(word)))
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")):
        return word[:-1]
    return word


_ROUND = frozenset(map(str, _TENS.values()))
