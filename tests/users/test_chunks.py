"""Cutting rows of many users into forwards."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.users.chunks import FORWARD, Chunk, chunks

TOKENS, EXTRA = 240, 3


def drawn(seed: int, users: int) -> tuple[list[NDArray[np.integer]], NDArray[np.integer]]:
    """Users with none to four rows each, in no order, and three ragged segments a row."""
    draw = np.random.default_rng(seed)
    counts = draw.integers(0, 5, users)
    rows = np.split(draw.permutation(counts.sum()), np.cumsum(counts)[:-1])
    return rows, draw.integers(0, 25, (int(counts.sum()), 3))


def padded(rows: NDArray[np.integer], lengths: NDArray[np.integer]) -> int:
    own = lengths[rows]
    return len(rows) * int(own[:, :2].sum(axis=1).max() + own[:, 2].max() + EXTRA)


def price(cut: list[NDArray[np.integer]], lengths: NDArray[np.integer]) -> float:
    return sum(padded(rows, lengths) + FORWARD * TOKENS for rows in cut)


def every_cut(rows: NDArray[np.integer]) -> Iterator[list[NDArray[np.integer]]]:
    """All ways to cut a sequence."""
    for places in range(2 ** (len(rows) - 1)):
        yield np.split(rows, [at for at in range(1, len(rows)) if places >> (at - 1) & 1])


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_every_row_once_with_its_owner_within_the_limit(seed: int, apart: bool) -> None:
    rows, lengths = drawn(seed, users=7)
    cut = chunks(rows, lengths, TOKENS, EXTRA, apart)
    assert sorted(row for chunk in cut for row in chunk.rows) == list(range(len(lengths)))
    for chunk in cut:
        assert all(row in rows[owner] for row, owner in zip(chunk.rows, chunk.owners, strict=True))
        assert (np.diff(chunk.owners) >= 0).all()
        assert len(chunk.rows) == 1 or padded(chunk.rows, lengths) <= TOKENS
        assert not apart or len(set(chunk.owners)) == 1


@pytest.mark.parametrize("seed", range(5))
def test_no_cut_of_the_rows_by_length_is_cheaper(seed: int) -> None:
    rows, lengths = drawn(seed, users=4)
    cut = [chunk.rows for chunk in chunks(rows, lengths, TOKENS, EXTRA)]
    in_turn = np.concatenate(rows)
    by_length = in_turn[np.argsort(lengths[in_turn].sum(axis=1), kind="stable")]
    allowed = [
        price(other, lengths)
        for other in every_cut(by_length)
        if all(len(part) == 1 or padded(part, lengths) <= TOKENS for part in other)
    ]
    assert price(cut, lengths) == pytest.approx(min(allowed))


def test_a_row_longer_than_a_forward_is_a_forward() -> None:
    lengths = np.array([[500, 0, 9], [1, 1, 1]])
    cut = chunks([np.array([0, 1])], lengths, TOKENS)
    assert sorted(chunk.rows.tolist() for chunk in cut) == [[0], [1]]


def test_nobody_and_nothing() -> None:
    none: list[Chunk] = []
    assert chunks([], np.zeros((0, 3), dtype=int), TOKENS) == none
    assert chunks([np.array([], dtype=int)], np.zeros((0, 3), dtype=int), TOKENS) == none
