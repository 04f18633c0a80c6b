"""One split, tokenised once: an Arrow table on disk, memory-mapped, from which whole batches are cut.

Columns are the fields of `DialogueExample` as text, the token ids of every segment, and their lengths.
"""

import errno
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tokenizers
from numpy.typing import NDArray
from torch.utils.data import Dataset

from zoo.data.batch import SEGMENTS, DialogueBatch, RaggedRows, collate_ragged
from zoo.data.records import DialogueExample
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError

ROWS_AT_ONCE = 4096  # examples tokenised together while a table is built
TEXT_COLUMNS = ("id", "dialogue", "response", "user", "profile", "partner", "partner_profile")
TEXTS_COLUMNS = ("persona", "history", "partner_persona", "candidates")
NUMBER_COLUMNS = (
    "persona_length",
    "context_length",
    "response_length",
    "context_characters",  # of the context string: the PAA release sorts by it
    "num_words",
    "num_characters",
    "gold",  # place of the response among the candidates, or -1
)
IDS = pa.list_(pa.int32())
SCHEMA = pa.schema(
    [(name, pa.string()) for name in TEXT_COLUMNS]
    + [(name, pa.list_(pa.string())) for name in TEXTS_COLUMNS]
    + [(name, pa.int32()) for name in NUMBER_COLUMNS]
    + [("persona_ids", IDS), ("context_ids", IDS), ("response_ids", IDS), ("candidate_ids", pa.list_(IDS))]
    + [("history_by_responder", pa.list_(pa.bool_())), ("truncated", pa.bool_())]
)
BATCH_COLUMNS = [*(f"{segment}_ids" for segment in SEGMENTS), "num_words", "num_characters"]
CANDIDATE_COLUMNS = ["candidate_ids", "gold"]


