"""All ways of writing reports, into one folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from zoo.evidence.output import write_json
from zoo.evidence.report.latex import latex_document
from zoo.evidence.report.markdown import markdown_document
from zoo.evidence.report.page import html_page
from zoo.evidence.report.rows import Report
from zoo.evidence.report.values import csv_text, json_values
from zoo.files import write_atomically

NAMES = ("report.md", "report.tex", "report.csv", "report.json", "report.html")


def write_reports(
    folder: Path, reports: Sequence[Report], figures: Mapping[str, Sequence[tuple[str, str]]], title: str
) -> None:
    """report.md, report.tex, report.csv, report.json and report.html; see `html_page` for `figures`."""
    write_json(folder / "report.json", json_values(reports))
    contents = {
        "report.md": markdown_document(reports),
        "report.tex": latex_document(reports),
        "report.csv": csv_text(reports),
        "report.html": html_page(reports, figures, title),
    }
    for name, text in contents.items():
        write_atomically(folder / name, [text.encode()])
