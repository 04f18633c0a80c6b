"""`SynthesisFolder`: the stages of a synthesis on disk. What is there with the same settings is not done again."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.provenance import code_version

FILE = "stages.json"


class SynthesisFolder:
    """A folder with one record in `stages.json` for every finished stage: its key, files, counts, calls and seconds.

    The key of a stage is a hash of its settings and of the key of the stage before it: with other settings, or after
    other sentences, a stage is done again. What is under way when a run is killed leaves no record; answers and scores
    that it had are in their caches.

    Args:
        path: made if need be.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = self.path / FILE
        self._records: dict[str, dict[str, Any]] = self._read()

    def stage(
        self, name: str, settings: Mapping[str, Any], after: str | None, work: Callable[[], dict[str, Any]]
    ) -> bool:
        """Do a stage, unless there is a record of it with the same settings and its files are there.

        Args:
            name: of the stage.
            settings: everything that decides what it makes, as JSON has it.
            after: the stage whose files it reads; that must be finished.
            work: does it, writes its files below `path` and returns facts, as JSON has them; `files` lists the files.

        Returns:
            Whether it was there.

        Raises:
            UserError: the stage before it is not finished; and whatever `work` raises.
        """
        if after is not None and after not in self._records:
            raise UserError(
                f"The stage {name} was asked for, but {self.path} holds no finished stage {after}, which it reads. Add "
                f"{after} to stages=, or name the folder of an earlier run by hydra.run.dir=."
            )
        before = self._records[after]["key"] if after is not None else ""
        key = hashlib.sha256(json.dumps([before, settings], sort_keys=True).encode()).hexdigest()
        record = self._records.get(name)
        if record is not None and record["key"] == key and self._complete(record):
            return True
        self._forget(name)
        started = time.monotonic()
        facts = work()
        self._records[name] = {
            "key": key,
            "settings": dict(settings),
            "code": code_version(),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(time.monotonic() - started, 2),
            "facts": facts,
        }
        self._write()
        return False

    def facts(self, name: str) -> Mapping[str, Any]:
        """What a stage found; nothing where it is not finished."""
        return self.record(name).get("facts", {})

    def record(self, name: str) -> Mapping[str, Any]:
        """What `stages.json` says of a stage; nothing where it is not finished."""
        return self._records.get(name, {})

    def require(self, names: Iterable[str]) -> None:
        """Refuse to go on without these stages.

        Raises:
            UserError: one is not finished, or lacks a file.
        """
        for name in names:
            record = self._records.get(name)
            if record is None or not self._complete(record):
                raise UserError(
                    f"{self.path} has no whole stage {name}, which a report is about. Add {name} to stages=, or name "
                    "the folder of an earlier run by hydra.run.dir=."
                )

    def _forget(self, name: str) -> None:
        """Drop the record of a stage and of those that were finished after it: they may have read its files."""
        names = list(self._records)
        for later in names[names.index(name) :] if name in names else ():
            del self._records[later]
        self._write()

    def _complete(self, record: Mapping[str, Any]) -> bool:
        return all((self.path / file).is_file() for file in record["facts"].get("files", ()))

    def _read(self) -> dict[str, dict[str, Any]]:
        if not self._file.is_file():
            return {}
        try:
            records: dict[str, dict[str, Any]] = json.loads(self._file.read_text())
            for record in records.values():
                record["key"], record["facts"]["files"]
            return records
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{self._file} is no record of a synthesis ({error}). Expected what python -m zoo.synthesis wrote; "
                "move it away, or give another hydra.run.dir=."
            ) from error

    def _write(self) -> None:
        write_atomically(self._file, [json.dumps(self._records, indent=1, ensure_ascii=False).encode() + b"\n"])
