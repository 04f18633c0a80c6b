"""Statistics (Table 3) and copying (Figure 2) of dialogues, generated or of another corpus."""

import random

import pytest

from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.language_models.grammar import sentences
from zoo.metrics.f1 import overlap_f1
from zoo.metrics.text import parlai
from zoo.synthesis.analyses.conversations import SILENCE, conversations
from zoo.synthesis.analyses.copying import copy_scores, copying
from zoo.synthesis.analyses.statistics import dialogue_statistics
from zoo.synthesis.records import SyntheticDialogue
from zoo.synthesis.word_f1 import word_f1, words


def test_statistics_of_ragged_dialogues() -> None:
    counted = dialogue_statistics("demo", iter([["hi there .", "hello"], [], ["  one\ttwo\u00a0three ", "", "x"]]))
    assert (counted.dialogues, counted.utterances, counted.words) == (3, 5, 8)
    assert counted.avg_turns == pytest.approx(5 / 3)
    assert counted.avg_utterance_length == pytest.approx(8 / 5)


def test_statistics_of_the_papers_size() -> None:
    """Table 3: 1,649 dialogues of 16 utterances are 26,384."""
    counted = dialogue_statistics("PersonaChatGen", (["i like it ."] * 16 for _ in range(1649)))
    assert (counted.utterances, counted.avg_turns) == (26384, 16.0)


def test_nothing_to_count() -> None:
    none = dialogue_statistics("nothing", [])
    assert (none.dialogues, none.avg_turns, none.avg_utterance_length) == (0, None, None)
    assert copying("nothing", []).f1 is None
    assert copying("nothing", []).copied_share is None


def test_f1_is_that_of_the_metrics() -> None:
    draw, vocabulary = random.Random(5), ["The", "a", "cat", "cat's", "dog", "DOG!", "…", "über", "an", "1,000", "-"]
    for _ in range(200):
        texts = [" ".join(draw.choices(vocabulary, k=draw.randint(0, 6))) for _ in range(2)]
        assert words(texts[0]) == parlai(texts[0])
        assert word_f1(*texts) == overlap_f1(*map(parlai, texts))


def test_the_grammar_counts_words_as_the_filters_do() -> None:
    draw = random.Random(6)
    pieces = ["The", "a", "an", "cat", "cat’s", "a’s", "“the dog”", "dog", "_", "a_b", "’", "–", "…", "naïve", "é", "!"]
    for _ in range(500):
        texts = ["".join(draw.choice(pieces) + draw.choice(["", " "]) for _ in range(draw.randint(0, 6))) for _ in "12"]
        assert sentences.words(texts[0]) == words(texts[0])
        assert sentences.overlap(*texts) == word_f1(*texts)


DIALOGUE = SyntheticDialogue(
    "d1",
    (("I have two dogs.", "I live in Paris."), ("I am a nurse.",)),
    ("Hello, I have two dogs and a cat.", "I have two dogs.", "Paris is nice.", "I'm a nurse!"),
)


def test_a_sentence_is_compared_with_its_owners_utterances() -> None:
    own, others = copy_scores(DIALOGUE)
    assert own == pytest.approx((2 * 4 / (4 + 7), 2 * 1 / (4 + 3)))  # B's "I have two dogs." copies nothing of A's
    assert others == pytest.approx((2 * 2 / (3 + 3),))  # "i m nurse" against "i am nurse"


def test_copying_is_averaged_over_sentences() -> None:
    twice = SyntheticDialogue("d2", (("I sing.",), ()), ("I sing.",))
    silent = SyntheticDialogue("d3", ((), ("I swim.",)), ("I swim.",))  # B has said nothing
    result = copying("RAW", iter([DIALOGUE, twice, silent]))
    assert (result.dialogues, result.sentences, result.copied) == (3, 5, 1)
    assert result.f1 == pytest.approx((8 / 11 + 2 / 7 + 2 / 3 + 1 + 0) / 5)
    assert result.copied_share == 1 / 5


def test_copied_begins_at_the_threshold() -> None:
    """2 * 2 / (2 + 3) is 0.8 exactly, which the released filter counts as copied."""
    at = SyntheticDialogue("d", (("cats purr",), ()), ("cats purr softly",))
    assert copying("RAW", [at]).copied == 1


def test_other_corpora() -> None:
    speakers = (Speaker(("i am a baker .",)), Speaker(("i sing .",)))
    spoken = [Utterance(0, SILENCE), Utterance(1, "i sing ."), Utterance(0, "good ."), Utterance(1, "yes .")]
    regular, twice, empty = conversations([
        Dialogue("a", speakers, tuple(spoken)),
        Dialogue("b", speakers, (Utterance(0, "hi"), Utterance(1, "i sing ."))),
        Dialogue("x", speakers, (Utterance(0, "hi"), Utterance(0, "are you there ?"), Utterance(1, "yes"))),
        Dialogue("c", speakers, ()),
    ])  # fmt: skip
    assert (regular.id, twice.id, empty.id) == ("a", "b", "c")
    assert regular.personas == (("i sing .",), ("i am a baker .",))
    assert regular.utterances == ("i sing .", "good .", "yes .")
    assert copy_scores(regular) == ((1.0,), (0.0,))
    assert copy_scores(twice) == ((0.0,), (1.0,))
    assert empty.utterances == ()
