"""Optimizers for tables with a row a user: every row has its own step count, rate, moments and clipping.

torch's optimizers know one step count a parameter: a row that pauses would keep moving by its momentum, and a row that
joins late would start with another's bias correction. Here a step names its rows, and no other row changes.

Letters: U rows of a table, n rows of a step.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class RowwiseOptimizer(Optimizer, ABC):
    """What both have in common: which rows step, at which rates, clipped by which norm.

    State is kept for as many rows as train side by side, S slots, not for all U rows of the tables.

    Args:
        params: tables [U, ...], all with the same U.
        slots: S.
        lr: default rate of a step that names none.
    """

    def __init__(self, params: Iterable[Tensor], slots: int, defaults: dict[str, Any]) -> None:
        super().__init__(list(params), defaults)
        self.slots = slots
        self.tables: list[Tensor] = [table for group in self.param_groups for table in group["params"]]
        for table in self.tables:
            self.state[table] = self.start(table.new_zeros(slots, *table.shape[1:]))
        self.steps = torch.zeros(slots, dtype=torch.long, device=self.tables[0].device)  # [S]

    @abstractmethod
    def start(self, zeros: Tensor) -> dict[str, Tensor]:
        """A table's state before its first step; `zeros` is [S, ...]."""

    @abstractmethod
    def change(self, state: dict[str, Tensor], slots: Tensor, row: Tensor, gradient: Tensor, lr: Tensor) -> Tensor:
        """A table's rows after a step: rows, gradients [n, ...] and rates [n] -> [n, ...]."""

    def forget(self, slot: int) -> None:
        """Make a slot new, for the next user."""
        self.steps[slot] = 0
        for state in self.state.values():
            for values in state.values():
                values[slot] = 0

    @torch.no_grad()
    def step(  # type: ignore[override]
        self,
        closure: Callable[[], Any] | None = None,
        *,
        rows: Tensor,
        slots: Tensor,
        gradients: list[Tensor],
        lr: Tensor,
        clip: Tensor | None = None,
    ) -> None:
        """One step of some rows.

        Args:
            closure: called first, as torch's optimizers do.
            rows: [n] distinct rows of the tables.
            slots: [n] where their state is.
            gradients: [n, ...] a table, in the order of `params`.
            lr: [n] rates.
            clip: [n] longest norm of each row's gradient over all tables, inf for none; None clips nobody.
        """
        if closure is not None:
            with torch.enable_grad():
                closure()
        if not len(rows):
            return
        if clip is not None:
            gradients = clipped(gradients, clip)
        self.steps[slots] += 1
        for table, gradient in zip(self.tables, gradients, strict=True):
            table[rows] = self.change(self.state[table], slots, table[rows], gradient, over(lr, table))

    def state_dict(self) -> dict[str, Any]:
        """As torch's, with the step counts."""
        return {**super().state_dict(), "steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's, with the step counts."""
        state = dict(state_dict)
        self.steps = state.pop("steps").to(self.steps)
        super().load_state_dict(state)


class RowwiseAdamW(RowwiseOptimizer):
    """AdamW (Loshchilov & Hutter 2019) for every row by itself; with `weight_decay=0`, Adam."""

    def __init__(
        self,
        params: Iterable[Tensor],
        slots: int,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.betas, self.eps, self.weight_decay = (betas[0], betas[1]), eps, weight_decay
        super().__init__(params, slots, {"lr": lr})

    def start(self, zeros: Tensor) -> dict[str, Tensor]:
        """Two moments."""
        return {"mean": zeros, "square": zeros.clone()}

    def change(self, state: dict[str, Tensor], slots: Tensor, row: Tensor, gradient: Tensor, lr: Tensor) -> Tensor:
        """As in the base class."""
        (beta1, beta2), steps = self.betas, over(self.steps[slots], row)
        mean = state["mean"][slots].lerp_(gradient, 1 - beta1)
        square = state["square"][slots].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        state["mean"][slots], state["square"][slots] = mean, square
        rate = lr / (1 - beta1 ** steps.double()).to(row)  # in float32 1 - 0.999 would have lost digits
        spread = square.sqrt() / (1 - beta2 ** steps.double()).sqrt().to(row) + self.eps
        return row * (1 - lr * self.weight_decay) - rate * mean / spread


class RowwiseSGD(RowwiseOptimizer):
    """Plain gradient descent for every row by itself (Reptile's inner steps)."""

    def __init__(self, params: Iterable[Tensor], slots: int, lr: float = 1e-3) -> None:
        super().__init__(params, slots, {"lr": lr})

    def start(self, zeros: Tensor) -> dict[str, Tensor]:
        """None."""
        return {}

    def change(self, state: dict[str, Tensor], slots: Tensor, row: Tensor, gradient: Tensor, lr: Tensor) -> Tensor:
        """As in the base class."""
        return row - lr * gradient


def over(values: Tensor, table: Tensor) -> Tensor:
    """[n] -> [n, 1, ...], to meet rows of a table."""
    return values.view(-1, *[1] * (table.dim() - 1))


def clipped(gradients: list[Tensor], longest: Tensor) -> list[Tensor]:
    """Each row's gradient, scaled to its longest norm where it is longer, as torch's clip_grad_norm_ does for one."""
    squares = sum(gradient.flatten(1).square().sum(1) for gradient in gradients)
    norms = torch.as_tensor(squares).sqrt()  # [n]
    scale = (longest / (norms + 1e-6)).clamp(max=1.0)
    return [gradient * over(scale, gradient) for gradient in gradients]
