"""Contradiction by rules: each rule on a sentence that it is about, and one that it must leave alone."""

import random
from itertools import pairwise

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from tests.conftest import ROOT
from zoo.data.persona_lexicon import read_lexicon
from zoo.errors import UserError
from zoo.scorers.lexical_contradiction import HIGH, LOW, Conflict, LexicalContradiction, SlotWords
from zoo.scorers.statements import Slot
from zoo.synthesis.words import slot_words

WORDS = SlotWords(
    slots={
        "age": Slot([str(n) for n in range(1, 100)], ["years old", "my age is"], exclusive=True),
        "home": Slot(["Paris", "New York", "Rome"], ["i live in", "my home is in", "town"], exclusive=True),
        "birthplace": Slot(["Paris", "New York", "Rome"], ["i was born in"], exclusive=True),
        "marital": Slot(["single", "married", "legally separated"], ["marital status"], exclusive=True),
        "job": Slot(["nurse", "pilot", "chef"], ["i work as", "my job is", "i am a"]),
        "old job": Slot(["nurse", "pilot", "chef"], ["i used to be"]),
        "food": Slot(["pizza", "steak", "ice cream"], ["eat", "favorite food", "makes me happier than"]),
        "diet": Slot(["vegan", "keto"], ["diet"]),
        "hobby": Slot(["juggling", "chess"], ["my hobby"]),
        "trait": Slot(["shy", "outgoing", "honest"], ["person"], contrasts=[["shy", "outgoing"]]),
        "spouse": Slot(["my wife"], bare=True),
    },
    conflicts=[
        Conflict("diet", ["vegan"], "food", ["steak", "ice cream"]),
        Conflict("old job", ["*"], "job", ["*"], same=True),
        Conflict("marital", ["single"], "spouse", ["*"]),
    ],
)


@pytest.fixture(scope="module")
def scorer() -> LexicalContradiction:
    return LexicalContradiction(WORDS)


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        # exclusive slots
        ("I am 25 years old.", "Hi! My age is 31.", True),
        ("I am twenty-five years old.", "My age is 25.", False),
        ("I am 25 years old.", "I have 31 books.", False),
        ("I live in Paris.", "My home is in New York, by the way.", True),
        ("I live in Paris.", "I was born in Rome.", False),  # the cue says which slot
        ("I live in Paris.", "In my town I was born in Rome.", False),  # the longer cue
        ("I live in Paris.", "And if I live in Rome?", False),  # a question states nothing
        ("I live in Paris and I was born in Rome.", "I was born in Rome, and I live in Paris.", False),
        ("My marital status is single.", "I am married.", True),  # no cue, but "I am"
        ("I am married.", "Single malt is nice.", False),
        # other slots
        ("My job is nurse.", "I work as a pilot.", False),
        ("I am a very shy person.", "I am a very honest person.", False),
        ("I am a very shy person.", "I am an outgoing person.", True),  # a contrast
        # denied values
        ("I work as a nurse.", "I do not work as a nurse.", True),
        ("I work as a nurse.", "I don't work as a nurse.", True),
        ("I'm a nurse.", "My job is not nurse.", True),
        ("I'm not a nurse.", "I do not work as a nurse.", False),
        ("I work as a nurse.", "I am no pilot.", False),
        ("I work as a nurse.", "It is not true that I work as a nurse.", True),
        ("I work as a nurse.", "It is not true that I do not work as a nurse.", False),
        ("I work as a nurse.", "I never sleep, but I work as a nurse.", False),  # another clause is denied
        ("My hobby is juggling.", "I do not spend time on my hobby, juggling.", True),  # an apposition
        ("My hobby is juggling.", "I never tire of my hobby, juggling.", False),  # denies in form alone
        ("I eat pizza.", "No food makes me happier than pizza.", False),
        ("I eat pizza.", "I can't wait to eat pizza.", False),
        ("My favorite food is pizza.", "I hate pizza.", True),
        ("My favorite food is pizza.", "I really can't stand pizza!", True),
        ("My favorite food is pizza.", "My parents hate pizza.", False),
        ("I do not eat pizza.", "I hate pizza.", False),
        # conflicts of two slots
        ("I follow a vegan diet.", "My favorite food is steak.", True),
        ("I follow a vegan diet.", "My favorite food is pizza.", False),
        ("I follow a vegan diet.", "I do not eat steak.", False),
        ("I used to be a nurse.", "I work as a nurse.", True),
        ("I used to be a nurse.", "I work as a pilot.", False),
        ("I am single.", "It was my wife who said so.", True),
        ("I am married.", "It was my wife who said so.", False),
        # what no slot speaks about
        ("I have a red car.", "I do not have a red car.", True),
        ("I have a red car.", "I have no blue boat.", False),
        ("i love winter hikes", "i hate winter hikes", True),
        ("My uncle is tall.", "My uncle is short.", True),
        ("My uncle is tall.", "My aunt is short.", False),
        ("", "I work as a nurse.", False),
    ],
)
def test_rules(scorer: LexicalContradiction, one: str, other: str, contradict: bool) -> None:
    assert scorer.score([(one, other), (other, one)]).tolist() == pytest.approx([HIGH if contradict else LOW] * 2)


