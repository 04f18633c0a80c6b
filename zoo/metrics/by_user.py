"""Text metrics of every user, and their mean over users: `<metric>_user_mean`.

A user's replies of all test sets together are one corpus for `test/<metric>_user_mean`; with several test sets there
is `test/<set>/<metric>_user_mean` too. The prompt-tuning paper (arXiv:2206.05399) averages Distinct-1 and -2 in the
first way over the models of three personas. Distinct falls as a corpus grows, so the number of replies is told with it.
What is a mean over users already (`c_score_macro`) has no second one. `intervals` tells how much a mean depends on who
the users are.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo.metrics.generations import Generation
from zoo.metrics.results import result_prefix
from zoo.metrics.suite import CLEANED, USER_MEAN, MetricSuite

RESAMPLES = 1_000


def results_by_user(
    suite: MetricSuite, generations: Mapping[str, Sequence[Generation]]
) -> tuple[dict[str, float], dict[str, int | str], dict[str, Any]]:
    """Means over users, their versions, and what they are means of.

    Args:
        suite: the protocol; only those of its metrics count that read replies. It is not changed, and no other process
            takes part.
        generations: all rows, by test set; "" where there is only one.

    Returns:
        `{"test/distinct_1_user_mean": ...}`; `{"distinct_1_user_mean": version}`; and for every user
        `{"n_examples": {set: number}, "metrics": {name: value, "<set>/" + name: value}}`, with "all" beside the sets. A
        user for whom a metric is not a number (say, Distinct-2 of replies of one word) is left out of its mean.
    """
    corpora = {"": [row for rows in generations.values() for row in rows]}
    if set(generations) != {""}:
        corpora |= {name: list(rows) for name, rows in generations.items()}
    texts = suite.alone("response")
    users: dict[str, dict[str, Any]] = {}
    versions: dict[str, int | str] = {}
    for name, rows in corpora.items():
        for user, own in _by_user(rows).items():
            texts.reset()
            texts.update(own)
            computed = texts.compute().items()
            found = {name: value for name, value in computed if not name.removesuffix(CLEANED).endswith("_macro")}
            entry = users.setdefault(user, {"n_examples": {}, "metrics": {}})
            entry["n_examples"][name or "all"] = len(own)
            entry["metrics"] |= {f"{name}/{metric}" if name else metric: value for metric, value in found.items()}
            versions |= {f"{metric}{USER_MEAN}": texts.versions()[metric] for metric in found}
    means: dict[str, float] = {}
    for name in dict.fromkeys(key for entry in users.values() for key in entry["metrics"]):
        values = [entry["metrics"][name] for entry in users.values() if name in entry["metrics"]]
        test_set, _, metric = name.rpartition("/")
        means[f"{result_prefix(test_set)}{metric}{USER_MEAN}"] = _mean(values)
    for entry in users.values():  # as JSON has it
        entry["metrics"] = {key: value if math.isfinite(value) else None for key, value in entry["metrics"].items()}
    return means, versions, users


def intervals(users: Mapping[str, Any], seed: int = 0) -> dict[str, list[float]]:
    """95 % percentile bootstrap intervals of the means over users: {"test/f1_parlai_user_mean": [low, high]}.

    Users are drawn with replacement, 1,000 times, and the mean taken again; between 2.5 and 97.5 % of these means lies
    the interval. It tells how much the mean depends on which users were met, not on seeds or replies. A user without
    the metric is left out, as of the mean; fewer than two users with it have no interval.

    Args:
        users: the third result of `results_by_user`, or "users" of metrics.json.
        seed: of the draws.
    """
    found: dict[str, list[float]] = {}
    for name in dict.fromkeys(key for entry in users.values() for key in entry["metrics"]):
        values = np.array([x for entry in users.values() if (x := entry["metrics"].get(name)) is not None])
        if len(values) > 1:
            draws = np.random.default_rng(seed)
            resampled = [values[draws.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
            test_set, _, metric = name.rpartition("/")
            found[f"{result_prefix(test_set)}{metric}{USER_MEAN}"] = np.percentile(resampled, (2.5, 97.5)).tolist()
    return found


def _by_user(rows: Sequence[Generation]) -> dict[str, list[Generation]]:
    found: dict[str, list[Generation]] = {}
    for row in rows:
        found.setdefault(row.user, []).append(row)
    return dict(sorted(found.items()))


def _mean(values: Sequence[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return math.fsum(numbers) / len(numbers) if numbers else math.nan
