import math

import pytest

from zoo.metrics import BitsPerChar, ReferencePerplexity, TokenPerplexity, WordPerplexity


def test_by_hand(generation, measure):
    rows = [
        generation("a", "hi you two", nll=5 * math.log(2), n_tokens=3),
        generation("b", "x", nll=2 * math.log(4), n_tokens=2),
    ]  # 9 ln 2 over 5 tokens, (3 + 1) + (1 + 1) words, 10 + 1 characters
    assert measure(TokenPerplexity(), rows) == pytest.approx(2 ** (9 / 5), rel=1e-14)
    assert measure(WordPerplexity(), rows) == pytest.approx(2 ** (9 / 6), rel=1e-14)
    assert measure(BitsPerChar(), rows) == pytest.approx(9 / 11, rel=1e-14)


@pytest.mark.parametrize(
    ("metric", "count"),
    [(TokenPerplexity, "n_tokens"), (WordPerplexity, "n_words"), (BitsPerChar, "n_chars")],
)
def test_is_of_the_corpus_whatever_the_batches(corpus, measure, metric, count):
    rows = corpus(23)
    per_event = sum(row.nll for row in rows) / sum(getattr(row, count) for row in rows)
    expected = per_event / math.log(2) if metric is BitsPerChar else math.exp(per_event)
    assert measure(metric(), rows, batch=4) == pytest.approx(expected, rel=1e-13)
    assert measure(metric(), rows, batch=23) == pytest.approx(expected, rel=1e-13)


def test_reference_drops_tokens_without_loss(generation, measure):
    rows = [generation("a", token_nll=[math.log(2), 0.0, math.log(8)]), generation("b", token_nll=[0.0, -0.0])]
    assert measure(ReferencePerplexity(), rows) == pytest.approx(4, rel=1e-14)


def test_a_loss_that_is_nan_shows(generation, measure):
    assert math.isnan(measure(ReferencePerplexity(), [generation(token_nll=[1.0, math.nan])]))
    assert math.isnan(measure(TokenPerplexity(), [generation(nll=math.nan, n_tokens=1)]))


def test_the_authors_two_end_tokens_are_worth_three_points(generation, measure):
    """PAA, Table 1: 14.03 over 113,487 tokens of 7,801 replies, each with two tokens for its end, is 17.05 with one."""
    row = generation(nll=113_487 * math.log(14.03), n_tokens=113_487 - 7_801)
    assert measure(TokenPerplexity(), [row]) == pytest.approx(17.05, abs=0.005)


def test_many_tiny_terms_are_not_lost(generation):
    metric = TokenPerplexity()
    metric.update([generation("a", nll=1e8, n_tokens=1)])
    for index in range(1000):
        metric.update([generation(str(index), nll=1e-3, n_tokens=0)])
    assert float(metric.nll) == pytest.approx(1e8 + 1, abs=1e-4)


def test_overflow_is_infinite_and_nothing_to_divide_by_is_nan(generation, measure):
    assert measure(TokenPerplexity(), [generation(nll=1e6, n_tokens=1)]) == math.inf
    assert math.isnan(measure(BitsPerChar(), [generation(reference="", nll=1.0, n_tokens=1)]))
    assert math.isnan(measure(ReferencePerplexity(), [generation(token_nll=[0.0])]))
