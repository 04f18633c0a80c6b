"""Columns of a table that people fill in: printed numbers, and ours where there are judgements."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zoo.evidence.published import PublishedRow, PublishedValue, other_number
from zoo.evidence.report.rows import Cell
from zoo.people.questionnaire import Criterion
from zoo.people.results.agreeing import average
from zoo.people.results.choices import LOSE, TIE, WIN
from zoo.people.results.ratings import Rating, binned, bins
from zoo.people.results.summary import Results

ALPHA = "krippendorff_alpha"
SHARES = {"win": WIN, "lose": LOSE, "tie": TIE}
OTHERS = "judged by other people than the paper's"


def row_label(group: str, row: str) -> str:
    """As tables call it: "persona_eval/pt_gpt2xl"."""
    return f"{group}/{row}" if group else row


def counted_column(criterion: Criterion, name: str) -> str:
    """The column of how many items have their mean in a bin of that name."""
    return f"{criterion.published} {name}"


def filled(results: Results, criteria: Sequence[Criterion], rows: Sequence[PublishedRow]) -> dict[str, dict[str, Cell]]:
    """Cells by row, then by column; rows that nobody judged have printed values only.

    Args:
        results: of the study.
        criteria: whose answers stand in this table.
        rows: as printed; may be none.
    """
    printed = {row.name: row.other for row in rows}
    with_alpha = any(ALPHA in other for other in printed.values())
    found: dict[str, dict[str, Cell]] = {name: {} for name in printed}
    for label, cell in _all_cells(results, criteria, printed, with_alpha):
        found.setdefault(label, {})[cell.metric] = cell
    columns = dict.fromkeys(column for cells in found.values() for column in cells)
    return {label: {column: cells.get(column) or Cell(column) for column in columns} for label, cells in found.items()}


def n_of(results: Results, label: str) -> int:
    """Items of a row that were judged."""
    rated = [len(one.items) for own in results.shown.values() for one in own if row_label(one.group, one.row) == label]
    chosen = [one.items.n for own in results.choices.values() for one in own if row_label(one.group, one.name) == label]
    return max(rated + chosen, default=0)


def _all_cells(
    results: Results, criteria: Sequence[Criterion], printed: Mapping[str, Mapping[str, Any]], with_alpha: bool
) -> Iterator[tuple[str, Cell]]:
    for criterion in criteria:
        rated = {row_label(one.group, one.row): one for one in results.shown.get(criterion.name, ())}
        if results.choices:
            yield from _shares(results, criterion, printed, prefix=f"{criterion.name} " * (len(criteria) > 1))
        elif any(isinstance(other.get(criterion.published), list) for other in printed.values()):
            yield from _counted(criterion, rated, printed)
        else:
            yield from _means(criterion.published, rated, printed)
    if with_alpha:
        alpha = average([results.agreements[criterion.name].alpha for criterion in criteria])
        n = sum(results.agreements[criterion.name].n for criterion in criteria)
        for label, other in printed.items():
            yield label, _cell(ALPHA, other_number(other.get(ALPHA)), alpha, n=n, bare=True)


def _means(
    column: str, rated: Mapping[str, Rating], printed: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Cell]]:
    for label in dict.fromkeys([*printed, *rated]):
        theirs = other_number(printed.get(label, {}).get(column))
        if (one := rated.get(label)) is not None:
            yield label, _cell(column, theirs, one.mean, one.sd, one.interval, one.n)
        elif theirs is not None:
            yield label, Cell(column, theirs)


def _counted(
    criterion: Criterion, rated: Mapping[str, Rating], printed: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Cell]]:
    """How many items have their mean in each bin; then the mean, which is not printed."""
    for place, name in enumerate(bins(criterion)):
        column = counted_column(criterion, name)
        for label in dict.fromkeys([*printed, *rated]):
            counts = printed.get(label, {}).get(criterion.published)
            theirs = other_number(counts[place]) if counts else None
            if (one := rated.get(label)) is not None:
                yield label, _cell(column, theirs, binned(one, criterion)[place], n=len(one.items), bare=True)
            elif theirs is not None:
                yield label, Cell(column, theirs, bare=True)
    yield from _means(criterion.name, rated, {})


def _shares(
    results: Results, criterion: Criterion, printed: Mapping[str, Mapping[str, Any]], prefix: str
) -> Iterator[tuple[str, Cell]]:
    chosen = {row_label(one.group, one.name): one for one in results.choices[criterion.name]}
    for name, value in SHARES.items():
        column = prefix + name
        for label in dict.fromkeys([*printed, *chosen]):
            theirs = other_number(printed.get(label, {}).get(column))
            if (choice := chosen.get(label)) is not None:
                share, between = choice.judgements.share(value), choice.intervals[value]
                yield label, _cell(column, theirs, share, None, between, choice.judgements.n, bare=True)
            elif theirs is not None:
                yield label, Cell(column, theirs, bare=True)


def _cell(
    column: str,
    printed: PublishedValue | None,
    mean: float | None,
    sd: float | None = None,
    between: tuple[float, float] | None = None,
    n: int = 0,
    bare: bool = False,
) -> Cell:
    compared = printed is not None and mean is not None
    return Cell(
        column,
        printed,
        mean,
        sd,
        between,
        difference=mean - printed.value if printed is not None and mean is not None else None,
        because=OTHERS if compared else "",
        n=n,
        bare=bare,
    )
