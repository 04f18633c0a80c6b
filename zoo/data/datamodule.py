"""The one LightningDataModule: corpus -> examples -> template -> cached token ids -> batches.

It serves every model and every corpus; what differs is handed in as `corpus` and `template`.
"""

import logging
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from zoo.data.batch import SEGMENTS, DialogueBatch
from zoo.data.corpora import DialogueCorpus, describe_corpus
from zoo.data.examples import (
    History,
    Order,
    SubsetRule,
    Users,
    examples_from_dialogues,
    sorted_rows,
    subset_rows,
)
from zoo.data.matching import MatchedUsers, Matching, MinShared
from zoo.data.mixing import check_temperature, temperature_probabilities
from zoo.data.records import DialogueExample
from zoo.data.sampler import GlobalBatches, ResumableLoader, ShardSampler
from zoo.data.table import ExampleTable, build_table, code_version, fingerprint
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError

log = logging.getLogger(__name__)

_FILE_NAME = re.compile(r"[\w-]+", re.ASCII)  # of generations_<set>.jsonl
SPLITS = ("train", "valid", "test")
EVAL_SAMPLE_SEED = 36  # of `max_eval_examples`: not the run's, so that runs of several seeds answer the same examples
SPLIT_OF = {"train": "train", "fit": "train", "valid": "valid", "val": "valid", "validate": "valid", "test": "test"}


