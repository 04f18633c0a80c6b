"""The plateau schedule: one step a validation, kept in checkpoints; and half precision where there is no GPU."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from hydra.utils import instantiate
from lightning import Callback, LightningModule, Trainer
from omegaconf import DictConfig

from zoo.checkpoints import read_checkpoint
from zoo.errors import UserError
from zoo.plateau import Plateau
from zoo.running import run


def test_the_rate_is_halved_after_more_than_three_validations_without_progress(
    composed: Callable[..., DictConfig],
) -> None:
    cfg = composed("optimizer=adamax", "scheduler=plateau", "~recipe")
    optimizer = instantiate(cfg.optimizer)([torch.nn.Parameter(torch.zeros(1))])
    assert isinstance(optimizer, torch.optim.Adamax)
    assert optimizer.param_groups[0]["lr"] == 1e-6
    schedule = instantiate(cfg.scheduler)(optimizer=optimizer, num_training_steps=100)
    assert isinstance(schedule, Plateau)
    assert schedule.monitor == cfg.monitor == "val/ppl_token"
    rates = []
    for value in (9.0, 8.0, 8.0, 8.0, 8.0, 8.0, 7.0, 7.5):
        schedule.step(value)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1e-6] * 5 + [5e-7] * 3


class Rates(Callback):
    """Every validation's value and the rate after it."""

    seen: ClassVar[list[tuple[float, float]]] = []

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write down both."""
        value = float(trainer.callback_metrics["val/ppl_token"])
        self.seen.append((value, trainer.optimizers[0].param_groups[0]["lr"]))


def plateau_run(run_small: list[str], *more: str) -> list[str]:
    """Four validations in each of two epochs; no rate is small enough to make progress count (threshold)."""
    return [
        *(word for word in run_small if "encoder_layers" not in word and word != "model=paa"),
        "model=finetune", "optimizer=adamax", "optimizer.lr=1e-3", "scheduler=plateau", "scheduler.patience=1",
        "+scheduler.threshold=0.9", "trainer.val_check_interval=0.25", "trainer.max_epochs=2", "run=[fit]",
        "+callbacks.rates._target_=tests.test_plateau.Rates", *more,
    ]  # fmt: skip


def test_a_run_steps_it_at_every_validation_and_keeps_it(
    composed: Callable[..., DictConfig], run_small: list[str], tmp_path: Path
) -> None:
    Rates.seen = []
    run(composed(*plateau_run(run_small)))
    assert [rate for _, rate in Rates.seen] == [1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4, 2.5e-4, 1.25e-4, 1.25e-4]
    whole = Rates.seen
    last = read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")
    (state,) = last["lr_schedulers"]
    assert state["num_bad_epochs"] in (0, 1)
    Rates.seen = []
    more = plateau_run(run_small, "trainer.max_epochs=3", f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}")
    run(composed(*more))
    assert Rates.seen[0][1] <= whole[-1][1], "a resumed run goes on at the rate it had come to"


def test_a_value_that_validation_does_not_give_is_refused(
    composed: Callable[..., DictConfig], run_small: list[str]
) -> None:
    with pytest.raises(UserError, match="but validation gives val/"):
        run(composed(*plateau_run(run_small, "scheduler.monitor=val/loss")))


def test_half_precision_without_a_gpu_is_bf16(composed: Callable[..., DictConfig]) -> None:
    cfg = composed("trainer=cpu", "trainer.precision=16-mixed")
    with pytest.warns(UserWarning, match="bf16-mixed"):
        trainer = instantiate(cfg.trainer, logger=False)
    assert trainer.precision == "bf16-mixed"
