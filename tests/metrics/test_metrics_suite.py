import math
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from zoo.errors import UserError
from zoo.metrics import LIKELIHOOD_FIELDS, Bleu, Hits, MetricSuite, TokenPerplexity, WordF1

CONF = Path(__file__).parents[2] / "conf"
RESULTS = {
    "default": "ppl_token ppl_word bits_per_char f1_parlai f1_2gram f1_lcs bleu_p1 bleu_p2 bleu1 bleu2 bleu4 "
    "brevity_penalty distinct_1 distinct_2 distinct_s",
    "paa_reference": "ppl_token ppl_reference f1_teacher_forced_macro bleu_p1_cleaned bleu_p2_cleaned "
    "distinct_1_cleaned distinct_2_per_unigram_cleaned",
}
RESULTS["paa_both"] = f"{RESULTS['default']} {RESULTS['paa_reference'].removeprefix('ppl_token ')}"


def composed(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose(f"protocol/{name}").protocol)


def protocol(name, **changes):
    return instantiate(composed(name) | changes)


@pytest.mark.parametrize("name", RESULTS)
def test_shipped_protocols(corpus, name):
    suite, results = protocol(name), RESULTS[name].split()
    assert suite.name == name
    assert list(suite.versions()) == results
    assert (suite.teacher_forced_ids, bool(suite.cleaned)) == (name != "default",) * 2
    assert suite.needs_text
    assert not suite.needs_candidates
    suite.update(corpus(6))
    values = suite.compute()
    assert list(values) == results
    assert all(type(value) is float and math.isfinite(value) for value in values.values())
    assert suite.versions() == dict.fromkeys(results, 1)


@pytest.mark.parametrize("name", ["default", "paa_reference"])
def test_keys_are_the_names_where_a_metric_has_one(name):
    for key, metric in protocol(name).metrics.items():
        assert key == metric.name


def test_both_is_each_of_the_two_exactly(corpus):
    rows = corpus(40)
    values, versions = {}, {}
    for name in ("default", "paa_reference", "paa_both"):
        suite = protocol(name)
        suite.update(rows)
        values[name], versions[name] = suite.compute(), suite.versions()
    assert values["default"].keys() & values["paa_reference"].keys() == {"ppl_token"}
    assert values["paa_both"] == values["default"] | values["paa_reference"]
    assert versions["paa_both"] == versions["default"] | versions["paa_reference"]


def test_both_is_written_as_the_two_are():
    """Who changes a metric in one file changes it in the other."""
    default, paa, both = (composed(name)["metrics"] for name in ("default", "paa_reference", "paa_both"))
    ends = {key: f"{key}_cleaned" for key in ("bleu", "distinct_1", "distinct_2_per_unigram")}
    assert both == default | {ends.get(key, key): metric for key, metric in paa.items()}


def test_conversion_is_not_needed(corpus):
    """A protocol without `_convert_: all` works as well: people forget it."""
    suite = protocol("default", _convert_="none")
    suite.update(corpus(3))
    assert list(suite.compute()) == RESULTS["default"].split()


def test_no_rows_is_nan_and_no_warning(recwarn):
    suite = MetricSuite({"all": TokenPerplexity(), "f1": WordF1(), "bleu": Bleu(), "hits": Hits()})
    for _ in range(2):
        values = suite.compute()
        assert len(values) == 1 + 1 + 6 + 1
        assert all(math.isnan(value) for value in values.values())
        suite.update([])
    assert not recwarn.list


def test_what_was_not_measured_is_left_out(generation):
    suite = MetricSuite({"ppl": TokenPerplexity(), "f1": WordF1(), "hits": Hits()})
    suite.update([generation(nll=0.0, n_tokens=1)])
    assert suite.compute() == {"ppl_token": 1.0}
    assert suite.versions() == {"ppl_token": 1}


def test_half_measured_is_an_error(generation):
    suite = MetricSuite({"f1": WordF1()})
    suite.update([generation("a", "x", "x"), generation("b", "x")])
    with pytest.raises(UserError, match="f1_parlai needs reference, response in every row, but 1 of 2 rows lack"):
        suite.compute()


