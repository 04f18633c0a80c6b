"""The word lists of the lexical scorers (conf/*_scorer/lexical.yaml), from the lexicon of persona sentences."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from zoo.data.persona_lexicon import RUDE_WORDS, LeafLexicon, read_lexicon
from zoo.scorers.lexical_category import CategoryWords
from zoo.scorers.lexical_contradiction import Conflict, SlotWords
from zoo.scorers.statements import Slot

CONFLICTS = Path(__file__).parent / "conflicts.yaml"
BEFORE, AFTER = 3, 2  # words of a template before its value, or after it, that are a cue by themselves
NUMBERS = tuple(map(str, range(1, 100)))  # values of a leaf whose values are numbers


def category_words() -> CategoryWords:
    """Values and cues by entity key; the key is a cue of its own."""
    lexicon = read_lexicon()
    keys = dict.fromkeys(leaf.key for leaf in lexicon.leaves.values())
    return CategoryWords(
        values={key: lexicon.values(key) for key in keys}, cues={key: (key, *lexicon.cues(key)) for key in keys}
    )


def slot_words() -> SlotWords:
    """The leaves as slots, their cues and what stands around the values of their templates; and conflicts.yaml."""
    known = yaml.safe_load(CONFLICTS.read_text(encoding="utf-8"))
    leaves = read_lexicon().leaves
    slots = {name: _slot(leaf, known["contrasts"].get(name, ())) for name, leaf in leaves.items()}
    slots |= {name: Slot(values, bare=True) for name, values in known["mentions"].items()}
    return SlotWords(slots, tuple(Conflict(**conflict) for conflict in known["conflicts"]))


def values_of_leaves() -> dict[str, tuple[str, ...]]:
    """The values of every leaf, by its id."""
    return {id: leaf.values for id, leaf in read_lexicon().leaves.items()}


def rude_words() -> Mapping[str, float]:
    """Rude words and their weights."""
    return RUDE_WORDS


def _slot(leaf: LeafLexicon, contrasts: list[list[str]]) -> Slot:
    values = NUMBERS if all(value.isdigit() for value in leaf.values) else leaf.values
    return Slot(values, (*leaf.cues, *_frames(leaf)), leaf.exclusive, contrasts)


def _frames(leaf: LeafLexicon) -> Iterator[str]:
    for template in leaf.templates:
        before, after = template.split("{value}")
        if len(before.split()) >= BEFORE:
            yield before.strip()
        if len(after.split()) >= AFTER:
            yield after.strip()
