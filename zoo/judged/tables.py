"""Reports of a study: one for every table that it fills in, or one of its own where it fills in none."""

from collections.abc import Sequence
from dataclasses import replace

from zoo.errors import UserError
from zoo.evidence.published import PublishedRow, PublishedTable, how_to_judge, published_table
from zoo.evidence.report.rows import (
    CLOSED,
    NOT_JUDGED,
    NOT_PUBLISHED,
    OTHER_JUDGES,
    STAND_IN,
    Cell,
    Difference,
    Facts,
    Report,
    RowReport,
    Status,
)
from zoo.judged.columns import ALPHA, filled, n_of, row_label
from zoo.judged.keys import keys_report
from zoo.judged.more import notes, tables
from zoo.people.questionnaire import Criterion
from zoo.people.records import HUMAN
from zoo.people.results.pairing import RowDifference, differences
from zoo.people.results.summary import Results

KEYS_ROW = "alpha"  # of tables that have agreement by entity key


def reports_of(results: Results, against: str | None, resamples: int, seed: int) -> list[Report]:
    """Every table of the study with the printed numbers beside what people said.

    Args:
        results: of the study.
        against: the row that others are compared with in pairs; None: the last of the study.
        resamples: of intervals and p.
        seed: of their draws.

    Raises:
        UserError: there is no such table or row.
    """
    rows = list(results.study.runs)
    known = [*rows, HUMAN] if results.study.references else rows
    if against is not None and against not in known:
        raise UserError(f"--against {against} was given; expected a row of the study: {', '.join(known)}.")
    published: list[PublishedTable] = [published_table(key) for key in results.study.tables]
    results = _as_printed(results, {row.name for table in published for row in table.rows})
    compared = {name: differences(own, against or rows[-1], resamples, seed) for name, own in results.shown.items()}
    found: list[Report] = []
    wanted: list[PublishedTable | None] = [*published] or [None]
    left = list(results.study.questionnaire.criteria)
    for table in wanted:
        if table is not None and _by_key(table):
            found.append(keys_report(results, table, next(row for row in table.rows if row.name == KEYS_ROW)))
            continue
        own = _criteria_of(left, table, is_last=table is None or table is _last(published))
        left = [criterion for criterion in left if criterion not in own]
        found.append(_report(results, table, own, compared, against or rows[-1], resamples, seed))
    return found


def _as_printed(results: Results, names: set[str]) -> Results:
    """Choices of "a" against "b" where a table has these, also of a study that names b first."""
    choices = {
        criterion: [one.turned() if row_label(one.group, one.turned().name) in names else one for one in own]
        for criterion, own in results.choices.items()
    }
    return replace(results, choices=choices)


def _by_key(table: PublishedTable) -> bool:
    return any(row.name == KEYS_ROW for row in table.rows)


def _last(published: Sequence[PublishedTable]) -> PublishedTable | None:
    return next((table for table in reversed(published) if not _by_key(table)), None)


def _criteria_of(left: Sequence[Criterion], table: PublishedTable | None, is_last: bool) -> list[Criterion]:
    """Those whose printed numbers a table has; the last one has all that none has."""
    printed = {name for row in table.rows for name in row.other} if table else set()
    return [criterion for criterion in left if is_last or criterion.published in printed]


def _report(
    results: Results,
    table: PublishedTable | None,
    criteria: Sequence[Criterion],
    compared: dict[str, list[RowDifference]],
    against: str,
    resamples: int,
    seed: int,
) -> Report:
    study = results.study
    printed = {row.name: row for row in table.rows} if table else {}
    cells = filled(results, criteria, list(printed.values()))
    order = list(cells)  # as printed
    own = {
        criterion.name: sorted(
            compared.get(criterion.name, []), key=lambda one: order.index(row_label(one.group, one.row))
        )
        for criterion in criteria
    }
    key, columns = table.key if table else study.name, tuple(next(iter(cells.values()), {}))
    return Report(
        key,
        table.title if table else study.title,
        table.source if table else study.questionnaire.source,
        columns,
        tuple(_row(results, label, of_row, printed.get(label), key) for label, of_row in cells.items()),
        tuple(_difference(criterion, one, cells) for criterion in criteria for one in own[criterion.name]),
        notes=tuple(notes(results)),
        resamples=resamples,
        seed=seed,
        against=against,
        more=tuple(tables(results, criteria, own, columns)),
        of_people=True,
        legend=(
            f"printed → ours: {_told_of(results)}; n of rows: items; intervals: {resamples:,} resamples of items with "
            f"all their judgements, seed {seed}: they tell of other items, not of other judges."
        ),
        paired=(
            f"Difference to {against}, paired over the examples that both answered, by the means of their judges; "
            "two-sided bootstrap p, corrected over the rows of a metric"
        ),
    )


def _told_of(results: Results) -> str:
    if results.choices:
        return "percent of the judgements"
    return f"mean ± sample deviation of {'final values' if results.final else 'the judgements'}"


def _row(results: Results, label: str, cells: dict[str, Cell], printed: PublishedRow | None, key: str) -> RowReport:
    judged = any(cell.mean is not None for cell in cells.values() if cell.metric != ALPHA)
    if not judged:
        closed = printed is not None and printed.closed
        status = Status(CLOSED if closed else NOT_JUDGED)
        cells = {column: Cell(column, cell.printed, bare=cell.bare) for column, cell in cells.items()}
    elif printed is None:
        status = Status(NOT_PUBLISHED)
    else:  # it never replicates: the people are others
        status = Status(STAND_IN if printed.closed or printed.stand_in else OTHER_JUDGES)
    missing = how_to_judge(key, printed) if printed is not None and not judged else ""
    note = (printed.note if printed else None) or ""
    disagree = (printed.disagree if printed else None) or ""
    return RowReport(
        label, "", label, cells, status, Facts(), missing, note, disagree, n_of(results, label) if judged else 0
    )


def _difference(criterion: Criterion, one: RowDifference, cells: dict[str, dict[str, Cell]]) -> Difference:
    row, minus = row_label(one.group, one.row), row_label(one.group, one.minus)
    column = criterion.published if criterion.published in cells[row] else criterion.name
    return Difference(
        column,
        row,
        minus,
        one.mean,
        one.interval,
        one.p,
        one.p_holm,
        n_examples=one.n,
        refused="" if one.n else "no example in common",
    )
