import math
import random

import pytest

from zoo.errors import UserError
from zoo.metrics import LcsF1, NgramF1, RougeL
from zoo.metrics.lcs import lcs_f1, lcs_length, rouge_words
from zoo.metrics.ngram_f1 import ngram_f1


def plain_lcs(first, second):
    """The table of the textbook."""
    rows = [[0] * (len(second) + 1)]
    for a in first:
        row = [0]
        for j, b in enumerate(second):
            row.append(rows[-1][j] + 1 if a == b else max(row[-1], rows[-1][j + 1]))
        rows.append(row)
    return rows[-1][-1]


def pairs(n):
    draw = random.Random(0)
    return [[draw.choices("abcde", k=draw.randint(0, 90)) for _ in range(2)] for _ in range(n)]


@pytest.mark.parametrize(
    ("first", "second", "length"),
    [("", "", 0), ("abc", "", 0), ("", "abc", 0), ("abc", "xyz", 0), ("abcd", "bdac", 2), ("abcbdab", "bdcaba", 4)],
)
def test_length_by_hand(first, second, length):
    assert lcs_length(list(first), list(second)) == length


def test_length_like_the_table():
    for first, second in pairs(150):  # longer than a machine word
        assert lcs_length(first, second) == plain_lcs(first, second) == lcs_length(second, first)


def test_lcs_f1_by_hand(generation, measure):
    rows = [
        # "my cat sat on mat" and "my dog sat on mat today": my sat on mat, 2 * 4 / (5 + 6)
        generation("a", "My dog sat on the mat today.", "My cat sat on a mat!"),
        generation("b", "sleeps my dog", "my dog sleeps"),  # my dog: 2 * 2 / 6
        generation("c", "no", "yes"),
        generation("d", "the", "a"),  # nothing is left of both
    ]
    assert measure(LcsF1(), rows) == pytest.approx(100 * (8 / 11 + 4 / 6) / 4, rel=1e-14)


def test_pamls_beta_by_hand(generation, measure):
    """P = 2/4, R = 2/3, beta = P/R = 3/4: (1 + 9/16) (1/3) / (2/3 + 9/16 * 1/2) = 0.5494505."""
    response, reference = ["the", "cat", "sat", "down"], ["the", "dog", "sat"]
    assert lcs_f1(response, reference, beta=None) == pytest.approx(50 / 91, rel=1e-14)
    assert lcs_f1(response, reference) == pytest.approx(4 / 7, rel=1e-14)
    rows = [generation("a", "the dog sat", "the cat sat down")]
    metric = LcsF1(normalise="none", lcs_beta="ratio")
    assert metric.name == "f1_lcs_unnormalised_beta_ratio"
    assert measure(metric, rows) == pytest.approx(5000 / 91, rel=1e-14)


def test_lcs_is_never_above_the_unigram_f1(corpus, measure):
    """True of every cell of PersonaPKT's Table 2; it tells nothing of beta: P / R leans to the smaller of P and R."""
    for response, reference in pairs(300):
        unigram_f1 = ngram_f1(response, reference, order=1)
        assert lcs_f1(response, reference, beta=None) <= lcs_f1(response, reference) * (1 + 1e-12)
        assert lcs_f1(response, reference) <= unigram_f1
    rows = corpus(60)
    assert 0 < measure(LcsF1(lcs_beta="ratio"), rows) < measure(LcsF1(), rows) < measure(NgramF1(1), rows)


@pytest.mark.parametrize(
    ("response", "reference", "score"),  # the last as rouge-score 0.1.2 prints it for rougeL, without stemming
    [
        ("The cat sat on the mat.", "the cat, the dog sat on a mat", 0.7142857142857143),
        ("Don't go!", "do not go", 0.3333333333333333),
        ("a café", "a cafe", 0.5),
    ],
)
def test_rouge_l_is_rouge_scores(generation, measure, response, reference, score):
    assert measure(RougeL(), [generation("a", reference, response)]) == pytest.approx(100 * score, rel=1e-14)


@pytest.mark.parametrize("words", ["japanese", "characters"])
@pytest.mark.parametrize("said", ["私は犬が好き", "はい。", "ｶﾞﾝﾊﾞﾚ！", "ー"])
def test_equal_japanese_replies_are_equal(generation, measure, words, said):
    assert measure(RougeL(words), [generation("a", said, said)]) == 100


def test_rouge_l_of_text_without_its_words_is_no_number(generation, measure):
    """rouge-score gives 0.0, also for equal strings: nothing is left of either."""
    japanese = [generation(str(n), "私は犬が好き", "私は犬が好き") for n in range(3)]
    assert math.isnan(measure(RougeL(), japanese))
    assert math.isnan(measure(RougeL(), [*japanese, generation("e", "tv", "tv")]))
    english = [generation(f"e{n}", "my dog", "my dog") for n in range(3)]
    assert measure(RougeL(), [*english, *japanese]) == pytest.approx(50)  # as rouge-score, where most have words
    assert measure(RougeL(), [generation("a", "my dog", "私は犬が好き")]) == 0


def test_rouge_words():
    assert rouge_words("The cat's 2nd B2B--well_known") == ["the", "cat", "s", "2nd", "b2b", "well", "known"]


def test_one_name_a_definition():
    assert [RougeL(words).name for words in ("whitespace", "japanese", "characters")] == [
        "rouge_l",
        "rouge_l_japanese",
        "rouge_l_characters",
    ]
    assert [LcsF1(words).name for words in ("whitespace", "japanese")] == ["f1_lcs", "f1_lcs_japanese"]
    with pytest.raises(UserError, match="one or ratio"):
        LcsF1(lcs_beta="1")
