"""Learners: a callable `(model, batch) -> loss`. The LightningModule calls one and knows nothing of what it does."""

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from zoo.data.batch import DialogueBatch
from zoo.models.base import DialogueModel


class Learner(Protocol):
    """Turns a batch into a loss.

    A learner with `automatic_optimization = False` steps by itself (`zoo.users`): it brings its own `optimizer(model)`,
    takes its own batches (`begin`, `rounds`), and has `step`, `state_dict` and `load_state_dict`. One with
    `rows_of_users` trains parameters of each user's own, and nothing else.
    """

    automatic_optimization: bool
    rows_of_users: bool

    def __call__(self, model: DialogueModel, batch: DialogueBatch) -> Tensor:
        """A scalar loss for one micro-batch."""


class Supervised:
    """Negative log-likelihood of the response tokens (PAA, Equation 8), a mean over the tokens of the *global* batch.

    The divisor is `batch.tokens_per_step`: the target tokens of the whole optimizer step divided by the number of its
    micro-batches. DDP's mean over ranks and Lightning's over accumulated batches then give exactly the mean over
    tokens, so one recipe gives one gradient on any number of devices.
    """

    automatic_optimization = True
    rows_of_users = False

    def __call__(self, model: DialogueModel, batch: DialogueBatch) -> Tensor:
        """Scalar, nats per token."""
        logits = model(batch)  # [N, V]
        target = batch.response[batch.response_mask]  # [N]
        total = F.cross_entropy(logits.float(), target, reduction="sum")
        return total / (batch.tokens_per_step or target.numel())
