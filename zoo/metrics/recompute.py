"""Every metric again, from the texts and likelihoods that a run kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.metrics.by_user import intervals, results_by_user
from zoo.metrics.generations import TEACHER_FORCED_FIELDS, Generation, generations_by_set
from zoo.metrics.results import Results, result_prefix
from zoo.metrics.suite import MetricSuite


def recompute(run_dir: Path, suite: MetricSuite) -> Results:
    """All metrics of all test sets, see `measured`, from the texts that the run kept.

    Raises:
        UserError: no such folder, no generations in it, bad lines in them, or nothing of the teacher-forced ids that
            a metric needs.
    """
    generations = generations_by_set(run_dir)
    check_teacher_forced_ids(run_dir, generations, suite)
    return measured(generations, suite)


def measured(generations: Mapping[str, Sequence[Generation]], suite: MetricSuite) -> Results:
    """All metrics of all test sets: rows under "" as test/<metric>, those under <set> as test/<set>/<metric>."""
    metrics: dict[str, float] = {}
    versions: dict[str, int | str] = {}
    for test_set, rows in generations.items():
        suite.reset()
        suite.update(rows)
        metrics |= {result_prefix(test_set) + name: value for name, value in suite.compute().items()}
        versions |= suite.versions()
    other: dict[str, Any] = {}
    if suite.by_user:
        means, versions_of_means, other["users"] = results_by_user(suite, generations)
        metrics |= means
        versions |= versions_of_means
        other["intervals"] = intervals(other["users"])
    other |= suite.remarks(versions)
    return Results(metrics, versions, sum(map(len, generations.values())), seed=None, other=other)


def check_teacher_forced_ids(
    run_dir: Path, generations: Mapping[str, Sequence[Generation]], suite: MetricSuite
) -> None:
    """Refuse a protocol that reads ids which a run did not keep.

    Raises:
        UserError: says how a run keeps them.
    """
    rows = [row for of_set in generations.values() for row in of_set]
    needed = sorted(suite.needs & TEACHER_FORCED_FIELDS)
    if lacking := [field for field in needed if all(getattr(row, field) is None for row in rows)]:
        raise UserError(
            f"{run_dir / 'generations.jsonl'} keeps no {', '.join(lacking)}, which protocol {suite.name} needs. A run "
            "keeps them under protocol=paa_both, and under any other protocol with protocol.teacher_forced_ids=true: "
            "evaluate it again with one of these, run=[test] and ckpt_path=best."
        )
