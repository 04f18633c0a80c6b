"""Dialogue pre-training on more reply pairs than fit into memory: a training split that is streamed from shards.

Source of the stage: reply pairs by the hundred million before users are learnt, see `conf/data/streamed.yaml`. Only a
shuffle buffer of token ids is in memory (`zoo.data.shuffle_buffer`); validation and test are small files with tables,
as everywhere else.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.batch import DialogueBatch
from zoo.data.corpora import DialogueCorpus
from zoo.data.datamodule import DialogueDataModule, splits_of
from zoo.data.examples import examples_from_dialogues
from zoo.data.records import DialogueExample
from zoo.data.shards import Shards, dialogue_of, find_shards
from zoo.data.stream_loader import StreamLoader
from zoo.data.table import ExampleTable
from zoo.data.template import DialogueTemplate, EncodedExample
from zoo.errors import UserError

log = logging.getLogger(__name__)
NOTHING = DialogueExample("nothing", "nothing", ("-",), ("-",), (False,), "-")  # what an idle process is busy with


class StreamedDataModule(DialogueDataModule):
    """Streams the training split; opens validation and test as `DialogueDataModule` does.

    Nobody is told apart: there is one state for everybody, `users` is [""]. Speakers' ids, personas and profiles reach
    the template. Candidates of training utterances are left out. How many examples there are, nobody counts: say how
    long to train by `trainer.max_steps`.

    Args:
        corpus: has the "valid" and the "test" split.
        template: turns examples into token ids; its limits bound what a training example may need.
        train_files: pattern of the shards, e.g. "pairs/train-*.jsonl.gz", see `zoo.data.shards`.
        buffer_size: examples shuffled together in each process, rounded down to whole batches. Memory and the variety
            of batches grow with it; so does what is tokenised anew when a run is resumed.
        batch_size, eval_batch_size, max_exchanges, num_workers, cache_dir, seed, pad_left, max_eval_examples: see
            `DialogueDataModule`; workers serve validation and test.
    """

    def __init__(
        self,
        corpus: DialogueCorpus,
        template: DialogueTemplate,
        train_files: str,
        buffer_size: int = 16_384,
        batch_size: int = 32,
        eval_batch_size: int = 32,
        max_exchanges: int = 9,
        num_workers: int = 0,
        cache_dir: Path | str = "data/cache",
        seed: int = 0,
        pad_left: Sequence[str] = (),
        max_eval_examples: int | None = None,
    ):
        super().__init__(
            corpus,
            template,
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            max_exchanges=max_exchanges,
            num_workers=num_workers,
            cache_dir=cache_dir,
            seed=seed,
            pad_left=pad_left,
            max_eval_examples=max_eval_examples,
        )
        self.train_files, self.buffer_size = train_files, buffer_size
        self.users = [""]
        self._shards: Shards | None = None
        self._loader: StreamLoader | None = None

    # --- what is open ---

    def setup(self, stage: str | None = None) -> None:
        """Find the shards, open the tables of a stage.

        Raises:
            UserError: no file matches, or a validation or test file is missing or malformed.
        """
        self._open(stage)

    def _open(self, stage: str | None, fetch: bool = False) -> None:
        for split in splits_of(stage):
            if split == "train":
                self._shards = find_shards(self.train_files)
            else:
                self.table(split)

    def table(self, split: str) -> ExampleTable:
        """The table of "valid" or "test".

        Raises:
            UserError: the training split was asked for.
        """
        if split == "train":
            raise UserError(
                "The training split is streamed and has no table; expected a model and a learner that take batches as "
                "they come (users=one, learner=supervised). Train users of their own on other data, from this run."
            )
        return super().table(split)

    def lengths(self, split: str) -> NDArray[np.integer]:
        """As the base class's; of the training split one row, the template's limits, which no example exceeds."""
        if split != "train":
            return super().lengths(split)
        if self.template.max_persona_tokens is None:
            raise UserError(
                "template.max_persona_tokens=null was given with streamed data, whose longest persona nobody knows; "
                "expected a number."
            )
        persona = 0 if self.template.persona == "none" else self.template.max_persona_tokens
        return np.array([[persona, self.template.max_context_tokens, self.template.max_response_tokens]])

    def personas(self) -> dict[str, list[str]]:
        """Nobody's, as nobody is told apart."""
        return {"": []}

    # --- training ---

    def steps_per_epoch(self) -> int | None:
        """None: the lines are not counted."""
        return None

    def train_dataloader(self) -> "StreamLoader":
        """This process's part of global batches; its place is in every checkpoint.

        Raises:
            UserError: `batch_size` cannot be dealt evenly to processes and micro-batches, or the learner draws by user.
        """
        trainer = self.trainer
        learner: Any = getattr(getattr(trainer, "lightning_module", None), "learner", None)
        if not getattr(learner, "automatic_optimization", True):
            self.table("train")  # says what was expected
        rank, world_size = self._place()
        shards = self._shards or find_shards(self.train_files)
        if rank == 0:
            log.info("train: %d shards, %.1f MB, streamed", len(shards.sizes), sum(shards.sizes.values()) / 1e6)
            if len(shards.sizes) % world_size:
                log.info("%d processes: each reads all shards and keeps every %d-th line", world_size, world_size)
        self._loader = StreamLoader(
            shards,
            self.encode_lines,
            self.template.encode(NOTHING),
            pad_id=self.template.pad_id,
            pad_left=self.pad_left,
            batch_size=self.batch_size,
            buffer_size=self.buffer_size,
            seed=self.seed,
            rank=rank,
            world_size=world_size,
            accumulate=trainer.accumulate_grad_batches if trainer else 1,
            device=trainer.strategy.root_device if trainer else "cpu",
            reshuffle=not getattr(trainer, "overfit_batches", 0),
        )
        return self._loader

    def encode_lines(self, lines: Sequence[dict[str, Any]]) -> list[EncodedExample]:
        """The examples of some lines.

        Raises:
            UserError: a line is malformed; names file and line.
        """
        examples = examples_from_dialogues(map(dialogue_of, lines), self.history, self.max_exchanges, self.users_rule)
        return self.template.encode_all([replace(e, candidates=()) if e.candidates else e for e in examples])

    def on_before_batch_transfer(self, batch: DialogueBatch, dataloader_idx: int) -> DialogueBatch:
        """Note that a training batch is used: Lightning took the next one already, which no checkpoint may count."""
        if self.trainer and self.trainer.training and self._loader is not None:
            self._loader.used()
        return batch

    # --- evidence ---

    def provenance(self) -> dict[str, Any]:
        """As the base class's; of the training split names and sizes of the shards and a sha256 of these."""
        record = super().provenance()
        if self._shards is not None:
            record["splits"]["train"] = {
                "corpus": {"corpus": "streamed", **self._shards.manifest()},
                "buffer_size": self.buffer_size,
                "examples": None,  # not counted
            }
        return record
