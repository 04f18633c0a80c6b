"""A learning rate that falls when validation stops getting better."""

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau


class Plateau(ReduceLROnPlateau):
    """torch's schedule, stepped by the module after every validation of training, whatever Lightning's intervals are.

    Args:
        optimizer: whose rates fall.
        monitor: name of the validated value, lower is better.
        num_training_steps: not read; schedules of whole runs are given it.
        settings: of `ReduceLROnPlateau`: factor, patience, threshold, min_lr, ...
    """

    def __init__(
        self, optimizer: Optimizer, monitor: str, num_training_steps: int | None = None, **settings: Any
    ) -> None:
        self.monitor = monitor
        super().__init__(optimizer, mode="min", **settings)
