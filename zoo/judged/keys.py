"""Agreement by entity key beside PersonaChatGen's Tables 6 and 10: a row a key."""

from zoo.evidence.published import PublishedRow, PublishedTable, PublishedValue, how_to_judge
from zoo.evidence.report.rows import CLOSED, NOT_PUBLISHED, STAND_IN, Cell, Facts, Report, RowReport, Status
from zoo.judged.columns import ALPHA, OTHERS
from zoo.people.results.agreeing import by_group
from zoo.people.results.summary import Results


def keys_report(results: Results, table: PublishedTable, printed: PublishedRow) -> Report:
    """Alpha of every key: the average over the criteria, beside the printed one, then of each criterion.

    Args:
        results: of a study of profile sentences, whose group is their entity key.
        table: with alphas by key.
        printed: its row that has them.
    """
    ours = by_group(list(results.agreements.values()))
    sizes: dict[str, int] = {}
    for item in results.answers.items.values():
        sizes[item.group] = sizes.get(item.group, 0) + 1
    rows = []
    for key in dict.fromkeys([*printed.other, *ours]):
        theirs = printed.other.get(key)
        cells = {ALPHA: _cell(ALPHA, theirs, ours.get(key))}
        for criterion, one in results.agreements.items():
            cells[criterion] = Cell(criterion, mean=one.groups.get(key), n=sizes.get(key, 0), bare=True)
        judged = any(key in one.groups for one in results.agreements.values())
        word = NOT_PUBLISHED if theirs is None else STAND_IN
        missing = "" if judged else how_to_judge(table.key, printed)
        rows.append(
            RowReport(
                key,
                "",
                key,
                cells,
                Status(word if judged else CLOSED),
                Facts(),
                missing,
                n=sizes.get(key, 0) if judged else 0,
            )
        )
    levels = ", ".join(f"{one.criterion} {one.level}" for one in results.agreements.values())
    return Report(
        table.key,
        table.title,
        table.source,
        (ALPHA, *results.agreements),
        tuple(rows),
        notes=(
            f"Krippendorff's alpha of the judges, by level of measurement: {levels}; {ALPHA} is the average of these: "
            "the paper names neither a level nor how its criteria were put together.",
            "The caption calls all of these moderate or fair; by Landis and Koch's bounds (1977) those to 0.20 are "
            "slight.",
        ),
        of_people=True,
        legend="printed → ours; n: items of the key. Alpha of so few items scatters widely.",
    )


def _cell(column: str, printed: float | None, alpha: float | None) -> Cell:
    theirs = None if printed is None else PublishedValue(printed)
    if printed is None or alpha is None:
        return Cell(column, theirs, alpha, bare=True)
    return Cell(column, theirs, alpha, difference=alpha - printed, because=OTHERS, bare=True)
