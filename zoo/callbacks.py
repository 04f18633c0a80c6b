"""Callbacks: reproducible random numbers, the W&B run's id, a bar that suits the output."""

import sys
import time
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ProgressBar, TQDMProgressBar
from lightning.pytorch.loggers import WandbLogger


class SeedEveryBatch(Callback):
    """Make every training step's random numbers (dropout) a function of (seed, batch number, rank) alone.

    Then a resumed run draws what an uninterrupted one would have drawn, validation and decoding cannot disturb
    training, and no generator state has to be saved.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Seed torch on all devices."""
        number = trainer.fit_loop.epoch_loop.total_batch_idx * trainer.world_size + trainer.global_rank
        torch.manual_seed((self.seed * 1_000_003 + number) % 2**63)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sampled decoding depends on the seed, not on the training before it."""
        torch.manual_seed(self.seed)


class RememberWandbRun(Callback):
    """Put the W&B run's id into every checkpoint, so that a resumed run goes on as the same W&B run."""

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add `wandb_id` where a W&B logger is on."""
        ids = [logger.version for logger in trainer.loggers if isinstance(logger, WandbLogger)]
        if ids:
            checkpoint["wandb_id"] = ids[0]


class PlainProgress(ProgressBar):
    """Lines instead of a bar, for log files: at most one every `every_seconds`, and one for every validation."""

    def __init__(self, every_seconds: float = 15.0) -> None:
        super().__init__()
        self.every_seconds = every_seconds
        self._enabled = True
        self._last = 0.0

    def disable(self) -> None:
        """Called on all ranks but 0."""
        self._enabled = False

    def enable(self) -> None:
        """Called on rank 0."""
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started, self._first_step, self._last = time.monotonic(), trainer.global_step, 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Print epoch, step, loss and pace."""
        now = time.monotonic()
        if not self._enabled or now - self._last < self.every_seconds:
            return
        self._last = now
        pace = (trainer.global_step - self._first_step) / max(now - self._started, 1e-9)
        loss = trainer.callback_metrics.get("train/loss", float("nan"))
        total = trainer.num_training_batches  # inf where users train until each is finished
        place = f"batch {batch_idx + 1}/{total}" if isinstance(total, int) else f"round {batch_idx + 1}"
        self.print(
            f"epoch {trainer.current_epoch + 1}  {place}  "
            f"step {trainer.global_step}  train/loss {float(loss):.4f}  {pace:.2f} steps/s"
        )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the validation metrics."""
        values = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
        if self._enabled and values:
            listed = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
            self.print(f"epoch {trainer.current_epoch + 1}  step {trainer.global_step}  {listed}")

    def print(self, *args: Any, **kwargs: Any) -> None:
        """To standard output, at once."""
        print(*args, flush=True)


def progress_bar() -> ProgressBar:
    """A bar on a terminal, lines elsewhere."""
    return TQDMProgressBar() if sys.stdout.isatty() else PlainProgress()
