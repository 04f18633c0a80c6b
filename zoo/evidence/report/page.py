"""Reports as one HTML page that needs no other file: tables, plots, and where every number comes from."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from re import sub

from zoo.evidence.report import cells
from zoo.evidence.report.dots import dot_plot
from zoo.evidence.report.markdown import NUMBERS
from zoo.evidence.report.rows import (
    CLOSED,
    DIFFERS,
    MADE,
    NOT_JUDGED,
    NOT_RUN,
    REPLICATES,
    STAND_IN,
    Cell,
    Report,
    RowReport,
)
from zoo.evidence.report.style import STYLE

CLASSES = {
    REPLICATES: "good", DIFFERS: "bad", CLOSED: "none", NOT_RUN: "none", NOT_JUDGED: "none", MADE: "none",
}  # fmt: skip


def html_page(reports: Sequence[Report], figures: Mapping[str, Sequence[tuple[str, str]]], title: str) -> str:
    """The whole page.

    Args:
        reports: tables, in order.
        figures: by the key of a table: (caption, SVG) below it; under "" at the page's end.
        title: of the page.
    """
    links = "".join(
        f'<li><a href="#{_anchor(one.key)}">{escape(one.key)}: {escape(one.title)}</a></li>' for one in reports
    )
    body = "\n".join(_section(one, figures.get(one.key, ())) for one in reports)
    contents = f"<nav><ul>{links}</ul></nav>" if len(reports) > 1 else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f"{contents}\n{body}\n{_figures(figures.get('', ()))}\n</body>\n</html>\n"
    )


def _section(report: Report, figures: Sequence[tuple[str, str]]) -> str:
    warnings = "".join(f'<p class="loud">{escape(line)}</p>' for line in report.not_comparable)
    parts = [
        f'<section id="{_anchor(report.key)}"><h2>{escape(report.key)}: {escape(report.title)}</h2>',
        f'<p class="soft">{escape(report.source)}</p>{warnings}',
        *(_values(report, columns) for columns in cells.blocks(report)),
        f'<p class="soft">{escape(cells.legend(report))}</p>',
        _dots(report),
        _figures(figures),
    ]
    if (conditions := cells.conditions(report))[1]:
        parts += ["<h3>Conditions</h3>", _grid(conditions), _details(report)]
    if report.differences:
        parts += [f"<h3>Differences</h3><p>{escape(cells.paired_title(report))}.</p>", _grid(cells.paired(report))]
    for title, grid in cells.more(report):
        parts += [f"<h3>{escape(title)}</h3>", _grid(grid)]
    if (costs := cells.costs(report))[1]:
        parts += ["<h3>Cost</h3>", _grid(costs)]
    if sentences := cells.audit_sentences(report):
        grid = cells.audit(report)
        parts += [_list(cells.AUDIT_TITLE, sentences), _grid(grid) if grid[1] else ""]
    notes = [*report.notes, *cells.bracketed(report), *cells.row_notes(report)]
    parts += [_list("Notes", notes), _list("Provenance", cells.provenance(report)), "</section>"]
    return "\n".join(part for part in parts if part)


def _values(report: Report, columns: Sequence[str]) -> str:
    head = "".join(f'<th class="number">{_breakable(column)}</th>' for column in columns)
    lines = []
    for row in report.rows:
        values = "".join(_cell(row.cells[column], cells.decimals(report, column)) for column in columns)
        lines.append(
            f"<tr><th>{_breakable(row.label)}</th>{values}"
            f'<td class="number">{cells.row_n(row)}</td><td class="status">{_badge(row)}</td></tr>'
        )
    return (
        f'<div class="scroll"><table class="values"><thead><tr><th>row</th>{head}<th class="number">n</th>'
        f"<th>status</th></tr></thead>\n<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cell(cell: Cell, places: int) -> str:
    if cell.printed is None and cell.mean is None and not cell.values:
        return f'<td class="number soft">{cells.NOTHING}</td>'
    mark = f"<sup>{escape(cell.mark)}</sup>" if cell.mark else ""
    lines = [f"<b>{escape(cells.ours_text(cell, places))}</b>{mark}"]
    if cell.printed is not None:
        lines.insert(0, f'<span class="soft">{escape(cells.printed_text(cell, places))} →</span>')
    if cell.interval is not None:
        lines.append(f'<span class="soft">{escape(cells.interval_text(cell.interval, places))}</span>')
    if cell.difference is not None:
        kind = {None: "soft", True: "good", False: "bad"}[cell.agrees]
        title = f' title="{escape(cell.because)}"' if cell.because else ""
        lines.append(f'<span class="{kind}"{title}>{escape(cells.difference_text(cell, places))}</span>')
    return f'<td class="number">{"<br>".join(lines)}</td>'


def _badge(row: RowReport) -> str:
    kind = CLASSES.get(row.status.word, "other")
    missing = "" if row.lacks_runs or not row.missing else f'<br><span class="soft">{escape(row.missing)}</span>'
    return f'<span class="badge {kind}">{escape(row.status.word)}</span>{missing}'


def _details(report: Report) -> str:
    told = [row for row in report.rows if row.status.details]
    if not told:
        return ""
    items = "".join(f"<li><b>{escape(row.label)}</b>: {escape(', '.join(row.status.details))}</li>" for row in told)
    summary = "Every setting that is not the published one, which stands in brackets"
    return f"<details><summary>{summary}</summary><ul>{items}</ul></details>"


def _dots(report: Report) -> str:
    plots = [(column, svg) for column in report.columns if (svg := dot_plot(report, column))]
    if not plots:
        return ""
    key = (
        '<p class="soft key"><svg viewBox="0 0 14 14"><path class="printed" d="M7 2l5 5l-5 5l-5-5z"/></svg> printed '
        '<svg viewBox="0 0 14 14"><path class="printed other" d="M7 2l5 5l-5 5l-5-5z"/></svg> printed, another thing '
        '<svg viewBox="0 0 14 14"><line class="ours" x1="0" x2="14" y1="7" y2="7"/>'
        '<circle class="ours" cx="7" cy="7" r="3.6"/></svg> ours with its 95 % interval</p>'
    )
    drawn = "".join(f"<figure><figcaption>{escape(column)}</figcaption>{svg}</figure>" for column, svg in plots)
    return f'{key}<div class="plots">{drawn}</div>'


def _figures(figures: Sequence[tuple[str, str]]) -> str:
    """SVGs of another program, each in a document of its own: their names and styles touch nothing else of the page."""
    drawn = []
    for told, svg in figures:
        source = b64encode(svg.encode()).decode("ascii")
        image = f'<img alt="{escape(told)}" src="data:image/svg+xml;base64,{source}">'
        drawn.append(f'<figure class="paper"><figcaption>{escape(told)}</figcaption>{image}</figure>')
    return f'<div class="papers">{"".join(drawn)}</div>' if drawn else ""


def _grid(grid: cells.Grid) -> str:
    header, rows = grid
    kinds = [' class="number"' if name in NUMBERS else "" for name in header]
    head = "".join(f"<th{kind}>{escape(name)}</th>" for kind, name in zip(kinds, header, strict=True))
    lines = "".join(
        f"<tr>{''.join(f'<td{kind}>{_breakable(told)}</td>' for kind, told in zip(kinds, row, strict=True))}</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody></table></div>'


def _list(title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h3>{title}</h3><ul>{items}</ul>" if lines else ""


def _breakable(text: str) -> str:
    """Names may be folded after an underscore or a slash, the status not at its hyphen."""
    return sub(r"([_/])", r"\1<wbr>", escape(text)).replace(STAND_IN, STAND_IN.replace("-", "\u2011"))


def _anchor(key: str) -> str:
    return sub(r"[^A-Za-z0-9]+", "-", key)
