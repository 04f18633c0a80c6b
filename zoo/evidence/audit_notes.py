"""What a paper's numbers mean: `experiments/<paper>/audit.toml`, the sentences beside its published numbers.

* `[[metric]]`: `authors`, a metric as the authors compute it, and `sound`, the one that the same run gives beside it
  and that should be compared instead; `why` says what the authors' definition does and where it moves the number. With
  `fine = true` there is nothing to set beside it, and `why` says that. `tables`: where it stands.
* `[[row]]`: `why` a row (of `table`; the name of a part is all of its rows) was made in another way than it should have
  been, or in another way than the paper says.
* `[[finding]]`: `why`, on whole `tables`.
* `[[control]]`: an `experiment` that no table has, and `why` it is there; `table`: what it stands beside.

Every sentence has its `source`: a section of the paper, the released code or outputs, or what was counted here.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo.errors import UserError
from zoo.evidence import published


@dataclass(frozen=True, slots=True)
class MetricNote:
    """A metric as the authors compute it, and what stands for it."""

    authors: str  # one of the tables' metrics
    sound: str | None  # of the same run; None: the authors' is fine
    tables: tuple[str, ...]
    why: str
    source: str


@dataclass(frozen=True, slots=True)
class RowNote:
    """On one row, or on all of a part."""

    table: str
    row: str
    why: str
    source: str

    def of(self, table: str, row: str) -> bool:
        """Is it about this row?"""
        return self.table == table and (row == self.row or row.startswith(f"{self.row}/"))


@dataclass(frozen=True, slots=True)
class Finding:
    """On whole tables."""

    tables: tuple[str, ...]
    why: str
    source: str


@dataclass(frozen=True, slots=True)
class Control:
    """An experiment that no table has."""

    experiment: str
    table: str
    why: str
    source: str


@dataclass(frozen=True, slots=True)
class AuditNotes:
    """All sentences on a paper's numbers, in the file's order."""

    paper: str
    metrics: tuple[MetricNote, ...]
    rows: tuple[RowNote, ...]
    findings: tuple[Finding, ...]
    controls: tuple[Control, ...]

    def of_table(self, table: str) -> tuple[list[MetricNote], list[Finding]]:
        """What holds for all rows of a table."""
        metrics = [note for note in self.metrics if table in note.tables]
        return metrics, [finding for finding in self.findings if table in finding.tables]

    def of_row(self, table: str, row: str) -> list[RowNote]:
        """What is to be said of a row, its part included."""
        return [note for note in self.rows if note.of(table, row)]


def audit_notes(paper: str) -> AuditNotes:
    """The sentences on a paper.

    Raises:
        UserError: there are none, or the file is no such TOML.
    """
    path = published.EXPERIMENTS / paper / "audit.toml"
    if not path.is_file():
        raise UserError(f"There are no audit notes on {paper!r}. Expected one of {', '.join(published.papers())}.")
    try:
        contents = tomllib.loads(path.read_text(encoding="utf-8"))
        notes = AuditNotes(
            paper,
            metrics=tuple(_metric(entry) for entry in contents.pop("metric", ())),
            rows=tuple(RowNote(**entry) for entry in contents.pop("row", ())),
            findings=tuple(Finding(**_listed(entry)) for entry in contents.pop("finding", ())),
            controls=tuple(Control(**entry) for entry in contents.pop("control", ())),
        )
        if contents:
            raise TypeError(f"{', '.join(contents)} is none of metric, row, finding and control")
        return notes
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a file of audit notes ({type(error).__name__}: {error}).") from error


def _metric(entry: Mapping[str, Any]) -> MetricNote:
    given = _listed(entry)
    fine = given.pop("fine", False)
    if fine is ("sound" in given):
        raise TypeError(f"{given['authors']} has neither or both of sound and fine = true")
    return MetricNote(**{"sound": None, **given})


def _listed(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "tables": tuple(entry["tables"])}
