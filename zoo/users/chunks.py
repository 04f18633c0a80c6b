"""Cutting a round of many users into forwards of a size that suits the hardware.

Letters: n rows of a forward, N rows of a table, S segments.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

CPU_TOKENS, CPU_TOKENS_WIDE = 1000, 500  # measured on 2 cores at widths 256 and 768: experiments/benchmarks
CPU_TOKENS_ENCODER_DECODER = 3000  # likewise, width 256; its positions are shared by two stacks
GPU_TOKENS = 16_384  # a guess; not measured yet
FORWARD = 1 / 8  # what a forward costs beside its positions, as a part of the most it holds: experiments/benchmarks


@dataclass(frozen=True)
class Chunk:
    """Examples of one forward: rows of a table, and the place in the round of the user that each belongs to."""

    rows: NDArray[np.integer]  # [n]
    owners: NDArray[np.integer]  # [n], each user's rows together


def tokens_per_forward(device: torch.device, width: int, encoder_decoder: bool = False) -> int:
    """Padded tokens that one forward should hold at most."""
    if device.type != "cpu":
        return GPU_TOKENS
    if width >= 512:
        return CPU_TOKENS_WIDE
    return CPU_TOKENS_ENCODER_DECODER if encoder_decoder else CPU_TOKENS


def chunks(
    rows_by_user: Sequence[NDArray[np.integer]],
    lengths: NDArray[np.integer],
    tokens: int,
    extra: int = 0,
    apart: bool = False,
) -> list[Chunk]:
    """Cut users' rows into chunks of at most `tokens` padded tokens; a single longer row has a chunk of its own.

    Rows of similar lengths come together, whosever they are, as a user's gradient is a sum over its rows. Where to cut
    is what costs least in padded positions and forwards.

    Args:
        rows_by_user: each user's rows.
        lengths: [N, S] tokens of every row's segments, the response last.
        tokens: of a forward.
        extra: positions that an adapter adds to every row.
        apart: no forward holds rows of two users.
    """
    together = [np.array(own, dtype=np.int64) for own in rows_by_user]
    owners = [np.full(len(own), user) for user, own in enumerate(together)]
    if together and not apart:
        together, owners = [np.concatenate(together)], [np.concatenate(owners)]
    return [
        Chunk(own[part], owner[part])
        for own, owner in zip(together, owners, strict=True)
        for part in _cheapest(_sides(lengths[own]), tokens, extra)
    ]


def _sides(lengths: NDArray[np.integer]) -> NDArray[np.integer]:
    """What stands before the response and the response, which are padded apart: [N, S] -> [N, 2]."""
    return np.stack([lengths[:, :-1].sum(axis=1), lengths[:, -1]], axis=1)


def _cheapest(sides: NDArray[np.integer], tokens: int, extra: int) -> Iterator[NDArray[np.integer]]:
    """Groups of rows of [N, 2], the rows of each in order: of the ways to cut them sorted by length, the cheapest."""
    order = np.argsort(sides.sum(axis=1), kind="stable")
    sides = sides[order]
    cost, begun = np.zeros(len(order) + 1), np.zeros(len(order) + 1, dtype=int)  # of the first so many rows, at best
    for end in range(1, len(order) + 1):
        most = max(1, tokens // max(1, int(sides[end - 1].sum()) + extra))  # rows, as long as the last at least
        begin = np.arange(max(0, end - most), end)
        widest = np.maximum.accumulate(sides[begin][::-1])[::-1]  # of the rows from each beginning on
        padded = (end - begin) * (widest.sum(axis=1) + extra)
        total = cost[begin] + padded + FORWARD * tokens
        total[(padded > tokens) & (end - begin > 1)] = np.inf
        best = int(total.argmin())
        cost[end], begun[end] = total[best], begin[best]
    end = len(order)
    while end:
        yield np.sort(order[begun[end] : end])  # the order of the users
        end = begun[end]
