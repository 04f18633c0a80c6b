"""Which rows make a batch: global train batches, evaluation shards, and a loader that resumes inside an epoch.

N examples, G global batch, S segments, W ranks, A accumulated micro-batches a step.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

from zoo.errors import UserError

POOL = 256  # batches shuffled together: on ConvAI2, 32 a batch, 128 leave 10 % padding and 256 leave 8 %
# Noise on lengths, in standard deviations, before a cut. Without it a corpus that fits into one pool would have almost
# the same batches in every epoch (38 % of ConvAI2 valid's neighbours meet again, with it 29 %; of five batches 97 %).
# A small corpus is cheap to pad and needs the variety more.
NOISE, NOISE_OF_FEW, FEW = 0.1, 0.5, 64


class MicroBatch(list[int]):
    """Rows of one rank's part of a global batch, with what its loss has to be divided by (see `DialogueBatch`)."""

    def __init__(self, rows: Sequence[int], tokens_per_step: float, rows_per_step: float):
        super().__init__(rows)
        self.tokens_per_step, self.rows_per_step = tokens_per_step, rows_per_step


def num_parts(batch_size: int, world_size: int, accumulate: int) -> int:
    """Micro-batches of a global batch over all ranks, W x A.

    Raises:
        UserError: `batch_size` cannot be dealt evenly to them.
    """
    parts = world_size * accumulate
    if batch_size < parts or batch_size % parts:
        raise UserError(
            f"data.batch_size={batch_size} was given to {world_size} processes that accumulate {accumulate} "
            f"micro-batches; expected a multiple of {world_size} x {accumulate} = {parts}, for example "
            f"data.batch_size={parts * max(1, batch_size // parts)} or {parts * (batch_size // parts + 1)}."
        )
    return parts


def similar_lengths(
    lengths: NDArray[np.integer],
    rows: NDArray[np.integer],
    sizes: Sequence[int],
    generator: np.random.Generator,
    noise: float = NOISE,
) -> list[NDArray[np.integer]]:
    """Cut `rows` into batches of `sizes`, again and again along the segment whose lengths spread most.

    Args:
        lengths: [N, S] tokens of every row's segments.
        rows: as many as `sizes` sum up to.
        sizes: examples of every batch.
        generator: of the noise, and of where the cuts are.
        noise: on lengths, in standard deviations.
    """
    if len(sizes) == 1:
        return [rows]
    own = lengths[rows]
    spread = own.std(axis=0)
    keys = own[:, spread.argmax()] + generator.normal(scale=noise * spread.max(), size=len(rows))
    order = np.argsort(keys, kind="stable")
    if generator.random() < 0.5:
        order = order[::-1]
    shift = len(sizes) // 10
    middle = len(sizes) // 2 + int(generator.integers(-shift, shift + 1))
    cut = sum(sizes[:middle])
    return [
        *similar_lengths(lengths, rows[order[:cut]], sizes[:middle], generator, noise),
        *similar_lengths(lengths, rows[order[cut:]], sizes[middle:], generator, noise),
    ]


