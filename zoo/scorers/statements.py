"""What a text states, as slots with values: how `LexicalContradiction` reads. Questions state nothing.

A fact is a value of a slot and whether the text affirms or denies it: "I am not a nurse" denies the value "nurse" of
the slot "profession". A clause's other content words are kept too, for what no slot speaks about.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from zoo.scorers.lexical import FUNCTION_WORDS
from zoo.scorers.phrases import Found, PhraseTable, Word, forms, words

_SENTENCE = re.compile(r"[^.!?]+(?:[.!?]+(?!\s|$)[^.!?]*)*[.!?]*")  # a full stop inside a word ends nothing
_BOUNDARY = re.compile(r"[,;:()–—]| - ")
_CONNECTIVES = "but because which who although though unless"
_BEFORE_SUBJECTS = "and for so since while as until"  # "for i have" begins a clause, "for years" does not
_SUBJECTS = "i my mine it we our he she they you your"
_AUXILIARIES = "do does did"
_NEGATORS = "not no never none nothing nobody neither nor without hardly"
_DISLIKES = "hate hated hating dislike disliked detest loathe despise"
_LIKES = "like love enjoy adore favorite prefer stand really very always only good great nice bad fun"
_SCARCE = "like than better more most"  # "no food makes me happier than pizza"
_IDIOMS = """
never miss, never tire, never tired, never leave, never get enough, not get enough, could not put down, can not wait,
can not live without, could not live without, not only, not just, no doubt, no matter, no problem, why not, not bad,
never mind, not mind, can not help
"""  # denials in form alone
_ARTICLES = "a an the very really now currently to eat"
_ADVERBS = "can could really just also"
_VERBS = "like love enjoy adore prefer stand"  # what one likes, or cannot stand
_APPOSITION = "a an the in namely"  # "an animal, a hamster"
_UNTRUE = "it is not true that, it is false that"


def _set(text: str) -> frozenset[str]:
    return frozenset(form for word in text.split() for form in forms(word))


def _phrases(text: str) -> frozenset[tuple[str, ...]]:
    return frozenset(forms(phrase) for phrase in text.split(","))


CONNECTIVES, BEFORE_SUBJECTS, SUBJECTS = _set(_CONNECTIVES), _set(_BEFORE_SUBJECTS), _set(_SUBJECTS)
AUXILIARIES, APPOSITION = _set(_AUXILIARIES), _set(_APPOSITION)
ARTICLES, VERBS, ADVERBS = _set(_ARTICLES), _set(_VERBS), _set(_ADVERBS)
NEGATORS, DISLIKES, SCARCE = _set(_NEGATORS), _set(_DISLIKES), _set(_SCARCE)
EMPTY_WORDS = _set(FUNCTION_WORDS) | _set(_LIKES) | AUXILIARIES | DISLIKES
IDIOMS, UNTRUE = _phrases(_IDIOMS), _phrases(_UNTRUE)


class Fact(NamedTuple):
    """A slot's value, affirmed or denied."""

    slot: str
    value: tuple[str, ...]  # as forms
    affirmed: bool


class Clause(NamedTuple):
    """What a clause is about, affirmed or denied."""

    content: frozenset[str]
    affirmed: bool


class Statement(NamedTuple):
    """What a text states."""

    facts: tuple[Fact, ...]
    clauses: tuple[Clause, ...]


class Slot(NamedTuple):
    """What can be said of a person.

    Args:
        values: what fills it; those of one list in `contrasts` contradict each other.
        cues: what shows that a value beside it is this slot's, since a value may fill several.
        exclusive: whether any two different values contradict each other.
        contrasts: lists of values that contradict each other.
        bare: whether a value says so without a cue.
    """

    values: Sequence[str]
    cues: Sequence[str] = ()
    exclusive: bool = False
    contrasts: Sequence[Sequence[str]] = ()
    bare: bool = False


class StatementReader:
    """Reads texts.

    A value is a slot's where the slot has a cue in the same sentence, and no other slot with that value has a longer
    one; without any cue, where no other slot has it and "I am" stands before it, or "I love", "I hate" and the like
    before one of a slot that is not exclusive.
    """

    def __init__(self, slots: Mapping[str, Slot]) -> None:
        self._values: PhraseTable[str] = PhraseTable({name: slot.values for name, slot in slots.items()})
        cues = {name: [_without_denials(cue) for cue in slot.cues] for name, slot in slots.items()}
        self._cues: PhraseTable[str] = PhraseTable(cues)
        self._exclusive = frozenset(name for name, slot in slots.items() if slot.exclusive)
        self._bare = frozenset(name for name, slot in slots.items() if slot.bare)

    def read(self, text: str) -> Statement:
        """What `text` states."""
        facts: list[Fact] = []
        clauses: list[Clause] = []
        for sentence in _SENTENCE.findall(text):
            if "?" not in sentence:
                denied = _Denials(words(sentence))
                facts += self._facts(denied)
                clauses += denied.clauses()
        return Statement(tuple(dict.fromkeys(facts)), tuple(dict.fromkeys(clauses)))

    def _facts(self, denied: "_Denials") -> Iterator[Fact]:
        text = denied.rest
        cues: dict[str, int] = {}  # slot -> length of its longest cue
        for found in self._cues.find(text):
            for slot in found.owners:
                cues[slot] = max(cues.get(slot, 0), found.end - found.start)
        for found in self._values.find(text):
            longest = max((cues.get(slot, 0) for slot in found.owners), default=0)
            slots = [slot for slot in found.owners if slot in self._bare or (longest and cues.get(slot) == longest)]
            if not slots and len(found.owners) == 1:
                slots = [slot for slot in found.owners if _is_said_of_me(text, found, slot in self._exclusive)]
            for slot in sorted(slots):
                yield Fact(slot, found.phrase, denied.affirmed(found.start))


