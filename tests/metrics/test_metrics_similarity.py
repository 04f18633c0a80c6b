"""Similarity, Acc@sim0.9 and Figure 2's histogram: definitions, identities, cautions, and the commands that choose."""

import doctest
import math
from dataclasses import replace

import pytest
import torch

from zoo.errors import UserError
from zoo.metrics import MetricSuite, Similarity, read_results, write_generations
from zoo.metrics import similarity as similarity_module
from zoo.metrics.__main__ import main
from zoo.metrics.by_user import results_by_user
from zoo.metrics.protocols import load_protocol
from zoo.metrics.similarity import similarities, similarity_histogram
from zoo.scorers.characters import CharacterNgrams
from zoo.scorers.embedder import Embedder

ANGLES = {"east": 0.0, "north": 90.0, "north-east": 45.0, "west": 180.0, "near east": math.degrees(math.acos(0.9))}


class Compass(Embedder):
    """Words are directions, so that cosines are known."""

    kind, identity = "compass", "0" * 64

    def embed(self, texts):
        radians = torch.tensor([math.radians(ANGLES[text]) for text in texts], dtype=torch.float64)
        return torch.stack([radians.cos(), radians.sin()], dim=1).float()


def pairs(generation, *said, user="u"):
    return [
        replace(generation(f"{user}{n}", reference, response), user=user)
        for n, (response, reference) in enumerate(said)
    ]


def test_by_hand(generation, measure):
    rows = pairs(
        generation, ("east", "east"), ("east", "north"), ("west", "east"), ("near east", "east"), ("north-east", "east")
    )
    assert similarities(rows, Compass()).tolist() == pytest.approx([1, 0, -1, 0.9, 0.707107], abs=1e-9)
    assert measure(Similarity(Compass()), rows) == {
        "similarity": pytest.approx((1 + 0 - 1 + 0.9 + 0.707107) / 5),
        "acc_sim_090": pytest.approx(2 / 5),  # exactly 0.9 is near enough
    }
    assert all(math.isnan(value) for value in measure(Similarity(Compass()), []).values())
    undecoded = Similarity(Compass())
    undecoded.update(pairs(generation, (None, "east")))
    assert undecoded.compute() is None


def test_figure_2_by_hand():
    values = torch.tensor([-1, -0.01, 0, 0.199999, 0.2, 0.4, 0.599999, 0.6, 0.8, 0.9, 1.0], dtype=torch.float64)
    assert similarity_histogram(values).tolist() == [4, 1, 2, 1, 3]
    assert similarity_histogram(torch.empty(0, dtype=torch.float64)).tolist() == [0] * 5
    assert doctest.testmod(similarity_module)[1] > 0
    assert doctest.testmod(similarity_module)[0] == 0


def test_the_version_names_the_embedder(generation):
    assert Similarity(Compass()).version == "1, compass 00000000"
    assert Similarity(Compass()).caution is None
    metric = Similarity(CharacterNgrams())
    assert metric.version == f"1, {CharacterNgrams().short}"
    suite = MetricSuite({"s": metric})
    assert set(suite.cautions(["similarity", "acc_sim_090_user_mean", "ppl_token"])) == {
        "similarity",
        "acc_sim_090_user_mean",
    }
    with pytest.raises(UserError, match=r"expected one of texts\. Choose embedder=characters"):
        Similarity(None)


def test_users_are_averaged(generation):
    rows = pairs(generation, ("east", "east"), ("east", "east"), ("east", "east"), user="a")
    rows += pairs(generation, ("north", "east"), user="b")
    suite = MetricSuite({"s": Similarity(Compass())}, by_user=True)
    suite.update(rows)
    assert suite.compute() == {"similarity": pytest.approx(0.75), "acc_sim_090": pytest.approx(0.75)}
    means, versions, _ = results_by_user(suite, {"": rows})
    assert means["test/similarity_user_mean"] == pytest.approx(0.5)
    assert versions["acc_sim_090_user_mean"] == "1, compass 00000000"


@pytest.mark.parametrize(("protocol", "ending"), [("user_lora", ""), ("user_lora_ja", "_characters")])
def test_protocols_of_the_paper(generation, protocol, ending):
    suite = load_protocol(protocol)
    equal = [("私は犬が好き", "私は犬が好き")] if ending else [("i like dogs", "i like dogs")]
    suite.update([replace(row, nll=3.0, n_tokens=3) for row in pairs(generation, *equal)])
    values = suite.compute()
    assert (values["similarity"], values["acc_sim_090"], values[f"rouge_l{ending}"]) == (1, 1, 100)
    assert values["ppl_token"] == pytest.approx(math.e)
    assert suite.by_user
    assert ("ppl_word" in values) == (not ending)


def test_the_command_chooses_an_embedder(generation, tmp_path, capsys):
    write_generations(tmp_path / "generations.jsonl", pairs(generation, ("i like dogs", "i like cats")))
    assert main([str(tmp_path), "--protocol", "user_lora", "--write"]) == 0
    assert "not comparable: similarity of character n-grams" in capsys.readouterr().out
    usual = read_results(tmp_path / "metrics.json")
    assert usual.versions["similarity"] == usual.versions["acc_sim_090_user_mean"] == f"1, {CharacterNgrams().short}"
    bigrams = "{_target_: zoo.scorers.characters.CharacterNgrams, orders: [2]}"
    (tmp_path / "config.yaml").write_text(f"embedder: {bigrams}\n")
    assert main([str(tmp_path), "--protocol", "user_lora", "--write"]) == 0  # the run's own
    own = read_results(tmp_path / "metrics.json")
    assert own.versions["similarity"] == f"1, {CharacterNgrams([2]).short}"
    assert own.metrics["test/similarity"] > usual.metrics["test/similarity"]
    assert main([str(tmp_path), "--protocol", "user_lora", "--embedder", "characters", "--write"]) == 0
    assert read_results(tmp_path / "metrics.json").metrics["test/similarity"] == usual.metrics["test/similarity"]
    capsys.readouterr()
    assert main([str(tmp_path), "--protocol", "user_lora", "--embedder", "nowhere/at-all"]) == 2
    assert "There is no model 'nowhere/at-all'" in capsys.readouterr().err


def test_other_protocols_never_build_it(tmp_path):
    gone = {"_target_": "zoo.scorers.gone.Embedder"}
    assert "ppl_token" in load_protocol("default", usual={"embedder": gone}).versions()
    with pytest.raises(UserError, match="gone"):
        load_protocol("user_lora", usual={"embedder": gone})
