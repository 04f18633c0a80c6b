import re
from collections import Counter

import pytest
from sklearn.metrics import f1_score

from zoo.errors import UserError
from zoo.metrics import TeacherForcedMacroF1, WordF1
from zoo.metrics.text import characters, parlai, tokenizer


def plain_f1(response, reference):
    """The definition once more, by precision and recall and without our splitting."""

    def normalised(text):
        text = re.sub(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]", " ", text.lower())
        return re.sub(r"\b(a|an|the)\b", " ", text).split()

    response, reference = normalised(response), normalised(reference)
    same = sum((Counter(response) & Counter(reference)).values())
    if same == 0:
        return 0
    precision, recall = same / len(response), same / len(reference)
    return 2 * precision * recall / (precision + recall)


def test_parlai_words():
    assert parlai("The  cat's an_A-b, THEME don't.") == ["cat", "s", "b", "theme", "don", "t"]


def test_word_f1_by_hand(generation, measure):
    rows = [
        generation("a", "The cats, the cats!", "a cats sat"),  # {cats, cats} and {cats, sat}: 2 * 1 / 4
        generation("b", "Hello.", "hello"),  # 1
        generation("c", "no", "yes"),  # 0
        generation("d", "the", "a"),  # both empty: 0, as in ParlAI
    ]
    assert measure(WordF1(), rows) == pytest.approx(100 * 1.5 / 4, rel=1e-14)


def test_word_f1_like_the_plain_definition(corpus, measure):
    rows = corpus(40)
    expected = 100 * sum(plain_f1(row.response, row.reference) for row in rows) / len(rows)
    assert measure(WordF1(), rows) == pytest.approx(expected, rel=1e-13)


def test_another_way_of_splitting_has_another_name(generation, measure):
    assert [WordF1(split).name for split in ("parlai", "words", "characters")] == [
        "f1_parlai",
        "f1_words",
        "f1_characters",
    ]
    assert characters("猫 が好き") == list("猫が好き")
    rows = [generation("a", "猫が好き", "犬が好き")]
    assert measure(WordF1("characters"), rows) == pytest.approx(75)
    assert measure(WordF1("words"), rows) == 0
    with pytest.raises(UserError, match="characters"):
        tokenizer("mecab")


def test_macro_f1_by_hand(generation, measure):
    rows = [
        generation("a", target_ids=[1, 1, 2], argmax_ids=[1, 3, 2]),
        generation("b", target_ids=[0], argmax_ids=[0]),
    ]
    # class 0: 1; 1: tp 1, predicted 1, gold 2: 2/3; 2: 1; 3: never gold: 0
    assert measure(TeacherForcedMacroF1(), rows) == pytest.approx(100 * (1 + 2 / 3 + 1 + 0) / 4, rel=1e-14)


@pytest.mark.parametrize("n", [1, 40, 400])
def test_macro_f1_like_sklearn(corpus, measure, n):
    rows = corpus(n)
    targets = [token for row in rows for token in row.target_ids]
    argmaxes = [token for row in rows for token in row.argmax_ids]
    expected = 100 * f1_score(targets, argmaxes, average="macro", zero_division=0)
    metric = TeacherForcedMacroF1()
    assert measure(metric, rows) == pytest.approx(expected, rel=1e-12)
    assert len(metric.counts) < 64  # merged as it goes: memory does not grow with the corpus


def test_padding_counts_as_a_class(generation, measure):
    """PAA's F1 falls when a batch mate is longer: the same reply with pads (id 0) predicted as anything else."""
    alone = [generation(target_ids=[5, 6], argmax_ids=[5, 6])]
    padded = [generation(target_ids=[5, 6, 0, 0], argmax_ids=[5, 6, 5, 7])]
    assert measure(TeacherForcedMacroF1(), alone) == 100
    assert measure(TeacherForcedMacroF1(), padded) == pytest.approx(100 * (2 / 3 + 1 + 0 + 0) / 4)


def test_ids_of_different_lengths_are_refused(generation):
    with pytest.raises(UserError, match="'a' has 2 target_ids, but 1 argmax_ids"):
        TeacherForcedMacroF1().update([generation("a", target_ids=[1, 2], argmax_ids=[1])])
