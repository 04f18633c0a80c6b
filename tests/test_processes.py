"""What only real processes show: several devices, sweeps over them, a kill and a resume, exit codes."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.conftest import small_overrides
from tests.processes import Finished, command, environment, run_py
from tests.test_sweeps import offline_run
from zoo.metrics.generations import read_generations

pytestmark = pytest.mark.slow


def typed(*arguments: str, cwd: Path, **variables: str) -> Finished:
    """As a user starts it, without the fork server."""
    env = environment(**variables)
    return subprocess.run(command(*arguments), cwd=cwd, env=env, capture_output=True, text=True, timeout=500)


EXACT = ("trainer.precision=64-true", "model.net.dropout=0.0", "callbacks.last.every_n_train_steps=1")


def weights(run_dir: Path) -> dict[str, torch.Tensor]:
    """The newest state of a run."""
    return torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def on_devices(tmp_path_factory: pytest.TempPathFactory, small_corpus: Path) -> dict[int, Path]:
    """The same training and test on 1 and 2 processes: run directories."""
    folder = tmp_path_factory.mktemp("devices")
    overrides = [*small_overrides(small_corpus), "callbacks=gates"]
    for devices in (1, 2):
        done = run_py(
            *overrides, *EXACT, f"trainer.devices={devices}", f"hydra.run.dir={folder / str(devices)}", cwd=folder
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.rstrip().splitlines()[-1] == f"run directory: {folder / str(devices)}"
    return {devices: folder / str(devices) for devices in (1, 2)}


def test_one_recipe_gives_one_gradient_on_any_number_of_devices(on_devices: dict[int, Path]) -> None:
    together = weights(on_devices[2])
    for name, weight in weights(on_devices[1]).items():
        torch.testing.assert_close(together[name], weight, rtol=0, atol=1e-9)


def test_evaluation_neither_repeats_nor_drops(on_devices: dict[int, Path]) -> None:
    alone = json.loads((on_devices[1] / "metrics.json").read_text())
    assert alone["n_examples"] % 2 == 1, "the split must be uneven to prove anything"
    together = json.loads((on_devices[2] / "metrics.json").read_text())
    assert together["n_examples"] == alone["n_examples"]
    assert together["metrics"] == pytest.approx(alone["metrics"], rel=1e-6, nan_ok=True)
    rows = [read_generations(on_devices[devices] / "generations.jsonl") for devices in (1, 2)]
    assert [row.id for row in rows[0]] == [row.id for row in rows[1]]
    assert [row.response for row in rows[0]] == [row.response for row in rows[1]]
    one, two = (json.loads((on_devices[devices] / "provenance.json").read_text()) for devices in (1, 2))
    assert (one["machine"]["processes"], two["machine"]["processes"]) == (1, 2)
    assert one["optimizer_steps"] == two["optimizer_steps"]


def test_gates_are_counted_alike(on_devices: dict[int, Path]) -> None:
    alone, two = (json.loads((on_devices[devices] / "gates.json").read_text()) for devices in (1, 2))
    assert sum(turn["replies"] for turn in alone["turns"]) % 2 == 1
    assert alone == two


def test_one_checkpoint_scores_alike_on_any_number_of_devices(
    on_devices: dict[int, Path], tmp_path: Path, run_small: list[str]
) -> None:
    """In float32, the precision that evaluation uses whatever the training's."""
    results, replies = [], []
    for devices in (1, 4):
        done = run_py(
            *run_small,
            "model.net.dropout=0.0",
            "trainer.precision=bf16-mixed",
            "run=[test]",
            f"ckpt_path={on_devices[1]}/checkpoints/best.ckpt",
            f"trainer.devices={devices}",
            f"hydra.run.dir={tmp_path / str(devices)}",
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        results.append(json.loads((tmp_path / str(devices) / "metrics.json").read_text()))
        rows = read_generations(tmp_path / str(devices) / "generations.jsonl")
        replies.append([(row.id, row.response) for row in rows])
    assert results[0]["n_examples"] % 4, "the split must be uneven to prove anything"
    assert results[1]["n_examples"] == results[0]["n_examples"]
    assert results[1]["metrics"] == pytest.approx(results[0]["metrics"], rel=1e-6, nan_ok=True)
    assert replies[1] == replies[0]


def test_a_sweep_over_devices_runs_every_job_once_and_whole(tmp_path: Path, run_small: list[str]) -> None:
    sweep = tmp_path / "sweep"
    done = run_py(
        "-m",
        *run_small,
        *EXACT,
        "trainer.devices=1,2,1",
        "trainer.max_steps=3",
        "trainer.limit_val_batches=0",
        "run=[fit]",
        f"hydra.sweep.dir={sweep}",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    jobs = [json.loads((sweep / str(job) / "provenance.json").read_text()) for job in range(3)]
    assert [job["machine"]["processes"] for job in jobs] == [1, 2, 1]
    assert [job["optimizer_steps"] for job in jobs] == [3, 3, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sweep"], "a child started a sweep of its own"
    first, on_two, again = (weights(sweep / str(job)) for job in range(3))
    for name, weight in first.items():
        torch.testing.assert_close(on_two[name], weight, rtol=0, atol=1e-9)
        torch.testing.assert_close(again[name], weight, rtol=0, atol=0)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_killed_run_resumes_exactly(tmp_path: Path, run_small: list[str], accumulate: int) -> None:
    """SIGKILL in the middle of an epoch, dropout on: the resumed run ends with the same bits."""
    overrides = [
        *run_small,
        "run=[fit]",
        "trainer.max_epochs=3",
        "data.batch_size=4",
        f"trainer.accumulate_grad_batches={accumulate}",
        "callbacks.last.every_n_train_steps=1",
    ]
    whole = run_py(*overrides, f"hydra.run.dir={tmp_path / 'whole'}", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr[-2000:]

    killed = tmp_path / "killed"
    process = subprocess.Popen(
        command(*overrides, f"hydra.run.dir={killed}"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    last = killed / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 240
    steps = 0
    while steps < 20 and time.monotonic() < deadline and process.poll() is None:
        if last.is_file():
            steps = torch.load(last, weights_only=True)["global_step"]
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    per_epoch = torch.load(tmp_path / "whole" / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] / 3
    at_kill = torch.load(last, weights_only=True)["global_step"]
    assert 0 < at_kill < 3 * per_epoch
    assert at_kill % per_epoch, "killed between two epochs: the test would show nothing"

    resumed = run_py(f"hydra.run.dir={killed}", "ckpt_path=last", cwd=tmp_path)  # as the README has it
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    expected = torch.load(tmp_path / "whole" / "checkpoints" / "last.ckpt", weights_only=True)
    found = torch.load(last, weights_only=True)
    assert found["global_step"] == expected["global_step"]
    for name, weight in expected["state_dict"].items():
        assert torch.equal(found["state_dict"][name], weight), name
    for theirs, ours in zip(
        expected["optimizer_states"][0]["state"].values(), found["optimizer_states"][0]["state"].values(), strict=True
    ):
        assert torch.equal(theirs["exp_avg_sq"], ours["exp_avg_sq"])
    curve = [(killed / "metrics.csv").read_text(), (tmp_path / "whole" / "metrics.csv").read_text()]
    assert curve[0].splitlines()[0] == curve[1].splitlines()[0]
    assert len([line for line in curve[0].splitlines() if line]) >= 3


@pytest.mark.parametrize(
    ("start", "arguments", "pieces"),
    [
        (typed, ["model=pa"], ["model/pa", "paa"]),
        (run_py, ["optimizer.learning_rate=1"], ["learning_rate"]),
        (run_py, ["model.net.fusion=pca"], ["model.net.fusion", "'pca'", "direct_sum"]),
        (run_py, ["trainer.accelerator=gpu", "trainer.devices=64"], ["settings under `trainer`"]),
        (run_py, ["data=convai2", "backbone=tiny", "data.download=false", "data.root=nowhere"],
         ["nowhere", "convai2_fix_723.tgz", "d0ae89defe2fd0b0a4221eaa642a457d7d40cef475f54798119c7f3b8dd9361d"]),
    ],
)  # fmt: skip
def test_mistakes_end_in_a_paragraph_and_code_2(
    start: Callable[..., Finished], tmp_path: Path, arguments: list[str], pieces: list[str]
) -> None:
    done = start(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error:") == 1
    flowing = " ".join(done.stderr.split())
    for piece in pieces:
        assert piece in flowing


def test_a_mistake_on_several_devices_is_told_once_and_leaves_no_process(tmp_path: Path, run_small: list[str]) -> None:
    done = typed(*run_small, "trainer.devices=2", "data.batch_size=7", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1
    time.sleep(1)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in listed


def test_the_command_of_the_readme_on_real_data(tmp_path: Path, shared_data: Path) -> None:
    """Word for word but for the sizes: four gloo processes, a global batch of 32, the published recipe."""
    done = run_py(
        "model=paa",
        "data=convai2",
        f"data.root={shared_data / 'convai2'}",
        "data.train_file=train_subset_self_original_no_cands.txt",
        "backbone=tiny",
        "trainer.devices=4",
        "trainer.max_epochs=1",
        "trainer.limit_train_batches=2",
        "data.max_eval_examples=41",
        "decoding.max_new_tokens=4",
        f"hydra.run.dir={tmp_path / 'run'}",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert provenance["machine"]["processes"] == 4
    assert provenance["global_batch_size"] == 32
    assert provenance["optimizer_steps"] == 2
    assert provenance["data"]["splits"]["train"]["examples"] == 8709
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["n_examples"] == 41


def test_wandb_offline_one_run_a_job(tmp_path: Path, run_small: list[str]) -> None:
    done = run_py(
        "-m",
        *run_small,
        "run=[fit]",
        "seed=1,2",
        "logger=wandb_offline",
        "logger.wandb.group=two_seeds",
        "trainer.limit_train_batches=2",
        f"hydra.sweep.dir={tmp_path / 'sweep'}",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ids = set()
    for job in (0, 1):
        checkpoint = tmp_path / "sweep" / str(job) / "checkpoints" / "last.ckpt"
        logged = offline_run(tmp_path / "sweep" / str(job))
        assert logged.run_group == "two_seeds"
        assert logged.run_id == torch.load(checkpoint, weights_only=True)["wandb_id"]
        ids.add(logged.run_id)
    assert len(ids) == 2


def test_help_is_quick(tmp_path: Path) -> None:
    started = time.monotonic()
    done = typed("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "model: " in done.stdout
    assert time.monotonic() - started < 10  # 3 s alone (benchmarks measure it); the machine may be shared


def test_the_demo_needs_its_persona(tmp_path: Path) -> None:
    """What the README's table shows, in three epochs instead of five: PAA with the persona beats PAA without it."""
    perplexity = {}
    for start, persona in ((typed, "self"), (run_py, "none")):
        run_dir = tmp_path / persona
        done = start(f"template.persona={persona}", "trainer.max_epochs=3", f"hydra.run.dir={run_dir}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
        perplexity[persona] = json.loads((run_dir / "metrics.json").read_text())["metrics"]["test/ppl_token"]
    assert perplexity["none"] > 1.1 * perplexity["self"]
