"""Clean-up belongs to the metrics of a protocol: what they see, what they are called, and what files keep."""

import random
from dataclasses import replace

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.conftest import ROOT
from zoo.errors import UserError
from zoo.metrics import Bleu, DistinctNgrams, MetricSuite, TokenPerplexity, WordF1
from zoo.metrics.bleu import scorer
from zoo.metrics.by_user import results_by_user
from zoo.metrics.protocols import load_protocol
from zoo.metrics.text import clean_up, clean_up_reference

PIECES = [
    ".",
    "?",
    "!",
    ",",
    "'",
    "n't",
    "'m",
    "'s",
    "'ve",
    "'re",
    "do",
    "5",
    "3.5",
    "a",
    "m",
    "n",
    "t",
    "s",
    "caf\u00e9",
]


def hard_texts(number, seed=0):
    """Words, numbers, apostrophes and punctuation, with and without single blanks between them."""
    draw = random.Random(seed)
    return [
        "".join(draw.choice(["", " "]) + piece for piece in draw.choices(PIECES, k=draw.randint(1, 8))).strip()
        for _ in range(number)
    ]


@pytest.fixture
def hard_rows(corpus):
    """Rows whose texts need all that clean-up does."""
    texts = hard_texts(600)
    rows = corpus(300)
    return [replace(row, reference=texts[2 * i], response=texts[2 * i + 1]) for i, row in enumerate(rows)]


def paa(**changes):
    config = OmegaConf.load(ROOT / "conf" / "protocol" / "paa_reference.yaml")
    return instantiate(OmegaConf.merge(config, changes))


def scored(suite, rows):
    for start in range(0, len(rows), 7):
        suite.update(rows[start : start + 7])
    return suite.compute()


def as_once_written(rows, template):
    """What the evaluation loop wrote when it was the one that cleaned up."""
    return [
        replace(row, reference=clean_up(template.spaced(row.reference)), response=clean_up(row.response))
        for row in rows
    ]


def test_values_are_those_of_texts_that_were_cleaned_before(hard_rows, template):
    before = scored(paa(clean_up=False), as_once_written(hard_rows, template))
    raw = scored(paa(clean_up=False), hard_rows)
    now = scored(paa(), hard_rows)
    assert {name.removesuffix("_cleaned"): value for name, value in now.items()} == before
    text_metrics = {name for name in now if name.endswith("_cleaned")}
    assert len(text_metrics) == 4
    assert all(now[name] != raw[name.removesuffix("_cleaned")] for name in text_metrics), "or they need no own name"


def test_the_rule_of_references_is_the_template_s(template):
    assert template.space_punctuation
    for text in [*hard_texts(2000, seed=1), " hi,  you.ok \u2003? ", "3.5"]:
        assert clean_up_reference(text) == clean_up(template.spaced(text))
    assert clean_up_reference("it is 3.5 , i 've read") == "it is 3. 5, i've read"


def test_cleaning_twice_changes_no_value(hard_rows, template):
    """So files whose texts were cleaned when they were written score as they did."""
    for text in hard_texts(2000, seed=2):
        assert clean_up(clean_up(text)) == clean_up(text)
    once = as_once_written(hard_rows, template)
    assert scored(paa(), once) == scored(paa(), hard_rows)
    words = scorer("13a").tokenizer
    for reference in hard_texts(2000, seed=3):  # a blank after . , ? may come, the words of BLEU stay
        once = clean_up_reference(reference)
        assert words(clean_up_reference(once)) == words(once)


def test_some_metrics_of_a_suite_may_be_cleaned(generation):
    row = generation("you 've .", "you 've !", "i do n't .", nll=1.0, n_tokens=2)
    metrics = {"raw": DistinctNgrams(1), "cleaned": DistinctNgrams(1), "ppl": TokenPerplexity()}
    suite = MetricSuite(metrics, clean_up=["cleaned"])
    assert list(suite.versions()) == ["distinct_1", "distinct_1_cleaned", "ppl_token"]
    one = scored(suite, [row, replace(row, id="b", response="do n")])
    assert one["distinct_1"] == pytest.approx(100 * 6 / 8)  # i do n ' t . do n
    assert one["distinct_1_cleaned"] == pytest.approx(100 * 7 / 7)  # i don ' t . do n
    assert row.response == "i do n't ."
    part = suite.select({"response"})
    assert list(part.versions()) == ["distinct_1", "distinct_1_cleaned"]
    part.reset()
    assert scored(part, [row]) == {"distinct_1": 100.0, "distinct_1_cleaned": 100.0}


def test_what_was_not_decoded_is_not_cleaned(generation):
    suite = MetricSuite({"f1": WordF1(), "ppl": TokenPerplexity()}, clean_up=True)
    assert scored(suite, [generation("a", "b .", nll=0.0, n_tokens=1)]) == {"ppl_token": 1.0}


def test_means_over_users_are_over_cleaned_texts_too(hard_rows):
    rows = [replace(row, user=row.id[-1]) for row in hard_rows]
    suite = MetricSuite({"bleu": Bleu(report=["bleu_p1"])}, clean_up=True, by_user=True)
    means, versions, users = results_by_user(suite, {"": rows})
    assert list(means) == ["test/bleu_p1_cleaned_user_mean"]
    assert versions == {"bleu_p1_cleaned_user_mean": 1}
    own = scored(MetricSuite({"bleu": Bleu(report=["bleu_p1"])}, clean_up=True), [r for r in rows if r.user == "3"])
    assert users["3"]["metrics"] == own


def test_what_is_told_of_a_metric_is_told_of_the_cleaned_one(hard_rows):
    config = OmegaConf.load(ROOT / "conf" / "protocol" / "personapkt.yaml")
    suite = load_protocol(OmegaConf.merge(config, {"clean_up": True}))
    values = scored(suite, hard_rows[:20])
    assert {"c_score_cleaned", "c_score_macro_cleaned", "ppl_token"} <= values.keys()
    assert "c_score_cleaned" in suite.cautions(values)
    means, _, _ = results_by_user(suite, {"": hard_rows[:20]})
    assert "test/c_score_cleaned_user_mean" in means
    assert not [name for name in means if "macro" in name]  # a mean over users already


def test_clean_up_of_what_reads_no_texts():
    for key in ("ppl", "gone"):
        with pytest.raises(UserError, match=rf"protocol.clean_up names {key}; expected some .*\(f1\)"):
            MetricSuite({"f1": WordF1(), "ppl": TokenPerplexity()}, clean_up=[key])
