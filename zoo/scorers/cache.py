"""Cached scorers: nothing is scored twice, by whichever run or process. A file on disk, and memory before it.

Letters: N texts or pairs of texts, C numbers of each.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
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
WRITTEN_AT_ONCE = 1024  # texts or pairs that a killed run can lose, at most
_TABLE = """CREATE TABLE IF NOT EXISTS scores (
    scorer TEXT NOT NULL, pair BLOB NOT NULL, probabilities BLOB NOT NULL, PRIMARY KEY (scorer, pair)
) WITHOUT ROWID"""
Texts = tuple[str, ...]


class ScoreCache:
    """What a scorer said of texts, or of pairs of texts.

    Rows are found by (identity, sha256 of the texts). The file is an SQLite database with a rollback journal, not a
    write-ahead log: that needs memory shared between processes, which home folders on a network do not give. Several
    processes may use it at once; where two score the same pair at once, the first row stays. Nothing stays open
    between calls, so a forked or copied metric can go on.

    Args:
        identity: of the scorer.
        file: of the database, its folder made if need be; None remembers in memory alone.
        in_memory: how many rows are kept in memory, the last ones met; None keeps all.

    Attributes:
        n_scored: texts or pairs that the scorer was asked about.
    """

    def __init__(self, identity: str, file: Path | None = None, in_memory: int | None = None) -> None:
        if in_memory is not None and in_memory < 0:
            raise UserError(f"in_memory={in_memory} was given to a cache of scores; expected at least 0, or null.")
        self.identity, self.file, self.in_memory = identity, file, in_memory
        self._memory: dict[Texts, tuple[float, ...]] = {}
        self.n_scored = 0

    def scores(self, rows: Sequence[Texts], score: Callable[[Sequence[Texts]], Tensor]) -> Tensor:
        """Scores [N, C] of the rows, for N > 0; `score` says those [n, C] of the n rows that are not known yet.

        Raises:
            UserError: the file cannot be opened, read or written.
        """
        distinct = list(dict.fromkeys(rows))
        known = {row: self._memory[row] for row in distinct if row in self._memory}
        unknown = [row for row in distinct if row not in known]
        if unknown and self.file is not None:
            known |= self._read(unknown)
            unknown = [row for row in unknown if row not in known]
        unknown.sort(key=lambda row: sum(map(len, row)), reverse=True)  # chunks of similar lengths
        for first in range(0, len(unknown), WRITTEN_AT_ONCE):
            chunk = unknown[first : first + WRITTEN_AT_ONCE]
            found = dict(zip(chunk, map(tuple, score(chunk).tolist()), strict=True))
            self.n_scored += len(chunk)
            if self.file is not None:
                self._write(found)
            self._remember(found)
            known |= found
        self._remember({row: known[row] for row in distinct})
        return torch.tensor([known[row] for row in rows], dtype=torch.float32)

    def _remember(self, found: Mapping[Texts, tuple[float, ...]]) -> None:
        if self.in_memory is None:
            self._memory |= found
            return
        for row, values in found.items():
            self._memory.pop(row, None)  # to the end of the order
            self._memory[row] = values
        for row in list(islice(self._memory, max(0, len(self._memory) - self.in_memory))):
            del self._memory[row]

    def _read(self, rows: Sequence[Texts]) -> dict[Texts, tuple[float, ...]]:
        keys = {_key(row): row for row in rows}
        found: dict[Texts, tuple[float, ...]] = {}
        with self._database() as database:
            for some in _chunks(list(keys), ASKED_AT_ONCE):
                query = (
                    f"SELECT pair, probabilities FROM scores WHERE scorer = ? AND pair IN ({','.join('?' * len(some))})"
                )
                for key, stored in database.execute(query, (self.identity, *some)):
                    found[keys[key]] = tuple(torch.frombuffer(bytearray(stored), dtype=torch.float32).tolist())
        return found

    def _write(self, found: Mapping[Texts, tuple[float, ...]]) -> None:
        rows = [
            (self.identity, _key(row), torch.tensor(values, dtype=torch.float32).numpy().tobytes())
            for row, values in found.items()
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
                f"The cache of scores {self.file} cannot be used ({error}). Expected a folder with room that can be "
                "written; delete a broken file, or point the environment variable ZOO_CACHE (or the scorer's cache=) "
                "elsewhere, cache=null for none."
            ) from error


class CachedNli(NliScorer):
    """An NLI scorer that remembers: the scores, identity, accuracy and caution are those of the scorer inside.

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
        self._cache = ScoreCache(scorer.identity, self.file)

    @property
    def n_scored(self) -> int:
        """Pairs that the scorer inside was asked about."""
        return self._cache.n_scored

    def score(self, pairs: Sequence[Pair]) -> Tensor:
        """Probabilities [N, 3]; see `zoo.scorers.base.NliScorer`."""
        if not pairs:
            return no_scores()
        return self._cache.scores(pairs, lambda new: self.scorer.score([(row[0], row[1]) for row in new]))


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


def _key(row: Texts) -> bytes:
    return bytes.fromhex(fingerprint(*row))


def _chunks(keys: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    return (keys[first : first + size] for first in range(0, len(keys), size))
