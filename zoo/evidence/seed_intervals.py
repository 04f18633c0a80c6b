"""What several seeds measured, and how far that could lie elsewhere: bootstrap over runs and test dialogues.

All runs of an experiment answer the same test dialogues, so seeds and dialogues are crossed: a resample draws dialogues
once, for all runs, recomputes every run's metric over them, and draws runs for the mean (Owen 2007, "The pigeonhole
bootstrap", arXiv:0712.1111). Dialogues drawn anew for each run would cancel out in the mean, as if every seed had had a
test set of its own. Rows of one dialogue stay together. Two things differ from the plainest bootstrap:

* of S runs S - 1 are drawn, which gives the mean's variance as the sample standard deviation has it (Rao and Wu 1988);
  S draws of so few would understate it, by half where S = 2;
* a corpus that holds a dialogue several times is less varied than any real one, so for metrics that change when every
  dialogue is counted twice (distinct-n) a resample is a random half of the dialogues, each at most once. Means of
  halves without replacement scatter as means of whole resamples do (Politis and Romano 1994).

Percentiles are those of the resampled values, shifted so that their mean is the observed one: half a corpus is more
varied than the whole.

Means over users (`<metric>_user_mean`) draw users instead of dialogues, as `zoo.metrics.by_user.intervals` does.

Letters: R resamples, S runs, D dialogues or users.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch

from zoo.metrics.base import GenerationMetric
from zoo.metrics.generations import Generation
from zoo.metrics.resampling import MetricOfParts
from zoo.metrics.results import result_prefix
from zoo.metrics.suite import USER_MEAN, MetricSuite
from zoo.significance import Floats, Ints, draws, interval

RUNS, DIALOGUES, USERS = range(3)  # what is drawn; draws of one are independent of those of another


def halves(units: int, resamples: int, *key: int) -> Ints:
    """Random halves, of an odd number the smaller: 1 for every unit in it, [R, units]; the same for the same `key`."""
    order = np.random.default_rng(key).random((resamples, units)).argsort(axis=1)
    return (order < units // 2).astype(np.int64)


def dialogue_of(example: str) -> str:
    """The dialogue of an example's id, what stands before the last "/": "valid:12" of "valid:12/3".

    An id without one is a dialogue of its own.
    """
    return example.rpartition("/")[0] or example


def dialogues_of(rows: Sequence[Generation]) -> dict[str, list[Generation]]:
    """Rows by dialogue, sorted by its name: runs on the same examples have them in the same order."""
    found: dict[str, list[Generation]] = {}
    for row in rows:
        found.setdefault(dialogue_of(row.id), []).append(row)
    return dict(sorted(found.items()))


def resampled_run(
    suite: MetricSuite,
    generations: Mapping[str, Sequence[Generation]],
    users: Mapping[str, Any],
    resamples: int,
    *key: int,
) -> dict[str, Floats]:
    """Every metric of one run over resampled dialogues or users, [R] by name ("test/ppl_token").

    Args:
        suite: the protocol, which is reset.
        generations: rows by test set.
        users: "users" of what `zoo.metrics.by_user` found; empty where there are no means over users.
        resamples: how many.
        key: of the draws. Runs on the same examples that have the same key get the same draws.

    Returns:
        Nothing of a test set with a single dialogue, of a mean over a single user.
    """
    found: dict[str, Floats] = {}
    for test_set, rows in generations.items():
        parts = list(dialogues_of(rows).values())
        if len(parts) > 1:
            whole = torch.from_numpy(draws(len(parts), len(parts), resamples, DIALOGUES, *key))  # [R, D]
            half = torch.from_numpy(halves(len(parts), resamples, DIALOGUES, *key))  # [R, D]
            for key_of_metric, metric in suite.metrics.items():
                read = [suite.as_read(key_of_metric, part) for part in parts]
                of_parts = MetricOfParts(cast(GenerationMetric, metric), read)
                values = of_parts.results(half if of_parts.depends_on_size() else whole)
                prefix, ending = result_prefix(test_set), suite.ending(key_of_metric)
                found |= {prefix + name + ending: value.numpy() for name, value in values.items()}
    for name in dict.fromkeys(name for entry in users.values() for name in entry["metrics"]):
        own = [entry["metrics"][name] for _, entry in sorted(users.items()) if name in entry["metrics"]]
        if len(own) > 1:
            test_set, _, metric = name.rpartition("/")
            found[f"{result_prefix(test_set)}{metric}{USER_MEAN}"] = _resampled_mean(own, resamples, USERS, *key)
    return found


def summary(observed: Sequence[float], values: Floats | None, *key: int) -> dict[str, Any]:
    """Of one metric in S runs, in plain types: n, mean, std, min, max and interval; null where it is not a number.

    Args:
        observed: S values.
        values: resampled, [R, S]; None where nothing could be resampled.
        key: of the draws of runs.
    """
    n = len(observed)
    known = all(math.isfinite(value) for value in observed)
    mean = math.fsum(observed) / n if known else math.nan
    return {
        "n": n,
        "mean": mean if known else None,
        "std": statistics.stdev(observed) if known and n > 1 else None,
        "min": min(observed) if known else None,
        "max": max(observed) if known else None,
        "interval": interval(None if values is None else mean_over_runs(values, *key), mean),
    }


def mean_over_runs(values: Floats, *key: int) -> Floats:
    """Means over S - 1 runs drawn with replacement (over the one, where there is one); [R, S] to [R]."""
    resamples, runs = values.shape
    size = max(runs - 1, 1)
    result: Floats = (values * draws(runs, size, resamples, RUNS, *key) / size).sum(axis=1)
    return result


def _resampled_mean(own: Sequence[float | None], resamples: int, *key: int) -> Floats:
    """The mean over drawn users; those for whom the metric is not a number do not count, as in the mean itself."""
    times = draws(len(own), len(own), resamples, *key)  # [R, D]
    known = np.array([value is not None for value in own])
    sums = times[:, known] @ np.array([value for value in own if value is not None], dtype=np.float64)
    numbers = times[:, known].sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean: Floats = sums / numbers  # NaN where nobody with a number was drawn
    return mean
