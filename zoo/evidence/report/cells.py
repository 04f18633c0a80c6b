"""What a report says, as text in rows and lines, for every way of writing it: each only puts its own marks around."""

import math
from collections.abc import Sequence

from zoo.evidence.report.rows import Cell, Report, RowReport

NOTHING = "–"
MINUS = "−"
MOST_COLUMNS = 8  # metrics side by side
Grid = tuple[list[str], list[list[str]]]  # header and rows


def decimals(report: Report, column: str) -> int:
    """None of counts; as many as printed values have, two to four; without these more where numbers are small."""
    if any(row.cells[column].bare for row in report.rows):
        return _decimals_of_bare([row.cells[column] for row in report.rows])
    every = [number for row in report.rows for number in _numbers(row.cells[column])]
    if every and max(every) > 100 and all(float(number).is_integer() for number in every):
        return 0  # counts
    printed = [cell.printed.value for row in report.rows if (cell := row.cells[column]).printed is not None]
    if printed:
        shown = (f"{value:.4f}".rstrip("0") for value in printed)
        return max(2, *(len(text.partition(".")[2]) for text in shown))
    largest = max(map(abs, every), default=0.0)
    return 1 if largest >= 1_000 else 2 if largest >= 1.5 else 4


def _decimals_of_bare(cells: Sequence[Cell]) -> int:
    """None of whole numbers, one of shares in percent, two of coefficients."""
    every = [value for cell in cells for value in _numbers(cell)]
    if all(value == int(value) for value in every):
        return 0
    return 1 if max(map(abs, every)) > 1 else 2


def _numbers(cell: Cell) -> list[float]:
    own = [cell.mean, None if cell.printed is None else cell.printed.value]
    return [number for number in own if number is not None]


