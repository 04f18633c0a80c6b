"""Reports as Markdown."""

import re
from collections.abc import Sequence

from zoo.evidence.report import cells
from zoo.evidence.report.rows import Report

NUMBERS = {
    "n", "printed", "reproduced", "difference", "95 % of it", "p", "p (Holm)", "examples", "dialogues",
    "judged", "judgements", "items", "alpha", "mean", "wins", "losses", "ties", "higher", "lower", "checks", "failed",
    "same value", "conflicts", "by discussion", "by average", "open", "before", "after", "with them",
    "parameters", "trained", "trained, each user", "training, s", "run, s", "memory, GiB", "of the same runs",
}  # fmt: skip


def markdown(report: Report) -> str:
    """One table with everything that has to be known of it."""
    lines = [f"## {plain(report.key)}: {plain(report.title)}", "", plain(report.source), ""]
    lines += _bold(report.not_comparable)
    for columns in cells.blocks(report):
        lines += [*_table(cells.compact(report, columns)), ""]
    lines += [plain(cells.legend(report)), ""]
    if (conditions := cells.conditions(report))[1]:
        lines += [*_table(conditions), ""]
    if report.differences:
        lines += [f"{plain(cells.paired_title(report))}:", "", *_table(cells.paired(report)), ""]
    for title, grid in cells.more(report):
        lines += [f"{plain(title)}:", "", *_table(grid), ""]
    if (costs := cells.costs(report))[1]:
        lines += [*_table(costs), ""]
    lines += _audit(report)
    notes = [*report.notes, *cells.bracketed(report), *cells.row_notes(report)]
    lines += [f"- {plain(line)}" for line in notes] + [""] * bool(notes)
    lines += _details(report)
    if origin := cells.provenance(report):
        lines += ["Provenance:", "", *(f"- {plain(line)}" for line in origin), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def markdown_document(reports: Sequence[Report]) -> str:
    """Several tables."""
    return "\n".join(map(markdown, reports))


def _audit(report: Report) -> list[str]:
    grid, sentences = cells.audit(report), cells.audit_sentences(report)
    if not sentences:
        return []
    table = [*_table(grid), ""] if grid[1] else []
    return [f"{cells.AUDIT_TITLE}.", "", *table, *(f"- {plain(line)}" for line in sentences), ""]


def _details(report: Report) -> list[str]:
    told = [row for row in report.rows if row.status.details]
    if not told:
        return []
    lines = ["Settings that are not the published ones, which stand in brackets:", ""]
    return [*lines, *(f"- {plain(row.label)}: {plain(', '.join(row.status.details))}" for row in told), ""]


def _bold(lines: Sequence[str]) -> list[str]:
    return [text for line in lines for text in (f"**{plain(line)}**", "")]


def _table(grid: cells.Grid) -> list[str]:
    header, rows = grid
    marks = ["---:" if name in NUMBERS else "---" for name in header]
    return [_line(header), f"|{'|'.join(marks)}|", *map(_line, rows)]


def _line(row: Sequence[str]) -> str:
    return f"| {' | '.join(map(plain, row))} |"


def plain(text: str) -> str:
    """Text in one line in which Markdown sees no mark of its own."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(text.split()))
