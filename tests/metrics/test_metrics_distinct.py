import pytest

from zoo.errors import UserError
from zoo.metrics import DistinctNgrams, DistinctReplies
from zoo.metrics.distinct import stable_hash
from zoo.metrics.text import clean_up, punctuation, words


def plain_distinct(replies, split, order, per_unigram=False):
    units = [split(reply) for reply in replies]
    grams = [tuple(u[i : i + order]) for u in units for i in range(len(u) - order + 1)]
    return 100 * len(set(grams)) / (sum(map(len, units)) if per_unigram else len(grams))


def test_by_hand(generation, measure):
    rows = [generation("a", response="don't go."), generation("b", response="go go go"), generation("c", response="")]
    # don ' t go . | go go go: 8 words, 5 different; bigrams 4 + 2, different 4 + 1
    assert measure(DistinctNgrams(1), rows) == pytest.approx(100 * 5 / 8)
    assert measure(DistinctNgrams(2), rows) == pytest.approx(100 * 5 / 6)
    assert measure(DistinctNgrams(2, "unigrams"), rows) == pytest.approx(100 * 5 / 8)
    assert measure(DistinctNgrams(1, tokenize="words"), rows) == pytest.approx(100 * 3 / 5)  # don't go. go go go
    assert measure(DistinctNgrams(2, tokenize="characters"), [generation("a", response="猫 猫猫")]) == pytest.approx(50)


def test_whole_replies_by_hand(generation, measure):
    rows = [generation(str(i), response=text) for i, text in enumerate(["hi .", " hi .", "Hi .", "", ""])]
    assert measure(DistinctReplies(), rows) == pytest.approx(100 * 3 / 5)


def test_published_degenerate_replies(generation, measure):
    """PAA's Encoder-GPT2 gives 148 different replies to 7,801 inputs."""
    rows = [generation(str(i), response=f"reply {i % 148}") for i in range(7801)]
    assert measure(DistinctReplies(), rows, batch=500) == pytest.approx(1.897, abs=5e-4)


@pytest.mark.parametrize(("tokenize", "split"), [("punctuation", punctuation), ("words", words)])
@pytest.mark.parametrize(("order", "denominator"), [(1, "ngrams"), (2, "ngrams"), (2, "unigrams")])
def test_like_the_plain_definition(corpus, measure, tokenize, split, order, denominator):
    rows = corpus(200)
    expected = plain_distinct([row.response for row in rows], split, order, denominator == "unigrams")
    metric = DistinctNgrams(order, denominator, tokenize)
    assert measure(metric, rows, batch=1) == pytest.approx(expected, rel=1e-13)
    assert len(metric.hashes) <= 64  # 200 updates: merged as it goes, no more rows than different n-grams and one round
    held = sum(map(len, metric.hashes))
    assert held < 200 * 3


def test_one_name_a_definition():
    settings = [(1,), (1, "unigrams"), (2,), (2, "unigrams"), (2, "unigrams", "words"), (1, "ngrams", "characters")]
    assert [DistinctNgrams(*setting).name for setting in settings] == [
        "distinct_1",
        "distinct_1",
        "distinct_2",
        "distinct_2_per_unigram",
        "distinct_2_per_unigram_words",
        "distinct_1_characters",
    ]


def test_denominators_differ_by_one_unit_a_reply(generation, measure):
    """The relation behind PAA's 5.21 and our 5.68: n-grams = unigrams - replies, where none is empty."""
    rows = [generation(str(i), response=f"i like {i} cats .") for i in range(10)]
    by_words, by_bigrams = measure(DistinctNgrams(2, "unigrams"), rows), measure(DistinctNgrams(2), rows)
    assert by_words * 50 == pytest.approx(by_bigrams * (50 - 10))


def test_hashes_are_the_same_in_every_process():
    b2sum = "b1a177a9e2d438c3"  # printf 'i like' | b2sum -l 64
    assert stable_hash("i like") == int.from_bytes(bytes.fromhex(b2sum), "big", signed=True)
    assert stable_hash("\ud83d") != stable_hash("?")  # half a surrogate pair has no UTF-8, but may be decoded


def test_bad_settings():
    for setting in [(0,), (1, "tokens")]:
        with pytest.raises(UserError, match="expected an order from 1"):
            DistinctNgrams(*setting)
    with pytest.raises(UserError, match="punctuation"):
        DistinctNgrams(1, tokenize="paa")


def test_clean_up_is_that_of_transformers():
    text = "i 'm O ' Neil , do n't you 've they 're ? it 's . no ! ."
    assert clean_up(text) == "i'm O'Neil, don't you've they're? it's. no!."
