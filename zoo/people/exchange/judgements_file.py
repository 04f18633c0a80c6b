"""All judgements with the rows they are about, for one's own analysis: JSON Lines, or CSV by the file's ending."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.people.records import PAIR
from zoo.people.results.answers import answers_of
from zoo.people.store import StudyStore

COLUMNS = (
    *("item", "example", "group", "user", "row", "against", "criterion", "value", "judge", "role", "counts", "check"),
    "at",
)


def write_judgements(store: StudyStore, allowed: int, file: Path) -> int:
    """Write them, attention checks and judges who do not count too.

    Args:
        store: of the study.
        allowed: checks that a judge may fail.
        file: ends in .jsonl or .csv.

    Returns:
        How many there are.

    Raises:
        UserError: another ending.
    """
    if file.suffix not in (".jsonl", ".csv"):
        raise UserError(f"--judgements {file} was given; expected a file that ends in .jsonl or .csv.")
    lines = list(_lines(store, allowed))
    if file.suffix == ".jsonl":
        write_atomically(
            file, [json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n" for line in lines]
        )
    else:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        write_atomically(file, [text.getvalue().encode("utf-8", "replace")])
    return len(lines)


def _lines(store: StudyStore, allowed: int) -> list[dict[str, Any]]:
    items, judgements = store.items(), store.judgements()
    out = set(answers_of(items, judgements, allowed=allowed).excluded)
    found = []
    for one in judgements:
        item = items[one.item]
        values = (
            *(item.id, item.example, item.group, item.user, item.rows[0], item.rows[1] if item.kind == PAIR else ""),
            *(one.criterion, one.value, one.judge, one.role, one.judge not in out, bool(item.expected), one.at),
        )
        found.append(dict(zip(COLUMNS, values, strict=True)))
    return found
