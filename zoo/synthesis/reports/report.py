"""The report of a synthesis: who made the data, survival beside the paper's, analyses, samples, provenance."""

from pathlib import Path

from zoo.files import write_atomically
from zoo.synthesis.reports.blocks import Picture
from zoo.synthesis.reports.page import html_page, markdown_page
from zoo.synthesis.reports.report_facts import ReportFacts
from zoo.synthesis.reports.report_sections import sections_of

__all__ = ["ReportFacts", "write_report"]


def write_report(facts: ReportFacts, folder: str | Path) -> Path:
    """Write report.html, which needs no other file, report.md, and figures/*.png and *.svg.

    Without matplotlib (the extra `plots`) there are no pictures, and the report says so.

    Returns:
        The path of report.html.
    """
    out = Path(folder)
    sections = sections_of(facts)
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Picture):
                write_atomically(out / "figures" / f"{block.name}.png", [block.png])
                write_atomically(out / "figures" / f"{block.name}.svg", [block.svg])
    write_atomically(out / "report.md", [markdown_page(facts.title, sections).encode()])
    write_atomically(out / "report.html", [html_page(facts.title, sections).encode()])
    return out / "report.html"
