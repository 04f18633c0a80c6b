import logging
import math

import pytest
import sacrebleu
from sacrebleu.metrics import BLEU

from zoo.errors import UserError
from zoo.metrics import Bleu


def texts(rows):
    return [row.response for row in rows], [[row.reference for row in rows]]


def test_by_hand(generation, measure):
    rows = [generation("a", "the cat sat on the mat", "the cat the cat on")]
    # unigrams: the 2, cat 1, on 1 of 5; bigrams: "the cat" once of 4, the second is not in the reference; 5 of 6 words
    values = measure(Bleu(report=["bleu_p1", "bleu_p2", "bleu1", "bleu2", "brevity_penalty"]), rows)
    penalty = math.exp(1 - 6 / 5)
    assert values["bleu_p1"] == pytest.approx(80)
    assert values["bleu_p2"] == pytest.approx(25)
    assert values["brevity_penalty"] == pytest.approx(penalty)
    assert values["bleu1"] == pytest.approx(80 * penalty)
    assert values["bleu2"] == pytest.approx(penalty * math.sqrt(80 * 25))


@pytest.mark.parametrize("tokenize", ["13a", "char"])
@pytest.mark.parametrize("seed", [0, 1])
def test_exactly_sacrebleu_of_the_corpus(corpus, measure, tokenize, seed):
    rows = corpus(60, seed)
    whole = sacrebleu.corpus_bleu(*texts(rows), tokenize=tokenize)
    ending = "" if tokenize == "13a" else f"_{tokenize}"
    assert measure(Bleu(tokenize), rows) == {
        "bleu_p1" + ending: whole.precisions[0],
        "bleu_p2" + ending: whole.precisions[1],
        "bleu1" + ending: BLEU(tokenize=tokenize, max_ngram_order=1).corpus_score(*texts(rows)).score,
        "bleu2" + ending: BLEU(tokenize=tokenize, max_ngram_order=2).corpus_score(*texts(rows)).score,
        "bleu4" + ending: whole.score,
        "brevity_penalty" + ending: whole.bp,
    }


@pytest.mark.parametrize("replies", [["yes"], [""], ["", "hello there"], ["my cat sleeps"]])
def test_exactly_sacrebleu_where_smoothing_rules(generation, measure, replies):
    rows = [generation(str(i), "my dog barks at you", reply) for i, reply in enumerate(replies)]
    whole = sacrebleu.corpus_bleu(*texts(rows))
    values = measure(Bleu(report=["bleu4", "bleu_p2", "brevity_penalty"]), rows)
    assert values == {"bleu4": whole.score, "bleu_p2": whole.precisions[1], "brevity_penalty": whole.bp}


def test_a_penalty_does_not_touch_precisions(generation, measure):
    short = measure(Bleu(), [generation("a", "i like my cat very much", "i like")])
    assert short["bleu_p1"] == short["bleu_p2"] == 100
    assert short["bleu1"] == pytest.approx(100 * short["brevity_penalty"])
    assert short["brevity_penalty"] == pytest.approx(math.exp(1 - 6 / 2))


def test_signature_is_that_of_sacrebleu():
    bleu = BLEU(tokenize="char")
    bleu.corpus_score(["a"], [["a"]])
    assert Bleu("char").signature == str(bleu.get_signature())
    assert "eff:no|tok:char|smooth:exp" in Bleu("char").signature


def test_no_warning_for_every_sentence(generation, measure, caplog):
    with caplog.at_level(logging.WARNING, logger="sacrebleu"):
        measure(Bleu(), [generation("a", "hi", "hi")])
    assert not caplog.records


def test_bad_settings():
    with pytest.raises(UserError, match=r"bleu_p3.*bleu_p1"):
        Bleu(report=["bleu_p3"])
    with pytest.raises(UserError, match=r"'mecab'.*ja-mecab"):
        Bleu("mecab")


def test_a_tokenizer_that_is_not_installed_says_what_to_install(monkeypatch):
    from sacrebleu.tokenizers import tokenizer_ja_mecab

    monkeypatch.setattr(tokenizer_ja_mecab, "MeCab", None)
    with pytest.raises(UserError, match=r"ja-mecab.*sacrebleu\[ja\]"):
        Bleu("ja-mecab")
