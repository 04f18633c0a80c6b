"""Several nodes as processes on loopback, under torchrun and under SLURM's variables: what one process gives."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins.environments import SLURMEnvironment
from omegaconf import DictConfig

from tests.conftest import TINY, small_overrides
from tests.processes import command, environment, forking_python, run_py
from tests.test_processes import EXACT, weights
from zoo.errors import UserError
from zoo.launch import check_started, user_message
from zoo.running import run

TWO_NODES = ("trainer.num_nodes=2", "trainer.devices=1", "trainer.strategy=ddp")
USERS = [
    "model=prefix_tuning", "data=demo_users", "data.max_users=5", *TINY, "trainer=cpu", "trainer.precision=64-true",
    "backbone.dtype=fp64", "learner.epochs=2", "source=base", "transfer=folded", "model.net.mlp_width=8",
    "source.trainer.max_epochs=1", "decoding.max_new_tokens=3",
]  # fmt: skip


def free_port() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return str(listening.getsockname()[1])


def torchrun(*arguments: str) -> list[tuple[list[str], dict[str, str]]]:
    """Commands and variables of two nodes, as they are typed on each."""
    port = free_port()
    agent = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1",
             "--master-addr=127.0.0.1", f"--master-port={port}"]  # fmt: skip
    forked = {"PYTHON_EXEC": forking_python()}  # the agents' workers
    return [([*agent, f"--node-rank={node}", *command(*arguments)[1:]], forked) for node in (0, 1)]


def srun(*arguments: str) -> list[tuple[list[str], dict[str, str]]]:
    """Commands and variables of two nodes, as srun starts tasks with `--nodes=2 --ntasks-per-node=1`."""
    common = {
        "SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": "zoo", "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "1",
        "SLURM_NNODES": "2", "SLURM_NODELIST": "localhost,localhost", "SLURM_JOB_NODELIST": "localhost,localhost",
        "SLURM_LOCALID": "0", "MASTER_PORT": free_port(),
    }  # fmt: skip
    task = [forking_python(), *command(*arguments)[1:]]
    return [(task, common | {"SLURM_PROCID": node, "SLURM_NODEID": node}) for node in ("0", "1")]


def on_nodes(nodes: Sequence[tuple[list[str], dict[str, str]]], cwd: Path) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each node."""
    started = [
        subprocess.Popen(
            words,
            cwd=cwd,
            env=environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for words, variables in nodes
    ]
    try:
        said = [process.communicate(timeout=240) for process in started]
        return [(process.returncode, *texts) for process, texts in zip(started, said, strict=True)]
    finally:
        for process in started:
            with suppress(ProcessLookupError):  # the agent's own processes too
                os.killpg(process.pid, signal.SIGKILL)


def whole(ended: Sequence[tuple[int, str, str]], run_dir: Path) -> None:
    """Both nodes ended well, and one of them wrote the run directory, once."""
    assert [code for code, _, _ in ended] == [0, 0], "".join(errors[-2500:] for _, _, errors in ended)
    told = [output.count(f"run directory: {run_dir}\n") for _, output, _ in ended]
    assert told == [1, 0]
    assert sorted(path.name for path in run_dir.parent.iterdir() if path.name != "alone") == [run_dir.name]
    provenance = json.loads((run_dir / "provenance.json").read_text())
    assert provenance["machine"]["processes"] == 2
    assert "earlier" not in provenance, "written twice"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, small_corpus: Path) -> Path:
    """One process."""
    run_dir = tmp_path_factory.mktemp("one") / "alone"
    done = run_py(*small_overrides(small_corpus), *EXACT, f"hydra.run.dir={run_dir}", cwd=run_dir.parent)
    assert done.returncode == 0, done.stderr[-2000:]
    return run_dir


@pytest.mark.slow
@pytest.mark.parametrize("started_by", [torchrun, srun])
def test_two_nodes_give_what_one_process_gives(
    started_by: Callable[..., list[tuple[list[str], dict[str, str]]]], alone: Path, run_small: list[str], tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    ended = on_nodes(started_by(*run_small, *EXACT, *TWO_NODES, f"hydra.run.dir={run_dir}"), tmp_path)
    whole(ended, run_dir)
    together = weights(run_dir)
    for name, weight in weights(alone).items():
        torch.testing.assert_close(together[name], weight, rtol=0, atol=1e-9)
    results = [json.loads((path / "metrics.json").read_text()) for path in (alone, run_dir)]
    assert results[0]["n_examples"] == results[1]["n_examples"]
    assert results[1]["metrics"] == pytest.approx(results[0]["metrics"], rel=1e-6, nan_ok=True)


@pytest.mark.slow
def test_users_are_dealt_to_nodes(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    """Two stages: the source on both nodes together, then each user on one of them."""
    run(composed(*USERS, f"run_dir={tmp_path / 'alone'}"))
    run_dir = tmp_path / "run"
    whole(on_nodes(torchrun(*USERS, *TWO_NODES, f"hydra.run.dir={run_dir}"), tmp_path), run_dir)
    reports = [
        [json.loads(line) for line in (path / "users.jsonl").read_text().splitlines()]
        for path in (tmp_path / "alone", run_dir)
    ]
    assert [report["user"] for report in reports[0]] == [report["user"] for report in reports[1]]
    assert len({report["user"] for report in reports[1]}) == 5
    for one, two in zip(*reports, strict=True):
        assert one.keys() == two.keys()
        for key, value in one.items():
            assert two[key] == (pytest.approx(value, rel=1e-9) if isinstance(value, float | list) else value), key
    best = [
        torch.load(path / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
        for path in (tmp_path / "alone", run_dir)
    ]
    for name, table in best[0].items():
        torch.testing.assert_close(best[1][name], table, rtol=0, atol=1e-9)


def test_what_several_processes_must_be_told() -> None:
    """One place for the run; a multirun from one process only; nothing where there is one process or a shell."""
    for variables in (
        {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2"},
        {"SLURM_NTASKS": "2", "SLURM_JOB_NAME": "zoo"},
    ):
        with pytest.raises(UserError, match=r"in 2 processes .* expected one name for all .* hydra.run.dir=DIR"):
            check_started(["model=paa"], variables)
        with pytest.raises(UserError, match="multirun was started in 2 processes"):
            check_started(["-m", "seed=1,2", "hydra.run.dir=x"], variables)
        check_started(["model=paa", "hydra.run.dir=x"], variables)
        check_started(["-m", "hydra/launcher=submitit_slurm", "seed=1,2"], variables)
    for variables in ({}, {"SLURM_NTASKS": "1"}, {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "bash"}):
        check_started(["model=paa"], variables)


def test_other_devices_than_srun_started_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_NTASKS": "8", "SLURM_NTASKS_PER_NODE": "4", "SLURM_NNODES": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SLURM_JOB_NAME", raising=False)
    for devices, nodes, piece in ((2, 2, "--ntasks-per-node=4"), (4, 1, "--nodes=2")):
        with pytest.raises(ValueError, match=piece) as caught:
            SLURMEnvironment().validate_settings(num_devices=devices, num_nodes=nodes)
        message = user_message(caught.value)
        assert message is not None
        assert piece in message
        assert "must be what torchrun or srun started" in message
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE")
    with pytest.raises(RuntimeError) as unset:
        SLURMEnvironment()
    assert "must be what torchrun" in (user_message(unset.value) or "")