class _Denials:
    """A sentence without what denies, and where it denies.

    Attributes:
        rest: the sentence's other words.
    """

    def __init__(self, text: Sequence[Word]) -> None:
        skipped = {place for start, length in _places(text, IDIOMS) for place in range(start, start + length)}
        untrue = list(_places(text, UNTRUE))
        skipped |= {place for start, length in untrue for place in range(start, start + length)}
        self._flipped = len(untrue) % 2 == 1  # the whole sentence
        self.rest: list[Word] = []
        self._clause: list[int] = []  # of each word of the rest
        self._denials: list[tuple[int, int]] = []  # (clause, place in the rest before which it stands)
        clause = 0
        for place, word in enumerate(text):
            if place and _begins_clause(text, place):
                clause += 1
            if place not in skipped and _denies(text, place):
                self._denials.append((clause, len(self.rest)))
                if word.form in NEGATORS:
                    continue
            elif word.form in AUXILIARIES and place + 1 < len(text) and text[place + 1].form in ("not", "never"):
                continue  # "i do not live" is "i live", denied
            self.rest.append(word)
            self._clause.append(clause)

    def affirmed(self, place: int) -> bool:
        """Is what stands at a place of the rest affirmed? What denies stands before it, in its clause.

        An apposition belongs to the clause before its comma: "my hobby, juggling".
        """
        clauses = {self._clause[place]}
        first = place - 1 if place and self.rest[place - 1].form in APPOSITION else place
        if first and self._clause[first - 1] != self._clause[first] and "," in self.rest[first].after:
            clauses.add(self._clause[first - 1])
        before = sum(clause in clauses and at <= place for clause, at in self._denials)
        return (before + self._flipped) % 2 == 0

    def clauses(self) -> Iterator[Clause]:
        """The clauses' content words."""
        for clause in sorted(set(self._clause)):
            content = {word.form for word, own in zip(self.rest, self._clause, strict=True) if own == clause}
            denials = sum(own == clause for own, _ in self._denials) + self._flipped
            if content := content - EMPTY_WORDS:
                yield Clause(frozenset(content), denials % 2 == 0)


def _without_denials(cue: str) -> str:
    """A cue as it stands in the rest of a sentence, without capitals: it is no name."""
    return " ".join(word.form for word in _Denials(words(cue)).rest)


def _denies(text: Sequence[Word], place: int) -> bool:
    form = text[place].form
    if form == "no":  # "no food makes me happier than pizza" denies nothing of pizza
        return not any(word.form in SCARCE or word.form.endswith("er") for word in text[place + 2 :])
    if form in DISLIKES:  # mine, not my parents'
        return any(word.form == "i" for word in text[max(0, place - 3) : place])
    return form in NEGATORS


def _begins_clause(text: Sequence[Word], place: int) -> bool:
    word = text[place]
    following = text[place + 1].form if place + 1 < len(text) else ""
    if _BOUNDARY.search(word.after) or (word.form in CONNECTIVES and following != "of"):
        return True
    return word.form in BEFORE_SUBJECTS and following in SUBJECTS


def _places(text: Sequence[Word], phrases: frozenset[tuple[str, ...]]) -> Iterator[tuple[int, int]]:
    """Where phrases of two words and more stand: start and length."""
    starts = {phrase[:2] for phrase in phrases}
    form = tuple(word.form for word in text)
    for start in range(len(form) - 1):
        if form[start : start + 2] in starts:
            for length in range(2, len(form) - start + 1):
                if form[start : start + length] in phrases:
                    yield start, length


def _is_said_of_me(text: Sequence[Word], found: Found[str], exclusive: bool) -> bool:
    before = [word.form for word in text[max(0, found.start - 5) : found.start]]
    while before and before[-1] in ARTICLES:
        before.pop()
    if before[-2:] == ["i", "am"]:
        return True
    if exclusive or not before or before.pop() not in VERBS | DISLIKES:
        return False
    while before and before[-1] in ADVERBS:
        before.pop()
    return before[-1:] == ["i"]
