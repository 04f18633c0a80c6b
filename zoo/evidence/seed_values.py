"""Values of groups of runs: what each run measured, groups' means over seeds, and differences between groups."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.errors import UserError
from zoo.evidence.seed_groups import SeedRun
from zoo.evidence.seed_intervals import dialogues_of, mean_over_runs, resampled_run, summary
from zoo.metrics.generations import Generation, generations_by_set
from zoo.metrics.recompute import check_teacher_forced_ids, measured
from zoo.metrics.results import Results
from zoo.metrics.suite import MetricSuite
from zoo.significance import Floats, interval


@dataclass(frozen=True)
class Measured:
    """What one run measured.

    Attributes:
        results: over all its examples, computed again.
        resampled: the same metrics over resampled corpora, [R] by name.
        examples: (test set, id, reference) of what it was scored on.
        dialogues: how many these are of.
        n_tokens: of all references, as the run's tokenizer splits them; None where it did not.
    """

    run: SeedRun
    results: Results
    resampled: dict[str, Floats]
    examples: frozenset[tuple[str, str, str]]
    dialogues: int
    n_tokens: int | None


def measure(
    groups: Mapping[str, Sequence[SeedRun]], suite: MetricSuite, resamples: int, seed: int
) -> dict[str, list[Measured]]:
    """Every run's values, over its examples and over resamples of them.

    Runs on the same examples are given the same draws of dialogues, whatever their group; others draws of their own.

    Raises:
        UserError: a run has no generations, or the protocol cannot score them.
    """
    example_sets: list[frozenset[tuple[str, str, str]]] = []
    found: dict[str, list[Measured]] = {}
    for name, runs in groups.items():
        for run in runs:
            generations = generations_by_set(run.run_dir)
            rows = [(test_set, row) for test_set, of_set in generations.items() for row in of_set]
            examples = frozenset((test_set, row.id, row.reference) for test_set, row in rows)
            if examples not in example_sets:
                example_sets.append(examples)
            key = (seed, example_sets.index(examples))
            found.setdefault(name, []).append(of_generations(run, generations, suite, resamples, key))
    return found


def of_generations(
    run: SeedRun,
    generations: Mapping[str, Sequence[Generation]],
    suite: MetricSuite,
    resamples: int,
    key: Sequence[int],
    known: tuple[Results, dict[str, Floats]] | None = None,
    unions: Mapping[str, Sequence[str]] | None = None,
) -> Measured:
    """One run's values, over its examples and over resamples of them.

    Args:
        run: as read.
        generations: its rows by test set.
        suite: the protocol.
        resamples: how many.
        key: of the draws; runs on the same examples should have the same.
        known: results and resampled values where they were computed before.
        unions: test sets of which the rows together are scored as one more, by its name.

    Raises:
        UserError: the protocol cannot score the generations.
    """
    rows = [(test_set, row) for test_set, of_set in generations.items() for row in of_set]
    if known is None:
        check_teacher_forced_ids(run.run_dir, generations, suite)
        results = measured(generations, suite)
        values = resampled_run(suite, generations, results.other.get("users", {}), resamples, *key)
        if unions:  # means over users are over every reply once
            both = {name: [row for part in parts for row in generations[part]] for name, parts in unions.items()}
            results = replace(results, metrics=measured(both, suite).metrics | results.metrics)
            values |= resampled_run(suite, both, {}, resamples, *key)
    else:
        results, values = known
    tokens = [row.n_tokens for _, row in rows]
    return Measured(
        run,
        results,
        values,
        examples=frozenset((test_set, row.id, row.reference) for test_set, row in rows),
        dialogues=sum(len(dialogues_of(of_set)) for of_set in generations.values()),
        n_tokens=None if None in tokens else sum(n or 0 for n in tokens),
    )


def asked_metrics(found: Mapping[str, Sequence[Measured]], asked: Sequence[str] | None) -> list[str]:
    """The metrics to tell of: those asked for, else all that some group has in all its runs.

    Raises:
        UserError: no group has what is asked for in all its runs.
    """
    known = list(dict.fromkeys(name for runs in found.values() for name in common_metrics(runs)))
    if missing := [name for name in asked or () if name not in known]:
        raise UserError(f"No group measured {missing[0]} in all its runs. Expected of {', '.join(known)}.")
    if not known:
        raise UserError("No group has a metric that all its runs measured. Give runs that were scored in the same way.")
    return list(dict.fromkeys(asked or known))


def common_metrics(runs: Sequence[Measured]) -> list[str]:
    """What all runs measured, in the protocol's order."""
    return [name for name in runs[0].results.metrics if all(name in run.results.metrics for run in runs)]


def summarised(runs: Sequence[Measured], metrics: Sequence[str], seed: int) -> dict[str, dict[str, Any]]:
    """n, mean, std, min, max and interval of every metric that all runs of a group measured."""
    shared = set(common_metrics(runs))
    return {
        name: summary([run.results.metrics[name] for run in runs], stacked(runs, name), seed)
        for name in metrics
        if name in shared
    }


def pairs(first: Sequence[Measured], second: Sequence[Measured]) -> list[tuple[Measured, Measured]]:
    """The runs of each seed that both groups have; none where the two runs of a seed were scored on different examples.

    Examples may differ from seed to seed (parts of a corpus may be drawn by it).
    """
    one, other = ({run.run.seed: run for run in runs} for runs in (first, second))
    found = [(one[seed], other[seed]) for seed in sorted(one.keys() & other.keys())]
    return found if all(a.examples == b.examples for a, b in found) else []


def differences_to_first(
    found: Mapping[str, Sequence[Measured]], metrics: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    """Mean difference of every later group to the first, over the seeds of both, see `pairs`."""
    (first_name, first), *others = found.items()
    differences = []
    for name, runs in others:
        of_seeds = pairs(first, runs)
        for metric in metrics:
            if not of_seeds or not all(metric in run.results.metrics for run in (*first, *runs)):
                continue
            mean, moved = paired(of_seeds, metric, seed)
            differences.append(
                {
                    "metric": metric,
                    "group": name,
                    "minus": first_name,
                    "seeds": [a.run.seed for a, _ in of_seeds],
                    "mean": mean if math.isfinite(mean) else None,
                    "interval": interval(moved, mean),
                }
            )
    return differences


def paired(of_seeds: Sequence[tuple[Measured, Measured]], metric: str, seed: int) -> tuple[float, Floats | None]:
    """The mean difference of the second runs to the first, and [R] of it on the same draws of seeds and dialogues."""
    each = [b.results.metrics[metric] - a.results.metrics[metric] for a, b in of_seeds]
    one, other = (stacked([pair[side] for pair in of_seeds], metric) for side in (0, 1))
    moved = None if one is None or other is None else mean_over_runs(other - one, seed)
    return math.fsum(each) / len(each), moved


def stacked(runs: Sequence[Measured], metric: str) -> Floats | None:
    """Resampled values of all runs, [R, S]."""
    if any(metric not in run.resampled for run in runs):
        return None
    return np.stack([run.resampled[metric] for run in runs], axis=1)


def described(runs: Sequence[Measured], summaries: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """A group as seeds.json has it; lists in the order of its runs."""
    values = {name: [run.results.metrics[name] for run in runs] for name in summaries}
    return {
        "runs": [str(run.run.run_dir) for run in runs],
        "seeds": [run.run.seed for run in runs],
        "n_examples": [len(run.examples) for run in runs],
        "n_dialogues": [run.dialogues for run in runs],
        "metrics": {
            name: {**summaries[name], "values": [value if math.isfinite(value) else None for value in own]}
            for name, own in values.items()
        },
    }
