"""Which code made a file, and whether a run's files are still those that it wrote."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.files import write_atomically

RECORD = "provenance.json"
FILES = "files"  # in the record: sha256 by the file's name, as it was when it was written
UNFINISHED = "unfinished"  # in the record: "training" or "scoring" again, which has not ended


def code_version() -> dict[str, Any]:
    """Commit of the checkout this code lies in, and whether it was changed since; empty outside a checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=20, check=True
        )
        return done.stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return {}


def file_hash(path: Path) -> str:
    """sha256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_record(run_dir: Path) -> dict[str, Any] | None:
    """provenance.json; None where there is none.

    Raises:
        UserError: it is no JSON object.
    """
    path = run_dir / RECORD
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}). Run again to have it written anew.") from None
    if not isinstance(record, dict):
        raise UserError(f"{path} holds {str(record)[:40]!r}; expected an object. Run again to have it written anew.")
    return record


def write_record(run_dir: Path, record: Mapping[str, Any]) -> None:
    """Write provenance.json, indented."""
    write_atomically(run_dir / RECORD, [json.dumps(record, indent=2, ensure_ascii=False).encode() + b"\n"])


def record_rewritten(run_dir: Path, names: Iterable[str]) -> None:
    """Tell provenance.json of files that were rewritten by rights; nothing where it has no hashes."""
    record = read_record(run_dir)
    if record is None or FILES not in record:
        return
    record[FILES] |= {name: file_hash(run_dir / name) for name in names}
    write_record(run_dir, record)


def edited_files(run_dir: Path) -> dict[str, str] | None:
    """Files that are not as they were written, each with "changed" or "gone"; None where no hashes were recorded."""
    hashes = (read_record(run_dir) or {}).get(FILES)
    if not isinstance(hashes, dict):
        return None
    found = {}
    for name, written in hashes.items():
        path = run_dir / name
        if not path.is_file():
            found[name] = "gone"
        elif file_hash(path) != written:
            found[name] = "changed"
    return found