def test_select_is_a_suite_of_its_own(corpus):
    suite = protocol("paa_reference")
    cheap = suite.select(LIKELIHOOD_FIELDS)
    assert list(cheap.versions()) == ["ppl_token"]
    assert (cheap.needs_text, cheap.teacher_forced_ids, cheap.name) == (False, False, "paa_reference")
    cheap.update(corpus(3))
    assert math.isnan(suite.compute()["ppl_token"])
    assert suite.select(LIKELIHOOD_FIELDS | {"token_nll"}).teacher_forced_ids
    half = suite.select({"nll", "response", "target_ids"})  # half of what most metrics need
    assert list(half.versions()) == ["distinct_1_cleaned", "distinct_2_per_unigram_cleaned"]
    assert list(protocol("default").select(LIKELIHOOD_FIELDS).versions()) == ["ppl_token", "ppl_word", "bits_per_char"]


def test_reset_and_clone(corpus):
    suite = protocol("default")
    suite.update(corpus(4, seed=1))
    copy = suite.clone()
    before = suite.compute()
    suite.reset()
    suite.update(corpus(5, seed=2))
    suite.reset()
    suite.update(corpus(4, seed=1))
    assert suite.compute() == before
    copy.update(corpus(5, seed=2))
    assert copy.compute() != before
    assert suite.compute() == before


def test_compute_between_updates_counts_nothing_twice(corpus):
    rows = corpus(9)
    suite, whole = protocol("paa_reference"), protocol("paa_reference")
    for row in rows:
        suite.update([row])
        suite.compute()
    whole.update(rows)
    assert suite.compute() == pytest.approx(whole.compute(), rel=1e-13)


def test_versions_follow_the_metric(generation):
    class Changed(WordF1):
        version = 3

    suite = MetricSuite({"f1": Changed(), "hits": Hits()})
    assert suite.versions() == {"f1_parlai": 3, "hits_1_of_20": 1}
    suite.update([generation("a", "x", "x", candidate_scores=[1.0, 0.0], gold=0)])
    suite.compute()
    assert suite.versions() == {"f1_parlai": 3, "hits_1_of_2": 1}


def test_two_of_one_name_are_refused():
    with pytest.raises(UserError, match="report bleu4"):
        MetricSuite({"a": Bleu(report=["bleu4"]), "b": Bleu(report=["bleu1", "bleu4"])})
    MetricSuite({"a": Bleu(report=["bleu4"]), "b": Bleu("char", report=["bleu4"])})


@pytest.mark.parametrize(
    "cast",
    [
        lambda module: module.to(torch.bfloat16),
        lambda module: module.half(),
        lambda module: module.float(),
        lambda module: module.type(torch.float16),
        lambda module: module.to("cpu", torch.float16),
        lambda module: [metric.set_dtype(torch.float16) for metric in module.suite.metrics.values()],
    ],
    ids=["to-bfloat16", "half", "float", "type", "to-device-and-type", "set_dtype"],
)
@pytest.mark.parametrize("name", ["default", "paa_reference"])
def test_casting_the_model_changes_no_value(corpus, cast, name):
    rows = corpus(40)
    parent = torch.nn.Module()
    parent.suite = protocol(name)
    parent.head = torch.nn.Linear(2, 2)
    parent.suite.update(rows[:20])
    cast(parent)
    parent.suite.update(rows[20:])
    plain = protocol(name)
    plain.update(rows[:20])
    plain.update(rows[20:])
    assert parent.suite.compute() == plain.compute()
    parent.suite.reset()
    parent.suite.update(rows)
    whole = protocol(name)
    whole.update(rows)
    assert parent.suite.compute() == whole.compute()


def test_nothing_of_it_goes_into_checkpoints(corpus):
    suite = protocol("default")
    suite.update(corpus(3))
    assert not suite.state_dict()


def test_states_follow_the_device():
    suite = protocol("paa_reference").to("meta")
    assert {state.device.type for metric in suite.metrics.values() for state in [metric.n_rows]} == {"meta"}
