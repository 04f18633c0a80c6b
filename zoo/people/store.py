"""The judgements of a study on disk: one SQLite file, in which every answer stands before its judge sees "saved"."""

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

from zoo.errors import UserError
from zoo.people.records import VALIDATOR, Decision, Item, Judgement

WAIT = 30.0  # seconds for another process's write, each of which takes milliseconds
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS item (id TEXT PRIMARY KEY, place INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS judge (name TEXT PRIMARY KEY, role TEXT NOT NULL, first_seen REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shown (
    judge TEXT NOT NULL REFERENCES judge, item TEXT NOT NULL REFERENCES item, place INTEGER NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (judge, item)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS judgement (
    judge TEXT NOT NULL REFERENCES judge, item TEXT NOT NULL REFERENCES item, criterion TEXT NOT NULL,
    value INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (judge, item, criterion)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS former (  -- answers that were corrected
    judge TEXT NOT NULL, item TEXT NOT NULL, criterion TEXT NOT NULL, value INTEGER NOT NULL, at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS decision (
    item TEXT NOT NULL REFERENCES item, criterion TEXT NOT NULL, value REAL NOT NULL, how TEXT NOT NULL,
    at REAL NOT NULL, PRIMARY KEY (item, criterion)
) WITHOUT ROWID;
"""


class NotKeptError(UserError):
    """The file could not be read or written, and nothing was changed in it: a full disk, one that is read-only, ..."""


class AnsweredError(UserError):
    """The item got other answers of the same person since the form was opened, and nothing was changed."""


class StudyStore:
    """The file of one study, which only its owner can read (mode 600).

    Links are made of a secret that lies in it: `token` gives the same one each time, and nobody guesses it. Every call
    opens the file anew, so that requests on several threads, and processes, share it; writes are transactions that are
    on the disk when the call returns.

    Args:
        file: is made with its folder if it is not there.
    """

    def __init__(self, file: str | Path) -> None:
        self.file = Path(file)
        self._writing = threading.Lock()  # in turn within a process: SQLite alone lets a thread starve
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            if self.file.is_file() and os.access(self.file, os.R_OK):
                return  # what was judged can be read, on a read-only disk too; who writes is told
            raise NotKeptError(
                f"The judgements cannot be kept in {self.file} ({error.strerror or error}). Free some space or name "
                "another place with --database FILE."
            ) from error
        with self._open(writes=True) as connection:
            connection.executescript(_TABLES)
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('secret', ?)", (secrets.token_hex(32),))

    # --- the study

    def begin(self, description: str, items: Sequence[Item], judges: Mapping[str, str]) -> None:
        """Put the items and judges in; those of an earlier start of the same study stay.

        Args:
            description: of all that decides which items there are; another one than before is refused.
            items: in the study's order, attention checks with them.
            judges: role by name; more than before may come.

        Raises:
            UserError: the file has the judgements of another study, or cannot be written.
        """
        with self._open(writes=True) as connection:
            before = connection.execute("SELECT value FROM meta WHERE name = 'study'").fetchone()
            if before is not None and before[0] != description:
                raise UserError(
                    f"{self.file} has the judgements of another study, or of this one before its runs, draw, questions "
                    "or seed were changed. Undo the change, or keep the new study's apart with --database FILE."
                )
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('study', ?)", (description,))
            if before is None:
                rows = [(item.id, place, json.dumps(item.plain())) for place, item in enumerate(items)]
                connection.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)
            connection.executemany("INSERT OR IGNORE INTO judge VALUES (?, ?, NULL)", judges.items())

    def items(self) -> dict[str, Item]:
        """All items by id, in the study's order."""
        with self._open() as connection:
            rows = connection.execute("SELECT body FROM item ORDER BY place").fetchall()
        found = [Item.of(json.loads(body)) for (body,) in rows]
        return {item.id: item for item in found}

    def judges(self) -> dict[str, str]:
        """Role by name."""
        with self._open() as connection:
            return dict(connection.execute("SELECT name, role FROM judge ORDER BY name"))

    # --- links

    def token(self, who: str) -> str:
        """The unguessable part of somebody's link: a judge's name, or "owner"."""
        return self.tokens([who])[who]

    def tokens(self, names: Iterable[str]) -> dict[str, str]:
        """The same of several, by who."""
        with self._open() as connection:
            (secret,) = connection.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
        key = bytes.fromhex(secret)
        return {who: hmac.new(key, who.encode(), hashlib.sha256).hexdigest()[:40] for who in names}  # 160 bits

    # --- answers

    def save(
        self,
        judge: str,
        item: str,
        values: Mapping[str, int],
        now: float | None = None,
        seen: Mapping[str, int] | None = None,
    ) -> None:
        """Keep a judge's answers to one item; they replace earlier ones, which are kept aside.

        The same values once more, as a double click sends them, change nothing. What validators had settled on of an
        answer that one of them corrects is no longer settled.

        Args:
            judge: whose answers.
            item: that they are about.
            values: by criterion.
            now: seconds since 1970.
            seen: the answers that the judge corrects, none: {}; None: whatever they are.

        Raises:
            NotKeptError: none of them was kept.
            AnsweredError: what is to be corrected is not what was `seen`: the link is used in two windows.
        """
        with self.transaction() as connection:
            self.keep(connection, judge, item, values, time.time() if now is None else now, seen)

    def keep(
        self,
        connection: sqlite3.Connection,
        judge: str,
        item: str,
        values: Mapping[str, int],
        at: float,
        seen: Mapping[str, int] | None = None,
    ) -> None:
        """The same within a transaction."""
        if seen is not None:
            query = "SELECT criterion, value FROM judgement WHERE judge = ? AND item = ?"
            stored = dict(connection.execute(query, (judge, item)).fetchall())
            if stored and stored != seen and any(stored.get(name) != value for name, value in values.items()):
                raise AnsweredError("The item was answered since the form was opened; nothing was replaced.")
        (role,) = connection.execute("SELECT role FROM judge WHERE name = ?", (judge,)).fetchone() or ("",)
        for criterion, value in values.items():
            key = (judge, item, criterion)
            before = connection.execute(
                "SELECT value, at FROM judgement WHERE judge = ? AND item = ? AND criterion = ?", key
            ).fetchone()
            if before is not None and before[0] == value:
                continue
            if before is not None:
                connection.execute("INSERT INTO former VALUES (?, ?, ?, ?, ?)", (*key, *before))
                if role == VALIDATOR:
                    connection.execute("DELETE FROM decision WHERE item = ? AND criterion = ?", (item, criterion))
            connection.execute("INSERT OR REPLACE INTO judgement VALUES (?, ?, ?, ?, ?)", (*key, value, at))

    def judgements(self) -> list[Judgement]:
        """All answers as they stand, by judge and item."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT item, judge, criterion, value, role, at FROM judgement JOIN judge ON judge = name "
                "ORDER BY judge, item, criterion"
            )
            return [Judgement(*row) for row in rows]

    def answers_of(self, judge: str) -> dict[str, dict[str, int]]:
        """One's own answers: value by criterion, by item."""
        found: dict[str, dict[str, int]] = {}
        with self._open() as connection:
            query = "SELECT item, criterion, value FROM judgement WHERE judge = ?"
            for item, criterion, value in connection.execute(query, (judge,)):
                found.setdefault(item, {})[criterion] = value
        return found

    def decide(self, decision: Decision, now: float | None = None) -> None:
        """Keep what validators settled on."""
        with self.transaction() as connection:
            self.keep_decision(connection, decision, time.time() if now is None else now)

    def keep_decision(self, connection: sqlite3.Connection, decision: Decision, at: float) -> None:
        """The same within a transaction."""
        connection.execute(
            "INSERT OR REPLACE INTO decision VALUES (?, ?, ?, ?, ?)",
            (decision.item, decision.criterion, decision.value, decision.how, at),
        )

    def decisions(self) -> list[Decision]:
        """All that validators settled on."""
        with self._open() as connection:
            rows = connection.execute("SELECT item, criterion, value, how FROM decision ORDER BY item, criterion")
            return [Decision(*row) for row in rows]

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection to look things up by."""
        return self._open()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection that nobody else writes beside; what is done with it is kept whole, or not at all.

        Raises:
            NotKeptError: it was not kept.
        """
        return self._open(writes=True)

    @contextmanager
    def _open(self, writes: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection; with `writes` in a transaction that is undone where anything fails."""
        try:
            with (
                self._writing if writes else nullcontext(),
                closing(sqlite3.connect(self.file, timeout=WAIT, isolation_level=None)) as connection,
            ):
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                if not writes:
                    yield connection
                    return
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    if connection.in_transaction:  # a script ends it by itself
                        connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise NotKeptError(
                    f"The judgements in {self.file} cannot be read or written ({error}). Expected the file of a study, "
                    "or none yet: name another with --database FILE, or put a copy of the study's own there."
                ) from error
            raise NotKeptError(
                f"The judgements in {self.file} cannot be read or written ({error}). What was saved before is whole. "
                "Free some space or make the file writable, and go on: nothing has to be judged again."
            ) from error
