"""Two stages in one command: the source, then the users; resumed between and within them; begun from what is saved."""

import json
import math
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from transformers import AutoModelForCausalLM

import zoo
from tests.conftest import TINY
from tests.processes import run_py
from zoo.errors import UserError
from zoo.export import export
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
        ("prefix_tuning", ["source=ppreptile", "transfer=reparam", "model.net.mlp_width=8", *REPTILE]),
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
    run(small(f"model={model}", *stage, "learner.lr=1e-12"))  # users hardly move
    assert OmegaConf.load(tmp_path / "config.yaml").model.net.start_from == str(tmp_path / "source")
    trained, users = source(tmp_path), bank(tmp_path)
    if "transfer=folded" in stage:
        assert set(users) == {"prefix"}
        assert set(trained) > {"embedding"}
    elif "transfer=embedding_only" in stage:
        assert {name for name, table in users.items() if len(table) == 5} == {"embedding"}
    assert len(zoo.load(tmp_path / "source").net.users) == 0
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
    trained = tmp_path / "part" / "source" / "checkpoints" / "best.ckpt"
    before = trained.stat().st_mtime_ns if killed_in == "users" else 0
    run(small(*settings, f"run_dir={tmp_path}/part", "ckpt_path=last"))
    if killed_in == "users":
        assert trained.stat().st_mtime_ns == before, "a finished source is not trained again"
    for name, values in source(tmp_path / "whole").items():
        assert torch.equal(values, source(tmp_path / "part")[name]), name
    for name, table in bank(tmp_path / "whole").items():
        assert torch.equal(table, bank(tmp_path / "part")[name]), name


def test_a_finished_source_is_used_by_its_own_run_only(
    small: Callable[..., DictConfig], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    settings = ["model=lora", "source=base", *SHORT, "callbacks.last.every_n_train_steps=1"]
    run(small(*settings))
    assert not [str(w.message) for w in recwarn if "lightning" in w.filename], "no advice that does not apply"
    written = [tmp_path / name for name in ("config.yaml", "source/config.yaml", "source/checkpoints/best.ckpt")]
    before = [path.read_bytes() for path in written]
    for other, complaint in (
        (["source=ppreptile", *REPTILE], r"learner._target_: zoo.learners.Supervised -> zoo.users.reptile.Reptile"),
        (["source.data.batch_size=4"], "data.batch_size: 8 -> 4"),
        (["model.net.alpha=320"], "alpha: 32 -> 320"),
        (["seed=37"], "seed: 36 -> 37"),
    ):
        kept = [s for s in settings if not other[0].startswith("source=") or not s.startswith("source")]
        refused(complaint, small(*kept, *other, "ckpt_path=last"))
    assert [path.read_bytes() for path in written] == before, "a refused command changes nothing"
    refused("alpha: 32 -> 320", small(*settings, "model.net.alpha=320", f"source.saved={tmp_path}/source",
                                      f"run_dir={tmp_path}/other"))  # fmt: skip
    refused("counts 4 times", small("model=lora", "model.net.alpha=320", f"model.net.start_from={tmp_path}/source",
                                    f"run_dir={tmp_path}/other"))  # fmt: skip
    (tmp_path / "checkpoints" / "last.ckpt").write_text("of users that began at an earlier source")
    run(small(*settings, "learner.epochs=2"))  # not resumed: all anew
    assert zipfile.is_zipfile(tmp_path / "checkpoints" / "last.ckpt")
    assert written[2].stat().st_size == len(before[2])


def test_a_network_of_a_reptile_source_is_exported(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("model=finetune", "users=each", "source=ppreptile", *REPTILE, "run=[source]", "backbone.dtype=fp32"))
    export(tmp_path / "source", tmp_path / "folder")
    weights = AutoModelForCausalLM.from_pretrained(tmp_path / "folder").state_dict()
    for name, values in source(tmp_path).items():
        torch.testing.assert_close(weights[name.replace("/", ".")].to(values), values, rtol=0, atol=1e-6)


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


def write_personas(path: Path, dialogues: Sequence[int]) -> None:
    """ConvAI2 text in which the i-th persona has dialogues[i] dialogue sides of one exchange."""
    blocks = []
    for persona, count in enumerate(dialogues):
        for number in range(count):
            own = [f"{place} your persona: i own {n} cats." for place, n in ((1, persona), (2, persona + 100))]
            blocks += [*own, f"3 what about {number} ?\ti have {persona} ."]
    path.write_text("\n".join([*blocks, ""]))


def test_a_source_is_tested_by_itself(
    composed: Callable[..., DictConfig], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """The control that Table 2 lacks: the source prefix on the test dialogues of B and C, and no users' stage."""
    write_personas(tmp_path / "valid.txt", [6] * 8 + [3] * 3)  # by Table 1's shares A = 6, B = 2, C = 3
    corpus = [f"data.root={tmp_path}", "data.name=convai2", "data.source=[valid]", "data.valid_file=valid.txt"]
    tiny = [*TINY, "trainer=cpu", "decoding.max_new_tokens=3", "model.net.mlp_width=8", *SHORT]
    run(composed("experiment=personapkt/source_unadapted", *corpus, *tiny))
    source = tmp_path / "source"
    scores = json.loads((source / "metrics.json").read_text())
    assert scores["n_examples"] == 2 + 3, "a test dialogue of every persona of B and C, none of A"
    for part, personas in (("B", 2), ("C", 3)):
        for metric in ("ppl_token", "f1_parlai", "c_score"):
            assert math.isfinite(scores["metrics"][f"test/{part}/{metric}"]), (part, metric)
        assert scores["metrics"][f"test/{part}/ppl_token"] > 1
        assert len((source / f"generations_{part}.jsonl").read_text().splitlines()) == personas
    assert capsys.readouterr().out.rstrip().endswith(f"run directory: {source}")
    assert not (tmp_path / "users.jsonl").exists()
    assert OmegaConf.load(source / "config.yaml").data.parts == ["A"]


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
        (["source=temperature", "source.data.temperature=0"], "source.data.temperature"),
        (["source=temperature", "source.data.temperature=warm"], "data.temperature=warm was given"),
        (["source.saved=nowhere"], "no source stage was chosen"),
        (["source=base", "source.run=[test]"], r"source.run=\['test'\] was given"),
        (["source=base", "transfer=folded"], "transfer= .* was given with zoo.models.lora.LoRA"),
        (["learner.grid.batch_size=[2.5]"], "batch_size=2.5 was given for a user; expected a whole number"),
        (["learner.grid.lr=[high]"], "lr=high was given"),
        (["source=ppreptile", "source.learner.users_per_step=9"], "draws 9 users a step"),
        (["learner.grid.lr=[]"], "expected a list of different values"),
        (["learner.grid.lr=[1,2]", "learner.keep=last"], "together with learner.keep=last"),
        (["source=base", "source.optimizer.lr=-1"], "The optimizer refused its settings .*learning rate: -1"),
        (["source=base", "+source.seed=1"], "source.seed was given"),
        (["learner.grid.lr=1"], "expected a list of different values"),
        (["+learner.grid.rate=[1]"], "knows no setting rate"),
    ],
)
def test_mistakes_are_explained(overrides: list[str], complaint: str, small: Callable[..., DictConfig]) -> None:
    refused(complaint, small("model=lora", *overrides))


