"""The C score and the repetition rate: definitions, bad rows, cautions, and that users cost no second scoring."""

import doctest
import json
import math
from dataclasses import replace

import pytest
import torch

from zoo.errors import UserError
from zoo.metrics import CScore, MetricSuite, RepetitionRate, read_results, write_generations
from zoo.metrics import repetition as repetition_module
from zoo.metrics.__main__ import main
from zoo.metrics.by_user import intervals, results_by_user
from zoo.metrics.generations import Generation
from zoo.metrics.protocols import load_protocol
from zoo.scorers.cache import CachedNli
from zoo.scorers.lexical import LexicalNli

PERSONA = ["i like dogs .", " i have two cats.", "i hate winter ."]


def said(*responses, persona=PERSONA, user="u"):
    return [Generation(f"{user}{n}", user, list(persona), ["hi"], "ok", r, None, None) for n, r in enumerate(responses)]


def c_score(rows, **settings):
    metric = CScore(LexicalNli(), **settings)
    metric.update(rows)
    return {name: float(value) for name, value in metric.compute().items()}


def test_a_sum_over_sentences_and_a_mean_over_replies():
    rows = said("i like dogs . i have two cats !", "i hate dogs", "it rains")  # +2, -1, 0
    assert c_score(rows) == {
        "c_score": pytest.approx(1 / 3),
        "c_score_macro": pytest.approx(1 / 3),
        "c_per_sentence": pytest.approx(1 / 9),
        "entail_rate": pytest.approx(100 * 2 / 9),
        "contradict_rate": pytest.approx(100 / 9),
    }


def test_plus_and_minus_cancel_and_rates_tell():
    found = c_score(said("i like dogs . i like winter ."))
    assert found["c_score"] == 0
    assert (found["entail_rate"], found["contradict_rate"]) == (pytest.approx(100 / 3), pytest.approx(100 / 3))


def test_sentences_that_stand_twice_count_twice():
    twice = ["i like dogs .", "i like dogs .", "i have a car ."]
    assert c_score(said("i like dogs", persona=twice))["c_score"] == 2
    assert c_score(said("i hate dogs", persona=twice))["c_score"] == -2
    assert c_score(said("i like dogs and i like dogs", persona=PERSONA))["c_score"] == 1  # in a reply they do not


def test_every_user_weighs_the_same_in_the_macro_mean():
    rows = said("i like dogs", "i like dogs", "i like dogs", user="a") + said("i hate dogs", user="b")
    found = c_score(rows)
    assert (found["c_score"], found["c_score_macro"]) == (0.5, 0.0)
    nobody = said("i like dogs", "i like dogs", "i like dogs", user="") + said(
        "i hate dogs", user="", persona=PERSONA[:1]
    )
    assert c_score(nobody)["c_score_macro"] == 0.0  # personas instead


def test_replies_to_no_persona_are_left_out_and_empty_ones_are_neutral():
    with_persona = said("i like dogs", "", "  ")
    expected = c_score(with_persona)
    assert expected["c_score"] == pytest.approx(1 / 3)
    none = said("i like dogs", persona=[], user="x") + said("i like dogs", persona=[" "], user="y")
    assert c_score(with_persona + none) == expected
    assert all(math.isnan(value) for value in c_score(none).values())
    assert all(math.isnan(value) for value in c_score([]).values())


def test_an_empty_reply_is_not_scored():
    scorer = CachedNli(LexicalNli())
    metric = CScore(scorer)
    metric.update(said("", "i like dogs"))
    assert scorer.n_scored == len(PERSONA)


def test_nothing_decoded_is_no_value():
    metric = CScore(LexicalNli())
    metric.update(said(None))
    assert metric.compute() is None


def test_what_the_scorer_reads(monkeypatch):
    asked = []
    score = LexicalNli.score
    monkeypatch.setattr(LexicalNli, "score", lambda self, pairs: asked.extend(pairs) or score(self, pairs))
    c_score(said(" i sing . ", persona=[" i like dogs .", "", "i run"]))
    assert asked == [("i sing .", "i like dogs"), ("i sing .", "i run")]  # reply, then sentence
    asked.clear()
    c_score(said("i sing", persona=[" i like dogs. "]), strip_period=False)
    assert asked == [("i sing", "i like dogs.")]


def test_the_version_names_the_scorer_and_its_settings():
    version = CScore(LexicalNli()).version
    assert version == f"1, {LexicalNli().short}"
    assert CScore(LexicalNli(), strip_period=False).version == f"{version}, periods kept"
    other = LexicalNli()
    other.identity = "f" * 64
    assert CScore(other).version == "1, lexical ffffffff" != version


