"""Survival after each filter, beside the paper's and of several ways to prompt, as blocks of a report."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from zoo.synthesis.analyses.plots import Drawing, survival_plot
from zoo.synthesis.funnel import Stage
from zoo.synthesis.reports.blocks import NOTHING, Block, Grid, Picture, Text, percent, whole
from zoo.synthesis.reports.report_facts import ReportFacts

Shown = TypeVar("Shown")


def survival(facts: ReportFacts, ours: Sequence[Stage], table: str, unit: str, name: str) -> Iterator[Block]:
    """A funnel beside the paper's of that table, as a table and a picture of that name."""
    theirs = facts.published.funnel(table) if facts.published is not None else []
    number = table.removeprefix("table")
    yield survival_grid(ours, theirs, f"{unit} left after each filter, beside the paper's Table {number}", unit)
    if ours and ours[0].count:
        columns = {facts.backend: ours} | ({"paper": theirs} if len(theirs) == len(ours) else {})
        yield from picture(
            name, lambda them: survival_plot(them, unit), columns, f"survival of {unit} after each filter"
        )
    else:
        yield Text(f"There were no {unit} to begin with.")


def survival_grid(ours: Sequence[Stage], theirs: Sequence[Stage], caption: str, unit: str) -> Grid:
    """A row a stage. The paper's stages stand beside ours by their place, if there are as many, else below."""
    header = ["stage", unit, "of raw", "of the stage before"]
    rows = [[stage.name, *_counts(stage)] for stage in ours]
    if not theirs:
        return Grid(header, rows, caption.partition(", beside")[0])
    header += [f"paper: {unit}", "of raw", "of the stage before"]
    if len(theirs) == len(ours):
        rows = [[*row, *_counts(stage)] for row, stage in zip(rows, theirs, strict=True)]
    else:
        rows = [[*row, *[NOTHING] * 3] for row in rows]
        rows += [[f"paper: {stage.name}", *[NOTHING] * 3, *_counts(stage)] for stage in theirs]
    return Grid(header, rows, caption)


def _counts(stage: Stage) -> list[str]:
    return [whole(stage.count), percent(stage.cumulative), percent(stage.conditional)]


def comparisons(facts: ReportFacts) -> Iterator[Block]:
    """Funnels side by side, e.g. one-shot and zero-shot prompts."""
    for number, (title, funnels) in enumerate(facts.comparisons.items(), start=1):
        names = [[stage.name for stage in stages] for stages in funnels.values()]
        if not names or any(other != names[0] for other in names):
            yield from (survival_grid(stages, [], f"{title}: {name}", "left") for name, stages in funnels.items())
            continue
        header = ["stage", *(cell for name in funnels for cell in (name, "of raw"))]
        rows = [
            [stage, *(cell for stages in funnels.values() for cell in _counts(stages[place])[:2])]
            for place, stage in enumerate(names[0])
        ]
        yield Grid(header, rows, title)
        if all(stages[0].count for stages in funnels.values()):
            yield from picture(f"comparison_{number}", lambda them: survival_plot(them, "items"), funnels, title)


def picture(name: str, draw: Callable[[Shown], Drawing], of: Shown, alt: str) -> Iterator[Block]:
    """What `draw` makes of `of`, if there is matplotlib."""
    if not no_pictures():
        drawing = draw(of)
        yield Picture(name, drawing.png, drawing.svg, alt)


def no_pictures() -> bool:
    """Whether matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        return True
    return False