class GlobalBatches(Sampler[list[int]]):
    """Batch sampler for training: global batches that do not depend on the number of devices.

    Every epoch deals all rows into batches of `batch_size` (the last one smaller) and every batch into `world_size` x
    `accumulate` micro-batches, of which this rank gets its own. Rows of similar lengths meet: a shuffled pool of
    batches is halved again and again along the segment whose lengths spread most (a k-d partition), at cuts that
    are a little random; then the batches are shuffled. Everything follows from (`seed`, `epoch`).

    Args:
        lengths: [N, S] tokens of every row's segments; the last column is the response.
        batch_size: G, examples of one optimizer step over all ranks and accumulated micro-batches.
        seed: of the shuffling.
        rank, world_size, accumulate: this process's place, W, A.
        order: "shuffled", or "sorted_desc" for consecutive rows of `rows` in every epoch.
        rows: the rows to use, in the order for "sorted_desc"; None is all.
        reshuffle: False gives epoch 0 again and again (for overfitting tests).
        probabilities: of `rows`; an epoch then is as many rows, drawn by them anew and with replacement.

    Raises:
        UserError: `batch_size` cannot be dealt evenly to the ranks, or there are fewer examples than micro-batches.
    """

    def __init__(
        self,
        lengths: NDArray[np.integer],
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        accumulate: int = 1,
        order: Literal["shuffled", "sorted_desc"] = "shuffled",
        rows: Sequence[int] | None = None,
        reshuffle: bool = True,
        probabilities: NDArray[np.floating] | None = None,
    ):
        self.lengths = np.asarray(lengths)  # [N, S]
        self.rows = np.arange(len(self.lengths)) if rows is None else np.asarray(rows)
        self.batch_size, self.seed, self.rank = batch_size, seed, rank
        self.world_size, self.accumulate = world_size, accumulate
        self.order, self.reshuffle, self.probabilities = order, reshuffle, probabilities
        self.epoch = 0
        self.start = 0  # micro-batches of this epoch that were handed out before; used up by the next __iter__
        parts = num_parts(batch_size, world_size, accumulate)
        if len(self.rows) < parts:
            raise UserError(
                f"{len(self.rows)} training examples were given to {world_size} processes that accumulate {accumulate} "
                f"micro-batches; expected at least {parts}. Lower trainer.devices or trainer.accumulate_grad_batches, "
                f"or raise data.train_percent."
            )
        # a last batch too small to give every part one example joins the batch before
        full, rest = divmod(len(self.rows), batch_size)
        self._sizes = [batch_size] * full + ([rest] if rest else [])
        if full and 0 < rest < parts:
            self._sizes[-2:] = [batch_size + rest]
        self._plan: tuple[int, list[NDArray[np.integer]]] | None = None

    @property
    def sampler(self) -> "GlobalBatches":
        """Itself: Lightning looks for `set_epoch` at `loader.batch_sampler.sampler`."""
        return self

    def __len__(self) -> int:
        return len(self._sizes) * self.accumulate

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order; another epoch than the one resumed starts at its beginning."""
        if epoch != self.epoch:
            self.epoch, self.start = epoch, 0

    def state_dict(self) -> dict[str, int]:
        """Epoch, position and what they mean: plain integers."""
        return {
            "epoch": self.epoch,
            "position": self.start,
            "accumulate": self.accumulate,
            "batch_size": self.batch_size,
            "num_examples": len(self.rows),
            "seed": self.seed,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state` was taken; the number of ranks and accumulated micro-batches may differ.

        Raises:
            UserError: the state belongs to other data, another batch size or another seed.
        """
        own = self.state_dict()
        for name, setting in (("batch_size", "data.batch_size"), ("seed", "seed")):
            if state[name] != own[name]:
                raise UserError(
                    f"The checkpoint was taken in the middle of an epoch with {setting}={state[name]}, but this run "
                    f"has {setting}={own[name]}; expected the same, or the epoch cannot go on where it stopped. Resume "
                    f"with {setting}={state[name]}, or from a checkpoint at the end of an epoch."
                )
        if state["num_examples"] != own["num_examples"]:
            raise UserError(
                f"The checkpoint was taken in the middle of an epoch over {state['num_examples']} training examples, "
                f"but this run has {own['num_examples']}; expected the same, or the epoch cannot go on where it "
                f"stopped. Resume with the data files and the data.train_percent of that run, or from a checkpoint at "
                f"the end of an epoch."
            )
        self.epoch = state["epoch"]
        self.start = state["position"] // state["accumulate"] * self.accumulate

    def __iter__(self) -> Iterator[list[int]]:
        start, self.start = self.start, 0
        parts = self.world_size * self.accumulate
        for position in range(start, len(self)):
            step, accumulated = divmod(position, self.accumulate)
            batch = self.global_batches()[step]
            tokens = int(self.lengths[batch, -1].sum())
            own = batch[accumulated * self.world_size + self.rank :: parts].tolist()
            yield MicroBatch(own, tokens / parts, len(batch) / parts)

    def global_batches(self) -> list[NDArray[np.integer]]:
        """The epoch's batches, each sorted by length so that strided parts have equal work."""
        epoch = self.epoch if self.reshuffle else 0
        if self._plan is None or self._plan[0] != epoch:
            batches = self._consecutive() if self.order == "sorted_desc" else self._shuffled(epoch)
            total = self.lengths.sum(axis=1)
            self._plan = epoch, [batch[np.argsort(total[batch], kind="stable")] for batch in batches]
        return self._plan[1]

    def _consecutive(self) -> list[NDArray[np.integer]]:
        return np.split(self.rows, np.cumsum(self._sizes)[:-1])

    def _shuffled(self, epoch: int) -> list[NDArray[np.integer]]:
        generator = np.random.default_rng([self.seed, epoch])
        sizes = generator.permutation(self._sizes).tolist()
        if self.probabilities is None:
            shuffled = generator.permutation(self.rows)
        else:
            shuffled = generator.choice(self.rows, size=len(self.rows), p=self.probabilities)
        batches: list[NDArray[np.integer]] = []
        noise = NOISE if len(sizes) >= FEW else NOISE_OF_FEW
        taken = 0
        for first in range(0, len(sizes), POOL):
            pool = sizes[first : first + POOL]
            batches += similar_lengths(self.lengths, shuffled[taken : taken + sum(pool)], pool, generator, noise)
            taken += sum(pool)
        return [batches[index] for index in generator.permutation(len(batches))]

    @property
    def padding_fraction(self) -> float:
        """Pad tokens over all tokens of the epoch's padded micro-batches of all ranks, segments counted alike."""
        parts = self.world_size * self.accumulate
        micro_batches = [batch[part::parts] for batch in self.global_batches() for part in range(parts)]
        padded = sum(len(rows) * int(self.lengths[rows].max(axis=0).sum()) for rows in micro_batches)
        return 1 - sum(int(self.lengths[rows].sum()) for rows in micro_batches) / max(1, padded)