def test_a_real_model_scores_as_by_hand(tmp_path):
    from tests.scorers.conftest import save_bert
    from zoo.scorers.transformers_nli import TransformersNli

    scorer = TransformersNli(save_bert(tmp_path / "bert"))
    rows = said("i like dogs and cats", "i hate songs", persona=["i like dogs .", "he hates trees .", "i have maps ."])
    pairs = [(row.response, sentence[:-1].strip()) for row in rows for sentence in row.persona]
    signs = torch.tensor([1, 0, -1])[scorer.score(pairs).argmax(dim=1)]
    metric = CScore(scorer)
    metric.update(rows)
    found = metric.compute()
    assert float(found["c_score"]) == pytest.approx(signs.sum().item() / 2)
    assert float(found["c_per_sentence"]) == pytest.approx(signs.double().mean().item())
    assert signs.abs().sum() > 0
    assert "accuracy is not known" in metric.caution
    assert not metric.state_dict()


@pytest.mark.parametrize("scorer", [None, "lexical"])
def test_no_scorer(scorer):
    with pytest.raises(UserError, match="expected one of pairs of texts"):
        CScore(scorer)


def test_300_users_cost_no_second_scoring():
    scorer = CachedNli(LexicalNli())
    suite = MetricSuite({"c": CScore(scorer)}, by_user=True)
    rows = [row for n in range(300) for row in said("i like dogs", f"i have {n} cats", user=f"u{n}")]
    suite.update(rows)
    whole, scored = suite.compute(), scorer.n_scored
    assert scored == 301 * len(PERSONA)
    means, versions, users = results_by_user(suite, {"": rows})
    assert scorer.n_scored == scored
    assert means["test/c_score_user_mean"] == pytest.approx(whole["c_score_macro"])
    assert len(users) == 300
    assert "test/c_score_macro_user_mean" not in means
    assert set(versions) == {f"{name}_user_mean" for name in whole if name != "c_score_macro"}


def test_repetition_by_hand(measure):
    assert measure(RepetitionRate(), said("yes yes yes yes", "i like dogs")) == pytest.approx(100 * (2 / 3 + 0) / 2)
    assert measure(RepetitionRate(), said("yes", "")) == 0  # no bigram
    assert measure(RepetitionRate(1), said("a b a , b ,")) == pytest.approx(100 * 3 / 6)
    assert measure(RepetitionRate(3), said("a b a b a b")) == pytest.approx(100 * 2 / 4)
    assert measure(RepetitionRate(), said("a b", "a b")) == 0  # another reply's do not count
    assert math.isnan(measure(RepetitionRate(), []))


def test_names_of_repetition():
    assert RepetitionRate().name == "repetition_rate"
    assert RepetitionRate(4, "characters").name == "repetition_rate_4_characters"
    with pytest.raises(UserError, match="order=0"):
        RepetitionRate(0)


def test_examples_in_docstrings():
    assert doctest.testmod(repetition_module)[0] == 0


# -- cautions ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def run_dir(tmp_path):
    rows = [row for user in ("anna", "ben", "carl") for row in said("i like dogs", f"i sing {user}", user=user)]
    rows += [replace(row, id="last") for row in said("i hate dogs", user="carl")]
    write_generations(tmp_path / "generations.jsonl", rows)
    return tmp_path


