"""Training data too large for memory: shards of JSON lines, read line by line through Hugging Face `datasets`.

A shard is a file in the format of `zoo.data.jsonl`, plain or gzipped (`.gz`). `datasets` deals lines to processes and
remembers how far they were read; what a line means is not its business, so that an error can name file and line.
"""

import glob
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from datasets.distributed import split_dataset_by_node

from zoo.data.jsonl import parse_line
from zoo.data.records import Dialogue
from zoo.errors import UserError


@dataclass(frozen=True)
class Shards:
    """The files of a training split, in the order of their names.

    Args:
        pattern: as it was given.
        sizes: bytes by path.
    """

    pattern: str
    sizes: dict[str, int]

    def manifest(self) -> dict[str, Any]:
        """Names and sizes, and the sha256 of that list.

        The lines themselves are not hashed, which would be a pass over all of them: a shard that was changed without
        changing its size goes unnoticed.
        """
        files = {Path(path).name: size for path, size in self.sizes.items()}
        digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
        return {"pattern": self.pattern, "files": files, "manifest_sha256": digest}

    def lines(self, seed: int, epoch: int, rank: int = 0, world_size: int = 1) -> datasets.IterableDataset:
        """A process's lines of an epoch, as {"path", "line", "raw"}; shards in an order drawn from seed and epoch.

        Over all processes every line comes once. Where the number of shards is a multiple of `world_size`, each
        process reads shards of its own; else each reads all lines and keeps every `world_size`-th, unparsed the others.
        """
        paths = np.random.default_rng([seed, epoch]).permutation(list(self.sizes)).tolist()
        stream = datasets.IterableDataset.from_generator(read_lines, gen_kwargs={"paths": paths})
        return split_dataset_by_node(stream, rank=rank, world_size=world_size)


def find_shards(pattern: str) -> Shards:
    """The files that a pattern matches, e.g. "pairs/train-*.jsonl.gz".

    Raises:
        UserError: there is none.
    """
    paths = sorted(path for path in glob.glob(str(Path(pattern).expanduser())) if Path(path).is_file())
    if not paths:
        raise UserError(
            f"data.train_files={pattern} matches no file in {Path.cwd()}; expected a pattern of shards such as "
            "pairs/train-*.jsonl or pairs/train-*.jsonl.gz, one dialogue a line."
        )
    if len({Path(path).name for path in paths}) < len(paths):
        raise UserError(
            f"data.train_files={pattern} matches several files of one name; expected a name for each shard."
        )
    return Shards(pattern, {path: Path(path).stat().st_size for path in paths})


def read_lines(paths: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The lines of shards, counted from 1 in each; blank ones are left out.

    Raises:
        UserError: a shard cannot be read, or its compressed data are cut short; names the file and the line reached.
    """
    for path in paths:
        number = 0
        try:
            with _open(path) as file:
                for number, raw in enumerate(file, start=1):
                    if raw.strip():
                        yield {"path": path, "line": number, "raw": raw}
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(
                f"{path} cannot be read beyond line {number} ({error}); expected a whole file of JSON lines. Write or "
                "fetch the shard again."
            ) from error


def dialogue_of(line: dict[str, Any]) -> Dialogue:
    """The dialogue of a line of `read_lines`.

    Raises:
        UserError: it breaks the format, or the shard ends in the middle of it; names file and line.
    """
    try:
        return parse_line(line["raw"], line["path"], line["line"])
    except UserError as error:
        if line["raw"].endswith(b"\n"):
            raise
        raise UserError(
            f"{line['path']} ends in the middle of line {line['line']}: it was cut short. Expected whole lines; "
            f"write or fetch the shard again. ({error})"
        ) from error


def _open(path: str) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb")
