"""A W&B sweep's agent, as a run meets it: environment variables that say whose run this is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import wandb

OF_THE_AGENT = ("WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH", "WANDB_RUN_ID")


@contextmanager
def outside_of_sweep() -> Iterator[None]:
    """Within it, a W&B run is one of its own, as if no agent had started the program.

    A source stage needs it: under the agent's id its curve would be the sweep run's, and its validation the value by
    which the sweep chooses; two offline runs under one id overwrite each other when they are uploaded.
    """
    taken = {name: os.environ.pop(name) for name in OF_THE_AGENT if name in os.environ}
    if taken:
        wandb.teardown()  # it keeps the environment that it met first
    try:
        yield
    finally:
        os.environ.update(taken)
        if taken:
            wandb.teardown()
