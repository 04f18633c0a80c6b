"""Multirun by submitit: jobs side by side on one machine, each whole; what a job on SLURM asks for."""

import json
import re
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf
from submitit.slurm.slurm import SlurmExecutor

from tests.conftest import ROOT, small_overrides
from tests.processes import run_py
from tests.test_processes import EXACT, weights

OF_SLURM = (
    "hydra.launcher.partition=gpu",
    "hydra.launcher.timeout_min=90",
    "hydra.launcher.setup=[module load cuda]",
    "+hydra.launcher.additional_parameters.mail-type=END",
)


def of_a_multirun(tmp_path: Path, *overrides: str) -> DictConfig:
    """The configuration of a multirun, Hydra's own settings with it."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose(
            "config",
            [f"hydra.sweep.dir={tmp_path}", f"run_dir={tmp_path}", "hydra.mode=MULTIRUN", *overrides],
            return_hydra_config=True,
        )


def asked_of_slurm(cfg: DictConfig, monkeypatch: pytest.MonkeyPatch) -> str:
    """The file that submitit hands to sbatch, written by the launcher that Hydra builds, without a cluster."""
    written: list[str] = []

    def submit(self: SlurmExecutor, command: str) -> None:
        written.append(self._make_submission_file_text(command, "uid"))
        raise InterruptedError

    monkeypatch.setattr(SlurmExecutor, "_submit_command", submit)
    monkeypatch.setattr(SlurmExecutor, "affinity", classmethod(lambda cls: 2))  # as where there is srun
    launcher = Plugins.instance()._instantiate(cfg.hydra.launcher)
    launcher.setup(hydra_context=None, task_function=print, config=cfg)
    with pytest.raises(InterruptedError):
        launcher.launch([["seed=36"], ["seed=37"]], initial_job_idx=0)
    return written[0]


@pytest.mark.parametrize(("devices", "nodes"), [(1, 1), (4, 2)])
def test_slurm_is_asked_for_a_task_a_device(
    devices: int, nodes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = of_a_multirun(
        tmp_path,
        "hydra/launcher=submitit_slurm",
        f"trainer.devices={devices}",
        f"trainer.num_nodes={nodes}",
        *OF_SLURM,
    )
    text = asked_of_slurm(cfg, monkeypatch)
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", text, re.MULTILINE))
    assert options["nodes"] == str(nodes)
    assert options["ntasks-per-node"] == options["gpus-per-node"] == str(devices)
    assert (options["partition"], options["time"], options["mail-type"]) == ("gpu", "90", "END")
    assert options["array"].startswith("0-1")  # both jobs
    lines = text.splitlines()
    (started,) = [line for line in lines if line.startswith("srun ")]
    assert "submitit.core._submit" in started
    assert lines.index("module load cuda") < lines.index(started)


def test_without_gpus_slurm_is_asked_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = of_a_multirun(tmp_path, "hydra/launcher=submitit_slurm", "trainer=cpu", "hydra.launcher.gpus_per_node=null")
    assert "--gpus" not in asked_of_slurm(cfg, monkeypatch)


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory: pytest.TempPathFactory, small_corpus: Path) -> Path:
    """A sweep over devices in processes of their own, with an experiment from a folder of the user's."""
    folder = tmp_path_factory.mktemp("submitit")
    (folder / "own" / "experiment").mkdir(parents=True)
    (folder / "own" / "experiment" / "short.yaml").write_text("# @package _global_\ntrainer: {max_steps: 3}\n")
    done = run_py(
        "-m",
        "--config-dir=own",
        "hydra/launcher=submitit_local",
        *small_overrides(small_corpus),
        *EXACT,
        "experiment=short",
        "trainer.devices=1,2",
        "backbone.revision=${oc.env:CUDA_VISIBLE_DEVICES,none}",  # tells what a job sees
        f"hydra.sweep.dir={folder / 'sweep'}",
        cwd=folder,
        CUDA_VISIBLE_DEVICES="5,7",
    )
    logs = "".join(path.read_text()[-1500:] for path in (folder / "sweep" / ".submitit").glob("*/*.err"))
    assert done.returncode == 0, done.stderr[-2000:] + logs
    return folder


@pytest.mark.slow
def test_jobs_run_at_once_and_whole(side_by_side: Path) -> None:
    jobs = [side_by_side / "sweep" / job for job in "01"]
    began, ended = ([(job / name).stat().st_mtime for job in jobs] for name in ("config.yaml", "provenance.json"))
    assert max(began) < min(ended), "one after the other"
    results = [json.loads((job / "metrics.json").read_text()) for job in jobs]
    assert results[0]["n_examples"] == results[1]["n_examples"] > 0
    assert results[1]["metrics"] == pytest.approx(results[0]["metrics"], rel=1e-6, nan_ok=True)
    assert sorted(path.name for path in side_by_side.iterdir()) == ["own", "sweep"], "a child started a sweep"


@pytest.mark.slow
def test_a_job_on_several_devices_trains_on_all_of_its_data(side_by_side: Path) -> None:
    records = [json.loads((side_by_side / "sweep" / job / "provenance.json").read_text()) for job in "01"]
    assert [record["machine"]["processes"] for record in records] == [1, 2]
    assert [record["optimizer_steps"] for record in records] == [3, 3]
    alone, together = (weights(side_by_side / "sweep" / job) for job in "01")
    for name, weight in alone.items():
        torch.testing.assert_close(together[name], weight, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_a_job_sees_the_gpus_that_are_seen_outside(side_by_side: Path) -> None:
    for job in "01":
        assert OmegaConf.load(side_by_side / "sweep" / job / "config.yaml").backbone.revision == "5,7"


@pytest.mark.slow
def test_a_mistake_in_a_job_is_one_paragraph(tmp_path: Path, run_small: list[str]) -> None:
    done = run_py("-m", "hydra/launcher=submitit_local", *run_small, "seed=-1,36", "run=[fit]",
                  "trainer.max_steps=1", f"hydra.sweep.dir={tmp_path / 'sweep'}", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "error: seed=-1 was given" in done.stderr
    assert (tmp_path / "sweep" / "1" / "provenance.json").is_file(), "the other job goes on"
