"""Losses and gradients of many rows of a bank, in forwards of a size that suits the hardware.

Letters: n rows of the bank, B rows of a batch, N response tokens.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.data.batch import DialogueBatch
from zoo.models.user_rows import UserRows
from zoo.users.chunks import Chunk, chunks, tokens_per_forward

Table = Any  # zoo.data.table.ExampleTable: `table[rows]` is a batch, `table.lengths` [N, 3]


def row_gradients(
    model: UserRows, table: Table, users: Tensor, rows: Sequence[NDArray[np.integer]], tokens: int | None = None
) -> tuple[Tensor, list[Tensor]]:
    """Each user's mean loss over its examples' tokens, and its gradient.

    Args:
        model: with the bank.
        table: of examples.
        users: [n] rows of the bank, or of what it holds for now.
        rows: each one's examples, rows of `table`.
        tokens: padded tokens of one forward; None chooses by device and width.

    Returns:
        losses [n] in nats a token and, a table of the bank each, gradients [n, ...].
    """
    bank = model.bank
    made = bank.made(users)  # [n, ...]
    gradients = [t.new_zeros(len(users), *t.shape[1:]) for t in (made or bank.tables).values()]
    losses = torch.zeros(len(users), dtype=torch.float64, device=users.device)
    counts = np.array([table.lengths[r, -1].sum() for r in rows], dtype=np.float64)  # [n] tokens of responses
    for chunk in _chunks(model, table, rows, tokens):
        present = dict.fromkeys(chunk.owners.tolist())
        owners = torch.tensor(list(present), device=users.device)
        weights = torch.as_tensor(1 / counts[chunk.owners], device=users.device)  # [B]
        own = None if made is None else {name: t[owners] for name, t in made.items()}
        with bank.leaves(users[owners], own) as leaves:
            nll = row_nll(model, _batch(table, chunk, users))  # [B]
            grown = torch.autograd.grad((nll * weights.to(nll)).sum(), list(leaves.values()))
        losses.index_add_(0, torch.as_tensor(chunk.owners, device=users.device), nll.detach().double() * weights)
        for gradient, part in zip(gradients, grown, strict=True):
            gradient.index_add_(0, owners, part)
    return losses, gradients if made is None else bank.through_made(users, gradients)


@torch.no_grad()
def row_losses(
    model: UserRows, table: Table, users: Tensor, rows: Sequence[NDArray[np.integer]], tokens: int | None = None
) -> list[float | None]:
    """Each user's mean loss, nats a token; None for one without examples. Arguments as for `row_gradients`."""
    sums = np.zeros(len(rows))
    made = model.bank.made(users)  # [n, ...]
    with nullcontext() if made is None else model.bank.leaves(users, made):
        for chunk in _chunks(model, table, rows, tokens):
            np.add.at(sums, chunk.owners, row_nll(model, _batch(table, chunk, users)).double().cpu().numpy())
    counts = [int(table.lengths[r, -1].sum()) for r in rows]
    return [total / count if count else None for total, count in zip(sums.tolist(), counts, strict=True)]


def row_nll(model: UserRows, batch: DialogueBatch) -> Tensor:
    """Negative log-likelihood of each row's response, [B], nats, summed in float32 or better."""
    nll = model.response_nll(batch)  # [N]
    owner = batch.response_mask.nonzero()[:, 0]  # [N]
    return nll.new_zeros(len(batch)).index_add(0, owner, nll)


def by_user(table: Table, num_users: int) -> list[NDArray[np.integer]]:
    """Each user's rows of a table."""
    rows = table.user_rows
    order = np.argsort(rows, kind="stable")
    return np.split(order, np.searchsorted(rows[order], np.arange(1, num_users)))


def _chunks(model: UserRows, table: Table, rows: Sequence[NDArray[np.integer]], tokens: int | None) -> list[Chunk]:
    config = model.lm.config
    tokens = tokens or tokens_per_forward(model.bank.any_table.device, config.hidden_size, config.is_encoder_decoder)
    apart = model.bank.kind == "full"  # a forward of whole networks is one user's
    return chunks(rows, table.lengths, tokens, 1 + model.num_extra_positions, apart)


def _batch(table: Table, chunk: Chunk, users: Tensor) -> DialogueBatch:
    batch: DialogueBatch = table.__getitems__(chunk.rows.tolist())
    return replace(batch.to(users.device), user=users[torch.as_tensor(chunk.owners, device=users.device)])