def test_the_lexicon_s_sentences() -> None:
    """Every leaf: other words for the same, another value, and each sentence beside one of the next leaf."""
    scorer, leaves = LexicalContradiction(slot_words()), list(read_lexicon().leaves.values())
    draw = random.Random(0)
    same, others, exclusive, elsewhere = [], [], [], []
    for leaf, following in pairwise([*leaves, leaves[0]]):
        for first, second in pairwise(leaf.templates):
            value, other = draw.sample(leaf.values, 2)
            one = first.replace("{value}", value)
            same.append((one, second.replace("{value}", value)))
            (exclusive if leaf.exclusive else others).append((one, second.replace("{value}", other)))
            third = draw.choice(following.templates).replace("{value}", draw.choice(following.values))
            elsewhere.append((one, third))
    rates = [(scorer.score(pairs) > 0.9).float().mean().item() for pairs in (same, others, elsewhere, exclusive)]
    assert rates[0] < 0.02
    assert rates[1] < 0.05
    assert rates[2] < 0.03
    assert rates[3] > 0.97


def test_a_text_is_read_once() -> None:
    scorer = LexicalContradiction(WORDS)
    texts = [f"I am {n} years old." for n in range(1, 60)]
    scorer.score([(one, other) for one in texts for other in texts])
    read = scorer._read.cache_info()
    assert read.misses == len(texts)
    assert read.maxsize is not None
    assert scorer.score([]).shape == (0,)
    assert scorer.score([("a", "b")]).dtype == torch.float32


def test_the_file_of_conf() -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        scorer = instantiate(compose("contradiction_scorer/lexical").contradiction_scorer)
    pairs = [("I am 25 years old.", "I just turned 31."), ("I am 25 years old.", "I like to eat pizza.")]
    assert scorer.score(pairs).gt(0.9).tolist() == [True, False]
    assert scorer.identity == LexicalContradiction(slot_words()).identity != LexicalContradiction(WORDS).identity
    assert scorer.caution


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (SlotWords({}), "was given no slots"),
        (SlotWords({"a": Slot(["b"], contrasts=[["c"]])}), "'c' stands in a contrast of the slot a"),
        (SlotWords({"a": Slot(["b"])}, [Conflict("a", ["b"], "d", ["*"])]), "names the slot d; expected one of a"),
        (SlotWords({"a": Slot(["b"])}, [Conflict("a", ["b"], "a", ["e"])]), "names 'e' of a"),
    ],
)
def test_mistakes(words: SlotWords, message: str) -> None:
    with pytest.raises(UserError, match=message):
        LexicalContradiction(words)


def test_long_and_odd_texts(scorer: LexicalContradiction) -> None:
    odd = ["a" + "." * 10_000 + " b", "I work as a nurse. " * 700, "!?" * 5_000, "\udc80 x", "日本 " * 3_000]
    assert scorer.score([(text, "I do not work as a nurse.") for text in odd]).gt(0.9).tolist() == [
        False,
        True,
        False,
        False,
        False,
    ]
