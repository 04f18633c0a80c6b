"""Text metrics of every user, and their mean over users: `<metric>_user_mean`.

A user's replies of all test sets together are one corpus for `test/<metric>_user_mean`; with several test sets there
is `test/<set>/<metric>_user_mean` too. The prompt-tuning paper (arXiv:2206.05399) averages Distinct-1 and -2 in the
first way over the models of three personas. Distinct falls as a corpus grows, so the number of replies is told with it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.metrics.generations import Generation
from zoo.metrics.results import result_prefix
from zoo.metrics.suite import MetricSuite

ENDING = "_user_mean"


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
            found = texts.compute()
            entry = users.setdefault(user, {"n_examples": {}, "metrics": {}})
            entry["n_examples"][name or "all"] = len(own)
            entry["metrics"] |= {f"{name}/{metric}" if name else metric: value for metric, value in found.items()}
            versions |= {f"{metric}{ENDING}": version for metric, version in texts.versions().items()}
    means: dict[str, float] = {}
    for name in dict.fromkeys(key for entry in users.values() for key in entry["metrics"]):
        values = [entry["metrics"][name] for entry in users.values() if name in entry["metrics"]]
        test_set, _, metric = name.rpartition("/")
        means[f"{result_prefix(test_set)}{metric}{ENDING}"] = _mean(values)
    for entry in users.values():  # as JSON has it
        entry["metrics"] = {key: value if math.isfinite(value) else None for key, value in entry["metrics"].items()}
    return means, versions, users


def _by_user(rows: Sequence[Generation]) -> dict[str, list[Generation]]:
    found: dict[str, list[Generation]] = {}
    for row in rows:
        found.setdefault(row.user, []).append(row)
    return dict(sorted(found.items()))


def _mean(values: Sequence[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return math.fsum(numbers) / len(numbers) if numbers else math.nan
