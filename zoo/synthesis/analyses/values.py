"""Entity values in text: which values of a list does a sentence name, as whole words?"""

import re
from collections.abc import Collection, Iterable, Mapping

from zoo.errors import UserError

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

Values = dict[str, set[str]]  # by entity key


def folded(value: str) -> str:
    """A value as it is compared: lower case, its words with one blank between, no punctuation around them.

    >>> folded(" Harry  Potter. "), folded("R&B"), folded("…")
    ('harry potter', 'r b', '')
    """
    return " ".join(_words(value))


class ValueMatcher:
    """Finds the values of a list in text, by whole words and regardless of case and punctuation.

    From left to right the longest value is taken, and its words are used up: "I moved to New York City" names
    "new york city" and neither "new york" nor "york". Inflected forms are other words: "dogs" doesn't name "dog".

    Args:
        values: the list; those without any letter or digit can't be found.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._by_first: dict[str, set[tuple[str, ...]]] = {}
        for value in values:
            if spelled := tuple(_words(value)):
                self._by_first.setdefault(spelled[0], set()).add(spelled)
        self._longest_first = {
            first: sorted(values, key=lambda spelled: (-len(spelled), spelled))
            for first, values in self._by_first.items()
        }

    def find(self, text: str) -> list[str]:
        """The values that `text` names, folded, in its order, as often as it names them."""
        return self.find_in(tuple(_words(text)))

    def find_in(self, spoken: tuple[str, ...]) -> list[str]:
        """`find` in a text that is folded and split already."""
        found, place = [], 0
        while place < len(spoken):
            for value in self._longest_first.get(spoken[place], ()):
                if spoken[place : place + len(value)] == value:
                    found.append(" ".join(value))
                    place += len(value)
                    break
            else:
                place += 1
        return found


def extracted_values(
    texts: Iterable[str], lists: Mapping[str, Collection[str]], cues: Mapping[str, Collection[str]] | None = None
) -> Values:
    """Which values of each key's list sentences really name.

    Args:
        texts: sentences, one after another.
        lists: the values to look for by entity key. What is on no list can't be found, so a list should be wide: the
            generated values of the key and an inventory's.
        cues: words of which a sentence has to name one before a key's values count, by key; keys that aren't there
            need none. "spring" is a season in "I love the season of spring", not in "I moved to Spring, Texas".

    Returns:
        The values found, folded, for every key of `lists`, also those of which none was found.
    """
    matchers = {key: ValueMatcher(values) for key, values in lists.items()}
    shown_by = {key: ValueMatcher(words) for key, words in (cues or {}).items() if words}
    found: Values = {key: set() for key in lists}
    for text in texts:
        spoken = tuple(_words(text))
        for key, matcher in matchers.items():
            values = matcher.find_in(spoken)
            if values and (key not in shown_by or shown_by[key].find_in(spoken)):
                found[key].update(values)
    return found


def inventory_values(lists: Mapping[str, Collection[str]]) -> Values:
    """Each key's list itself, whether or not anybody said anything of it: what the paper's "PersonaChat" column counts.

    The released code has the empty string for values it has no list for, and the paper counts it as a value: "movie
    title" and "book title" have one value of PersonaChat, and so an overlap of 0.0 %. So it is here: the empty string
    counts where a list has it, and a list without any value has it alone.

    Raises:
        UserError: no lists.
    """
    if not lists:
        raise UserError(
            "No lists of values were given for the inventory; expected one for every entity key, e.g. the lexicon's."
        )
    return {key: {folded(value) for value in values} or {""} for key, values in lists.items()}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.replace("’", "'").casefold())
