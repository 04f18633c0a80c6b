"""The same runs under the authors' definitions and under the sound ones, with a sentence on each difference.

What is said comes from `experiments/<paper>/audit.toml`, see `zoo.evidence.audit_notes`; a metric and the one that
should be compared instead are both computed from the same generations.
"""

from collections.abc import Sequence
from dataclasses import replace

from zoo.evidence import published
from zoo.evidence.audit_notes import AuditNotes, Control, Finding, MetricNote, RowNote, audit_notes
from zoo.evidence.report.classes import set_and_name
from zoo.evidence.report.rows import Audit, ReportTable, RowReport


def notes_on(table: ReportTable) -> AuditNotes | None:
    """The notes on the table's paper; None where there are none.

    Raises:
        UserError: the file is no such TOML.
    """
    paper = table.key.partition("/")[0]
    return audit_notes(paper) if (published.EXPERIMENTS / paper / "audit.toml").is_file() else None


def with_sound_metrics(table: ReportTable, notes: AuditNotes | None) -> ReportTable:
    """The table with columns that its audit needs beside its own; one of all metrics has them already."""
    if notes is None or not table.metrics:
        return table
    sound = [note.sound for note in notes.of_table(_name(table))[0] if note.sound is not None]
    return replace(table, metrics=tuple(dict.fromkeys([*table.metrics, *sound])))


def audit_of(
    table: ReportTable, rows: Sequence[RowReport], columns: Sequence[str], notes: AuditNotes | None
) -> Audit | None:
    """What the values of a table mean.

    Args:
        table: as it was asked for.
        rows: with cells of the sound metrics too.
        columns: the table's own.
        notes: on its paper; None: there is no audit.
    """
    if notes is None:
        return None
    metrics, findings = notes.of_table(_name(table))
    measured = {column for row in rows for column, cell in row.cells.items() if cell.mean is not None}
    pairs = [
        (column, sound)
        for note in metrics
        for column in columns
        if note.sound is not None and set_and_name(column)[1] == note.authors
        if (sound := "/".join(part for part in (set_and_name(column)[0], note.sound) if part)) in measured
    ]
    told: list[tuple[str, MetricNote | RowNote | Finding | Control]] = [
        (note.authors if note.sound is None else f"{note.authors} and {note.sound}", note) for note in metrics
    ]
    names = dict.fromkeys(row.name for row in rows)
    told += [(note.row, note) for row in names for note in notes.of_row(_name(table), row)]
    told += [("the whole table", finding) for finding in findings]
    controls = [control for control in notes.controls if control.table == _name(table)]
    told += [(f"beside it, experiment={control.experiment}", control) for control in controls]
    sentences = dict.fromkeys((about, note.why, note.source) for about, note in told)
    return Audit(tuple(pairs), tuple(sentences))


def _name(table: ReportTable) -> str:
    return table.key.partition("/")[2]
