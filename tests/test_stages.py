"""Two stages in one command: the source, then the users; resumed between and within them; begun from what is saved."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

import zoo
from tests.conftest import TINY
from zoo.errors import UserError
from zoo.models.start import TrainedRow, read_start
from zoo.running import run
from zoo.stages import source_of
from zoo.users.learner import PerUser
from zoo.users.reptile import Reptile

SMALL = [
    "data=demo_users", "++data.max_users=5", *TINY, "learner.epochs=1", "decoding.max_new_tokens=3", "trainer=cpu",
    "trainer.precision=64-true", "backbone.dtype=fp64", "run=[fit]",
]  # fmt: skip
SHORT = ["source.trainer.max_epochs=1"]
REPTILE = ["source.learner.epochs=1", "source.learner.users_per_step=2", "source.learner.inner_steps=2"]


@pytest.fixture
def small(composed: Callable[..., DictConfig]) -> Callable[..., DictConfig]:
    return lambda *overrides: composed(*SMALL, *overrides)


class KilledError(Exception):
    """Stands for a kill."""


def source(run_dir: Path) -> dict[str, torch.Tensor]:
    found = read_start(run_dir / "source")
    assert isinstance(found, TrainedRow)
    return dict(found.tables)


def bank(run_dir: Path, name: str = "best") -> dict[str, torch.Tensor]:
    state = torch.load(run_dir / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]
    start = "net.bank.tables."
    return {name.removeprefix(start): table for name, table in state.items() if name.startswith(start)}


def starts(run_dir: Path) -> list[float]:
    return [json.loads(line)["start_nll"] for line in (run_dir / "users.jsonl").read_text().splitlines()]


def refused(complaint: str, cfg: DictConfig) -> None:
    with pytest.raises(Exception, match=complaint) as caught:
        run(cfg)
    assert isinstance(caught.value, UserError) or isinstance(caught.value.__cause__, UserError)


@pytest.mark.parametrize(
    ("model", "stage"),
    [
        ("prefix_tuning", ["source=base", "transfer=folded", *SHORT]),
        ("prefix_tuning", ["source=ppreptile", "transfer=reparam", "+model.net.mlp_width=8", *REPTILE]),
        ("prefix_tuning", ["source=temperature", "transfer=embedding_only", *SHORT]),
        ("prompt_tuning", ["source=ppreptile", *REPTILE]),
        ("lora", ["source=ppreptile", *REPTILE]),
        ("finetune", ["users=each", "source=ppreptile", *REPTILE]),
        ("finetune", ["users=each", "source=base", "data.max_users=3", *SHORT]),
    ],
)
def test_users_start_where_the_source_ended(
    model: str, stage: list[str], small: Callable[..., DictConfig], tmp_path: Path
) -> None:
    stage = [setting.replace("+model.net.mlp_width", "model.net.mlp_width") for setting in stage]
    run(small(f"model={model}", *stage, "learner.lr=1e-12"))  # users hardly move
    assert OmegaConf.load(tmp_path / "config.yaml").model.net.start_from == str(tmp_path / "source")
    trained, users = source(tmp_path), bank(tmp_path)
    if "transfer=folded" in stage:
        assert set(users) == {"prefix"}
        assert set(trained) > {"embedding"}
    elif "transfer=embedding_only" in stage:
        assert {name for name, table in users.items() if len(table) == 5} == {"embedding"}
    assert len(zoo.load(tmp_path / "source").net.users) == 0
    assert all(value < 8.0 for value in starts(tmp_path))
    if "transfer=embedding_only" not in stage and "transfer=folded" not in stage:
        for name, table in users.items():
            torch.testing.assert_close(table, trained[name].expand_as(table).to(table), rtol=0, atol=1e-6)


def test_a_folded_and_a_reparametrised_start_are_one_function(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    prefix = ["model=prefix_tuning", "model.net.mlp_width=8", "source=base", *SHORT]
    run(small(*prefix, "transfer=reparam", f"run_dir={tmp_path}/reparam"))
    found = {"reparam": starts(tmp_path / "reparam")}
    for transfer in ("folded", "embedding_only"):
        saved = f"source.saved={tmp_path}/reparam/source"
        run(small(*prefix, f"transfer={transfer}", saved, f"run_dir={tmp_path}/{transfer}"))
        found[transfer] = starts(tmp_path / transfer)
        assert not (tmp_path / transfer / "source").exists(), "what is saved is not trained again"
    assert found["folded"] == pytest.approx(found["reparam"], abs=1e-6)  # adapters are kept in float32
    assert found["embedding_only"] == pytest.approx(found["reparam"], abs=1e-6)


@pytest.mark.parametrize("stage", ["base", "ppreptile"])
@pytest.mark.parametrize("killed_in", ["source", "users"])
def test_a_killed_run_goes_on_in_the_stage_where_it_was(
    stage: str, killed_in: str, small: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ["model=lora", f"source={stage}", "callbacks.last.every_n_train_steps=1", "learner.epochs=2"]
    settings += [*REPTILE, "source.learner.epochs=2"] if stage == "ppreptile" else ["source.trainer.max_epochs=2"]
    settings += ["source.callbacks.last.every_n_train_steps=1"] if stage == "base" else []
    run(small(*settings, f"run_dir={tmp_path}/whole"))
    victim: Any = PerUser
    if killed_in == "source" and stage == "ppreptile":
        victim = Reptile
    elif killed_in == "source":
        from zoo.learners import Supervised as victim  # noqa: N813
    name = "__call__" if victim.__name__ == "Supervised" else "step"
    whole, calls = getattr(victim, name), []

    def stop_at_5(self: Any, *arguments: Any) -> Any:
        calls.append(0)
        if len(calls) == 5:
            raise KilledError
        return whole(self, *arguments)

    monkeypatch.setattr(victim, name, stop_at_5)
    with pytest.raises(KilledError):
        run(small(*settings, f"run_dir={tmp_path}/part"))
    monkeypatch.setattr(victim, name, whole)
    seen = []
    for learner in (PerUser, Reptile):
        step = learner.step
        monkeypatch.setattr(learner, "step", lambda self, *a, step=step: seen.append(type(self)) or step(self, *a))
    run(small(*settings, f"run_dir={tmp_path}/part", "ckpt_path=last"))
    if killed_in == "users":
        assert Reptile not in seen, "a finished source is not trained again"
    for name, values in source(tmp_path / "whole").items():
        assert torch.equal(values, source(tmp_path / "part")[name]), name
    for name, table in bank(tmp_path / "whole").items():
        assert torch.equal(table, bank(tmp_path / "part")[name]), name


def test_a_source_is_the_run_but_for_what_stands_below_it(small: Callable[..., DictConfig]) -> None:
    cfg = small("model=prefix_tuning", "data=personapkt", "source=temperature", "transfer=folded", "learner.lr=0.5")
    stage = source_of(cfg)
    assert stage.users.shared is True
    assert stage.learner._target_ == "zoo.learners.Supervised"
    assert "lr" not in stage.learner
    assert (stage.data.parts, stage.data.temperature) == (["A"], 10)
    assert stage.data.datamodule.temperature == 10
    assert stage.model.net.reparametrised is True
    assert stage.model.net.shared is True
    assert cfg.model.net.reparametrised is False
    assert stage.seed == cfg.seed
    assert stage.run_dir.endswith("/source")


def test_the_grid_gives_each_user_its_best(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    grid = ["learner.grid.lr=[1e-9,1e-2]", "learner.grid.batch_size=[4,8]"]
    run(small("model=lora", *grid, "learner.slots=3", "learner.epochs=2", f"run_dir={tmp_path}/grid"))
    reports = [json.loads(line) for line in (tmp_path / "grid" / "users.jsonl").read_text().splitlines()]
    assert len(reports) == 5
    for report in reports:
        settings = {point["setting"]: point["best_nll"] for point in report["grid"]}
        assert len(settings) == 4
        assert report["best_nll"] == min(settings.values())
        assert settings[report["setting"]] == report["best_nll"]
        assert report["setting"].startswith("lr=0.01")
    chosen = bank(tmp_path / "grid")
    assert len(chosen["transformer/h/0/attn/c_attn/A"]) == 5
    alone = [report["setting"] for report in reports]
    for batch_size in (4, 8):
        run(small("model=lora", "learner.lr=1e-2", f"learner.batch_size={batch_size}", "learner.epochs=2",
                  f"run_dir={tmp_path}/{batch_size}"))  # fmt: skip
        for row, setting in enumerate(alone):
            if setting.endswith(f"batch_size={batch_size}"):
                for name, table in bank(tmp_path / str(batch_size)).items():
                    torch.testing.assert_close(table[row], chosen[name][row], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["source=base", "model.net.start_from=somewhere"], "together with a source stage"),
        (["run=[source]"], "there is no source stage"),
        (["source=base", "source.saved=nowhere"], "neither a PEFT folder"),
        (["source=temperature", "source.data.temperature=0"], "data.temperature=0"),
        (["source=ppreptile", "source.learner.users_per_step=9"], "draws 9 users a step"),
        (["learner.grid.lr=1"], "expected a list of values"),
        (["+learner.grid.rate=[1]"], "knows no setting rate"),
    ],
)
def test_mistakes_are_explained(overrides: list[str], complaint: str, small: Callable[..., DictConfig]) -> None:
    refused(complaint, small("model=lora", *overrides))


def test_sources_that_do_not_fit_are_refused(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    prefix = ["model=prefix_tuning", "source=base", "transfer=folded", "model.net.mlp_width=8", *SHORT]
    run(small(*prefix, "run=[source]"))
    assert not (tmp_path / "users.jsonl").exists()
    saved = f"source.saved={tmp_path}/source"
    for overrides, complaint in (
        (["model.net.num_virtual_tokens=5"], r"prefix \(7, 2, 2, 4, 8\) instead of \(5, 2, 2, 4, 8\)"),
        (["backbone.width=64"], "instead of"),
        (["backbone.name=other"], "belongs to the backbone tiny"),
    ):
        refused(complaint, small(*prefix, saved, f"run_dir={tmp_path}/other", *overrides))
    refused("instead of", small("model=lora", "source=base", saved, f"run_dir={tmp_path}/other"))
