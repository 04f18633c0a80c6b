"""Reports as LaTeX tables: booktabs and graphicx, nothing else."""

import re
from collections.abc import Sequence

from zoo.evidence.report import cells
from zoo.evidence.report.rows import Report

PACKAGES = "% needs \\usepackage{booktabs,graphicx}\n"
MOST_COLUMNS = 4  # metrics side by side: more would be too small to read
MARKS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "±": r"$\pm$", "→": r"$\to$", "−": r"$-$", "–": "--",
    "≈": r"$\approx$", "×": r"$\times$",
}  # fmt: skip


def latex(report: Report) -> str:
    """A table* with its notes below it, several where there are many metrics; then the differences, if any."""
    notes = [*cells.without_runs(report), *report.notes, *cells.bracketed(report), *cells.row_notes(report)]
    below = [rf"\textbf{{{escaped(line)}}}" for line in report.not_comparable]
    below += [escaped(line) for line in (cells.legend(report), *notes, *cells.provenance(report))]
    title = f"{report.title}: printed and reproduced. {report.source}"
    *first, last = cells.blocks(report, MOST_COLUMNS)
    parts = [
        _table(cells.compact(report, columns, reasons=False), title, _label(f"{report.key}-{number}"), [])
        for number, columns in enumerate(first, start=1)
    ]
    parts.append(_table(cells.compact(report, last, reasons=False), title, _label(report.key), below))
    if report.differences:
        paired = cells.paired(report)
        parts.append(
            _table(paired, f"{report.title}. {cells.paired_title(report)}", _label(f"{report.key}-paired"), [])
        )
    for number, (about, grid) in enumerate(cells.more(report), start=1):
        parts.append(_table(grid, f"{report.title}. {about}", _label(f"{report.key}-more-{number}"), []))
    return "\n".join(parts)


def latex_document(reports: Sequence[Report]) -> str:
    """Several tables, for a document that inputs them."""
    return PACKAGES + "\n".join(map(latex, reports))


def escaped(text: str) -> str:
    """Text in one line that LaTeX prints as it is."""
    return "".join(MARKS.get(letter, letter) for letter in " ".join(text.split()))


def _label(key: str) -> str:
    return "tab:" + re.sub(r"[^A-Za-z0-9-]+", "-", key)


def _table(grid: cells.Grid, title: str, label: str, below: Sequence[str]) -> str:
    header, rows = grid
    lines = [
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{escaped(title)}}}",
        rf"\label{{{label}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{'l' * len(header)}}}",
        r"\toprule",
        f"{' & '.join(map(escaped, header))} \\\\",
        r"\midrule",
        *(f"{' & '.join(map(_cell, row))} \\\\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}}",
        *(rf"\par\footnotesize\raggedright {line}" for line in below),
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """A cell; braces keep one that begins with "[" from being taken for an argument of the line's end before it."""
    return f"{{{escaped(text)}}}" if text.startswith("[") else escaped(text)
