"""W&B sweeps as their agent runs them, offline: expansion, values, groups, and one run each."""

import math
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import DictConfig, OmegaConf
from wandb.proto.wandb_internal_pb2 import Record, RunRecord
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args
from wandb.wandb_agent import Agent

from tests.conftest import ROOT, TINY, small_overrides
from tests.processes import forking_python
from tests.test_personachatgen_rows import data  # noqa: F401, a fixture
from zoo.checkpoints import flat

SWEEPS = sorted(path.parent.name for path in ROOT.glob("experiments/*/sweep.yaml"))
USERS = ("data=demo_users", "data.max_users=2", *TINY, "learner.epochs=1")
BLOCK = 2**15  # bytes
TINY_T5 = ("data=synthetic_users", "data.num_users=10", "data.max_users=4", "backbone.width=32", "backbone.heads=4")


def read_sweep(paper: str) -> dict[str, Any]:
    """The sweep as `wandb sweep` reads it."""
    sweep: dict[str, Any] = yaml.safe_load((ROOT / "experiments" / paper / "sweep.yaml").read_text())
    return sweep


def sampled(parameters: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A point of the sweep, as W&B's server sends it to an agent: the last of listed values, the middle of ranges."""
    return {
        name: {"value": space["values"][-1] if "values" in space else math.sqrt(space["min"] * space["max"])}
        for name, space in parameters.items()
    }


def wandb_records(path: Path) -> Iterator[Record]:
    """The records of a .wandb file: after 7 bytes, LevelDB's log format."""
    content, place, parts = path.read_bytes(), 7, b""
    while place + 7 <= len(content):
        if (left := BLOCK - place % BLOCK) < 7:  # no header fits: padding
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = Record()
            record.ParseFromString(parts)
            yield record
            parts = b""


def offline_run(run_dir: Path) -> RunRecord:
    """What the one offline W&B run in a run directory says of itself."""
    (path,) = (run_dir / "wandb").glob("offline-run-*/run-*.wandb")
    return next(record.run for record in wandb_records(path) if record.WhichOneof("record_type") == "run")


def settings(name: str, value: Any) -> dict[str, Any]:
    """What an override sets, by key: itself, or all values of the file that a choice of a group stands for."""
    if not (ROOT / "conf" / name).is_dir():
        return {name: None if value == "null" else value}
    text = (ROOT / "conf" / name / f"{value}.yaml").read_text()
    assert text.startswith("# @package _global_\n")
    return {key.removeprefix("."): leaf for key, leaf in flat("", yaml.safe_load(text))}


@pytest.fixture
def small_of(
    small_corpus: Path,
    data: list[str],  # noqa: F811
    tmp_path: Path,
) -> Callable[[str], list[str]]:
    """Overrides that make a paper's run one of seconds: one step of training, one of testing."""
    learner = ("trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=1", "trainer.limit_test_batches=1")
    reptile = ("source.learner.epochs=1", "source.learner.users_per_step=2", "source.learner.steps_per_epoch=1")
    each = {
        "paa": small_overrides(small_corpus),
        "prompt_tuning": list(USERS),
        "personapkt": [*USERS, *reptile, "model.net.mlp_width=8", "decoding.num_beams=2"],
        "user_lora": [
            *TINY_T5, "template.language=en", "protocol=user_lora", "learner.epochs=1", "source.trainer.max_epochs=1",
            f"source.directory={tmp_path / 'adaptation'}",
        ],
        "personachatgen": [*data, "backbone=tiny-blenderbot", "backbone.width=32", "backbone.heads=4",
                           "trainer.precision=32-true", "decoding.num_beams=2", "decoding.min_new_tokens=1"],
    }  # fmt: skip
    return lambda paper: [*each[paper], *learner, "decoding.max_new_tokens=3", "show_replies=0"]


def as_the_agent_runs_it(
    sweep: dict[str, Any], extra: list[str], arguments: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> int:
    """W&B's own agent expands and starts the command, with `extra` before the sampled values; returns its exit code."""
    for name, value in {
        "PATH": f"{Path(forking_python()).parent}{os.pathsep}{os.environ['PATH']}",  # it starts "python"
        "WANDB_DIR": str(folder),
        "WANDB_MODE": "offline",
        "WANDB_SWEEP_ID": "sweep123",
        "WANDB_RUN_ID": "",  # set below by the agent, undone after the test
        "WANDB_SWEEP_PARAM_PATH": "",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)
    agent = Agent(api=None, queue=None, sweep_id="sweep123")
    place = sweep["command"].index("${args_no_hyphens}")
    agent._sweep_command = [*sweep["command"][:place], *extra, *sweep["command"][place:]]
    agent._command_run({"run_id": "run45678", "program": sweep["program"], "args": arguments})
    (process,) = agent._run_processes.values()
    try:
        process.wait(timeout=500)
    finally:
        if process.poll() is None:
            process.kill()
    return int(process.poll())


def test_every_paper_has_one() -> None:
    papers = {path.parent.name for path in ROOT.glob("experiments/*/published.toml")} - {"all"}  # of every method
    assert papers == set(SWEEPS)
    assert len(SWEEPS) == 5


@pytest.mark.parametrize("paper", SWEEPS)
def test_all_its_values_compose(paper: str, composed: Callable[..., DictConfig]) -> None:
    sweep = read_sweep(paper)
    assert {"name", "program", "method", "metric", "command", "parameters"} <= set(sweep)
    assert "${args_no_hyphens}" in sweep["command"], "values must arrive as overrides: other ranks see no W&B"
    assert f"logger.wandb.group={paper}_sweep" in sweep["command"]
    fixed = [word for word in sweep["command"] if "=" in word]
    usual = composed(*fixed)
    assert (sweep["metric"]["name"], sweep["metric"]["goal"]) == (usual.monitor, "minimize")
    assert usual.callbacks.best.mode == "min"
    for name, space in sweep["parameters"].items():
        for value in space.get("values") or [space["min"], space["max"]]:
            (word,) = create_sweep_command_args({"args": {name: {"value": value}}})["args_no_hyphens"]
            cfg = composed(*fixed, word)
            for key, expected in settings(name, value).items():
                assert OmegaConf.select(cfg, key) == expected, word
    if "early_terminate" in sweep:
        assert usual.users.shared, "users are validated once, after their training: there is nothing to go by before"


@pytest.mark.parametrize(
    ("written", "key", "arrives"),
    [
        ("[q, v]", "model.net.targets", ["q", "v"]),
        ("[1.0e-4, 5.0e-3]", "learner.grid.lr", [1e-4, 5e-3]),
        ("true", "learner.require_validation", True),
        ("false", "learner.validate_start", False),
        ('"null"', "learner.patience", None),
        ("8e-6", "learner.lr", 8e-6),  # to YAML it is a text
        ("two words", "logger.wandb.name", "two words"),
        ("\"'a, b: [c] = 1'\"", "logger.wandb.name", "a, b: [c] = 1"),
        ("\"'null'\"", "logger.wandb.name", "null"),
        ("\"'1'\"", "logger.wandb.name", "1"),
        ("""'["SelfAttention\\.[qkvo]", c_attn]'""", "model.net.targets", [r"SelfAttention\.[qkvo]", "c_attn"]),
        ("'{a: {lr: 0.1}}'", "+learner.overrides", {"a": {"lr": 0.1}}),
        ("'[fit,validate]'", "run", ["fit", "validate"]),
    ],
)
def test_awkward_values_arrive(written: str, key: str, arrives: Any, composed: Callable[..., DictConfig]) -> None:
    """What to write in a sweep.yaml, W&B's expansion of it, and what Hydra makes of that."""
    command = {"args": {key: {"value": yaml.safe_load(written)}}}
    (word,) = create_sweep_command_args(command)["args_no_hyphens"]
    cfg = composed("model=lora", "data=demo_users", "logger=wandb_offline", word)
    found = OmegaConf.select(cfg, key.lstrip("+"))
    assert (OmegaConf.to_container(found) if OmegaConf.is_config(found) else found) == arrives
    assert type(found) is type(arrives) or OmegaConf.is_config(found)


@pytest.mark.slow
@pytest.mark.parametrize("paper", SWEEPS)
def test_the_agent_runs_it(
    paper: str, small_of: Callable[[str], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep, run_dir = read_sweep(paper), tmp_path / "run"
    arguments = sampled(sweep["parameters"])
    extra = [*small_of(paper), f"hydra.run.dir={run_dir}"]
    assert as_the_agent_runs_it(sweep, extra, arguments, tmp_path, monkeypatch) == 0
    cfg = OmegaConf.load(run_dir / "config.yaml")
    for name, argument in arguments.items():
        for key, expected in settings(name, argument["value"]).items():
            assert OmegaConf.select(cfg, key) == expected, key
    logged = offline_run(run_dir)
    assert (logged.run_id, logged.run_group, logged.sweep_id) == ("run45678", f"{paper}_sweep", "sweep123")
    for checkpoint in (run_dir / "checkpoints").glob("*.ckpt"):
        assert torch.load(checkpoint, weights_only=True)["wandb_id"] == "run45678"
    assert (run_dir / "checkpoints" / "best.ckpt").is_file()
    assert (run_dir / "metrics.json").is_file()
    for source in {"personapkt": [run_dir / "source"], "user_lora": [tmp_path / "adaptation"]}.get(paper, []):
        own = offline_run(source)
        assert own.run_id != "run45678"
        assert (own.run_group, own.sweep_id) == (f"{paper}_sweep", "")
