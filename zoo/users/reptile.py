"""PPReptile: one set of parameters from which every user is a few steps away.

Source: Han et al. 2023, "PersonaPKT" (arXiv:2306.08126), Algorithm 1, after Nichol et al. 2018 (arXiv:1803.02999). Of
n users drawn, each takes k inner steps at rate alpha from theta to W_i; then

    theta <- theta + beta * mean(W_i - theta)                                          `interpolate` (Equation 1)
    theta <- AdamW(theta, gradient = (theta - mean(W_i)) / (alpha * k), rate beta)     `adamw`

Equation 1 with the paper's rates moves theta by some 3e-9 of a gradient a step, and it says that all models were
trained by AdamW, so `adamw` is the default; dividing by alpha * k keeps AdamW's epsilon small beside the gradient. The
sentence that names the rates has inner and outer the other way round than the equations. The users of a step are rows
of one batch, each with parameters of its own.

Letters: n users of a step.
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from zoo.errors import UserError
from zoo.models.user_rows import UserRows, stable_hash
from zoo.optim import RowwiseAdamW, RowwiseOptimizer, RowwiseSGD
from zoo.users.learner import communication_device
from zoo.users.losses import Table, by_user, row_gradients, row_losses

log = logging.getLogger(__name__)
OUTER, INNER = ("adamw", "interpolate"), ("sgd", "adamw")
PROGRESS = ("steps", "losses", "best", "best_epoch", "snapshot", "finished")


class Reptile:
    """Trains the one row of a shared bank.

    Args:
        users_per_step: n, drawn without replacement; b_out = 4 in the paper.
        inner_steps: k; the paper prints none.
        batch_size: examples of an inner step; b_in = 2 in the paper.
        inner, inner_lr: sgd or adamw (new in every loop), and alpha.
        outer, lr: adamw or interpolate, and beta.
        schedule: of beta, linear to zero over all epochs, or constant.
        epochs: at most.
        steps_per_epoch: outer steps before theta is validated; None takes as many examples in them as there are.
        patience: epochs without a better validation loss of theta; None trains all epochs.
        one_by_one: run the inner loops one after another, as a check and for the benchmark.
        tokens_per_forward: padded tokens of one forward; None chooses by device and width.
        seed: of all draws.
    """

    automatic_optimization = False
    rows_of_users = False

    def __init__(
        self,
        *,
        users_per_step: int = 4,
        inner_steps: int = 5,
        batch_size: int = 2,
        inner: str = "sgd",
        inner_lr: float = 1e-4,
        outer: str = "adamw",
        lr: float = 3e-5,
        schedule: str = "linear",
        epochs: int = 20,
        steps_per_epoch: int | None = None,
        patience: int | None = 3,
        one_by_one: bool = False,
        tokens_per_forward: int | None = None,
        seed: int = 0,
    ) -> None:
        for name, value, choices in (
            ("inner", inner, INNER), ("outer", outer, OUTER), ("schedule", schedule, ("linear", "constant"))
        ):  # fmt: skip
            if value not in choices:
                raise UserError(f"learner.{name}={value!r} was given to PPReptile; expected {' or '.join(choices)}.")
        numbers = {
            "users_per_step": users_per_step, "inner_steps": inner_steps, "batch_size": batch_size,
            "inner_lr": inner_lr, "lr": lr, "epochs": epochs, "patience": patience,
            "steps_per_epoch": steps_per_epoch,
        }  # fmt: skip
        for name, number in numbers.items():
            if number is not None and not number > 0:
                raise UserError(f"learner.{name}={number} was given to PPReptile; expected a number above zero.")
        self.users_per_step, self.inner_steps, self.batch_size = users_per_step, inner_steps, batch_size
        self.inner, self.inner_lr, self.outer, self.lr = inner, inner_lr, outer, lr
        self.schedule, self.epochs, self.patience = schedule, epochs, patience
        self.given_steps_per_epoch = steps_per_epoch
        self.one_by_one, self.tokens, self.seed = one_by_one, tokens_per_forward, seed
        self.settings = numbers | {"inner": inner, "outer": outer, "schedule": schedule, "seed": seed}
        self.steps = 0
        self.losses: list[float] = []  # of theta on the validation split, after each epoch
        self.best, self.best_epoch = math.inf, 0
        self.snapshot: dict[str, Tensor] | None = None
        self.finished = False
        self._saved: dict[str, Any] | None = None

    # -- before training ----------------------------------------------------------------------------------------------

    def optimizer(self, model: UserRows) -> RowwiseOptimizer:
        """The outer optimizer.

        Raises:
            UserError: the model has no bank with one row for everybody.
        """
        if not hasattr(model, "bank") or model.bank.num_users != 1:
            raise UserError(
                f"PPReptile was given a {type(model).__name__} whose parameters are in no bank with a row for "
                "everybody; expected users=one with an adapter, or a fine-tuned model with model.net.banked=true."
            )
        tables = model.bank.tables.values()
        return RowwiseSGD(tables, 1) if self.outer == "interpolate" else RowwiseAdamW(tables, 1)

    def begin(self, users: Sequence[str], train: Table, valid: Table, rank: int = 0, world_size: int = 1) -> None:
        """Take the data.

        Args:
            users: ids.
            train, valid: tables of the two splits.
            rank, world_size: of a step's users, every world_size-th is trained here.

        Raises:
            UserError: there are fewer users than a step draws.
        """
        self.train, self.valid, self.rank, self.world_size = train, valid, rank, world_size
        self.examples = [rows for rows in by_user(train, len(users)) if len(rows)]
        if len(self.examples) < self.users_per_step:
            raise UserError(
                f"PPReptile draws {self.users_per_step} users a step (learner.users_per_step), but the data have "
                f"{len(self.examples)} with training examples. Lower it, or train on more users."
            )
        in_a_step = self.users_per_step * self.inner_steps * self.batch_size
        self.steps_per_epoch = self.given_steps_per_epoch or max(1, round(len(train.lengths) / in_a_step))
        self.settings["examples"] = len(train.lengths)
        if self._saved is not None:
            then = self._saved["settings"]
            if changed := [f"{n}: {then.get(n)} -> {now}" for n, now in self.settings.items() if then.get(n) != now]:
                raise UserError(
                    f"The checkpoint was taken by PPReptile under other settings ({'; '.join(changed)}); resume with "
                    "the same learner and the same data."
                )
            for name in PROGRESS:
                setattr(self, name, self._saved[name])
            self._saved = None
        log.info(
            "PPReptile: %d users, %d a step, %d steps an epoch", len(self.examples), self.users_per_step,
            self.steps_per_epoch,
        )  # fmt: skip

    def rounds(self) -> Iterator[int]:
        """Numbers of outer steps, as long as there are any: what a Trainer takes for batches."""
        while not self.finished:
            yield self.steps

    # -- a step -------------------------------------------------------------------------------------------------------

    def step(self, model: UserRows, optimizer: Callable[..., Any], forget: Callable[[int], None]) -> Tensor:
        """An outer step, and at the end of an epoch the validation loss.

        Args:
            model: with the bank.
            optimizer: the `step` of the outer optimizer.
            forget: not used here.

        Returns:
            The mean loss of the first inner step, at theta, nats a token.
        """
        if self.finished:  # a Trainer asks for one step more than there are
            return torch.tensor(torch.nan)
        bank = model.bank
        moved, loss = self._moved(model)
        scale = 1.0 if self.outer == "interpolate" else 1 / (self.inner_lr * self.inner_steps)
        gradients = [-scale * mean for mean in moved]  # [1, ...]
        row = torch.zeros(1, dtype=torch.long, device=bank.any_table.device)
        optimizer(rows=row, slots=row, gradients=gradients, lr=bank.any_table.new_tensor([self.rate]))
        self.steps += 1
        if self.steps % self.steps_per_epoch == 0:
            self._end_epoch(model)
        return loss

    @property
    def rate(self) -> float:
        """The coming step's beta."""
        total = self.epochs * self.steps_per_epoch
        return self.lr if self.schedule == "constant" else self.lr * (total - self.steps) / total

    def drawn(self) -> list[list[NDArray[np.integer]]]:
        """The coming step's users, each with the examples of its inner steps; all follow from seed and step."""
        draw = np.random.default_rng([stable_hash(str(self.seed)), self.steps])
        users = draw.choice(len(self.examples), size=self.users_per_step, replace=False)
        needed = self.inner_steps * self.batch_size
        batches = []
        for user in users:
            own = self.examples[user]
            rounds = -(-needed // len(own))
            order = np.concatenate([draw.permutation(own) for _ in range(rounds)])[:needed]
            batches.append(np.split(order, self.inner_steps))
        return batches

    def _moved(self, model: UserRows) -> tuple[list[Tensor], Tensor]:
        """The mean of the W_i - theta, a table of the bank each [1, ...], and the mean loss at theta."""
        mine = self.drawn()[self.rank :: self.world_size]
        sums = [torch.zeros_like(table) for table in model.bank.tables.values()]  # [1, ...]
        losses = torch.zeros((), dtype=torch.float64, device=sums[0].device)
        for users in [[batches] for batches in mine] if self.one_by_one else [mine]:
            if users:
                moved, loss = self._inner_loops(model, users)
                losses += loss.sum()
                for total, by_user in zip(sums, moved, strict=True):
                    total += by_user.sum(0, keepdim=True)
        if self.world_size > 1:
            for total in [*sums, losses]:
                dist.all_reduce(total)
        return [total / self.users_per_step for total in sums], losses / self.users_per_step

    def _inner_loops(
        self, model: UserRows, users: Sequence[Sequence[NDArray[np.integer]]]
    ) -> tuple[list[Tensor], Tensor]:
        """Take some users k steps from theta: W_i - theta, a table each [n, ...], and losses at theta [n].

        What is added up is the way from theta: in float32 a step of alpha = 1e-4 is mostly lost in W_i's own digits.
        """
        n, bank = len(users), model.bank
        theta = {name: table.detach() for name, table in bank.tables.items()}  # [1, ...]
        fast = {name: table.repeat(n, *[1] * (table.dim() - 1)) for name, table in theta.items()}
        moved = [torch.zeros_like(table) for table in fast.values()]
        kind: Any = RowwiseSGD if self.inner == "sgd" else RowwiseAdamW
        inner = kind(moved, n)
        rows = torch.arange(n, device=bank.any_table.device)
        rates = bank.any_table.new_full((n,), self.inner_lr)
        first = torch.zeros(n)
        with bank.holding(fast, torch.zeros_like(rows)):
            for k in range(self.inner_steps):
                losses, gradients = row_gradients(model, self.train, rows, [own[k] for own in users], self.tokens)
                inner.step(rows=rows, slots=rows, gradients=gradients, lr=rates)
                for (name, table), way in zip(fast.items(), moved, strict=True):
                    torch.add(theta[name], way, out=table)
                first = losses if k == 0 else first
        return moved, first

    def _end_epoch(self, model: UserRows) -> None:
        """Measure theta; keep the best, stop when patience has run out."""
        loss, epoch = self._validation_loss(model), self.steps // self.steps_per_epoch
        if loss is None:  # nothing to choose by: the newest is kept
            self.best_epoch = epoch
        else:
            self.losses.append(loss)
            log.info("PPReptile: epoch %d, validation loss %.4f nats a token", epoch, loss)
        if loss is not None and loss < self.best:
            self.best, self.best_epoch, self.snapshot = loss, epoch, model.bank.snapshot(0)
        diverged = loss is not None and not math.isfinite(loss)
        if diverged and self.snapshot is None:
            raise UserError(
                f"PPReptile's validation loss after its first epoch is {loss}: there is nothing that users could start "
                "from. Lower learner.lr or learner.inner_lr (of a source stage: source.learner.*)."
            )
        if diverged:
            log.warning("PPReptile diverged in epoch %d: epoch %d is kept", epoch, self.best_epoch)
        waited = self.patience is not None and epoch - self.best_epoch >= self.patience
        self.finished = epoch >= self.epochs or waited or diverged
        if self.finished:
            self.close(model)

    def _validation_loss(self, model: UserRows) -> float | None:
        """Theta's mean over the tokens of the validation split; None without examples."""
        total = self.valid.lengths.sum(axis=1)
        share = np.argsort(total, kind="stable")[self.rank :: self.world_size]  # similar lengths meet
        row = torch.zeros(1, dtype=torch.long, device=model.bank.any_table.device)
        mean = row_losses(model, self.valid, row, [share], self.tokens)[0]
        tokens = int(self.valid.lengths[share, -1].sum())
        sums = torch.tensor([(mean or 0.0) * tokens, tokens], dtype=torch.float64)
        if self.world_size > 1:
            sums = sums.to(communication_device())
            dist.all_reduce(sums)
        return float(sums[0] / sums[1]) if sums[1] else None

    # -- what a learner that steps by itself has ----------------------------------------------------------------------

    def close(self, model: UserRows) -> None:
        """Give the bank the best theta so far."""
        if self.snapshot is not None:
            model.bank.restore(0, self.snapshot)

    def gather(self, model: UserRows) -> None:
        """Nothing: every process has the same theta."""

    def state_dict(self, model: UserRows, optimizer: RowwiseOptimizer) -> dict[str, Any]:
        """How far it is; theta and the outer moments are the model's and the optimizer's own state."""
        return {name: getattr(self, name) for name in PROGRESS} | {"settings": self.settings}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state` at the next `begin`."""
        self._saved = state

    def reports(self) -> list[dict[str, Any]]:
        """One record: of theta."""
        best = None if math.isinf(self.best) else self.best
        return [{"steps": self.steps, "best_epoch": self.best_epoch, "best_nll": best, "valid_nll": self.losses}]