class ShardSampler(Sampler[list[int]]):
    """Batch sampler for evaluation: every row once, on one rank; none repeated, none dropped.

    Args:
        rank, world_size: this process's place.
        num_examples: N.
        batch_size: examples a batch on this process.
        lengths: [N] or [N, S]; given, a rank's rows are sorted by total length (longest first), for less padding.
        rows: the rows to use; None is all.
        whole_batches: False deals row by row, rows[rank::world_size]; True deals batches of consecutive rows, so that
            a row has the same batch mates on any number of ranks.
    """

    def __init__(
        self,
        rank: int,
        world_size: int,
        num_examples: int,
        batch_size: int,
        lengths: NDArray[np.integer] | None = None,
        rows: Sequence[int] | None = None,
        whole_batches: bool = False,
    ):
        if batch_size < 1:
            raise UserError(f"data.eval_batch_size={batch_size} was given; expected at least 1.")
        own = np.arange(num_examples) if rows is None else np.asarray(rows)
        if not whole_batches:
            own = own[rank::world_size]
        if lengths is not None:
            total = np.asarray(lengths).reshape(num_examples, -1).sum(axis=1)
            own = own[np.argsort(-total[own], kind="stable")]
        self.batches = [own[first : first + batch_size].tolist() for first in range(0, len(own), batch_size)]
        if whole_batches:
            self.batches = self.batches[rank::world_size]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)


class ResumableLoader(DataLoader):
    """A DataLoader over `GlobalBatches` whose state is the number of batches handed out, not sampled ahead by workers.

    Lightning stores `state_dict()` in every checkpoint and, when a run resumes inside an epoch, calls
    `load_state_dict()` before `iter()` and `set_epoch()` after it. So iteration has to start lazily, at the first
    batch: a generator. Take checkpoints after an optimizer step (Lightning does): gradients of a half-accumulated step
    are in no checkpoint, and a resumed run starts that step again.
    """

    batch_sampler: GlobalBatches
    _handed_out: tuple[int, int] | None = None  # epoch and number of batches; None before an iteration's first batch

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        epoch, position = self.batch_sampler.epoch, self.batch_sampler.start
        for handed_out, batch in enumerate(super().__iter__(), start=position + 1):
            self._handed_out = epoch, handed_out
            yield batch

    def state_dict(self) -> dict[str, int]:
        """The sampler's state at the batch handed out last."""
        state = self.batch_sampler.state_dict()
        if self._handed_out is not None and self._handed_out[0] == state["epoch"]:
            state["position"] = self._handed_out[1]
        return state

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Start the next iteration at the batch after the one handed out last."""
        self.batch_sampler.load_state_dict(state)
        self._handed_out = None
