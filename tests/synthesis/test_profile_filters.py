import doctest
import random
import tracemalloc
from collections.abc import Iterator

import pytest
import torch

import zoo.synthesis.profiles.seen
from zoo.errors import UserError
from zoo.scorers.base import Pair
from zoo.scorers.text_scorers import CategoryScorer
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.profiles.profile_filters import STAGES, ProfileFilters
from zoo.synthesis.profiles.profile_gen import RawLine
from zoo.synthesis.profiles.seen import Seen
from zoo.synthesis.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()


class Words(CategoryScorer):
    """A sentence is about a label if a word of the label is in it: 0.9 then, exactly the threshold, else 0.2."""

    kind, identity = "words", "words 1"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def score(self, asked: list[Pair]) -> torch.Tensor:
        self.batches.append(len(asked))
        hits = [any(word in sentence for word in label.split()) for sentence, label in asked]
        return torch.tensor([0.9 if hit else 0.2 for hit in hits])


def line(text: str, leaf: str = "like_food") -> RawLine:
    return RawLine(text, leaf, {"prompt": "ab", "seed": 7})


LINES = [
    line("My food is rice. (food: rice)"),  # kept
    line("My food is rice"),  # no brackets
    line("My food is rice. (food: Rice)"),  # value in another case
    line("My food is tasty. (food: rice)"),  # no value
    line("I eat rice. (food: rice)"),  # about something else, says the scorer
    line("My food is rice. (meal: rice)"),  # a duplicate
    line("My music is jazz. (genre: jazz)", "like_music_genre"),  # kept
    line("My food is rice. (food: )"),  # an empty value
    line("My country food is rice. (food: rice)", "place_origin_country"),  # kept
    line("My country food is rice. (food: rice)"),  # kept, in another leaf
    line("My food is soup. (food: soup)"),  # kept
]


def test_each_filter_removes_what_it_should_and_keeps_the_order():
    funnel = Funnel("raw")
    kept = list(ProfileFilters(TAXONOMY, Words()).kept(LINES, funnel))
    assert [(one.text, one.leaf) for one in kept] == [
        ("My food is rice.", "like_food"),
        ("My music is jazz.", "like_music_genre"),
        ("My country food is rice.", "place_origin_country"),
        ("My country food is rice.", "like_food"),
        ("My food is soup.", "like_food"),
    ]
    assert funnel.to_dict() == {"raw": 11, "regex": 10, "exact": 7, "category": 6, "duplicates": 5}
    assert tuple(funnel.to_dict()) == STAGES
    assert (kept[1].key, kept[1].value, kept[1].source) == ("genre", "jazz", {"prompt": "ab", "seed": 7})
    assert kept[1].scores == {"category": pytest.approx(0.9)}


def counts(**settings):
    funnel = Funnel("raw")
    list(ProfileFilters(TAXONOMY, Words(), **settings).kept(LINES, funnel))
    return list(funnel.to_dict().values())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"casefold": True}, [11, 10, 8, 7, 5]),
        ({"exact": "key_and_value"}, [11, 10, 4, 4, 4]),
        ({"exact": "key_and_value", "casefold": True}, [11, 10, 5, 5, 4]),
        ({"duplicates": "all"}, [11, 10, 7, 6, 4]),
        ({"threshold": 0.91}, [11, 10, 7, 0, 0]),
        ({"threshold": 0.1}, [11, 10, 7, 7, 6]),
        ({"regex": "strict"}, [11, 9, 7, 6, 5]),
        ({"regex": "code"}, [11, 10, 7, 6, 5]),
        ({"batch": 2}, [11, 10, 7, 6, 5]),
    ],
)
def test_settings(settings, expected):
    assert counts(**settings) == expected


def test_the_scorer_is_asked_in_batches_about_the_leafs_key():
    scorer = Words()
    kept = ProfileFilters(TAXONOMY, scorer, batch=3).kept(LINES)
    next(kept)
    assert scorer.batches == [3]
    list(kept)
    assert scorer.batches == [3, 3, 1]


def test_a_second_call_knows_nothing_of_the_first():
    filters = ProfileFilters(TAXONOMY, Words())
    assert list(filters.kept(LINES)) == list(filters.kept(LINES))


def many(n: int, distinct: int) -> Iterator[RawLine]:
    rng = random.Random(0)
    for _ in range(n):
        value = str(rng.randrange(distinct)) + "x" * 100
        yield line(f"My food is {value}. (food: {value})" if rng.random() < 0.7 else f"My food is {value}.")


def peak(n: int) -> int:
    tracemalloc.start()
    kept = sum(1 for _ in ProfileFilters(TAXONOMY, Words(), batch=64).kept(many(n, 10**9)))
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.6 * n < kept < 0.8 * n
    return top


def test_memory_is_flat_but_for_some_bytes_a_sentence():
    peak(500)  # what is imported or compiled at first use
    few, more = peak(2_000), peak(20_000)
    assert more - few < 28 * 14_000  # two tables while one grows; a sentence itself takes 500 bytes and more


def test_seen():
    assert doctest.testmod(zoo.synthesis.profiles.seen).failed == 0
    texts = [f"text {n}" for n in range(20_000)]
    tracemalloc.start()
    seen = Seen()
    assert all(seen.add(text) for text in texts)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 10 * len(seen) <= held <= 17 * len(seen)
    assert not any(seen.add(text) for text in texts)
    assert len(seen) == 20_000
    assert seen.add("a", "bc")
    assert seen.add("ab", "c")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"regex": "loose"}, "regex mode loose"),
        ({"exact": "key"}, "exact=key"),
        ({"duplicates": "key"}, "duplicates=key"),
        ({"threshold": 90}, "threshold=90"),
        ({"batch": 0}, "batch=0"),
    ],
)
def test_settings_that_are_none(settings, said):
    with pytest.raises(UserError, match=said):
        ProfileFilters(TAXONOMY, Words(), **settings)


def test_lines_of_another_taxonomy():
    with pytest.raises(UserError, match="category like_mud, which is none"):
        list(ProfileFilters(TAXONOMY, Words()).kept([line("a (b: a)", "like_mud")]))
