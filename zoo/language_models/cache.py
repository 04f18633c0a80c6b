"""`CachedLanguageModel`: no request is answered twice, by whichever run or process. One row on disk an answer."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from zoo.errors import UserError
from zoo.language_models.base import LanguageModel, PromptTooLongError, Request

FILE = "answers.sqlite"
WAIT = 120.0  # seconds for other processes' writes, each of which takes milliseconds
ASKED_AT_ONCE = 500  # keys in one look-up
_TABLE = """CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, model TEXT NOT NULL, request TEXT NOT NULL, answer TEXT NOT NULL
) WITHOUT ROWID"""


class CachedLanguageModel(LanguageModel):
    """A language model that remembers.

    Answers are written before anybody sees them, those that come in at once in one transaction: a killed run has all
    that it paid for, but for what was under way. Rows are found by sha256 of (identity, request) and hold both, answers
    as JSON, to be read by people too. The file is an SQLite database with a rollback journal, not a write-ahead log:
    that needs memory shared between processes, which home folders on a network do not give. Where two processes answer
    one request at once, the first row stays and both give it. Nothing stays open between calls.

    Args:
        model: what answers new requests.
        folder: of the file, made if need be.

    Attributes:
        asked: new answers so far.
        replayed: answers so far that were there already.
    """

    def __init__(self, model: LanguageModel, folder: str | Path) -> None:
        self.model = model
        self.identity = model.identity
        self.file = Path(folder) / FILE
        self.asked = self.replayed = 0
        self.together = model.together

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, str]]:
        """See `LanguageModel.answers`: first what is known, then what the model says. Equal requests are asked once.

        Raises:
            PromptTooLongError: the model's, of all places with such a prompt.
            UserError: the model's, or the file cannot be opened, read or written.
        """
        places: dict[Request, list[int]] = {}
        for place, request in enumerate(requests):
            places.setdefault(request, []).append(place)
        known = self._read(list(places))
        for request, answer in known.items():
            self.replayed += 1
            yield from ((place, answer) for place in places[request])
        new = [request for request in places if request not in known]
        before = self.asked
        try:
            for request, answer in self._answered(new) if new else ():
                self.asked += 1
                yield from ((place, answer) for place in places[request])
        except UserError as error:
            kept = f"{error} {len(known) + self.asked - before} of {len(places)} answers are kept in {self.file}"
            if isinstance(error, PromptTooLongError):
                everywhere = [place for n in error.places for place in places[new[n]]]
                raise PromptTooLongError(f"{kept}.", everywhere) from error.__cause__
            raise UserError(f"{kept}: the same command goes on from there.") from error.__cause__

    def _read(self, requests: Sequence[Request]) -> dict[Request, str]:
        request_of = {self._key(request): request for request in requests}
        keys = list(request_of)
        found: dict[Request, str] = {}
        with self._database() as database:
            for first in range(0, len(keys), ASKED_AT_ONCE):
                some = keys[first : first + ASKED_AT_ONCE]
                query = f"SELECT key, answer FROM answers WHERE key IN ({','.join('?' * len(some))})"
                for key, answer in database.execute(query, some):
                    found[request_of[key]] = json.loads(answer)
        return {request: found[request] for request in requests if request in found}

    def _answered(self, requests: Sequence[Request]) -> Iterator[tuple[Request, str]]:
        """The model's answers after they were written, so many together as come in at once."""
        some: dict[Request, str] = {}
        try:
            for place, answer in self.model.answers(requests):
                some[requests[place]] = answer
                if len(some) == self.model.together:
                    kept, some = self._write(some), {}
                    yield from kept.items()
        except UserError:
            yield from self._write(some).items()
            raise
        yield from self._write(some).items()

    def _write(self, answers: Mapping[Request, str]) -> dict[Request, str]:
        """Keep answers to requests that have none; returns those that are kept."""
        rows = [
            (self._key(request), self.identity, json.dumps(asdict(request)), json.dumps(answer))
            for request, answer in answers.items()
        ]
        if not rows:
            return {}
        with self._database() as database, database:  # the second: one transaction, committed at its end
            database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", rows)
        return self._read(list(answers))

    def _key(self, request: Request) -> bytes:
        return hashlib.sha256(json.dumps([self.identity, asdict(request)], sort_keys=True).encode()).digest()

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=WAIT)) as database:
                database.execute(_TABLE)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise UserError(
                f"The cache of answers {self.file} cannot be used ({error}). Expected a folder with room that can be "
                "written; move a broken file away, or name another folder by answers=."
            ) from error
