"""The same runs under the authors' definitions and under the sound ones, with a sentence on each difference.

What is said comes from `experiments/<paper>/audit.toml`, see `zoo.evidence.audit_notes`; a metric and the one that
should be compared instead are both computed from the same generations.
"""

from dataclasses import replace
from pathlib import Path

from zoo.evidence import published
from zoo.evidence.audit_notes import AuditNotes, Finding, MetricNote, RowNote, audit_notes
from zoo.evidence.report.classes import set_and_name
from zoo.evidence.report.rows import Audit, Report, ReportTable
from zoo.evidence.report.tables import RESAMPLES, report_of


def audited_report(
    table: ReportTable,
    resamples: int = RESAMPLES,
    seed: int = 0,
    *,
    protocol: str | None = None,
    against: str | None = None,
    cache: Path | None = None,
) -> Report:
    """`report_of` with its audit, where there are notes on the table's paper.

    Raises:
        UserError: as `report_of`.
    """
    paper, _, name = table.key.partition("/")
    if not (published.EXPERIMENTS / paper / "audit.toml").is_file():
        return report_of(table, resamples, seed, protocol=protocol, against=against, cache=cache)
    notes = audit_notes(paper)
    metrics, _ = notes.of_table(name)
    sound = [note.sound for note in metrics if note.sound is not None]
    asked = replace(table, metrics=tuple(dict.fromkeys([*table.metrics, *sound])) if table.metrics else ())
    report = report_of(asked, resamples, seed, protocol=protocol, against=against, cache=cache)
    own = {set_and_name(metric)[1] for metric in table.metrics}
    columns = tuple(column for column in report.columns if not own or set_and_name(column)[1] in own)
    return replace(report, columns=columns, audit=_audit(report, notes, name))


def _audit(report: Report, notes: AuditNotes, table: str) -> Audit:
    metrics, findings = notes.of_table(table)
    measured = {column for row in report.rows for column, cell in row.cells.items() if cell.mean is not None}
    pairs = [
        (column, sound)
        for note in metrics
        for column in report.columns
        if note.sound is not None and set_and_name(column)[1] == note.authors
        if (sound := "/".join(part for part in (set_and_name(column)[0], note.sound) if part)) in measured
    ]
    told: list[tuple[str, MetricNote | RowNote | Finding]] = [
        (note.authors if note.sound is None else f"{note.authors} and {note.sound}", note) for note in metrics
    ]
    rows = dict.fromkeys(row.name for row in report.rows)
    told += [(note.row, note) for row in rows for note in notes.of_row(table, row)]
    told += [("the whole table", finding) for finding in findings]
    sentences = dict.fromkeys((about, note.why, note.source) for about, note in told)
    return Audit(tuple(pairs), tuple(sentences))
