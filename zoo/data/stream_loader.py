"""Micro-batches of a stream for a Trainer: parts of global batches, idle processes, and a place to go on from.

Lightning asks an iterable without a length for one batch more than it trains on. So the place that a checkpoint keeps
is that after the batch *used* last, not the one handed out last.
"""

import logging
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist

from zoo.data.batch import DialogueBatch, collate
from zoo.data.sampler import num_parts
from zoo.data.shards import Shards
from zoo.data.shuffle_buffer import Encode, Place, batches
from zoo.data.template import EncodedExample
from zoo.errors import UserError

log = logging.getLogger(__name__)


class StreamLoader:
    """What a Trainer iterates over: micro-batches of this process, epoch after epoch, from where it stands.

    Every pair comes once an epoch, on one process. Processes may have more or fewer of them: before each optimizer step
    they sum up its response tokens, which every micro-batch's loss is divided by (see `DialogueBatch`); one that has
    none left meanwhile trains on `nothing`, whose loss is divided by infinity. When nobody has any, the epoch ends.

    Args:
        shards, encode: what to read, and the examples of its lines.
        nothing: an example for an idle process.
        batch_size: examples of one optimizer step over all processes.
        buffer_size: see `StreamedDataModule`.
        rank, world_size, accumulate: this process's place, and micro-batches a step.
        device: of the sum over processes.
        reshuffle: False gives the first epoch again and again.
    """

    def __init__(
        self,
        shards: Shards,
        encode: Encode,
        nothing: EncodedExample,
        pad_id: int,
        pad_left: Sequence[str] = (),
        batch_size: int = 32,
        buffer_size: int = 16_384,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        accumulate: int = 1,
        device: torch.device | str = "cpu",
        reshuffle: bool = True,
    ):
        self.shards, self.encode, self.nothing = shards, encode, nothing
        self.pad_id, self.pad_left = pad_id, pad_left
        self.parts = num_parts(batch_size, world_size, accumulate)
        self.own_batch = batch_size // world_size
        if buffer_size < self.own_batch:
            raise UserError(
                f"data.buffer_size={buffer_size} was given; expected room for a process's {self.own_batch} examples of "
                "a batch at least, better some hundred batches."
            )
        self.buffer_size = buffer_size // self.own_batch * self.own_batch
        self.seed, self.rank, self.world_size, self.accumulate = seed, rank, world_size, accumulate
        self.device, self.reshuffle = device, reshuffle
        self.settings = {"data.batch_size": batch_size, "data.buffer_size": buffer_size, "seed": seed}
        self.settings |= {"number of processes": world_size, "shards": shards.manifest()["manifest_sha256"]}
        self._next = (0, Place())  # epoch and place after the batch that was used last
        self._ahead: deque[tuple[int, Place]] = deque()  # of batches handed out and not used yet, the place after each
        self._epoch: int | None = None  # that is handed out, or was last
        self._resumed = False

    def __iter__(self) -> Iterator[DialogueBatch]:
        if not self._resumed:
            self._next = (0 if self._epoch is None else self._epoch + 1, Place())
        self._resumed = False
        self._ahead.clear()
        self._epoch, start = self._next
        return self._batches(self._epoch, start)

    def _batches(self, epoch: int, start: Place) -> Iterator[DialogueBatch]:
        shown = epoch if self.reshuffle else 0
        lines = self.shards.lines(self.seed, shown, self.rank, self.world_size)
        seed = (self.seed, shown, self.rank)
        own = batches(lines, self.encode, self.buffer_size, self.own_batch, seed, start)
        before, steps, idle = start, 0, 0
        while True:
            examples, after = next(own, ([], before))
            tokens = self._over_processes(sum(len(example.response) for example in examples))
            if not tokens:
                break
            for part in range(self.accumulate):
                rows = examples[part :: self.accumulate]
                self._ahead.append((epoch, after if part == self.accumulate - 1 else before))
                yield self._collated(rows, tokens / self.parts)
            before, steps, idle = after, steps + 1, idle + (not examples)
        if not steps and start == Place():
            raise UserError(
                f"data.train_files={self.shards.pattern} has no reply to learn; expected lines with an utterance of a "
                "responder after another utterance."
            )
        if idle:
            log.info("process %d had no examples left for %d of %d steps", self.rank, idle, steps)
        if self._ahead:
            self._ahead[-1] = (epoch + 1, Place())  # once the last batch is used
        else:
            self._next = (epoch + 1, Place())

    def _collated(self, rows: list[EncodedExample], tokens_per_step: float) -> DialogueBatch:
        batch = collate(
            rows or [self.nothing],
            self.pad_id,
            pad_left=self.pad_left,
            tokens_per_step=tokens_per_step if rows else math.inf,
        )
        return batch.pin_memory() if torch.cuda.is_available() else batch

    def _over_processes(self, tokens: int) -> int:
        if self.world_size == 1:
            return tokens
        total = torch.tensor(tokens, device=self.device)
        dist.all_reduce(total)
        return int(total)

    # --- where it stands ---

    def used(self) -> None:
        """The oldest batch that was handed out is trained on now."""
        self._next = self._ahead.popleft()

    def state_dict(self) -> dict[str, Any]:
        """Settings and every process's place: plain types. All processes have to call it together."""
        epoch, place = self._next
        own = {"epoch": epoch, **place._asdict()}
        everybody = [own]
        if self.world_size > 1:
            everybody = [{} for _ in range(self.world_size)]
            dist.all_gather_object(everybody, own)
        return {"settings": self.settings, "places": everybody}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken: the same batches follow, but for how they are accumulated.

        Raises:
            UserError: the state belongs to other shards, settings or another number of processes.
        """
        different = [
            f"{name}: {state['settings'].get(name)} -> {value}"
            for name, value in self.settings.items()
            if state["settings"].get(name) != value
        ]
        if different:
            raise UserError(
                f"The checkpoint was taken in a stream with other settings ({'; '.join(different)}); expected the same "
                "shards (names and sizes), seed, sizes and number of processes, or the stream cannot go on where it "
                "stopped."
            )
        place = dict(state["places"][self.rank])
        self._next = (place.pop("epoch"), Place(**place))
        self._resumed = True
