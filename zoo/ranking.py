"""Ranking of candidates: one function over any model.

Source of the two likelihoods: ParlAI ranks a generator's candidates by their mean log-likelihood a token, and so did
ConvAI2's baselines; Huang et al. 2023 (arXiv:2210.15088) rank by a binary head on the decoder's last token.

Letters: B batch, K candidates, k of them offered, R response positions, N tokens.
"""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from zoo.data.batch import DialogueBatch
from zoo.errors import UserError
from zoo.models.base import DialogueModel

Rule = Literal["likelihood_per_token", "likelihood", "choice_head"]
RULES = ("likelihood_per_token", "likelihood", "choice_head")
POSITIONS_AT_ONCE = 16_384  # padded positions of a forward


def check_rule(rule: str) -> None:
    """Refuse a way of ranking that does not exist.

    Raises:
        UserError: lists those that do.
    """
    if rule not in RULES:
        raise UserError(f"model.ranking is {rule!r}; expected one of {', '.join(RULES)}.")


@torch.no_grad()
def candidate_scores(
    model: DialogueModel, batch: DialogueBatch, rule: Rule, *, suffix: tuple[int, ...] = (), together: bool = True
) -> list[list[float]]:
    """A score for every candidate that a row has, the higher the better; rows may have different numbers of them.

    Args:
        model: any.
        batch: with candidates.
        rule: `likelihood_per_token` (mean log-likelihood, the end token's included), `likelihood` (the sum of it) or
            `choice_head` (logit of "true" minus logit of "false").
        suffix: what stands behind a candidate for the choice head, see `choice_logits`.
        together: read what stands before the candidates once, where the model can.
    """
    assert batch.candidates is not None
    assert batch.candidates_mask is not None
    present = batch.candidates_mask.any(-1)  # [B, K]
    K, R = batch.candidates.shape[1:]
    scores = torch.empty(present.shape, dtype=torch.float64, device=present.device)
    before = batch.persona.size(1) + batch.context.size(1)
    together = together and model.takes_alternatives
    rows_at_once = max(1, POSITIONS_AT_ONCE // (before + K * R if together else K * (before + R)))
    for rows in torch.arange(len(batch), device=present.device).split(rows_at_once):
        chosen = torch.arange(K, device=rows.device).expand(len(rows), K).masked_fill(~present[rows], -1)
        offered = offer(batch.rows(rows), chosen, suffix, together=together)
        scores[rows] = _scores(model, offered, rule).view(len(rows), K)
    return [row[there].tolist() for row, there in zip(scores.cpu(), present.cpu(), strict=True)]


def offer(batch: DialogueBatch, chosen: Tensor, suffix: tuple[int, ...], *, together: bool) -> DialogueBatch:
    """Chosen candidates (`DialogueBatch.side_by_side`) as responses: k of a row together, or each in a row of its own.

    Together there are B rows with k responses, else B * k rows, those of an example behind one another.
    """
    if together:
        return batch.side_by_side(chosen, suffix)
    repeated = torch.arange(len(batch), device=chosen.device).repeat_interleave(chosen.size(1))  # [B * k]
    alone = batch.rows(repeated).side_by_side(chosen.reshape(-1, 1), suffix)
    return replace(alone, alternative=None)


def _scores(model: DialogueModel, batch: DialogueBatch, rule: Rule) -> Tensor:
    """Of every response offered, [B, k] or [B * k, 1]; anything for those that are not there."""
    if rule == "choice_head":
        logits = choice_logits(model, model.response_states(batch), batch).double()  # [B, k, 2]
        return logits[..., 1] - logits[..., 0]
    number, k = numbered(batch)  # [B, R]
    nll = torch.zeros(number.shape, dtype=torch.float64, device=number.device)
    nll = nll.masked_scatter(batch.response_mask, model.response_nll(batch).double())  # [B, R]
    sums = nll.new_zeros(len(batch), k + 1).scatter_add(1, number, nll)[:, :k]
    if rule == "likelihood":
        return -sums
    counts = nll.new_zeros(len(batch), k + 1).scatter_add(1, number, batch.response_mask.double())[:, :k]
    return -sums / counts.clamp(min=1)


def choice_logits(model: DialogueModel, states: Tensor, batch: DialogueBatch) -> Tensor:
    """The choice head at the last position of every response offered: [B, k, 2].

    Args:
        model: with a choice head.
        states: of `model.response_states(batch)`, [B, R, D]. The state at a position is the one that predicts it and
            has read what stands before, so behind every candidate stands one token more than the head is to read: a
            `suffix` of one token, any, puts the head on the end token, a suffix of two on the first of them.
        batch: of `offer`.
    """
    assert model.choice_head is not None
    number, k = numbered(batch)  # [B, R]
    place = torch.arange(number.size(1), device=number.device).expand_as(number)
    last = place.new_zeros(len(batch), k + 1).scatter_reduce(1, number, place, "amax")[:, :k]
    at_last = states.gather(1, last[..., None].expand(-1, -1, states.size(-1)))  # [B, k, D]
    logits: Tensor = model.choice_head(at_last)
    return logits


def numbered(batch: DialogueBatch) -> tuple[Tensor, int]:
    """Which response a position is of, k on pads, and k, how many a row has: [B, R]."""
    if batch.alternative is None:
        return (~batch.response_mask).long(), 1
    assert batch.alternatives is not None
    return batch.alternative, batch.alternatives