@functools.cache  # as of the process's start: what is edited while it runs is not what it runs
def code_version() -> str:
    """Changes whenever a file of this package or the tokenizers library does, so that no stale table is opened."""
    digest = hashlib.sha256(tokenizers.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def fingerprint(description: Mapping[str, Any]) -> str:
    """The name of a table's folder: a hash of everything that decides its content."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]


def build_table(
    folder: Path, make_examples: Callable[[], Sequence[DialogueExample]], template: DialogueTemplate
) -> None:
    """Tokenise and write a table to `folder`, which appears whole or not at all.

    Several processes may build the same table at once: the first to finish wins, the others throw theirs away.

    Raises:
        UserError: the cache cannot be written or the disk is full, or there is not a single example.
    """
    temporary: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        examples = make_examples()
        if not examples:
            raise UserError("The corpus has dialogues but no reply in them; expected at least one example to learn.")
        blocks = []
        for first in range(0, len(examples), ROWS_AT_ONCE):
            blocks.append(_block(examples[first : first + ROWS_AT_ONCE], template))
        table = pa.concat_tables(blocks)
        _save(table, temporary)
        summary = {
            "users": sorted(pc.unique(table["user"]).to_pylist()),
            "dialogues": pc.count_distinct(table["dialogue"]).as_py(),
            "truncated": pc.sum(table["truncated"]).as_py(),
        }
        (temporary / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
        temporary.chmod(0o755)
        try:
            os.replace(temporary, folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    except OSError as error:
        raise UserError(
            f"The token cache {folder.parent} cannot be written ({error}); expected a folder with room for it. Free "
            f"some space, or point data.cache_dir at a folder of yours."
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _save(table: pa.Table, folder: Path) -> None:
    silent = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        datasets.Dataset(table).save_to_disk(folder)
    finally:
        if not silent:
            datasets.enable_progress_bars()


def _block(examples: Sequence[DialogueExample], template: DialogueTemplate) -> pa.Table:
    encoded = template.encode_all(examples)
    columns: dict[str, list[Any]] = {
        field.name: [getattr(e, field.name) for e in examples] for field in fields(DialogueExample)
    }
    for name in ("profile", "partner_profile"):  # free keys: as JSON
        columns[name] = [json.dumps(dict(profile), ensure_ascii=False) for profile in columns[name]]
    for segment in SEGMENTS:
        columns[f"{segment}_ids"] = [getattr(one, segment) for one in encoded]
        columns[f"{segment}_length"] = [len(ids) for ids in columns[f"{segment}_ids"]]
    columns["candidate_ids"] = [one.candidates for one in encoded]
    columns["gold"] = [e.candidates.index(e.response) if e.response in e.candidates else -1 for e in examples]
    columns["num_words"] = [one.num_words for one in encoded]
    columns["num_characters"] = [one.num_characters for one in encoded]
    columns["truncated"] = [one.truncated for one in encoded]
    columns["context_characters"] = [len(template.context_text(e)) for e in examples]
    return pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)


class ExampleTable(Dataset[DialogueBatch]):
    """A split as a map-style dataset that answers a list of rows with a `DialogueBatch`.

    Args:
        folder: what `build_table` wrote.
        pad_id: the id under the masks.
        pad_left: names of segments that are padded on the left.

    Attributes:
        lengths: [N, 3] tokens of persona, context and response.
        summary: "users" (sorted), "dialogues", "truncated" (number of examples).
        user_rows: [N] place of each example's user, see `number_users`.

    Raises:
        UserError: the folder is damaged.
    """

    def __init__(self, folder: Path, pad_id: int, pad_left: Collection[str] = ()):
        try:
            self.text = datasets.load_from_disk(str(folder))
            self.summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, pa.ArrowInvalid) as error:
            raise UserError(
                f"The token cache {folder} cannot be opened ({error}); expected what an earlier run wrote there. "
                f"Delete the folder and run again."
            ) from error
        self.pad_id, self.pad_left = pad_id, tuple(pad_left)
        self.lengths = np.stack([self.numbers(f"{segment}_length") for segment in SEGMENTS], axis=1)  # [N, 3]
        self.has_candidates = bool((self.numbers("gold") >= 0).any())
        names = BATCH_COLUMNS + (CANDIDATE_COLUMNS if self.has_candidates else [])
        self._tokens = self.text.select_columns(names).with_format("arrow")
        self.user_rows = np.zeros(len(self.text), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.text)

    def numbers(self, column: str) -> NDArray[np.integer]:
        """A column of numbers, [N]."""
        return self.text.data.column(column).to_numpy()

    def strings(self, column: str) -> list[str]:
        """A column of strings, N of them."""
        return self.text.data.column(column).to_pylist()

    def check_candidates(self, split: str) -> None:
        """See that every example can be ranked: it has candidates, and one of them alone is the true reply.

        Raises:
            UserError: says how many have none, or have it twice, and names the first.
        """
        gold = self.numbers("gold")
        names = self.strings("id")
        if without := np.flatnonzero(gold < 0).tolist():
            raise UserError(
                f"Candidates are to be ranked (hits_1_of_20), but {len(without)} of {len(self)} examples of the "
                f"{split} split have no candidates with the true reply among them (first: {names[without[0]]}). "
                "ConvAI2 has them in its files without _no_cands (data.candidates=[valid,test]), data=demo writes them "
                "(data.candidates=true), data=jsonl reads 'candidates'; a protocol without hits_1_of_20 ranks nothing."
            )
        lists = self.text.data.column("candidate_ids").to_pylist()
        twice = [row for row, (ids, place) in enumerate(zip(lists, gold, strict=True)) if ids.count(ids[place]) > 1]
        if twice:
            raise UserError(
                f"{len(twice)} of {len(self)} examples of the {split} split have the true reply more than once among "
                f"their candidates (first: {names[twice[0]]}), so that nothing could rank it first; "
                "expected it once. Remove the others from the file."
            )

    @property
    def longest_candidate(self) -> int:
        """Tokens; 0 without candidates."""
        if not self.has_candidates:
            return 0
        lengths = pc.list_value_length(self.text.data.column("candidate_ids").combine_chunks().flatten())
        return int(pc.max(lengths).as_py())

    def number_users(self, users: Sequence[str]) -> None:
        """Let `batch.user` be the place in `users`, which must hold every user of this table."""
        place = {user: row for row, user in enumerate(users)}
        named = self.text.data.column("user").combine_chunks().dictionary_encode()
        places = np.array([place[user] for user in named.dictionary.to_pylist()], dtype=np.int64)
        self.user_rows = places[named.indices.to_numpy()]

    def __getitem__(self, row: int) -> DialogueBatch:
        """A batch of one."""
        return self.__getitems__([row])

    def __getitems__(self, rows: list[int]) -> DialogueBatch:
        """A padded batch; `tokens_per_step` and `rows_per_step` of a `MicroBatch` go with it."""
        columns = self._tokens[list(rows)]
        segments = {segment: _ragged(columns[f"{segment}_ids"].combine_chunks()) for segment in SEGMENTS}
        nothing = RaggedRows.from_lists([])
        counts, candidates = np.zeros(len(rows), dtype=np.int64), nothing
        gold = np.full(len(rows), -1)
        if self.has_candidates:
            lists = columns["candidate_ids"].combine_chunks()
            counts, candidates = pc.list_value_length(lists).to_numpy(), _ragged(lists.flatten())
            gold = columns["gold"].to_numpy()
        return collate_ragged(
            segments,
            candidates,
            counts,
            pad_id=self.pad_id,
            users=self.user_rows[rows],
            example_ids=np.asarray(rows),
            gold=gold,
            num_words=columns["num_words"].to_numpy(),
            num_characters=columns["num_characters"].to_numpy(),
            pad_left=self.pad_left,
            tokens_per_step=getattr(rows, "tokens_per_step", None),
            rows_per_step=getattr(rows, "rows_per_step", None),
        )

    def example(self, row: int) -> DialogueExample:
        """The words of a row."""
        record = self.text[row]
        values: dict[str, Any] = {field.name: record[field.name] for field in fields(DialogueExample)}
        for name in ("profile", "partner_profile"):
            values[name] = json.loads(values[name])
        frozen: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return DialogueExample(**frozen)


def _ragged(lists: pa.ListArray) -> RaggedRows:
    return RaggedRows(lists.flatten().to_numpy(), pc.list_value_length(lists).to_numpy())
