"""Learners: a callable `(model, batch) -> loss`. The LightningModule calls one and knows nothing of what it does.

Letters: B batch, K candidates, k of them in a loss, R response positions, N tokens, V vocabulary.
"""

from dataclasses import replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.batch import DialogueBatch
from zoo.errors import UserError
from zoo.models.base import DialogueModel
from zoo.ranking import choice_logits, offer


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


class DoubleHeads:
    """The likelihood of the true response and, beside it, telling it from others: fine-tuning for Hits@1.

    Source: Huang et al. 2023 (arXiv:2210.15088): "a binary classification head" on the decoder's last token, from the
    trained model, for one more epoch; after Wolf et al. 2019 (TransferTransfo, arXiv:1901.08149), whose likelihood
    counts twice. The loss is `lm_coef` times that of `Supervised` plus `choice_coef` times the two-way cross-entropy of
    the true response and of `negatives` others, a mean over responses. Others are drawn at every step from the
    example's own candidates or from the other rows of the batch; they have no likelihood to learn.

    The release draws two once, at the start, from the candidates of the dialogue's last turn, and puts a [CLS] behind
    the padding, so that the head's position depends on the batch (`cls_position="appended_cls"` puts it behind the end
    token).

    Args:
        lm_coef, choice_coef: weights of the two losses.
        negatives: other responses beside the true one; a row that has fewer trains on those.
        negatives_from: `candidates`, or `batch` for data without them: the other rows of the forward, so those of one
            process and of one micro-batch; a batch of one row has none, and trains on its likelihood alone.
        cls_position: `last_token` (the end token: the paper) or `appended_cls`.

    Attributes:
        choice_suffix: the tokens behind every candidate, see `choice_logits`; known after `prepare`.
    """

    automatic_optimization = True
    rows_of_users = False

    def __init__(
        self,
        *,
        lm_coef: float = 1.0,
        choice_coef: float = 1.0,
        negatives: int = 2,
        negatives_from: str = "candidates",
        cls_position: str = "last_token",
    ) -> None:
        if negatives < 1 or negatives_from not in ("candidates", "batch"):
            raise UserError(
                f"learner.negatives={negatives}, learner.negatives_from={negatives_from} was given; expected at least "
                "one other response, from candidates or batch."
            )
        if cls_position not in ("last_token", "appended_cls"):
            raise UserError(f"learner.cls_position={cls_position} was given; expected last_token or appended_cls.")
        self.lm_coef, self.choice_coef = lm_coef, choice_coef
        self.negatives, self.negatives_from = negatives, negatives_from
        self.cls_position = cls_position
        self.choice_suffix: tuple[int, ...] = ()

    def prepare(self, model: DialogueModel, eos_id: int, cls_id: int | None) -> None:
        """Give the model its choice head, and learn the template's ids.

        Raises:
            UserError: a [CLS] is wanted and there is none.
        """
        if self.cls_position == "appended_cls" and cls_id is None:
            raise UserError(
                "learner.cls_position=appended_cls was given, but the template adds no [CLS] token; expected one. Use "
                "template=paa, or learner.cls_position=last_token."
            )
        model.add_choice_head()
        # a token more than the head looks at: a state is the one that predicts its position
        self.choice_suffix = (eos_id,) if self.cls_position == "last_token" else (int(cls_id or 0), eos_id)

    def __call__(self, model: DialogueModel, batch: DialogueBatch) -> Tensor:
        """Scalar: nats per token and nats per response, weighted."""
        tokens = batch.tokens_per_step or int(batch.response_mask.sum())
        rows = batch.rows_per_step or len(batch)
        lengths = batch.response_mask.sum(1)  # [B], the true responses', which stand first
        batch, chosen = self.draw(batch)
        together = model.takes_alternatives
        offered = offer(batch, chosen, self.choice_suffix, together=together)
        states = model.response_states(offered)  # [B, R, D] or [B * k, R, D]
        first = offered.rows(slice(None, None, 1 if together else chosen.size(1)))  # [B, R]
        own = torch.arange(first.response.size(1), device=lengths.device) < lengths[:, None]  # [B, R]
        logits = model.head(states[:: 1 if together else chosen.size(1)][own])  # [N, V]
        exact = torch.promote_types(logits.dtype, torch.float32)
        likelihood = F.cross_entropy(logits.to(exact), first.response[own], reduction="sum") / tokens

        pairs = choice_logits(model, states, offered).view(*chosen.shape, 2)  # [B, k, 2]
        target = torch.zeros_like(chosen)
        target[:, 0] = 1
        there = chosen >= 0  # [B, k]
        choice = F.cross_entropy(pairs[there].to(exact), target[there], reduction="none")  # [responses]
        weights = (there.to(exact) / there.sum(1, keepdim=True))[there]
        return self.lm_coef * likelihood + self.choice_coef * (weights * choice).sum() / rows

    def draw(self, batch: DialogueBatch) -> tuple[DialogueBatch, Tensor]:
        """The batch with candidates, and which of them to train on, the true one first: [B, 1 + negatives].

        Below 0 stands for one that a row does not have.

        Raises:
            UserError: a row has no candidates, or none that is its response.
        """
        if self.negatives_from == "batch":
            batch = replace(
                batch,
                candidates=batch.response.expand(len(batch), -1, -1),  # [B, B, R]
                candidates_mask=batch.response_mask.expand(len(batch), -1, -1),
                gold=torch.arange(len(batch), device=batch.response.device),
            )
        if batch.candidates is None or batch.candidates_mask is None or batch.gold is None or (batch.gold < 0).any():
            raise UserError(
                "learner=double_heads tells the true reply from candidates, but a training example has none; expected "
                "data with candidates (data.candidates=true where the files have them). Or let the other replies of a "
                "batch be the candidates: learner.negatives_from=batch."
            )
        rows = torch.arange(len(batch), device=batch.gold.device)
        gold = batch.candidates[rows, batch.gold]  # [B, R']
        same = (batch.candidates == gold[:, None]).all(-1)  # [B, K], other candidates that say the same too
        others = batch.candidates_mask.any(-1) & ~same
        drawn = torch.rand(others.shape, device=others.device).masked_fill(~others, -1.0)
        value, index = drawn.topk(min(self.negatives, drawn.size(1)), dim=1)  # [B, negatives]
        return batch, torch.cat([batch.gold[:, None], index.masked_fill(value < 0, -1)], dim=1)
