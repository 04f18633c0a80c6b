"""Text metrics of every user and their means."""

import json
import math
from dataclasses import replace

import pytest

from zoo.metrics import BitsPerChar, DistinctNgrams, MetricSuite, WordF1, read_results, write_generations
from zoo.metrics.__main__ import main
from zoo.metrics.by_user import intervals, results_by_user
from zoo.metrics.protocols import load_protocol


@pytest.fixture
def suite():
    metrics = [DistinctNgrams(1), DistinctNgrams(2), WordF1(), BitsPerChar()]
    return MetricSuite({metric.name: metric for metric in metrics}, by_user=True)


@pytest.fixture
def two_sets(generation):
    def row(id, user, reference, response):
        return replace(generation(id, reference, response, nll=1.0, n_tokens=1), user=user)

    return {
        "persona_eval": [row("1", "anna", "a b", "a b a b"), row("2", "ben", "c", "c d")],
        "general_eval": [row("3", "anna", "a b", "a b c d"), row("4", "anna", "x", "y"), row("5", "ben", "e", "e")],
    }


def test_each_users_replies_are_one_corpus(suite, two_sets):
    means, versions, users = results_by_user(suite, two_sets)
    # anna: a b a b + a b c d + y = 5 different of 9 words; ben: c d e, all different
    assert users["anna"]["metrics"]["distinct_1"] == pytest.approx(100 * 5 / 9)
    assert means["test/distinct_1_user_mean"] == pytest.approx((100 * 5 / 9 + 100) / 2)
    assert means["test/persona_eval/distinct_1_user_mean"] == pytest.approx((50 + 100) / 2)
    assert means["test/general_eval/distinct_1_user_mean"] == pytest.approx(100)
    # bigrams: ab ba ab / ab bc cd: 4 different of 6; ben has one, and in general_eval none at all
    assert means["test/distinct_2_user_mean"] == pytest.approx((100 * 4 / 6 + 100) / 2)
    assert means["test/general_eval/distinct_2_user_mean"] == 100  # anna's alone
    assert users["ben"]["metrics"]["general_eval/distinct_2"] is None
    assert users["anna"]["n_examples"] == {"all": 3, "persona_eval": 1, "general_eval": 2}
    assert {name.rpartition("/")[-1] for name in means} == set(versions)
    assert versions == dict.fromkeys(("distinct_1_user_mean", "distinct_2_user_mean", "f1_parlai_user_mean"), 1)
    json.dumps(users, allow_nan=False)


def test_one_test_set_has_no_second_names(suite, two_sets):
    rows = [row for part in two_sets.values() for row in part]
    means, _, users = results_by_user(suite, {"": rows})
    together, _, _ = results_by_user(suite, two_sets)
    assert means == {name: value for name, value in together.items() if name.count("/") == 1}
    assert users["anna"]["n_examples"] == {"all": 3}


def test_the_suite_keeps_what_it_had(suite, two_sets):
    suite.update(two_sets["persona_eval"])
    before = suite.compute()
    results_by_user(suite, two_sets)
    assert suite.compute() == before
    assert suite.alone("response").compute().keys() == {"distinct_1", "distinct_2", "f1_parlai"}


def test_nothing_decoded(suite, generation):
    means, versions, users = results_by_user(suite, {"": [generation("1", "a", None, nll=1.0, n_tokens=1)]})
    assert means == versions == {}
    assert users["u"]["n_examples"] == {"all": 1}


def test_the_command_recomputes_sets_and_means(tmp_path, two_sets, capsys):
    for name, rows in two_sets.items():
        write_generations(tmp_path / f"generations_{name}.jsonl", rows)
    assert main([str(tmp_path), "--protocol", "prompt_tuning", "--write"]) == 0
    assert "5 examples, protocol prompt_tuning" in capsys.readouterr().out
    results = read_results(tmp_path / "metrics.json")
    expected, versions, users = results_by_user(load_protocol("prompt_tuning"), two_sets)
    found = {name: value for name, value in results.metrics.items() if name.endswith("_user_mean")}
    assert found == pytest.approx(expected, nan_ok=True)
    assert results.other == {"users": users, "intervals": intervals(users)}
    assert results.versions.items() >= versions.items()
    assert results.metrics["test/general_eval/ppl_token"] == pytest.approx(math.e)
    assert "test/ppl_token" not in results.metrics
    assert main([str(tmp_path), "--protocol", "prompt_tuning"]) == 0
    output = capsys.readouterr().out
    assert "NO" not in output.split()
    assert output.count("yes") == len(results.metrics)
