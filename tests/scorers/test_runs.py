"""Scorers in whole runs: chosen by name, built only where the protocol asks, and cautions where one looks."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

import zoo
from zoo.errors import UserError
from zoo.launch import user_message
from zoo.running import run

NAMES = {"c_score", "c_score_macro", "c_per_sentence", "entail_rate", "contradict_rate"}


@pytest.fixture
def small(composed: Callable[..., DictConfig], run_small: list[str]) -> Callable[..., DictConfig]:
    """`small("key=value")`: a run that takes seconds."""
    return lambda *overrides: composed(*run_small, "run=[test]", "data.max_eval_examples=12", *overrides)


def test_personapkt_on_the_demo(
    small: Callable[..., DictConfig], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run(small("protocol=personapkt", "data.users=persona"))
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count("not comparable: the lexical NLI scorer") == 1
    results = json.loads((tmp_path / "metrics.json").read_text())
    own = {name.removesuffix("_user_mean") for name in results["cautions"]}
    assert own == NAMES
    assert {f"test/{name}" for name in results["cautions"]} <= results["metrics"].keys()
    assert results["intervals"].keys() <= results["metrics"].keys()
    assert "test/repetition_rate_user_mean" in results["intervals"]
    assert results["versions"]["c_score"].startswith("1, lexical ")


def test_a_model_by_path_and_its_cache(
    small: Callable[..., DictConfig], tmp_path: Path, classifier: Path, capsys: pytest.CaptureFixture
) -> None:
    chosen = ("protocol=personapkt", "scorer=nli", f"scorer.path={classifier}", f"scorer.cache={tmp_path}/scores")
    run(small(*chosen))
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert "accuracy is not known" in results["cautions"]["c_score"]
    assert re.fullmatch("nli [0-9a-f]{8}, accuracy not known", results["scorers"]["c_score_user_mean"])
    assert results["scorers"].keys() == results["cautions"].keys()
    assert "scored by nli" in capsys.readouterr().out
    assert (tmp_path / "scores" / "nli.sqlite").is_file()
    from zoo.metrics.__main__ import main

    assert main([str(tmp_path), "--write"]) == 0  # from the texts alone, with the scorer that the run recorded
    again = json.loads((tmp_path / "metrics.json").read_text())
    assert again["metrics"] == results["metrics"]
    assert again["versions"] == results["versions"]
    assert again["scorers"] == results["scorers"]


def test_a_scorer_that_nobody_asks_is_not_built(
    small: Callable[..., DictConfig], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run(small("scorer=nli", "scorer.path=nowhere"))
    assert "not comparable" not in capsys.readouterr().out
    assert "cautions" not in json.loads((tmp_path / "metrics.json").read_text())


def test_a_scorer_without_a_model_is_a_users_mistake(small: Callable[..., DictConfig]) -> None:
    with pytest.raises(Exception, match=r"Give scorer\.path=FOLDER") as caught:
        run(small("protocol=personapkt", "scorer=nli"))
    assert "Give scorer.path=FOLDER" in str(user_message(caught.value))
    assert isinstance(caught.value, UserError) or "UserError" in repr(caught.value.__cause__)


def test_a_run_answers_without_the_scorer_it_was_scored_by(
    composed: Callable[..., DictConfig], run_small: list[str], classifier: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(classifier, tmp_path / "scorer")
    run(composed(*run_small, "protocol=personapkt", "scorer=nli", f"scorer.path={folder}", "run=[fit]"))
    shutil.rmtree(folder)
    assert isinstance(zoo.load(tmp_path).reply(["hi ."]), str)


# -- embedders --------------------------------------------------------------------------------------------------------


def test_similarity_of_a_run(
    small: Callable[..., DictConfig], tmp_path: Path, sentence_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    model = ("embedder=sentence_model", f"embedder.path={sentence_folder}", "embedder.device=cpu")
    run(small("protocol=user_lora", "data.users=persona", *model))
    assert "not comparable" not in capsys.readouterr().out
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert results["versions"]["similarity"].startswith("1, sentence_model ")
    names = ("similarity", "acc_sim_090", "rouge_l")
    assert {f"test/{name}{ending}" for name in names for ending in ("", "_user_mean")} <= results["metrics"].keys()
    assert "test/similarity_user_mean" in results["intervals"]
    from zoo.metrics.__main__ import main

    assert main([str(tmp_path), "--write"]) == 0  # with the embedder that the run recorded
    again = json.loads((tmp_path / "metrics.json").read_text())
    assert again["versions"] == results["versions"]
    assert again["metrics"] == pytest.approx(results["metrics"], rel=1e-5)


def test_an_embedder_that_nobody_asks_is_not_built(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("embedder=sentence_model"))  # without a path
    assert "test/ppl_token" in json.loads((tmp_path / "metrics.json").read_text())["metrics"]


def test_a_run_answers_without_its_embedder(
    composed: Callable[..., DictConfig], run_small: list[str], sentence_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(sentence_folder, tmp_path / "embedder")
    chosen = ("protocol=user_lora", "embedder=sentence_model", f"embedder.path={folder}", "embedder.device=cpu")
    run(composed(*run_small, *chosen, "run=[fit]"))
    shutil.rmtree(folder)
    assert isinstance(zoo.load(tmp_path).reply(["hi ."]), str)
