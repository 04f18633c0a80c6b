"""Shuffling what never is in memory: a bounded buffer of token ids is filled, cut into batches, emptied, filled again.

`datasets` shuffles through a buffer too, but forgets what was in it when a run is resumed. Here a buffer is filled from
a known place, and its batches follow from (seed, epoch, number of the buffer): the place and the number of batches that
were handed out are all that a checkpoint needs, and a resumed run fills the same buffer again.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import datasets
import numpy as np
from numpy.typing import NDArray

from zoo.data.batch import SEGMENTS
from zoo.data.sampler import similar_lengths
from zoo.data.template import EncodedExample

LINES_AT_ONCE = 1024  # tokenised together
Encode = Callable[[Sequence[dict[str, Any]]], list[EncodedExample]]


class Place(NamedTuple):
    """Where the next batch of a process's epoch comes from: plain types."""

    lines: dict[str, Any] | None = None  # `datasets`' state before the block that the buffer begins in; None: the start
    used: int = 0  # examples of that block that belong to the buffer before
    buffer: int = 0  # number of the buffer in the epoch
    batch: int = 0  # number of the batch in the buffer


def batches(
    lines: datasets.IterableDataset,
    encode: Encode,
    buffer_size: int,
    batch_size: int,
    seed: Sequence[int],
    start: Place,
) -> Iterator[tuple[list[EncodedExample], Place]]:
    """Batches of similar lengths from a shuffle buffer, each with the place after it.

    Every buffer is `buffer_size` examples but for the epoch's last. At most `buffer_size` examples and those of
    `LINES_AT_ONCE` lines are in memory.

    Args:
        lines: see `Shards.lines`.
        encode: the examples of a block of lines.
        buffer_size: a multiple of `batch_size`.
        batch_size: examples of every batch; the epoch's last may be smaller.
        seed: of the epoch and this process.
        start: where to begin.
    """
    first_batch = start.batch
    for number, (begin, examples) in enumerate(_buffers(lines, encode, buffer_size, start), start=start.buffer):
        rows = _shuffled(examples, batch_size, np.random.default_rng([*seed, number]))
        for position in range(first_batch, len(rows)):
            yield [examples[row] for row in rows[position]], begin._replace(buffer=number, batch=position + 1)
        first_batch = 0
        examples.clear()  # before the next buffer is filled


def _buffers(
    lines: datasets.IterableDataset, encode: Encode, size: int, start: Place
) -> Iterator[tuple[Place, list[EncodedExample]]]:
    """Consecutive examples, `size` at a time, each time with the place of the first."""
    if start.lines is not None:
        lines.load_state_dict(start.lines)
    before: dict[str, Any] | None = start.lines
    begin, skipped = Place(before, start.used), start.used
    held: list[EncodedExample] = []
    iterator = iter(lines)
    while block := list(islice(iterator, LINES_AT_ONCE)):
        encoded = encode(block)
        held += encoded[skipped:]
        skipped = 0
        while len(held) >= size:
            full, held = held[:size], held[size:]
            yield begin, full
            begin = Place(before, len(encoded) - len(held))
        before = lines.state_dict()
        if not held:
            begin = Place(before)
    if held:
        yield begin, held


def _shuffled(
    examples: Sequence[EncodedExample], batch_size: int, generator: np.random.Generator
) -> list[NDArray[np.integer]]:
    """The rows of a buffer's batches; each batch sorted by length, so that strided parts of it have equal work."""
    lengths = np.array([[len(getattr(example, name)) for name in SEGMENTS] for example in examples])  # [N, S]
    full, rest = divmod(len(examples), batch_size)
    sizes = [batch_size] * full + ([rest] if rest else [])
    cut = similar_lengths(lengths, generator.permutation(len(examples)), sizes, generator)
    total = lengths.sum(axis=1)
    return [cut[place][np.argsort(total[cut[place]], kind="stable")] for place in generator.permutation(len(cut))]