class DialogueDataModule(LightningDataModule):
    """Train, validation and test loaders over one corpus.

    Every split is tokenised once, into an Arrow table below `cache_dir` whose folder name is a hash of the corpus
    files, the template, the tokenizer and this package's code; a second start only opens it.

    Args:
        corpus: has `load(split)`, see `zoo.data.corpora.DialogueCorpus`.
        template: turns examples into token ids.
        batch_size: examples of one optimizer step, over all devices and accumulated micro-batches.
        eval_batch_size: examples of one validation or test batch, per process.
        history, max_exchanges: see `zoo.data.examples.examples_from_dialogues`.
        users: who is who where the corpus names nobody: "speaker" (nobody), "persona" (whoever has exactly these
            sentences), or by matching personas over all splits, "shared_sentences" and "paml_kmeans".
        min_shared, persona_map: of the matching, see `zoo.data.matching.match_personas`.
        order: "shuffled" (length buckets, another order every epoch; evaluation by length) or "sorted_desc" (longest
            context string first, the same in every epoch and in evaluation: the PAA release's).
        train_percent, subset_rule: use a part of the training split only, see `zoo.data.examples.subset_rows`.
        num_workers: loader processes.
        cache_dir: where the tables are kept.
        seed: of shuffling and of all subsets.
        pad_left: names of segments that are padded on the left.
        temperature: of mixing users in training, see `zoo.data.mixing`; None draws every example once an epoch.
        max_eval_examples: evaluate on a sample of this many examples, the same under every seed; None is all.

    Attributes:
        users: sorted user ids; `batch.user` is the place in this list. Known after `setup`; [""] where nobody is named.
    """

    users: list[str]

    def __init__(
        self,
        corpus: DialogueCorpus,
        template: DialogueTemplate,
        batch_size: int = 32,
        eval_batch_size: int = 32,
        history: History = "last_k",
        max_exchanges: int = 9,
        order: Order = "shuffled",
        train_percent: float = 100,
        subset_rule: SubsetRule = "random_examples",
        users: Users | Matching = "speaker",
        min_shared: MinShared = 2,
        persona_map: Path | str | Sequence[Path | str] | None = None,
        num_workers: int = 0,
        cache_dir: Path | str = "data/cache",
        seed: int = 0,
        pad_left: Sequence[str] = (),
        max_eval_examples: int | None = None,
        temperature: float | None = None,
    ):
        super().__init__()
        if users not in (*get_args(Users), *get_args(Matching)):
            raise UserError(
                f"users={users!r} was given; expected one of {', '.join((*get_args(Users), *get_args(Matching)))}."
            )
        if users in get_args(Matching):
            corpus, users = MatchedUsers(corpus, users, min_shared, persona_map), "speaker"  # type: ignore[arg-type]
        self.corpus, self.template = corpus, template
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.history, self.max_exchanges = history, max_exchanges
        self.order, self.train_percent, self.subset_rule = order, train_percent, subset_rule
        self.users_rule: Users = users  # type: ignore[assignment]
        self.num_workers = num_workers
        self.cache_dir = Path(cache_dir)
        self.seed = seed
        self.pad_left = tuple(pad_left)
        self.max_eval_examples, self.temperature = max_eval_examples, temperature
        if temperature is not None:
            check_temperature(temperature)
        if temperature is not None and order != "shuffled":
            raise UserError(f"data.temperature={temperature} draws examples anew, but data.order={order} fixes them.")
        if unknown := set(self.pad_left) - set(SEGMENTS):
            raise UserError(f"pad_left names {sorted(unknown)}; expected some of {', '.join(SEGMENTS)}.")
        if order not in ("shuffled", "sorted_desc"):
            raise UserError(f"order={order!r} was given; expected 'shuffled' or 'sorted_desc'.")
        # a rank without a single evaluation example is fine: nothing here waits for the others batch by batch
        self.allow_zero_length_dataloader_with_multiple_devices = True
        self._tables: dict[str, ExampleTable] = {}
        self._descriptions: dict[str, dict[str, Any]] = {}

    # --- tables ---

    def prepare_data(self) -> None:
        """Fetch and tokenise what the stage's `setup` opens; Lightning calls this in one process a node."""
        self._open(self.trainer.state.fn.value if self.trainer and self.trainer.state.fn else None, fetch=True)

    def setup(self, stage: str | None = None) -> None:
        """Open the tables of a stage ("fit", "validate", "test"; None is all), building those that are not cached.

        Raises:
            UserError: a corpus file is missing or malformed, or the cache cannot be written.
        """
        self._open(stage)
        self.number_users(sorted({user for table in self._tables.values() for user in table.summary["users"]}))

    def _open(self, stage: str | None, fetch: bool = False) -> None:
        """The tables of a stage's splits; of all splits where users are named: a user has one row in every stage."""
        for splits in (splits_of(stage), SPLITS):
            if fetch and hasattr(self.corpus, "prepare"):
                self.corpus.prepare(splits)
            for split in splits:
                self.table(split)
            if all(table.summary["users"] == [""] for table in self._tables.values()):
                break

    def table(self, split: str) -> ExampleTable:
        """The table of "train", "valid" or "test"; built at the first call on this machine, opened later."""
        if split not in self._tables:
            description = self.describe(split)
            folder = self.cache_dir / fingerprint(description)
            if not folder.is_dir():
                log.info("tokenising the %s split into %s", split, folder)
                build_table(folder, lambda: self._examples(split), self.template)
            table = ExampleTable(folder, self.template.pad_id, self.pad_left)
            if split == "test" and self.test_sets:
                self._check_test_sets(table)
            if truncated := table.summary["truncated"]:
                log.warning(
                    "%s: %d of %d examples have a segment longer than the template allows and were cut",
                    split, truncated, len(table),
                )  # fmt: skip
            self._tables[split], self._descriptions[split] = table, description
        return self._tables[split]

    def check_candidates(self, split: str) -> None:
        """See `ExampleTable.check_candidates`."""
        self.table(split).check_candidates(split)

    @property
    def test_sets(self) -> tuple[str, ...]:
        """The corpus's test sets, evaluated one by one; () where there is only one, which has no name."""
        return tuple(self.corpus.test_sets()) if hasattr(self.corpus, "test_sets") else ()

    def test_set_of(self, example: DialogueExample) -> str:
        """The name of the test set that an example belongs to: what its id begins with; "" where there is only one."""
        return example.id.partition("/")[0] if self.test_sets else ""

    def _check_test_sets(self, table: ExampleTable) -> None:
        names = self.test_sets
        found = {identity.partition("/")[0] for identity in table.strings("id")}
        if set(names) - found or found - set(names) or not all(map(_FILE_NAME.fullmatch, names)):
            raise UserError(
                f"The corpus names the test sets {', '.join(names)}, but the ids of its test dialogues begin with "
                f"{', '.join(sorted(found)[:5])}; expected '<set>/...' with each of these names (letters, digits, _ "
                "and -), and no other."
            )

    def describe(self, split: str) -> dict[str, Any]:
        """Everything that decides a table's content, in plain types; its hash is the fingerprint."""
        return {
            "corpus": describe_corpus(self.corpus, split),
            "history": self.history,
            "max_exchanges": self.max_exchanges,
            "users": self.users_rule,
            "template": self.template.settings(),
            "code": code_version(),
        }

    def _examples(self, split: str) -> list[DialogueExample]:
        return examples_from_dialogues(self.corpus.load(split), self.history, self.max_exchanges, self.users_rule)

    def example(self, stage: str, row: int) -> DialogueExample:
        """The words behind `batch.example_id`; `stage` is "train", "val"/"valid"/"validate" or "test"."""
        return self.table(SPLIT_OF[stage]).example(row)

    # --- loaders ---

    def train_rows(self) -> list[int]:
        """The rows to train on, after `train_percent`, in the order of "sorted_desc" or of the corpus."""
        table = self.table("train")
        characters = table.numbers("context_characters").tolist()
        rows = subset_rows(table.strings("dialogue"), characters, self.train_percent, self.subset_rule, self.seed)
        return self._ordered(table, rows)

    def eval_rows(self, split: str) -> list[int]:
        """The rows to evaluate on, all or a sample of `max_eval_examples`, in the order of `train_rows`."""
        table = self.table(split)
        rows = list(range(len(table)))
        if self.max_eval_examples is not None and self.max_eval_examples < len(rows):
            rows = sorted(random.Random(EVAL_SAMPLE_SEED).sample(rows, self.max_eval_examples))
        return self._ordered(table, rows)

    def _ordered(self, table: ExampleTable, rows: list[int]) -> list[int]:
        """`rows`, which are in corpus order, in that of "sorted_desc" where it is asked for."""
        if self.order != "sorted_desc":
            return rows
        characters = table.numbers("context_characters")[rows].tolist()
        return [rows[place] for place in sorted_rows(characters)]

    def number_users(self, users: Sequence[str]) -> None:
        """Let `batch.user` be the place in `users`, which must hold everybody in the data."""
        self.users = list(users)
        for table in self._tables.values():
            table.number_users(self.users)

    def lengths(self, split: str) -> NDArray[np.integer]:
        """Tokens of persona, context and response, [N, 3]: no example of the split needs more than the longest."""
        return self.table(split).lengths

    def personas(self) -> dict[str, list[str]]:
        """Each user's persona sentences in the training split, in the order in which they first appear."""
        table = self.table("train")
        found: dict[str, dict[str, None]] = {user: {} for user in self.users}
        for user, sentences in zip(table.strings("user"), table.strings("persona"), strict=True):
            found[user].update(dict.fromkeys(sentences))
        return {user: list(sentences) for user, sentences in found.items()}

    def train_dataloader(self) -> Any:
        """Global batches, this process's part; its state is in every checkpoint. Or a learner's own rounds.

        Raises:
            UserError: `batch_size` cannot be dealt evenly to processes and micro-batches.
        """
        learner: Any = getattr(getattr(self.trainer, "lightning_module", None), "learner", None)
        if not getattr(learner, "automatic_optimization", True):  # it takes from the tables what it wants
            if self.train_percent != 100 or self.temperature is not None:
                raise UserError(
                    f"data.train_percent={self.train_percent}, data.temperature={self.temperature} was given to a "
                    f"{type(learner).__name__} learner, which draws every user's own examples by itself; expected 100 "
                    "and null. Shorten its training by learner.epochs, or use another learner."
                )
            learner.begin(self.users, self.table("train"), self.table("valid"), *self._place())
            return Rounds(learner.rounds)
        batches = self._train_batches()
        if batches.rank == 0:
            log.info(
                "train: %d examples in %d steps of %d, %.1f %% padding",
                len(batches.rows), len(batches) // batches.accumulate, self.batch_size, 100 * batches.padding_fraction,
            )  # fmt: skip
        return ResumableLoader(self.table("train"), batch_sampler=batches, **self._loader_options())

    def steps_per_epoch(self) -> int | None:
        """Optimizer steps of one training epoch under the trainer's processes, accumulation and limit; None: unknown.

        No loader is made, so a scheduler may ask before Lightning makes its own. `limit_train_batches` (which
        `overfit_batches` and `fast_dev_run` set) counts micro-batches; an accumulation that it breaks off is a step.

        Raises:
            UserError: `batch_size` cannot be dealt evenly to processes and micro-batches.
        """
        batches = self._train_batches()
        limit = self.trainer.limit_train_batches if self.trainer else None
        micro_batches = len(batches)
        if isinstance(limit, int):
            micro_batches = min(micro_batches, limit)
        elif limit is not None:
            micro_batches = int(micro_batches * limit)  # rounds down, as Lightning does
        return math.ceil(micro_batches / batches.accumulate)

    def _train_batches(self) -> GlobalBatches:
        rank, world_size = self._place()
        rows, mixed = self.train_rows(), None
        if self.temperature is not None:
            mixed = temperature_probabilities(self.table("train").user_rows[rows], self.temperature)
        return GlobalBatches(
            self.table("train").lengths,
            self.batch_size,
            seed=self.seed,
            rank=rank,
            world_size=world_size,
            accumulate=self.trainer.accumulate_grad_batches if self.trainer else 1,
            order=self.order,
            rows=rows,
            probabilities=mixed,
            reshuffle=not getattr(self.trainer, "overfit_batches", 0),
        )

    def val_dataloader(self) -> DataLoader:
        """This process's share of the validation split, every example once."""
        return self._eval_dataloader("valid")

    def test_dataloader(self) -> DataLoader:
        """This process's share of the test split, every example once."""
        return self._eval_dataloader("test")

    def _eval_dataloader(self, split: str) -> DataLoader:
        rank, world_size = self._place()
        table = self.table(split)
        in_order = self.order == "sorted_desc"
        batches = ShardSampler(
            rank,
            world_size,
            len(table),
            self.eval_batch_size,
            lengths=None if in_order else table.lengths,
            rows=self.eval_rows(split),
            whole_batches=in_order,  # the release's metrics depend on batch mates
        )
        return DataLoader(table, batch_sampler=batches, **self._loader_options())

    def _place(self) -> tuple[int, int]:
        """Rank and world size.

        Raises:
            UserError: Lightning would replace the samplers by its own.
        """
        if self.trainer is None:
            return 0, 1
        connector = self.trainer._accelerator_connector
        if self.trainer.world_size > 1 and connector.use_distributed_sampler:
            raise UserError(
                "The trainer has use_distributed_sampler=true with several processes; Lightning's sampler would repeat "
                "examples at test time and undo the global batches. Set trainer.use_distributed_sampler=false."
            )
        return self.trainer.global_rank, self.trainer.world_size

    def _loader_options(self) -> dict[str, Any]:
        return {
            "collate_fn": _as_it_is,  # the table answers with whole batches
            "num_workers": self.num_workers,
            "persistent_workers": self.num_workers > 0,
            "pin_memory": torch.cuda.is_available(),
            # workers' seeds come from here and not from the global generator: evaluating changes no training run
            "generator": torch.Generator().manual_seed(self.seed),
        }

    # --- evidence ---

    def provenance(self) -> dict[str, Any]:
        """Files with sha256, counts and fingerprints of the splits opened so far, in plain types."""
        splits: dict[str, Any] = {}
        for split, table in self._tables.items():
            description = self._descriptions[split]
            used = self.train_rows() if split == "train" else self.eval_rows(split)
            splits[split] = {
                "corpus": description["corpus"],
                "fingerprint": fingerprint(description),
                "dialogues": table.summary["dialogues"],
                "examples": len(table),
                "examples_used": len(used),
                "examples_truncated": table.summary["truncated"],
            }
            if split == "test" and self.test_sets:
                ids = table.strings("id")
                splits[split]["test_sets"] = dict(Counter(ids[row].partition("/")[0] for row in used))
        record = {"splits": splits, "users": len(self.users), "template": self.template.settings(), "seed": self.seed}
        if hasattr(self.corpus, "report") and (report := self.corpus.report()):
            record["report"] = report
        return record


class Rounds:
    """What a Trainer iterates over while a learner takes its own batches: the numbers of its rounds."""

    def __init__(self, rounds: Callable[[], Iterator[int]]):
        self.rounds = rounds

    def __iter__(self) -> Iterator[int]:
        return self.rounds()


def splits_of(stage: str | None) -> tuple[str, ...]:
    """The splits that a stage's `setup` opens; all of them for None."""
    return {"fit": ("train", "valid"), "validate": ("valid",), "test": ("test",)}.get(stage or "", SPLITS)


def _as_it_is(batch: DialogueBatch) -> DialogueBatch:
    return batch
