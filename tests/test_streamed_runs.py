"""Whole runs on streamed data: real composition, real Lightning, stopped and resumed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig

from tests.conftest import TINY
from tests.data.test_streamed import write_shards
from zoo.errors import UserError
from zoo.running import run


class Recorder(Callback):
    """Keeps the token ids of every training batch."""

    seen: ClassVar[list[Any]] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.seen.append([batch.context.tolist(), batch.response.tolist(), batch.tokens_per_step])


@pytest.fixture
def small(composed: Callable[..., DictConfig], tmp_path: Path) -> Callable[..., DictConfig]:
    """`small("key=value")`: fine-tuning on 42 streamed pairs, six batches an epoch, with more overrides."""
    write_shards(tmp_path / "pairs", [17, 0, 25])

    def compose(*overrides: str) -> DictConfig:
        cfg = composed(
            *("model=finetune", "data=streamed", f"data.root={tmp_path / 'pairs'}", "data.batch_size=8"),
            *("data.buffer_size=16", *TINY, "trainer=cpu", "trainer.max_epochs=-1", "decoding.max_new_tokens=4"),
            *("template.max_persona_tokens=64",),
            *("run=[fit]", "callbacks.last.every_n_train_steps=1", "model.net.dropout=0.0", "optimizer.lr=1e-3"),
            *("+callbacks.recorder._target_=tests.test_streamed_runs.Recorder", *overrides),
        )
        Recorder.seen.clear()
        return cfg

    return compose


def weights(run_dir: Path) -> dict[str, torch.Tensor]:
    """The newest state of a run."""
    return torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def test_a_run_on_streamed_pairs_leaves_what_others_do(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("run=[fit,test]", "trainer.max_steps=7", "scheduler=linear"))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["n_examples"] == 5
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    assert provenance["optimizer_steps"] == 7
    train = provenance["data"]["splits"]["train"]["corpus"]
    assert list(train["files"]) == ["train-000.jsonl", "train-001.jsonl", "train-002.jsonl"]
    assert train["files"]["train-001.jsonl"] == 0


@pytest.mark.parametrize("stop", [4, 6, *(pytest.param(stop, marks=pytest.mark.slow) for stop in (1, 8))])
def test_a_resumed_run_sees_the_same_batches(small: Callable[..., DictConfig], tmp_path: Path, stop: int) -> None:
    """Stopped after the first batch, within the first epoch, at its end and in the second."""
    run(small("trainer.max_steps=10", f"run_dir={tmp_path}/whole"))
    expected = list(Recorder.seen)
    assert len(expected) == 10
    run(small(f"trainer.max_steps={stop}", f"run_dir={tmp_path}/part"))
    first = list(Recorder.seen)
    run(small("trainer.max_steps=10", f"run_dir={tmp_path}/part", "ckpt_path=last"))
    assert first + Recorder.seen == expected
    for name, weight in weights(tmp_path / "whole").items():
        torch.testing.assert_close(weights(tmp_path / "part")[name], weight, rtol=0, atol=0)


@pytest.mark.slow
def test_validation_between_batches_does_not_move_the_stream(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("trainer.max_steps=9"))
    expected = list(Recorder.seen)
    often = ("trainer.val_check_interval=2", "trainer.check_val_every_n_epoch=null")
    run(small("trainer.max_steps=5", *often, f"run_dir={tmp_path}/often"))
    first = list(Recorder.seen)
    run(small("trainer.max_steps=9", *often, f"run_dir={tmp_path}/often", "ckpt_path=last"))
    assert first + Recorder.seen == expected


def test_an_epoch_is_a_limit_too(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("trainer.max_epochs=1"))
    assert len(Recorder.seen) == 6


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["scheduler=linear", "trainer.max_epochs=2"], r"trainer\.max_steps, where the data are streamed"),
        (["data.train_files=nowhere/*.jsonl", "trainer.max_steps=2"], r"nowhere/\*\.jsonl matches no file"),
        (["template.max_context_tokens=1000", "trainer.max_steps=2"], r"The train split needs .* positions"),
        (["data.batch_size=9", "trainer.accumulate_grad_batches=2", "trainer.max_steps=2"], r"data\.batch_size=8"),
    ],
)
def test_mistakes_are_explained(small: Callable[..., DictConfig], overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(small(*overrides))
