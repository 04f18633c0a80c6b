"""Every row minus one of them, paired: over the same seeds and examples, on the same draws of seeds and dialogues.

p is the two-sided bootstrap p of no difference, from the resampled differences that the interval is made of; Holm's
(1979) correction is over the rows that are compared with the reference in one metric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from zoo.evidence.report.classes import METRIC, PADDING, TOKENIZER, measured_as, run_signature
from zoo.evidence.report.measuring import MeasuredRun
from zoo.evidence.report.rows import Difference
from zoo.evidence.seed_values import paired, pairs
from zoo.significance import holm, interval, two_sided_p

SAME = (METRIC, TOKENIZER, PADDING)  # kinds that must not differ; decoding may be what is compared


def differences(
    rows: Mapping[str, Sequence[MeasuredRun]], against: str, columns: Sequence[str], seed: int
) -> tuple[Difference, ...]:
    """Differences of all other rows to the row `against`, metric by metric.

    Args:
        rows: runs by row, only those that have runs.
        against: the reference row.
        columns: metrics, perhaps with a test set.
        seed: of the draws of runs.
    """
    found: list[Difference] = []
    for column in columns:
        of_metric = [
            _difference(column, against, rows[against], name, runs, seed)
            for name, runs in rows.items()
            if name != against
        ]
        found += _corrected(of_metric)
    return tuple(found)


def _difference(
    column: str, against: str, first: Sequence[MeasuredRun], name: str, runs: Sequence[MeasuredRun], seed: int
) -> Difference:
    metric = measured_as(column)
    nothing = Difference(column, name, against)
    for row, own in ((against, first), (name, runs)):
        if not all(metric in run.measured.results.metrics for run in own):
            return replace(nothing, refused=f"not all runs of {row} measured it")
    seeds = {run.measured.run.seed for run in first} & {run.measured.run.seed for run in runs}
    if not seeds:
        return replace(nothing, refused="no seed in common")
    of_seeds = pairs([run.measured for run in first], [run.measured for run in runs])
    if not of_seeds:
        return replace(nothing, refused="scored on different examples")
    one, other = ({run.measured.run.seed: run_signature(run, column) for run in own} for own in (first, runs))
    if apart := [kind for kind in SAME if any(one[seed].get(kind) != other[seed].get(kind) for seed in seeds)]:
        return replace(nothing, refused=f"different {' and '.join(apart)}")
    mean, moved = paired(of_seeds, metric, seed)
    if not np.isfinite(mean):
        return replace(nothing, refused="not a number in some run")
    between = interval(moved, mean)
    return replace(
        nothing,
        mean=mean,
        interval=None if between is None else (between[0], between[1]),
        p=two_sided_p(moved, mean),
        seeds=tuple(a.run.seed for a, _ in of_seeds),
        n_examples=max(len(a.examples) for a, _ in of_seeds),
        n_dialogues=max(a.dialogues for a, _ in of_seeds),
    )


def _corrected(found: Sequence[Difference]) -> list[Difference]:
    known = [index for index, one in enumerate(found) if one.p is not None]
    corrected = dict(zip(known, holm([found[index].p or 0.0 for index in known]), strict=True))
    return [replace(one, p_holm=corrected.get(index)) for index, one in enumerate(found)]
