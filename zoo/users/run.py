"""One user's training: its settings, its own order of batches, and how far it is.

Nothing here depends on who else trains: order, rates and stopping follow from the user's data, settings and seed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from zoo.errors import UserError

SCHEDULES, KEEP = ("linear", "constant"), ("best", "last")
PROGRESS = (  # of a `UserRun`: what changes while it trains
    *("epoch", "batch", "step", "start_loss", "losses", "best", "best_epoch", "anchor", "anchor_epoch"),
    *("finished", "diverged"),
)


@dataclass(frozen=True)
class UserSettings:
    """How a user is trained.

    Attributes:
        lr: the highest rate.
        batch_size: examples a step; the last, short batch of an epoch is kept.
        epochs: at most.
        schedule: linear (to zero over all epochs) or constant, after `warmup_steps` of linear growth.
        patience: stop after this many epochs without a better validation loss; None trains all epochs.
        min_improvement: nats a token by which a loss has to fall to count as better: with `patience`, the rule for
            "until the loss converges".
        clip: longest gradient norm over the user's own parameters; None does not clip.
        keep: the parameters after the epoch with the lowest validation loss (best), or after the last one.
    """

    lr: float = 1e-3
    batch_size: int = 8
    epochs: int = 20
    schedule: Literal["linear", "constant"] = "linear"
    warmup_steps: int = 0
    patience: int | None = 3
    min_improvement: float = 0.0
    clip: float | None = None
    keep: Literal["best", "last"] = "best"

    def __post_init__(self) -> None:
        optional = [name for name in ("patience", "clip") if getattr(self, name) is None]
        for name in ("lr", "batch_size", "epochs", "patience", "clip"):
            value, whole = getattr(self, name), name not in ("lr", "clip")
            if name not in optional and not (isinstance(value, int if whole else int | float) and value > 0):
                kind = "whole number" if whole else "number"
                raise UserError(f"learner.{name}={value} was given for a user; expected a {kind} above zero.")
        if self.warmup_steps < 0 or self.min_improvement < 0:
            raise UserError(
                f"learner.warmup_steps={self.warmup_steps}, learner.min_improvement={self.min_improvement} was given; "
                "expected nothing below zero."
            )
        for name, value, choices in (("schedule", self.schedule, SCHEDULES), ("keep", self.keep, KEEP)):
            if value not in choices:
                raise UserError(f"learner.{name}={value!r}; expected one of {', '.join(choices)}.")


@dataclass
class UserRun:
    """A user's training so far; everything but the data travels in checkpoints.

    Attributes:
        row: of the bank.
        train, valid: rows of the tables, [n].
        point: of a grid of settings, as text; "" where there is none.
        start_loss: validation loss before the first step, where it was asked for.
        losses: validation loss after each epoch, nats a token; empty without validation examples.
        best, best_epoch: the lowest of them, and when it was.
        anchor, anchor_epoch: the loss that the next has to beat by `min_improvement` for patience to last.
        diverged: a loss was no number; the user keeps its best snapshot so far.
        snapshot: parameters after the best epoch, or the start's, while training.
    """

    user: str
    row: int
    train: NDArray[np.integer]
    valid: NDArray[np.integer]
    settings: UserSettings
    seed: int
    point: str = ""
    epoch: int = 0
    batch: int = 0
    step: int = 0
    start_loss: float | None = None
    losses: list[float] = field(default_factory=list)
    best: float = math.inf
    best_epoch: int = 0
    anchor: float = math.inf
    anchor_epoch: int = 0
    finished: bool = False
    diverged: bool = False
    snapshot: dict[str, Tensor] | None = None

    @property
    def key(self) -> str:
        """Names the run among all users' runs."""
        return f"{self.user}\n{self.point}" if self.point else self.user

    @property
    def batches_per_epoch(self) -> int:
        """Steps of one epoch."""
        return math.ceil(len(self.train) / self.settings.batch_size)

    def next_batch(self) -> NDArray[np.integer]:
        """Rows of the coming step, in an order drawn from seed, user and epoch."""
        order = np.random.default_rng([self.seed, *self.user.encode(), self.epoch]).permutation(len(self.train))
        size = self.settings.batch_size
        return self.train[order[self.batch * size : (self.batch + 1) * size]]

    @property
    def rate(self) -> float:
        """Learning rate of the coming step, as transformers' schedules have it."""
        settings, total = self.settings, self.settings.epochs * self.batches_per_epoch
        if self.step < settings.warmup_steps:
            return settings.lr * self.step / settings.warmup_steps
        if settings.schedule == "constant":
            return settings.lr
        return settings.lr * max(0.0, (total - self.step) / max(1, total - settings.warmup_steps))

    def stepped(self) -> bool:
        """Count a step; True at the end of an epoch."""
        self.step, self.batch = self.step + 1, self.batch + 1
        if self.batch < self.batches_per_epoch:
            return False
        self.epoch, self.batch = self.epoch + 1, 0
        return True

    def validated(self, loss: float | None) -> bool:
        """Take in an epoch's validation loss (None without examples); True where its parameters are to be kept.

        Sets `finished` after the last epoch, or when patience has run out.
        """
        settings = self.settings
        if loss is not None and not math.isfinite(loss):
            self.diverged = self.finished = True
            return False
        better = loss is None or loss < self.best
        if loss is not None:
            self.losses.append(loss)
        if better:
            self.best, self.best_epoch = (math.inf if loss is None else loss), self.epoch
        if loss is None or loss < self.anchor - settings.min_improvement:
            self.anchor, self.anchor_epoch = (math.inf if loss is None else loss), self.epoch
        waited = self.epoch - self.anchor_epoch
        self.finished = self.epoch >= settings.epochs or (settings.patience is not None and waited >= settings.patience)
        return better or settings.keep == "last"

    def state_dict(self) -> dict[str, Any]:
        """Progress, in plain types and tensors."""
        return {
            "settings": asdict(self.settings),
            "examples": len(self.train),
            **{n: getattr(self, n) for n in PROGRESS},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`.

        Raises:
            UserError: it belongs to other data or settings.
        """
        if state["settings"] != asdict(self.settings) or state["examples"] != len(self.train):
            raise UserError(
                f"The checkpoint was taken while user {self.user!r} trained on {state['examples']} examples with "
                f"{state['settings']}, but this run has {len(self.train)} examples and {asdict(self.settings)}; resume "
                "with the same data and the same learner."
            )
        for name, value in state.items():
            if name not in ("settings", "examples"):
                setattr(self, name, value)

    def report(self) -> dict[str, Any]:
        """One line of the run's record of users."""
        return {
            "user": self.user,
            "train_examples": len(self.train),
            "valid_examples": len(self.valid),
            **({"setting": self.point} if self.point else {}),
            **self.outcome(),
            "start_nll": self.start_loss,
            "valid_nll": self.losses,
        }

    def outcome(self) -> dict[str, Any]:
        """How long it trained and what came of it."""
        return {
            "epochs": self.epoch,
            "steps": self.step,
            "best_epoch": self.best_epoch,
            "finished": self.finished,
            "diverged": self.diverged,
            "best_nll": None if math.isinf(self.best) else self.best,
        }


def user_settings(settings: UserSettings, changes: Mapping[str, Any]) -> UserSettings:
    """Settings with some of them changed.

    Raises:
        UserError: there is no such setting.
    """
    known = [known.name for known in fields(UserSettings)]
    if unknown := sorted(set(changes) - set(known)):
        raise UserError(f"The learner knows no setting {', '.join(unknown)}; expected some of {', '.join(known)}.")
    return replace(settings, **changes)


def grid_points(grid: Mapping[str, Sequence[Any] | None]) -> list[dict[str, Any]]:
    """Every combination of a grid's values; one without any for an empty grid. None takes a setting out of it.

    Raises:
        UserError: a setting has no list of different values.
    """
    grid = {name: values for name, values in grid.items() if values is not None}
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not 0 < len(set(values)) == len(values):
            raise UserError(f"learner.grid.{name}={values!r} was given; expected a list of different values.")
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]  # type: ignore[arg-type]


def best_run(runs: Sequence[UserRun]) -> UserRun:
    """The one with the lowest validation loss; of equals the first."""
    return min(runs, key=lambda run: run.best)
