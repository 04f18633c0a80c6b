"""What a synthesis prints after each stage."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from zoo.language_models.base import LanguageModel
from zoo.synthesis.funnel import Funnel, Stage
from zoo.synthesis.reports.blocks import percent, whole
from zoo.synthesis.reports.published_file import published

TABLES = {"sentences": "table1", "dialogues": "table2"}  # of the paper


def show(stage: str, record: Mapping[str, Any], again: bool) -> None:
    """A line and a table of a stage; `again` where it was done in an earlier run."""
    console = Console(highlight=False, soft_wrap=True)
    facts = record["facts"]
    when = f"done before, {record['finished']}" if again else f"{record['seconds']:.1f} s"
    console.print(f"[bold]{stage}[/bold] ({when})")
    if stage in TABLES:
        paper = published()
        theirs = paper.funnel(TABLES[stage]) if paper else []
        console.print(_survival(stage, Funnel.from_dict(facts["funnel"]).rows(), theirs))
    if facts.get("begun", 0) < facts.get("wanted", 0):
        console.print(
            f"  {whole(facts['begun'])} of {whole(facts['wanted'])} dialogues: there are no more pairs of persona "
            "sets; make more of them, or deal them into fewer dialogues.blocks",
            style="bold",
        )
    if "asked" in facts:
        console.print(f"  {whole(facts['asked'])} answers asked, {whole(facts['replayed'])} kept from before")
    replies = facts.get("replies", {})
    if replies.get("cut") or replies.get("too_long"):
        console.print(
            f"  {whole(replies['cut'])} of {whole(replies['replies'])} replies to prompts without the oldest turns, "
            f"{whole(replies['too_long'])} dialogues dropped: the language model has no room for more",
            style="bold",
        )
    if (report := facts.get("report")) is not None:
        console.print(
            f"  {whole(report['made'])} of {whole(report['wanted'])} sets, {whole(report['calls'])} scorer calls, "
            f"{report['contradictory_pairs']} contradictory pairs left"
        )
        if report["shortfall"]:
            console.print(f"  {report['shortfall']}", style="bold", markup=False)
    if (export := facts.get("export")) is not None:
        sizes = ", ".join(f"{name} {whole(counts['dialogues'])}" for name, counts in export["splits"].items())
        console.print(f"  split: {sizes}; no {export['apart']} in two of them")
    for title, rows in facts.get("funnels", {}).items():
        left = (f"{row}: {percent(Funnel.from_dict(counts).rows()[-1].cumulative)}" for row, counts in rows.items())
        console.print(f"  {title}, left after all filters: {', '.join(left)}")
    console.print()


def warn_of_chat(model: LanguageModel) -> None:
    """Say so where a model is asked as a chat partner: the prompts are texts to go on with."""
    if getattr(model, "mode", "completions") == "chat":
        Console().print(
            "language_model.mode=chat: the prompts of PersonaChatGen are texts to be continued, which a chat partner "
            "may answer in its own way; language_model.mode=completions continues them.",
            style="bold",
        )


def _survival(unit: str, ours: Sequence[Stage], theirs: Sequence[Stage]) -> Table:
    """Counts, shares of raw and of the stage before; the paper's beside them where it has as many stages."""
    table = Table()
    table.add_column("left after", no_wrap=True)
    beside = theirs if len(theirs) == len(ours) else [None] * len(ours)
    for name in (unit, "of raw", "of those", *(("paper: of raw", "of those") if beside[0] else ())):
        table.add_column(name, justify="right", no_wrap=True)
    for stage, paper in zip(ours, beside, strict=True):
        shares = [percent(share) for one in (stage, paper) if one for share in (one.cumulative, one.conditional)]
        table.add_row(stage.name, whole(stage.count), *shares)
    return table