def test_settings_of_the_users_are_refused_before_their_source_is_trained(
    small: Callable[..., DictConfig], tmp_path: Path
) -> None:
    cfg = small("model=lora", "source=base", "data.max_users=0", "+source.data.max_users=5", f"run_dir={tmp_path}/run")
    refused("data.max_users=0 was given", cfg)
    assert not (tmp_path / "run" / "source").exists()


def test_sources_that_do_not_fit_are_refused(
    small: Callable[..., DictConfig], composed: Callable[..., DictConfig], tmp_path: Path
) -> None:
    prefix = ["model=prefix_tuning", "source=base", "transfer=folded", "model.net.mlp_width=8", *SHORT]
    run(small(*prefix, "run=[source]"))
    assert not (tmp_path / "users.jsonl").exists()
    whole_run = small(*prefix, f"source.saved={tmp_path}", f"run_dir={tmp_path}/other")
    refused(f"whole run; .* Give source.saved={tmp_path}/source", whole_run)
    saved = f"source.saved={tmp_path}/source"
    for overrides, complaint in (
        (["model.net.num_virtual_tokens=5"], "The source stage .*num_virtual_tokens: 7 -> 5.*leave out source.saved="),
        (["backbone.width=64"], "backbone.width: 32 -> 64"),
        (["backbone.name=other"], "belongs to the backbone tiny"),
    ):
        refused(complaint, small(*prefix, saved, f"run_dir={tmp_path}/other", *overrides))
    saved = f"model.net.start_from={tmp_path}/source"
    shorter = small("model=prefix_tuning", "model.net.num_virtual_tokens=5", saved, f"run_dir={tmp_path}/other")
    refused(r"prefix \(7, 2, 2, 4, 8\) instead of \(5, 2, 2, 4, 8\)", shorter)
    saved = f"source.saved={tmp_path}/source"
    refused("written by a zoo.models.prefix", small("model=lora", "source=base", saved, f"run_dir={tmp_path}/other"))
    (tmp_path / "source" / "provenance.json").rename(tmp_path / "kept")
    refused("stopped before its end", small(*prefix, saved, f"run_dir={tmp_path}/other"))
    (tmp_path / "kept").rename(tmp_path / "source" / "provenance.json")
    direct = small("model=prefix_tuning", "model.net.reparametrised=true", "model.net.frozen_mlp=true")
    refused("transfer=embedding_only", direct)
    refused("starts from none", composed("model=paa", "data=demo", *TINY, "source=base"))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["base", "ppreptile"])
def test_two_processes_train_both_stages(stage: str, tmp_path: Path) -> None:
    """The source by gradient or by Reptile, then dealt users: the same as in one process; and a stop between them."""
    settings = ["model=lora", *SMALL, f"source={stage}", "learner.slots=2"]
    settings += REPTILE if stage == "ppreptile" else [*SHORT, "source.data.batch_size=8"]
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        verbs = "[source]" if devices == 2 else "[fit]"
        done = run_py(*[s for s in settings if s != "run=[fit]"], f"run={verbs}", f"trainer.devices={devices}",
                      f"hydra.run.dir={folder}", cwd=tmp_path)  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
    assert not (tmp_path / "2" / "users.jsonl").exists()
    before = (tmp_path / "2/source/checkpoints/best.ckpt").stat().st_mtime_ns
    done = run_py(f"hydra.run.dir={tmp_path / '2'}", "ckpt_path=last", "run=[fit]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "2/source/checkpoints/best.ckpt").stat().st_mtime_ns == before, "it was finished"
    for name, values in source(tmp_path / "1").items():
        torch.testing.assert_close(source(tmp_path / "2")[name], values, rtol=0, atol=1e-6)
    for name, table in bank(tmp_path / "1").items():
        torch.testing.assert_close(bank(tmp_path / "2")[name], table, rtol=0, atol=1e-5)
