"""What sentences are about and how rude they are, by word lists."""

import pytest
import torch

from zoo.data.persona_lexicon import RUDE_WORDS, read_lexicon
from zoo.errors import UserError
from zoo.scorers.lexical_category import CategoryWords, LexicalCategory
from zoo.scorers.lexical_toxicity import LexicalToxicity
from zoo.scorers.phrases import PhraseTable, forms, words
from zoo.synthesis.words import category_words, rude_words

WORDS = CategoryWords(
    values={
        "company": ["Ford", "Apple"],
        "vehicle": ["Ford Mustang", "bicycle"],
        "show": ["Friends", "Lost"],
        "sport": ["tennis", "swimming"],
        "activity": ["tennis", "yoga"],
    },
    cues={
        "company": ["company", "work for"],
        "vehicle": ["vehicle", "drive a"],
        "show": ["show", "episode of"],
        "sport": ["sport", "match"],
        "activity": ["activity", "teach"],
    },
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm here; I won't, can't, cannot and don't.", "i am here i will not can not can not and do not"),
        ("He’s got 2 dogs, it's my dog's bus", "he is got 2 dog it is my dog's bus"),
        ("twenty-five or twenty five or twenty, five", "25 or 25 or 20 5"),
        ("one of fifty", "1 of 50"),
        ("", ""),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert " ".join(forms(text)) == expected


def test_longer_phrases_hide_shorter_ones() -> None:
    table = PhraseTable({"short": ["ice", "cream"], "long": ["ice cream"]})
    assert [(found.start, found.end, set(found.owners)) for found in table.find(words("Ice cream, ice and cream"))] == [
        (0, 2, {"long"}),
        (2, 3, {"short"}),
        (4, 5, {"short"}),
    ]


@pytest.mark.parametrize(
    ("sentence", "label", "kept"),
    [
        ("I work for Ford.", "company", True),
        ("I drive a Ford Mustang.", "company", False),  # the longer name hides it
        ("I drive a Ford Mustang.", "vehicle", True),
        ("I adore my bicycle.", "vehicle", True),  # no other label has this value
        ("I teach tennis.", "activity", True),
        ("I teach tennis.", "sport", False),  # a value that it shares, and no cue
        ("I never miss a tennis match.", "sport", True),
        ("I never miss a tennis match.", "activity", False),
        ("I love any sport.", "sport", False),  # no value
        ("Tennis is great.", "sport", False),  # which of the two is not said
        ("I like yoga as I work for Apple", "activity", False),  # a rival label has cue and value, this one no cue
        ("I meet my friends at home.", "show", False),  # a name is a name with its capital
        ("I watch an episode of Friends.", "show", True),
        ("i watch an episode of friends", "show", True),  # a text without capitals
        ("", "show", False),
    ],
)
def test_category_rules(sentence: str, label: str, kept: bool) -> None:
    assert (LexicalCategory(WORDS).score([(sentence, label)]).item() >= 0.9) == kept


def test_category_probabilities() -> None:
    scores = LexicalCategory(WORDS).score(
        [("I like a vehicle", "vehicle"), ("I like my bicycle", "vehicle"), ("I drive a bicycle", "vehicle")]
    )
    assert scores.tolist() == pytest.approx([0.5, 1 / (1 + 2.718281828**-2.3), 1 / (1 + 2.718281828**-6.3)], abs=1e-6)
    assert LexicalCategory(WORDS).score([]).shape == (0,)


def test_the_lexicon_s_sentences_are_of_their_category() -> None:
    scorer, lexicon = LexicalCategory(category_words()), read_lexicon()
    keys = sorted(scorer.labels)
    assert len(keys) == 47
    own = other = n_own = n_other = 0
    for leaf in lexicon.leaves.values():
        for number, template in enumerate(leaf.templates):
            text = "Honestly, " + template.replace("{value}", leaf.values[number])
            scores = scorer.score([(text, key) for key in keys])
            kept = [key for key, score in zip(keys, scores.tolist(), strict=True) if score >= 0.9]
            own += leaf.key in kept
            other += len(set(kept) - {leaf.key})
            n_own, n_other = n_own + 1, n_other + len(keys) - 1
    assert own / n_own > 0.98
    assert other / n_other < 0.001


def test_category_mistakes() -> None:
    with pytest.raises(UserError, match=r"no words for the label 'colour'; it knows activity, company"):
        LexicalCategory(WORDS).score([("a", "colour")])
    with pytest.raises(UserError, match="for the same labels"):
        LexicalCategory(CategoryWords({"a": ["b"]}, {}))
    with pytest.raises(UserError, match="at least for one"):
        LexicalCategory(CategoryWords({}, {}))


def test_toxicity_is_weighted() -> None:
    scorer = LexicalToxicity({"idiot": 0.9, "dork": 0.4, "pain in the neck": 0.5})
    texts = ["you idiot", "IDIOTS!", "a dork, such a dork", "what a pain in the neck", "in my neck", ""]
    assert scorer.score(texts).tolist() == pytest.approx([0.9, 0.9, 0.64, 0.5, 0, 0])
    assert scorer.score([]).shape == (0,)
    assert LexicalToxicity(rude_words()).score(["You idiot.", "I am a nurse."]).tolist() == pytest.approx([0.95, 0])
    for wrong in ({}, {"idiot": 1.2}):
        with pytest.raises(UserError, match="expected at least one word"):
            LexicalToxicity(wrong)


def test_identities_are_of_the_words() -> None:
    assert LexicalToxicity(RUDE_WORDS).identity == LexicalToxicity(rude_words()).identity
    assert LexicalToxicity({"idiot": 0.9}).identity != LexicalToxicity({"idiot": 0.8}).identity
    fewer = CategoryWords(WORDS.values, WORDS.cues | {"show": ["show"]})
    assert LexicalCategory(WORDS).identity == LexicalCategory(WORDS).identity != LexicalCategory(fewer).identity
    for scorer in (LexicalCategory(WORDS), LexicalToxicity(RUDE_WORDS)):
        assert scorer.caution
        assert scorer.score([]).dtype == torch.float32