def number(value: float | None, places: int, sign: str = "") -> str:
    """With so many decimals; a dash for None, a real minus."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return format(value, f"{sign},.{places}f").replace("-", MINUS)


def printed_text(cell: Cell, places: int) -> str:
    """The printed value: "14.10 ± 0.04", "≈ 16.3" where it was read off a figure."""
    if cell.printed is None:
        return NOTHING
    told = number(cell.printed.value, places)
    if cell.printed.sd is not None:
        told += f" ± {number(cell.printed.sd, places)}"
    return f"≈ {told}" if cell.printed.read_off else told


def ours_text(cell: Cell, places: int) -> str:
    """Our mean and deviation, "3.76 ± –" of a single run; "not finite" where a run has a value that is no number."""
    if cell.mean is None:
        return "not finite" if cell.values else NOTHING
    return number(cell.mean, places) + ("" if cell.bare else f" ± {number(cell.std, places)}")


def n_text(cell: Cell) -> str:
    """How many values the mean is over."""
    return str(len(cell.values) if cell.n is None else cell.n)


def row_n(row: RowReport) -> str:
    """Of runs, or of what the row has in their place."""
    return str(len(row.facts.runs) if row.n is None else row.n)


def interval_text(between: Sequence[float] | None, places: int, sign: str = "") -> str:
    """Lowest and highest: "3.67 to 3.84"."""
    if between is None:
        return NOTHING
    return f"{number(between[0], places, sign)} to {number(between[1], places, sign)}"


def difference_text(cell: Cell, places: int) -> str:
    """Ours minus printed, in brackets where these are two different things."""
    if cell.difference is None:
        return NOTHING
    told = number(cell.difference, places, "+")
    return f"({told})" if cell.because else told


def status_text(row: RowReport) -> str:
    """The word, or why there are no runs."""
    return row.status.word if row.has_values else row.missing or row.status.word


def blocks(report: Report, most: int = MOST_COLUMNS) -> list[tuple[str, ...]]:
    """The columns, at most so many side by side, in parts of about the same size."""
    parts = max(1, -(-len(report.columns) // most))
    size = max(1, -(-len(report.columns) // parts))
    return [report.columns[first : first + size] for first in range(0, len(report.columns), size)] or [()]


def compact(report: Report, columns: Sequence[str], reasons: bool = True) -> Grid:
    """A line a row: printed → ours ± deviation by metric, the number of seeds, the status or why there are no runs."""
    header = ["row", *columns, "n", "status"]
    lines = []
    for row in report.rows:
        cells = []
        for column in columns:
            cell, places = row.cells[column], decimals(report, column)
            told = ours_text(cell, places)
            if cell.printed is not None:
                told = f"{printed_text(cell, places)} → {told}"
            cells.append(f"{told} [{cell.mark}]" if cell.mark else told)
        lines.append([row.label, *cells, row_n(row), status_text(row) if reasons else row.status.word])
    return header, lines


def long(report: Report) -> Grid:
    """A line a row and metric; what people judged has no classes, as all judge the same examples."""
    header = [
        "metric",
        "row",
        "printed",
        "judged" if report.of_people else "reproduced",
        "n",
        "95 % of the mean",
        "difference",
    ]
    header += [] if report.of_people else ["class"]
    lines = []
    for column in report.columns:
        places = decimals(report, column)
        for row in report.rows:
            cell = row.cells[column]
            if cell.printed is None and cell.mean is None and not cell.values:
                continue
            lines.append(
                [
                    column,
                    row.label,
                    printed_text(cell, places),
                    ours_text(cell, places),
                    n_text(cell),
                    interval_text(cell.interval, places),
                    difference_text(cell, places),
                    *([] if report.of_people else [cell.mark]),
                ]
            )
    return header, lines


def more(report: Report) -> list[tuple[str, Grid]]:
    """Further tables, with their titles."""
    return [(one.title, (list(one.header), [list(line) for line in one.lines])) for one in report.more]


def conditions(report: Report) -> Grid:
    """A line a row with runs: what is as published."""
    header = ["row", "status", "same metric?", "same split?", "same backbone?", "same training?", "seeds"]
    lines = [
        [row.label, s.word, *(told or NOTHING for told in (s.metric, s.split, s.backbone, s.training)), s.seeds]
        for row in report.rows
        if row.facts.runs
        for s in [row.status]
    ]
    return header, lines


def audit(report: Report) -> Grid:
    """A line a row and pair of definitions: the same generations under both."""
    header = ["authors' metric", "row", "printed", "reproduced", "sound metric", "of the same runs"]
    lines = []
    for authors, sound in report.audit.pairs if report.audit else ():
        for row in report.rows:
            one, other = row.cells[authors], row.cells[sound]
            if other.mean is not None:
                places = decimals(report, authors)
                values = [printed_text(one, places), ours_text(one, places), sound, ours_text(other, places)]
                lines.append([authors, row.label, *values])
    return header, lines


def audit_sentences(report: Report) -> list[str]:
    """What is to be known of metrics, rows and the whole table."""
    if report.audit is None:
        return []
    return [f"{about}: {why} ({source})" for about, why, source in report.audit.sentences]


AUDIT_TITLE = "Audit: the same runs under the authors' definitions and under the sound ones"


def costs(report: Report) -> Grid:
    """A line a row with runs: sizes, time and memory."""
    header = ["row", "parameters", "trained", "trained, each user", "training, s", "run, s", "memory, GiB"]
    lines = [
        [
            row.label,
            *(NOTHING if size is None else f"{size:,}" for size in (f.parameters, f.trained, f.trained_per_user)),
            *(number(seconds, 0) for seconds in (f.training_seconds, f.seconds)),
            number(f.memory_bytes / 2**30 if f.memory_bytes else None, 2),
        ]
        for row in report.rows
        if (f := row.facts).runs
    ]
    return header, lines


def paired(report: Report) -> Grid:
    """Differences to the reference row."""
    header = ["metric", "row", "difference", "95 % of it", "p", "p (Holm)"]
    header += ["examples"] if report.of_people else ["seeds", "examples", "dialogues"]
    lines = []
    for one in report.differences:
        places = decimals(report, one.metric)
        if one.refused:
            lines.append([one.metric, one.row, f"none: {one.refused}", *[NOTHING] * (len(header) - 3)])
            continue
        ps = [NOTHING if p is None else f"{p:.4f}" for p in (one.p, one.p_holm)]
        examples = f"{one.n_examples:,}"
        of_runs = [", ".join(map(str, one.seeds)), examples, f"{one.n_dialogues:,}"]
        sizes = [examples] if report.of_people else of_runs
        difference = number(one.mean, places, "+")
        lines.append([one.metric, one.row, difference, interval_text(one.interval, places, "+"), *ps, *sizes])
    return header, lines


def paired_title(report: Report) -> str:
    """What stands above the differences."""
    return report.paired or (
        f"Difference to {report.against}, paired: over the seeds of both, on the same draws of seeds and dialogues; "
        "two-sided bootstrap p, corrected over the rows of a metric"
    )


def legend(report: Report) -> str:
    """How to read the table."""
    told = report.legend or (
        f"printed → reproduced: mean ± sample deviation over n seeds (– for one); intervals: {report.resamples:,} "
        f"resamples of dialogues and seeds, seed {report.seed}."
    )
    if any(cell.because for row in report.rows for cell in row.cells.values()):
        told += " Differences in brackets compare two different things."
    if any(cell.printed and cell.printed.read_off for row in report.rows for cell in row.cells.values()):
        told += " ≈: read off a figure."
    return told


def bracketed(report: Report) -> list[str]:
    """Why differences stand in brackets."""
    reasons: dict[str, dict[str, None]] = {}
    for row in report.rows:
        for cell in row.cells.values():
            if cell.because and cell.difference is not None:
                reasons.setdefault(cell.because, {})[row.label] = None
    return [f"Differences in brackets, {why}: {', '.join(names)}." for why, names in reasons.items()]


def without_runs(report: Report) -> list[str]:
    """Why rows have no runs."""
    told: dict[str, list[str]] = {}
    for row in report.rows:
        if not row.facts.runs and not row.has_values:
            told.setdefault(status_text(row), []).append(row.label)
    return [f"{', '.join(names)}: {why}" for why, names in told.items()]


def row_notes(report: Report) -> list[str]:
    """What the paper and its code say about rows."""
    told: dict[str, list[str]] = {}
    for row in report.rows:
        for line in (row.note, row.disagree and f"paper and code disagree: {row.disagree}"):
            if line:
                told.setdefault(line, []).append(row.label)
        if row.missing and (row.facts.runs or row.has_values):
            line = f"not all runs: {row.missing}" if row.lacks_runs else row.missing
            told.setdefault(line, []).append(row.label)
    return [f"{', '.join(names)}: {line}." for line, names in told.items()]


def provenance(report: Report) -> list[str]:
    """Where the values come from, a line for all rows of which it is the same."""
    if not any(row.facts.runs for row in report.rows):
        return []
    versions = {column.rpartition("/")[2]: version for column, version in report.versions.items()}
    listed = "; ".join(f"{name} {version}" for name, version in versions.items())
    lines = [f"metric versions: {listed}"] * bool(listed)
    told: dict[str, list[str]] = {}
    for row in report.rows:
        facts = row.facts
        if facts.runs:
            files = "files as the runs wrote them" if facts.verified else "runs without hashes of their files"
            common = [
                f"data: {facts.data}; {facts.n_examples:,} examples of {facts.n_dialogues:,} dialogues",
                f"protocol {facts.protocol}; code {', '.join(facts.code)}; {files}",
                f"on {'; '.join(facts.hardware)}",
            ]
            for line in common:
                told.setdefault(line, []).append(row.label)
    lines += [f"{line} ({_names(names, report)})" for line, names in told.items()]
    return lines + [
        f"{row.label}: seeds {', '.join(map(str, row.facts.seeds))}; {', '.join(row.facts.runs)}"
        for row in report.rows
        if row.facts.runs
    ]


def _names(names: Sequence[str], report: Report) -> str:
    with_runs = sum(bool(row.facts.runs) for row in report.rows)
    return "all rows" if len(names) == with_runs > 1 else ", ".join(names)
