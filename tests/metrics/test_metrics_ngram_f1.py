import pytest

from zoo.errors import UserError
from zoo.metrics import NgramF1, WordF1
from zoo.metrics.ngram_f1 import ngram_f1


def plain_f1(response, reference, order, clipped):
    """By precision and recall, without our counters."""
    grams = [[tuple(u[i : i + order]) for i in range(len(u) - order + 1)] for u in (response, reference)]
    if not clipped:
        grams = [sorted(set(found)) for found in grams]
    left, same = list(grams[1]), 0
    for gram in grams[0]:
        if gram in left:
            left.remove(gram)
            same += 1
    if not same:
        return 0
    precision, recall = same / len(grams[0]), same / len(grams[1])
    return 2 * precision * recall / (precision + recall)


def test_bigrams_by_hand(generation, measure):
    rows = [
        # "i like cats cats cats", "do i like cats cats": i like, like cats, cats cats (clipped to 1): 2 * 3 / (4 + 4)
        generation("a", "Do I like the cats, cats?", "I like cats! Cats. Cats!"),
        generation("b", "my dog barks", "the dog barks"),  # dog barks: 2 * 1 / (2 + 1), "the" is left out
        generation("c", "yes", "yes"),  # a single word has no bigram
        generation("d", "no", ""),
    ]
    assert measure(NgramF1(), rows) == pytest.approx(100 * (6 / 8 + 2 / 3) / 4, rel=1e-14)
    sets = 100 * (6 / 7 + 2 / 3) / 4  # the reply's "cats cats" counts once: 2 * 3 / (3 + 4)
    assert measure(NgramF1(ngram="set"), rows) == pytest.approx(sets, rel=1e-14)


def test_pamls_settings_by_hand(generation, measure):
    rows = [generation("a", "the cat , the cat", "The cat , the cat")]
    # as they stand, "The cat" is not "the cat": reply {The cat, cat ",", ", the", the cat}, reference 3 of them
    assert measure(NgramF1(2, normalise="none", ngram="set"), rows) == pytest.approx(100 * 6 / 7)
    assert measure(NgramF1(2, normalise="none"), rows) == pytest.approx(100 * 6 / 8)  # "the cat" twice in the reference
    assert measure(NgramF1(2), rows) == 100


@pytest.mark.parametrize("clipped", [True, False])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_like_the_plain_definition(corpus, measure, order, clipped):
    rows = corpus(60)
    expected = [plain_f1(row.response.split(), row.reference.split(), order, clipped) for row in rows]
    metric = NgramF1(order, normalise="none", ngram="clipped" if clipped else "set")
    assert measure(metric, rows) == pytest.approx(100 * sum(expected) / len(rows), rel=1e-13)


def test_unigrams_are_parlais_f1(corpus, measure):
    rows = corpus(40)
    assert NgramF1(1).name == WordF1().name == "f1_parlai"
    assert measure(NgramF1(1), rows) == measure(WordF1(), rows)


def test_order_matters_from_two_on():
    assert ngram_f1(list("abc"), list("cba"), order=1) == 1
    assert ngram_f1(list("abc"), list("cba"), order=2) == 0


def test_one_name_a_definition():
    settings = [
        {},
        {"order": 1, "ngram": "set"},
        {"normalise": "none", "ngram": "set"},
        {"words": "characters"},
        {"words": "japanese"},
        {"order": 1, "words": "japanese"},
        {"words": "japanese", "normalise": "none"},
    ]
    assert [NgramF1(**setting).name for setting in settings] == [
        "f1_2gram",
        "f1_1gram_set",
        "f1_2gram_unnormalised_set",
        "f1_2gram_characters",
        "f1_2gram_japanese",
        "f1_1gram_japanese",
        "f1_2gram_japanese_unnormalised",
    ]


@pytest.mark.parametrize("setting", [{"order": 0}, {"ngram": "bag"}, {"words": "mecab"}, {"normalise": "yes"}])
def test_bad_settings(setting):
    with pytest.raises(UserError, match=r"Choose words of|expected an order from 1"):
        NgramF1(**setting)
