"""Japanese in every text metric: words of UniDic, punctuation and width, and what happens without the extra."""

import builtins
import math
import pickle
import subprocess
import sys

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.conftest import ROOT
from zoo.errors import UserError
from zoo.metrics import Bleu, DistinctNgrams, LcsF1, MetricSuite, NgramF1, RougeL, WordF1
from zoo.metrics import japanese as module
from zoo.metrics.japanese import folded_characters, folded_words, japanese
from zoo.metrics.results import Results
from zoo.metrics.side_by_side import comparison

REFERENCE = "私は犬が好きです。"  # 私 は 犬 が 好き です 。
REPLY = "私は、猫がとても好きです！"  # 私 は 、 猫 が とても 好き です !
VERSION = "1, unidic-lite 1.0.8"
TEXT_METRICS = [
    lambda: NgramF1(1, "japanese"),
    lambda: NgramF1(2, "japanese"),
    lambda: LcsF1("japanese"),
    lambda: RougeL("japanese"),
    lambda: WordF1("japanese"),
    lambda: DistinctNgrams(1, tokenize="japanese"),
    lambda: Bleu("japanese"),
]


@pytest.fixture
def not_installed(monkeypatch):
    """As on a machine without the extra."""
    whole = builtins.__import__

    def without(name, *arguments, **options):
        if name in ("fugashi", "unidic_lite"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return whole(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    module._tagger.cache_clear()
    yield
    module._tagger.cache_clear()


def protocol(words):
    return instantiate(OmegaConf.merge(OmegaConf.load(ROOT / "conf" / "protocol" / "japanese.yaml"), {"words": words}))


def test_words():
    assert japanese("私は2匹の犬を飼っています。") == [
        "私",
        "は",
        "2",
        "匹",
        "の",
        "犬",
        "を",
        "飼っ",
        "て",
        "い",
        "ます",
        "。",
    ]
    assert japanese("ＴＶ！　ﾃﾚﾋﾞ\n見た") == ["TV", "!", "テレビ", "見", "た"]  # NFKC, and no blank is a word
    assert japanese("") == japanese(" 　\n") == []
    assert japanese("飲\u200b\u200bみ物") == ["飲み物"]
    assert japanese("猫\0犬 \ud83d") == ["猫", "?", "犬", "?"]  # MeCab would stop at NUL and refuse half a surrogate


def test_folding_drops_marks_and_keeps_letters():
    assert folded_words("スーパーへ、人々と…ＧＯ！？「はい」♪") == ["スーパー", "へ", "人々", "と", "go", "はい"]
    assert folded_characters("スーパーへ、 ＧＯ！") == list("スーパーへgo")
    assert folded_words("。！？") == folded_characters("。！？") == []


def test_by_hand(generation, measure):
    rows = [generation("a", REFERENCE, REPLY)]
    # without marks: 6 and 7 words, 私 は が 好き です in common and in this order; bigrams: 私は, 好きです of 5 and 6
    assert measure(NgramF1(1, "japanese"), rows) == pytest.approx(100 * 10 / 13)
    assert measure(NgramF1(2, "japanese"), rows) == pytest.approx(100 * 4 / 11)
    assert measure(LcsF1("japanese"), rows) == pytest.approx(100 * 10 / 13)
    assert measure(RougeL("japanese"), rows) == pytest.approx(100 * 10 / 13)
    # with marks, 9 words in the reply: 5 of them in the reference; bigrams 私は, 好きです of 8
    bleu = measure(Bleu("japanese"), rows)
    assert bleu["bleu_p1_japanese"] == pytest.approx(100 * 5 / 9)
    assert bleu["bleu_p2_japanese"] == pytest.approx(100 * 2 / 8)
    assert measure(
        DistinctNgrams(1, tokenize="japanese"), [generation("a", response="犬と、猫と、犬")]
    ) == pytest.approx(
        100 * 4 / 7  # 犬 と 、 猫 と 、 犬
    )


def test_characters_by_hand(generation, measure):
    rows = [generation("a", "犬が好き。", "犬も好き！")]  # 犬が好き, 犬も好き: 3 of 4, bigrams 1 of 3
    assert measure(NgramF1(1, "characters"), rows) == pytest.approx(75)
    assert measure(NgramF1(2, "characters"), rows) == pytest.approx(100 / 3)
    assert measure(RougeL("characters"), rows) == pytest.approx(75)
    bleu = measure(Bleu("characters"), rows)  # with marks: 犬, 好 and き of 5
    assert bleu["bleu_p1_characters"] == pytest.approx(100 * 3 / 5)
    width = [generation("a", "はい ！", "はい!")]  # a corpus's and a tokenizer's way to write the same
    assert measure(Bleu("characters"), width)["bleu_p1_characters"] == 100
    assert measure(Bleu("char"), width)["bleu_p1_char"] == pytest.approx(100 * 2 / 3)


@pytest.mark.parametrize("words", ["japanese", "characters"])
def test_no_metric_of_the_protocol_is_zero(generation, words):
    suite = protocol(words)
    suite.update([generation("a", REFERENCE, REPLY, nll=3.0, n_tokens=4), generation("b", REPLY, REPLY, 4.0, 5)])
    values = suite.compute()
    assert {"f1_2gram", "f1_lcs", "rouge_l", "distinct_1"} <= {name.removesuffix(f"_{words}") for name in values}
    assert all(value > 0 for value in values.values()), values
    assert suite.words == suite.select({"response"}).words == words


def test_the_default_protocol_sees_one_word_and_says_nothing_wrong_loudly(generation):
    """Why there is another: English splitting gives 0 for replies that are almost right."""
    suite = instantiate(OmegaConf.load(ROOT / "conf" / "protocol" / "default.yaml"))
    suite.update([generation("a", REFERENCE, REPLY, nll=3.0, n_tokens=4)])
    values = suite.compute()
    assert values["f1_parlai"] == values["f1_2gram"] == values["f1_lcs"] == 0


@pytest.mark.parametrize("make", TEXT_METRICS)
def test_versions_name_the_dictionary(make):
    metric = make()
    assert metric.version == VERSION
    assert all(name.endswith("_japanese") for name in metric.result_names)
    assert MetricSuite({"one": metric}).versions() == dict.fromkeys(metric.result_names, VERSION)
    assert pickle.loads(pickle.dumps(metric)).version == VERSION  # as to another process
    assert type(make().version) is str
    assert NgramF1().version == DistinctNgrams(1).version == Bleu().version == 1


def test_a_number_of_another_dictionary_is_marked(generation):
    suite = protocol("japanese")
    suite.update([generation("a", REFERENCE, REPLY, nll=3.0, n_tokens=4)])
    metrics = {f"test/{name}": value for name, value in suite.compute().items()}
    now = Results(metrics, suite.versions(), 1, None)
    then = Results(metrics, suite.versions() | {"rouge_l_japanese": "1, unidic-lite 1.0.7"}, 1, None)
    verdicts = dict(zip(metrics, comparison([("japanese", now)], then).columns[3].cells, strict=True))
    assert verdicts.pop("test/rouge_l_japanese") == f"yes (version {VERSION}, stored by version 1, unidic-lite 1.0.7)"
    assert set(verdicts.values()) == {"yes"}


def test_bleu_signature_says_the_words():
    assert Bleu("japanese").signature.endswith("|words:unidic-lite 1.0.8")
    assert "tok:none" in Bleu("japanese").signature


@pytest.mark.parametrize("make", TEXT_METRICS)
def test_without_the_extra_it_says_what_to_do_before_anything_is_decoded(not_installed, make):
    with pytest.raises(UserError, match=r"persona-zoo\[ja\].*protocol\.words=characters"):
        make()


def test_characters_need_no_extra(not_installed, generation):
    suite = protocol("characters")
    suite.update([generation("a", REFERENCE, REPLY, nll=3.0, n_tokens=4)])
    assert math.isfinite(suite.compute()["rouge_l_characters"])


def test_other_languages_do_not_load_it():
    code = (
        "import sys, zoo.metrics.text, zoo.metrics.lcs, zoo.metrics.bleu; zoo.metrics.lcs.RougeL(); "
        "print([m for m in ('fugashi', 'unidic_lite') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
