"""The word lists of the lexical scorers (conf/*_scorer/lexical.yaml), from the lexicon of persona sentences."""

from collections.abc import Mapping

from zoo.data.persona_lexicon import RUDE_WORDS, read_lexicon
from zoo.scorers.lexical_category import CategoryWords


def category_words() -> CategoryWords:
    """Values and cues by entity key; the key is a cue of its own."""
    lexicon = read_lexicon()
    keys = dict.fromkeys(leaf.key for leaf in lexicon.leaves.values())
    return CategoryWords(
        values={key: lexicon.values(key) for key in keys}, cues={key: (key, *lexicon.cues(key)) for key in keys}
    )


def rude_words() -> Mapping[str, float]:
    """Rude words and their weights."""
    return RUDE_WORDS
