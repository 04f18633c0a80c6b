"""Cutting a round of many users into forwards of a size that suits the hardware.

Letters: n rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

CPU_TOKENS, CPU_TOKENS_WIDE = 1000, 500  # measured on 2 cores at widths 256 and 768: experiments/benchmarks
CPU_TOKENS_ENCODER_DECODER = 3000  # likewise, width 256; its positions are shared by two stacks
GPU_TOKENS = 16_384  # a guess; not measured yet


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
    rows_by_user: Sequence[NDArray[np.integer]], lengths: NDArray[np.integer], tokens: int, extra: int = 0
) -> list[Chunk]:
    """Cut users' rows into chunks of at most `tokens` padded tokens; a single longer row has a chunk of its own.

    Users of similar lengths come together, so that little is padded; a user is split only where its rows do not fit.

    Args:
        rows_by_user: each user's rows.
        lengths: [N, S] tokens of every row's segments.
        tokens: of a forward.
        extra: positions that an adapter adds to every row.
    """
    order = sorted(range(len(rows_by_user)), key=lambda u: (_padded(rows_by_user[u], lengths, 0), u))
    cut: list[Chunk] = []
    rows: list[int] = []
    owners: list[int] = []
    for user in order:
        own = rows_by_user[user].tolist()
        fits = _padded(rows_by_user[user], lengths, extra) <= tokens
        for part in [own] if fits else [[row] for row in own]:
            if rows and _padded(np.array(rows + part), lengths, extra) > tokens:
                cut.append(Chunk(np.array(rows), np.array(owners)))
                rows, owners = [], []
            rows += part
            owners += [user] * len(part)
    if rows:
        cut.append(Chunk(np.array(rows), np.array(owners)))
    return cut


def _padded(rows: NDArray[np.integer], lengths: NDArray[np.integer], extra: int) -> int:
    return 0 if not len(rows) else len(rows) * (int(lengths[rows].max(axis=0).sum()) + extra)
