"""`CachedNli`: no pair is scored twice, by whichever run or process. A file on disk, and memory before it."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.scorers.base import NliScorer, Pair, fingerprint, no_scores
from zoo.scorers.record import MIN_ACCURACY
from zoo.scorers.transformers_nli import TransformersNli

FILE = "nli.sqlite"
WAIT = 120.0  # seconds for other processes' writes, each of which takes milliseconds
ASKED_AT_ONCE = 500  # keys in one query
WRITTEN_AT_ONCE = 1024  # pairs that a killed run can lose, at most
_TABLE = """CREATE TABLE IF NOT EXISTS scores (
    scorer TEXT NOT NULL, pair BLOB NOT NULL, probabilities BLOB NOT NULL, PRIMARY KEY (scorer, pair)
) WITHOUT ROWID"""


class CachedNli(NliScorer):
    """A scorer that remembers. Scores are those of the scorer inside, whose identity, accuracy and caution it has.

    Rows are found by (identity, sha256 of premise and hypothesis). The file is an SQLite database with a rollback
    journal, not a write-ahead log: that needs memory shared between processes, which home folders on a network do not
    give. Several processes may use it at once; where two score the same pair at once, the first row stays. Nothing
    stays open between calls, so a forked or copied metric can go on.

    Args:
        scorer: what scores new pairs.
        folder: of the file, made if need be; None remembers in memory alone.

    Raises (when scoring):
        UserError: the file cannot be opened, read or written.
    """

    def __init__(self, scorer: NliScorer, folder: str | Path | None = None) -> None:
        self.scorer = scorer
        self.kind, self.identity = scorer.kind, scorer.identity
        self.accuracy, self.caution = scorer.accuracy, scorer.caution
        self.file = Path(folder) / FILE if folder is not None else None
        self._memory: dict[Pair, tuple[float, ...]] = {}
        self.n_scored = 0  # pairs that the scorer inside was asked about

    def score(self, pairs: Sequence[Pair]) -> Tensor:
        """Probabilities [N, 3]; see `zoo.scorers.base.NliScorer`."""
        unknown = [pair for pair in dict.fromkeys(pairs) if pair not in self._memory]
        if unknown and self.file is not None:
            self._memory |= self._read(unknown)
            unknown = [pair for pair in unknown if pair not in self._memory]
        unknown.sort(key=lambda pair: len(pair[0]) + len(pair[1]), reverse=True)  # chunks of similar lengths
        for first in range(0, len(unknown), WRITTEN_AT_ONCE):
            chunk = unknown[first : first + WRITTEN_AT_ONCE]
            found = dict(zip(chunk, map(tuple, self.scorer.score(chunk).tolist()), strict=True))
            self.n_scored += len(chunk)
            if self.file is not None:
                self._write(found)
            self._memory |= found
        if not pairs:
            return no_scores()
        return torch.tensor([self._memory[pair] for pair in pairs], dtype=torch.float32)

    def _read(self, pairs: Sequence[Pair]) -> dict[Pair, tuple[float, ...]]:
        keys = {_key(pair): pair for pair in pairs}
        found: dict[Pair, tuple[float, ...]] = {}
        with self._database() as database:
            for some in _chunks(list(keys), ASKED_AT_ONCE):
                query = (
                    f"SELECT pair, probabilities FROM scores WHERE scorer = ? AND pair IN ({','.join('?' * len(some))})"
                )
                for key, stored in database.execute(query, (self.identity, *some)):
                    found[keys[key]] = tuple(torch.frombuffer(bytearray(stored), dtype=torch.float32).tolist())
        return found

    def _write(self, found: Mapping[Pair, tuple[float, ...]]) -> None:
        rows = [
            (self.identity, _key(pair), torch.tensor(values, dtype=torch.float32).numpy().tobytes())
            for pair, values in found.items()
        ]
        with self._database() as database, database:  # the second: one transaction, committed at its end
            database.executemany("INSERT OR IGNORE INTO scores VALUES (?, ?, ?)", rows)

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        assert self.file is not None
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=WAIT)) as database:
                database.execute(_TABLE)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise UserError(
                f"The cache of NLI scores {self.file} cannot be used ({error}). Expected a folder with room that can "
                "be written; delete a broken file, or point the environment variable ZOO_CACHE (or scorer.cache=) "
                "elsewhere, scorer.cache=null for none."
            ) from error


def nli(
    path: str | Path | None,
    labels: Sequence[str] | None = None,
    max_length: int = 128,
    batch_size: int = 64,
    device: str = "auto",
    min_accuracy: float = MIN_ACCURACY,
    revision: str | None = None,
    cache: str | Path | None = None,
) -> CachedNli:
    """`TransformersNli` with a cache below the folder `cache`: what conf/scorer/nli.yaml describes."""
    return CachedNli(TransformersNli(path, labels, max_length, batch_size, device, min_accuracy, revision), cache)


def _key(pair: Pair) -> bytes:
    return bytes.fromhex(fingerprint(*pair))


def _chunks(keys: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    return (keys[first : first + size] for first in range(0, len(keys), size))
