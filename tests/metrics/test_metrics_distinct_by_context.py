"""Distinct over the answers to one question: by hand, against the plain definition, and the protocols of Table 7."""

import math
import random
from dataclasses import replace

import pytest

from zoo.errors import UserError
from zoo.metrics import DistinctNgrams, DistinctNgramsByContext, DistinctReplies, DistinctRepliesByContext
from zoo.metrics.protocols import load_protocol
from zoo.metrics.text import punctuation


def answers(generation, said):
    """{question: answers} as rows, questions mixed."""
    rows = [(question, answer) for question, own in said.items() for answer in own]
    random.Random(0).shuffle(rows)
    return [replace(generation(str(n), response=a), history=["hi", q]) for n, (q, a) in enumerate(rows)]


def test_by_hand(generation, measure):
    rows = answers(generation, {"a?": ["i am old", "i am young", "i am old"], "b?": ["red", " red ", "red"]})
    # a?: 9 words, 4 different; bigrams i-am am-old i-am am-young i-am am-old: 6, 3 different. b?: no bigram
    assert measure(DistinctNgramsByContext(1), rows) == pytest.approx((4 / 9 + 1 / 3) / 2)
    assert measure(DistinctNgramsByContext(2), rows) == pytest.approx(3 / 6)
    assert measure(DistinctRepliesByContext(), rows) == pytest.approx((2 / 3 + 1 / 3) / 2)


def test_it_is_not_distinct_over_the_corpus(generation, measure):
    """Two questions, every user the same answer to each: nothing varies by user, much by question."""
    rows = answers(generation, {"a?": ["i am old"] * 10, "b?": ["my car is red"] * 10})
    assert measure(DistinctRepliesByContext(), rows) == pytest.approx(1 / 10)
    assert measure(DistinctReplies(), rows) == pytest.approx(100 * 2 / 20)
    same = answers(generation, {question: ["i am old", "my car"] for question in "abcdefghij"})
    assert measure(DistinctRepliesByContext(), same) == 1  # everybody differs from everybody
    assert measure(DistinctReplies(), same) == pytest.approx(100 * 2 / 20)
    one = answers(generation, {"a?": ["i am old", "i am red", ""]})
    assert measure(DistinctNgramsByContext(1), one) == pytest.approx(measure(DistinctNgrams(1), one) / 100)


def test_like_the_plain_definition(corpus, measure):
    rows = [replace(row, history=[f" question {n % 13} "]) for n, row in enumerate(corpus(200))]
    for order in (1, 2):
        shares = []
        for question in range(13):
            units = [punctuation(row.response) for row in rows[question::13]]
            grams = [tuple(u[i : i + order]) for u in units for i in range(len(u) - order + 1)]
            shares.append(len(set(grams)) / len(grams))
        metric = DistinctNgramsByContext(order)
        assert measure(metric, rows, batch=1) == pytest.approx(sum(shares) / 13, rel=1e-13)
        assert len(metric.things) <= 64  # merged as it goes


def test_who_answers_no_question(generation, measure):
    nothing_before = [replace(generation(str(n), response=f"answer {n}"), history=[]) for n in range(4)]
    assert measure(DistinctRepliesByContext(), nothing_before) == 1
    assert measure(DistinctNgramsByContext(1), nothing_before) == pytest.approx(5 / 8)
    assert math.isnan(measure(DistinctNgramsByContext(1), []))
    assert math.isnan(measure(DistinctNgramsByContext(2), answers(generation, {"a?": ["yes", ""]})))
    assert measure(DistinctRepliesByContext(), answers(generation, {"a?": ["", " "]})) == 0.5


def test_the_papers_sanity_check(generation, measure):
    """Speed Dating's One-ID: 6 different answers of 147 users are its Dist-S of 0.0411 (Table 7, nearly)."""
    rows = answers(generation, {f"q{q}?": [f"answer {user % 6}" for user in range(147)] for q in range(3)})
    assert measure(DistinctRepliesByContext(), rows, batch=64) == pytest.approx(0.0411, abs=5e-4)


def test_one_name_a_definition():
    assert [DistinctNgramsByContext(n, t).name for n, t in ((1, "punctuation"), (2, "punctuation"), (1, "words"))] == [
        "distinct_1_by_context",
        "distinct_2_by_context",
        "distinct_1_by_context_words",
    ]
    assert "unidic-lite" in DistinctNgramsByContext(1, "japanese").version
    with pytest.raises(UserError, match="order=0"):
        DistinctNgramsByContext(0)


@pytest.mark.parametrize(("protocol", "ending"), [("user_diversity", ""), ("user_diversity_ja", "_characters")])
def test_protocols_of_table_7(generation, protocol, ending):
    suite = load_protocol(protocol)
    suite.update(answers(generation, {"趣味は？": ["猫です", "犬です"], "仕事は？": ["猫です", "猫です"]}))
    values = suite.compute()
    assert set(values) == {
        f"distinct_1_by_context{ending}",
        f"distinct_2_by_context{ending}",
        "distinct_s_by_context",
    }
    assert values["distinct_s_by_context"] == pytest.approx((1 + 1 / 2) / 2)
    if ending:
        assert values[f"distinct_1_by_context{ending}"] == pytest.approx((4 / 6 + 3 / 6) / 2)
    assert not suite.by_user
