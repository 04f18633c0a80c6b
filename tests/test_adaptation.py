"""Domain adaptation in one command with the users' training: what the source stage gives is the users' backbone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

import zoo
from tests.conftest import ROOT
from zoo.errors import UserError
from zoo.export import write_backbone
from zoo.running import run
from zoo.stages import WRITTEN, source_of, start_from_source

SMALL = [
    "data=synthetic_users", "data.num_users=10", "+data.users_of.dialogues_per_pair=1",
    "backbone.width=32", "backbone.heads=4", "template.prompt=ppp",
    "trainer=cpu", "trainer.max_epochs=1", "source=adaptation", "source.trainer.max_epochs=1", "data.batch_size=64",
    "source.data.batch_size=64", "source.optimizer.lr=1e-2", "decoding.max_new_tokens=3", "run=[fit]",
    "data.max_eval_examples=40",
]  # fmt: skip
USERS = ["learner.epochs=1", "learner.batch_size=32"]
ROWS = {
    "LoRA": ["model=user_lora", *USERS],
    "One-ID": ["model=user_finetune", "template.one_id=true"],
    "FULL": ["model=user_finetune", "users=each", "learner.slots=1", "data.only=[ADA]", *USERS],
}


@pytest.fixture
def small(composed: Callable[..., DictConfig]) -> Callable[..., DictConfig]:
    def compose(row: str, *overrides: str) -> DictConfig:
        return composed(*(o.replace("ADA", first_user()) for o in ROWS[row]), *SMALL, *overrides)

    return compose


def first_user() -> str:
    from zoo.data.synthetic_users import synthetic_user

    return synthetic_user("en", 0).id


def backbone(run_dir: Path) -> dict[str, torch.Tensor]:
    return dict(AutoModelForSeq2SeqLM.from_pretrained(run_dir / "source" / "backbone").state_dict())


def test_adapters_are_trained_on_the_adapted_backbone(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("LoRA", "run=[fit,test]"))
    assert OmegaConf.load(tmp_path / "config.yaml").backbone.path == str(tmp_path / "source" / "backbone")
    adapted, module = backbone(tmp_path), zoo.load(tmp_path)
    for name, weights in module.net.lm.state_dict().items():
        assert torch.equal(weights, adapted[name]), name
    assert len(module.net.users) == 10
    tokens = AutoTokenizer.from_pretrained(tmp_path / "source" / "backbone")
    marks = tokens.convert_tokens_to_ids(["[USER1]", "[USER2]", "[SEP]", "[SPK1]", "[SPK2]"])
    shared = adapted["shared.weight"]
    rows = shared[marks] - shared[0]
    assert rows.norm(dim=1).min() > 0.1, "added tokens began beside the end token's row, and were trained"
    scored = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    run(small("LoRA", "run=[test]", "ckpt_path=best"))
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"] == scored


@pytest.fixture(scope="module")
def one_id(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of One-ID, whose network hardly moved after its adaptation."""
    run_dir = tmp_path_factory.mktemp("one_id")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        run(compose("config", [f"run_dir={run_dir}", *ROWS["One-ID"], *SMALL, "optimizer.lr=1e-9"]))
    return run_dir


def test_processes_may_write_one_backbone_at_once(one_id: Path) -> None:
    source, first = one_id / "source", backbone(one_id)
    write_backbone(source, source / "backbone")
    assert not list(source.glob(".backbone*"))
    assert all(torch.equal(weights, first[name]) for name, weights in backbone(one_id).items())


def test_an_adaptation_of_another_backbone_is_not_shared(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    cfg = small("LoRA", f"source.directory={tmp_path}")
    for part in WRITTEN:
        (tmp_path / part).parent.mkdir(exist_ok=True)
        (tmp_path / part).touch()
    OmegaConf.save(source_of(cfg), tmp_path / "config.yaml", resolve=True)
    cfg.backbone.path = "elsewhere"
    with pytest.raises(UserError, match=r"\(backbone.path: None -> elsewhere\).*take another source.directory="):
        start_from_source(cfg, run_stage=pytest.fail, begin=pytest.fail)


def test_a_network_of_all_begins_as_the_adapted_one(one_id: Path) -> None:
    adapted = backbone(one_id)
    for name, weights in zoo.load(one_id).net.lm.state_dict().items():
        torch.testing.assert_close(weights, adapted[name], rtol=0, atol=1e-6)


def test_networks_of_users_begin_as_the_adapted_one(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("FULL", "learner.lr=1e-9"))
    adapted, module = backbone(tmp_path), zoo.load(tmp_path)
    module.net.bank.write(0)
    for name, weights in module.net.lm.state_dict().items():
        torch.testing.assert_close(weights, adapted[name], rtol=0, atol=1e-6)


def test_adaptation_and_users_have_different_halves(one_id: Path) -> None:
    source, own = (
        json.loads((folder / "provenance.json").read_text())["data"] for folder in (one_id / "source", one_id)
    )
    assert source["report"]["held_out_partners"]["half"] == "adaptation"
    assert own["report"]["held_out_partners"]["half"] == "personal"
    assert source["splits"]["valid"]["fingerprint"] != source["splits"]["train"]["fingerprint"]
    assert source["splits"]["train"]["fingerprint"] != own["splits"]["train"]["fingerprint"]


@pytest.mark.slow
def test_runs_share_an_adaptation_and_refuse_another_ones(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    shared = f"source.directory={tmp_path}/adapted"
    run(small("LoRA", shared, f"run_dir={tmp_path}/lora"))
    trained = (tmp_path / "adapted" / "checkpoints" / "best.ckpt").stat().st_mtime_ns
    run(small("One-ID", shared, f"run_dir={tmp_path}/one_id"))
    assert (tmp_path / "adapted" / "checkpoints" / "best.ckpt").stat().st_mtime_ns == trained
    assert not (tmp_path / "one_id" / "source").exists()
    with pytest.raises(UserError, match=r"had other settings than this run's would have \(data.fold: 0 -> 1\)"):
        run(small("One-ID", shared, f"run_dir={tmp_path}/other", "data.fold=1"))


@pytest.mark.slow
def test_a_killed_adaptation_goes_on(
    small: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo.learners import Supervised

    whole, calls = Supervised.__call__, []
    settings = ["source.callbacks.last.every_n_train_steps=1", "source.net.dropout=0.0", "source.data.batch_size=16"]
    run(small("LoRA", *settings, f"run_dir={tmp_path}/whole"))

    def stop_at_3(self: Any, *arguments: Any) -> Any:
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    monkeypatch.setattr(Supervised, "__call__", stop_at_3)
    with pytest.raises(BaseException):  # noqa: B017
        run(small("LoRA", *settings, f"run_dir={tmp_path}/part"))
    monkeypatch.setattr(Supervised, "__call__", whole)
    run(small("LoRA", *settings, f"run_dir={tmp_path}/part", "ckpt_path=last"))
    expected = backbone(tmp_path / "whole")
    assert all(torch.equal(weights, expected[name]) for name, weights in backbone(tmp_path / "part").items())


def test_a_lora_on_tokens_that_nobody_trained_is_refused(composed: Callable[..., DictConfig]) -> None:
    with pytest.raises(Exception, match=r"adds tokens \(\[USER\], .*source=adaptation"):
        run(composed("model=user_lora", "data=synthetic_users"))
