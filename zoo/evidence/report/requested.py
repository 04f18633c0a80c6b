"""Which tables a command line asks for: runs grouped by their settings, beside what is printed of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from zoo.evidence.curves import read_lines
from zoo.evidence.published import (
    PEOPLE,
    PublishedRow,
    PublishedTable,
    how_to_judge,
    papers,
    published_table,
    published_tables,
)
from zoo.evidence.report.rows import ReportRow, ReportTable
from zoo.evidence.seed_groups import SeedRun, leaves, named, read_groups
from zoo.run_record import finished_run

RUNS = "runs"
NO_SOURCE = "finished runs of this machine"


def requested_tables(given: Sequence[str], table: str | None, metrics: Sequence[str] | None) -> list[ReportTable]:
    """Tables of runs.

    Args:
        given: run directories and NAME=RUN_DIR,RUN_DIR,..., see `zoo.evidence.seed_groups.read_groups`.
        table: "paper/table"; None: every table that has a row of some run's experiment, or one without printed values.
        metrics: columns that take the place of the table's own.

    Raises:
        UserError: there is no such table, or something of `given` is no finished run.
    """
    lines = [text for text in given if "=" in text and not Path(text).is_dir()]
    of_names = [path for paths in read_lines(lines).values() for path in paths]
    for path in [*of_names, *(Path(text) for text in given if text not in lines)]:
        finished_run(path)  # refuses in its own words what is unfinished, foreign or edited
    groups = read_groups(given)
    given_names = {text.partition("=")[0] for text in lines}
    if table is not None:
        return [_table(published_table(table), groups, given_names, metrics, whole=True)]
    matching = [
        found
        for paper in dict.fromkeys(_experiment(runs[0]).partition("/")[0] for runs in groups.values())
        if paper in papers()
        for found in published_tables(paper).values()
        if any(_matching(found, runs[0]) for runs in groups.values())
    ]
    if matching:
        return [_table(found, groups, given_names, metrics, whole=False) for found in matching]
    rows = [ReportRow(name, run_dirs=[run.run_dir for run in runs]) for name, runs in groups.items()]
    return [ReportTable(RUNS, "Runs", NO_SOURCE, rows, tuple(metrics or ()))]


def _table(
    found: PublishedTable,
    groups: dict[str, list[SeedRun]],
    given_names: set[str],
    metrics: Sequence[str] | None,
    whole: bool,
) -> ReportTable:
    """Rows of the table that some runs are of, all others too where it is asked for as a whole; then runs of no row."""
    rows: list[ReportRow] = []
    matched = {name: _matching(found, runs[0]) for name, runs in groups.items()}
    for printed in found.rows:
        own = [name for name, match in matched.items() if match is not None and match[0] is printed]
        variants = {name: match[1] for name in own if (match := matched[name])}
        labels = _labels(printed.name, variants, given_names, groups)
        rows += [
            ReportRow(
                labels[name],
                printed,
                variant,
                [run.run_dir for run in groups[name]],
                how_to_judge(found.key, printed) if printed.needs == PEOPLE else "",
            )
            for name, variant in variants.items()
        ]
        if not own and whole:
            rows.append(ReportRow(printed.name, printed, missing=_missing(found, printed)))
    others = [name for name, match in matched.items() if match is None]
    rows += [ReportRow(name, run_dirs=[run.run_dir for run in groups[name]]) for name in others]
    notes = [f"Of no row of {found.key}: {', '.join(others)}."] if others else []
    asked = tuple(metrics or found.metrics)
    return ReportTable(found.key, found.title, found.source, rows, asked, tuple(notes), found.unions)


def _labels(
    row: str, variants: Mapping[str, str], given_names: set[str], groups: Mapping[str, list[SeedRun]]
) -> dict[str, str]:
    """Of all groups of one row: as given, else the row's name, and what tells groups of one variant apart."""
    row = f"{row} (found)" if row in given_names else row
    found = {name: name if name in given_names else row for name in variants}
    for variant in set(variants.values()):
        unnamed = [name for name, own in variants.items() if own == variant and name not in given_names]
        if len(unnamed) > 1:
            apart = named([groups[name] for name in unnamed])
            found |= {name: f"{row}: {told}" for name, told in zip(unnamed, apart, strict=True)}
    return found


def _missing(table: PublishedTable, row: PublishedRow) -> str:
    if row.needs == PEOPLE:
        return how_to_judge(table.key, row)
    if row.closed:
        return "closed: nobody can run it"
    if row.needs:
        return f"not run: needs {row.needs}"
    return f"not run yet: python -m zoo.reproduce {table.key}"


def _matching(table: PublishedTable, run: SeedRun) -> tuple[PublishedRow, str] | None:
    """The printed row that a run is of, and which way of it; the one with the most overrides that the run has."""
    experiment, best = _experiment(run), None
    for row in table.rows:
        if not experiment or experiment not in (row.experiment, row.sound) or not _has(run, row.overrides):
            continue
        if ("questions" in run.trained_by) != ("zoo.questions" in (row.command or "")):
            continue
        if best is None or len(row.overrides) > len(best.overrides):
            best = row
    if best is None:
        return None
    variant = "" if best.sound in (None, best.experiment) else "sound" if experiment == best.sound else "authors"
    return best, variant


def _has(run: SeedRun, overrides: Sequence[str]) -> bool:
    """Does a run have all settings that a row is typed with? Groups (`data=...`) only if they were typed."""
    configured = {key: str(value) for key, value in leaves(run.trained_by)}
    for text in overrides:
        key, _, value = text.lstrip("+").partition("=")
        if key.startswith(("hydra.", "~")):
            continue
        if value not in (run.overrides.get(key), configured.get(key)):
            return False
    return True


def _experiment(run: SeedRun) -> str:
    return run.overrides.get("experiment", "")