def test_the_command_says_what_does_not_compare(run_dir, capsys):
    assert main([str(run_dir), "--protocol", "personapkt", "--write"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("not comparable: the lexical NLI scorer is a set of word rules") == 1
    results = read_results(run_dir / "metrics.json")
    names = {"c_score", "c_score_macro", "c_per_sentence", "entail_rate", "contradict_rate"}
    means = {f"{name}_user_mean" for name in names - {"c_score_macro"}}
    assert set(results.other["cautions"]) == names | means
    assert set(results.other["cautions"].values()) == {LexicalNli.caution}
    assert results.versions["c_score"] == results.versions["c_score_user_mean"] == f"1, {LexicalNli().short}"
    assert results.metrics["test/c_score"] == pytest.approx(2 / 7)
    low, high = results.other["intervals"]["test/c_score_user_mean"]
    assert low < results.metrics["test/c_score_user_mean"] < high
    assert main([str(run_dir), "--protocol", "default", "--write"]) == 0  # values that stay keep their caution
    assert "not comparable" not in capsys.readouterr().out
    assert read_results(run_dir / "metrics.json").other["cautions"] == results.other["cautions"]


def test_another_scorer_takes_the_caution_away(run_dir, tmp_path, capsys):
    from tests.scorers.conftest import save_bert
    from zoo.scorers.record import Accuracy, ScorerRecord, write_record

    folder = save_bert(tmp_path / "bert")
    write_record(folder, ScorerRecord(Accuracy(0.9, "dnli test", 16_500), False, "dnli"))
    assert main([str(run_dir), "--protocol", "personapkt", "--write"]) == 0
    capsys.readouterr()
    assert main([str(run_dir), "--protocol", "personapkt", "--scorer", str(folder), "--write"]) == 0
    printed = capsys.readouterr().out
    assert "not comparable" not in printed
    assert "stored by version 1, lexical" in " ".join(printed.replace("│", " ").split())
    results = read_results(run_dir / "metrics.json")
    assert "cautions" not in results.other
    assert results.versions["c_score"].startswith("1, nli ")
    accuracy = f"{results.versions['c_score'].removeprefix('1, ')}, accuracy 0.9000 on dnli test (16,500 pairs)"
    assert f"scored by {accuracy} (c_score," in " ".join(printed.split())
    scored = {name for name in results.versions if name.startswith(("c_", "entail", "contradict"))}
    assert results.other["scorers"] == dict.fromkeys(scored, accuracy)
    assert main([str(run_dir), "--protocol", "default", "--write"]) == 0  # values that stay keep it
    assert read_results(run_dir / "metrics.json").other["scorers"] == results.other["scorers"]


def test_another_protocols_means_over_users_take_nothing_away(run_dir):
    assert main([str(run_dir), "--protocol", "personapkt", "--write"]) == 0
    former = read_results(run_dir / "metrics.json")
    assert main([str(run_dir), "--protocol", "prompt_tuning", "--write"]) == 0
    results = read_results(run_dir / "metrics.json")
    assert results.other["intervals"].items() >= former.other["intervals"].items()
    for user, entry in former.other["users"].items():
        assert results.other["users"][user]["metrics"].items() >= entry["metrics"].items()
    assert results.metrics.keys() > former.metrics.keys()


def test_the_runs_own_scorer(run_dir, capsys):
    """`${scorer}` is what the run chose; a protocol that the run recorded has it inside, unless another is given."""
    target = "_target_: zoo.scorers.cache.CachedNli\n  scorer: {_target_: zoo.scorers.lexical.LexicalNli}\n"
    (run_dir / "config.yaml").write_text(f"scorer:\n  {target}  folder: {run_dir}/cache\n")
    assert main([str(run_dir), "--protocol", "personapkt"]) == 0
    assert (run_dir / "cache" / "nli.sqlite").is_file()
    broken = "{_target_: zoo.scorers.transformers_nli.TransformersNli, path: null}"
    metric = f"{{_target_: zoo.metrics.c_score.CScore, scorer: {broken}}}"
    protocol = f"protocol:\n  _target_: zoo.metrics.suite.MetricSuite\n  metrics:\n    c: {metric}\n"
    (run_dir / "config.yaml").write_text(protocol)
    capsys.readouterr()
    assert main([str(run_dir)]) == 2
    assert "Give scorer.path=FOLDER" in " ".join(capsys.readouterr().err.split())
    assert main([str(run_dir), "--scorer", "lexical"]) == 0
    assert main([str(run_dir), "--scorer", "nowhere/at-all"]) == 2
    assert "There is no model 'nowhere/at-all'" in " ".join(capsys.readouterr().err.split())


def test_a_suite_without_cautions_has_none():
    suite = load_protocol("default")
    assert suite.cautions(suite.versions()) == suite.scorers(suite.versions()) == {}
    assert suite.remarks(suite.versions()) == {}


# -- intervals --------------------------------------------------------------------------------------------------------


def users_with(values):
    return {f"u{n}": {"n_examples": {}, "metrics": {"x": value}} for n, value in enumerate(values)}


def test_an_interval_is_seeded_and_covers_the_mean():
    values = torch.randn(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64).tolist()
    low, high = intervals(users_with(values))["test/x_user_mean"]
    mean, error = sum(values) / 200, torch.tensor(values).std().item() / 200**0.5
    assert low == pytest.approx(mean - 1.96 * error, abs=0.03)  # what the normal distribution gives
    assert high == pytest.approx(mean + 1.96 * error, abs=0.03)
    assert intervals(users_with(values)) == {"test/x_user_mean": [low, high]}
    assert intervals(users_with(values), seed=1) != {"test/x_user_mean": [low, high]}
    json.dumps(intervals(users_with(values)), allow_nan=False)


def test_who_has_no_interval():
    assert intervals({}) == intervals(users_with([1.0])) == intervals(users_with([1.0, None])) == {}
    assert intervals(users_with([2.0, None, 2.0])) == {"test/x_user_mean": [2.0, 2.0]}
