"""All ways of writing reports, into one folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from zoo.evidence.output import write_json
from zoo.evidence.report.figures import figures_of
from zoo.evidence.report.latex import latex_document
from zoo.evidence.report.markdown import markdown_document
from zoo.evidence.report.page import html_page
from zoo.evidence.report.rows import Report
from zoo.evidence.report.values import csv_text, json_values
from zoo.files import write_atomically

NAMES = ("report.md", "report.tex", "report.csv", "report.json", "report.html")


def write_reports(
    folder: Path,
    reports: Sequence[Report],
    title: str,
    figures: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> None:
    """report.md, report.tex, report.csv, report.json and report.html.

    Args:
        folder: is made.
        reports: tables, in order.
        title: of the page.
        figures: of the page, see `html_page`; those of `figures_of` where they are not given.
    """
    if figures is None:
        figures = {report.key: figures_of(report) for report in reports}
    write_json(folder / "report.json", json_values(reports))
    contents = {
        "report.md": markdown_document(reports),
        "report.tex": latex_document(reports),
        "report.csv": csv_text(reports),
        "report.html": html_page(reports, figures, title),
    }
    for name, text in contents.items():
        write_atomically(folder / name, [text.encode()])
