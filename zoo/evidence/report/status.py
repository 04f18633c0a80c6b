"""A row's status: the same metric, split, backbone and training as published, how many seeds, and one word for all.

* replicates: everything as published, and every printed value lies in our 95 % interval or within two deviations (ours
  and the printed one, added as variances);
* as published, differs: everything as published, but not every value;
* as published: neither can be said, as some value has neither an interval nor a deviation;
* other conditions: something else than the data is not as published;
* stand-in: other data, or another model, stand for what is published;
* other judges: rated by other people than the paper's, see `zoo.judged`; not judged: there are replies, but no ratings;
* made: by a program whose report stands below; closed, not run, failed: no values of ours; not published: no printed
  values.
"""

from collections.abc import Sequence
from dataclasses import replace

from zoo.errors import UserError
from zoo.evidence.published import PEOPLE, PublishedValue
from zoo.evidence.report.conditions import Conditions, conditions, differing_runs
from zoo.evidence.report.rows import (
    AS_PUBLISHED,
    CLOSED,
    DIFFERS,
    FAILED,
    MADE,
    NOT_JUDGED,
    NOT_PUBLISHED,
    NOT_RUN,
    OTHER,
    REPLICATES,
    STAND_IN,
    Cell,
    ReportRow,
    Status,
)
from zoo.evidence.seed_groups import SeedRun
from zoo.run_record import FinishedRun

YES, UNKNOWN = "yes", "not known"


def agrees(printed: PublishedValue, mean: float, std: float | None, between: Sequence[float] | None) -> bool | None:
    """Does the printed value lie in the interval, or within two deviations of ours? None where there is neither."""
    if between is std is printed.sd is None:
        return None
    inside = between is not None and between[0] <= printed.value <= between[1]
    deviation = ((std or 0.0) ** 2 + (printed.sd or 0.0) ** 2) ** 0.5
    return inside or abs(mean - printed.value) <= 2 * deviation


def row_conditions(row: ReportRow, runs: Sequence[SeedRun], records: Sequence[FinishedRun]) -> Conditions | None:
    """What of a row's first run is not as its experiment has it, and what of the others not as of the first.

    None where no experiment says how it should be.

    Of a row without printed values it is the experiment that the run was typed with.

    Args:
        row: with runs.
        runs: its runs.
        records: what they recorded.
    """
    published = row.published
    if published is None:
        return _own_conditions(runs[0], records[0])
    experiment = published.sound if row.variant == "sound" and published.sound else published.experiment
    asked = "zoo.questions" in (published.command or "")  # their record is that of a run of the experiment
    if experiment is None or (published.command is not None and not asked):
        return None
    try:
        found = conditions(runs[0], records[0], experiment, tuple(published.overrides))
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{runs[0].run_dir / 'config.yaml'} is not a configuration of run.py ({type(error).__name__}: {error}); "
            f"the row {row.label} is of experiment={experiment}. Give a run of that."
        ) from error
    if apart := differing_runs(runs):
        more = f" and {len(apart) - 3} more" if len(apart) > 3 else ""
        told = f"its runs differ among themselves: {', '.join(apart[:3])}{more}"
        found = replace(found, training="; ".join(filter(None, (found.training, told))))
    return found


def _own_conditions(run: SeedRun, record: FinishedRun) -> Conditions | None:
    try:
        return conditions(run, record, run.overrides["experiment"], ())
    except (KeyError, TypeError, AttributeError, UserError):  # none was typed, or there is none of that name any more
        return None


def row_status(row: ReportRow, cells: Sequence[Cell], n: int, found: Conditions | None) -> Status:
    """The status of a row.

    Args:
        row: as asked for.
        cells: its values.
        n: number of runs.
        found: see `row_conditions`.
    """
    published = row.published
    if not n:
        if row.missing.startswith(FAILED):
            return Status(FAILED)
        if row.missing.startswith(MADE):
            return Status(MADE)
        closed = row.missing.startswith(CLOSED) or (published is not None and published.closed)
        return Status(CLOSED if closed else NOT_RUN)
    seeds = f"{n}"
    if any(cell.printed is not None and cell.printed.sd is not None for cell in cells):
        seeds += " (printed: with a deviation)"
    if published is None or published.needs == PEOPLE:
        word = NOT_PUBLISHED if published is None else NOT_JUDGED
        if found is None:
            return Status(word, seeds=seeds)
        told = (found.split or YES, found.backbone or YES, found.training or YES)
        return Status(word, "", *told, seeds, found.details)
    metric = _metrics_told(cells, [key for key in published.values if key not in {cell.metric for cell in cells}])
    stand_in = published.stand_in or (found.stand_in if found else "")
    if found is None:
        return Status(STAND_IN if stand_in else OTHER, metric, UNKNOWN, UNKNOWN, UNKNOWN, seeds)
    split = found.split or (f"stand-in: {published.stand_in}" if published.stand_in else YES)
    training = found.training or YES
    if row.variant == "sound" and published.sound not in (None, published.experiment):
        training = "; ".join([f"the sound way, experiment={published.sound}", *[found.training] * bool(found.training)])
    own = (metric, split, found.backbone or YES, training)
    if stand_in:
        word = STAND_IN
    elif any(told != YES for told in own):
        word = OTHER
    else:
        word = _word_of([cell.agrees for cell in cells if cell.printed is not None])
    return Status(word, *own, seeds, found.details)


def _word_of(agree: Sequence[bool | None]) -> str:
    """Of a row that is as published, by whether each printed value agrees with ours."""
    if not agree:
        return NOT_PUBLISHED
    if False in agree:
        return DIFFERS
    return AS_PUBLISHED if None in agree else REPLICATES


def _metrics_told(cells: Sequence[Cell], not_asked_for: Sequence[str]) -> str:
    """Yes, or the printed metrics that were not asked for, not measured or are another thing here."""
    printed = [cell for cell in cells if cell.printed is not None]
    lacking = [cell.metric for cell in printed if cell.mean is None and not cell.values]
    told = [f"not measured: {', '.join(lacking)}"] * bool(lacking)
    infinite = [cell.metric for cell in printed if cell.mean is None and cell.values]
    told += [f"not finite: {', '.join(infinite)}"] * bool(infinite)
    told += [f"not asked for: {', '.join(not_asked_for)}"] * bool(not_asked_for)
    reasons: dict[str, list[str]] = {}
    for cell in printed:
        if cell.mean is not None and cell.because.startswith("metric"):
            reasons.setdefault(cell.because.removeprefix("metric: "), []).append(cell.metric)
    told += [f"{', '.join(metrics)}: {reason}" for reason, metrics in reasons.items()]
    return "; ".join(told) or YES
