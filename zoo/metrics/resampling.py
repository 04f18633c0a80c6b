"""A protocol's metrics over resampled corpora, without reading a text twice: for bootstrap intervals.

The states of every metric are sums, or rows laid end to end, so that processes can add up theirs. Here each part of a
corpus (a dialogue) is such a process: its states are taken once, and a corpus in which a part occurs three times adds
them three times. What comes out is what the metric itself gives over the repeated rows.

Letters: R resampled corpora, P parts, N rows of a state.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from zoo.metrics.base import GenerationMetric
from zoo.metrics.generations import Generation
from zoo.metrics.suite import MetricSuite


def resampled(suite: MetricSuite, parts: Sequence[Sequence[Generation]], times: Tensor) -> dict[str, Tensor]:
    """Every result over R corpora, in units of the metric.

    Args:
        suite: the protocol, which is reset; no other process takes part.
        parts: the corpus in P parts, at least one, none of them empty.
        times: int64 [R, P], how often each part occurs in each of the corpora.

    Returns:
        float64 [R] by name; NaN where a corpus does not give that result. Metrics that no row has the fields for are
        left out.

    Raises:
        UserError: some rows have what a metric needs and some do not.
    """
    values: dict[str, Tensor] = {}
    for metric in suite.metrics.values():
        values |= _resampled(cast(GenerationMetric, metric), parts, times)
    suite.reset()
    return values


def _resampled(metric: GenerationMetric, parts: Sequence[Sequence[Generation]], times: Tensor) -> dict[str, Tensor]:
    sums, rows, parts_of_rows = _states(metric, parts)
    totals = {name: _weighted(times, of_parts) for name, of_parts in sums.items()}  # [R, ...]
    values: dict[str, Tensor] = {}
    for r in range(len(times)):
        for name, total in totals.items():
            setattr(metric, name, total[r])
        for name, table in rows.items():
            occurrences = times[r][parts_of_rows[name]]  # [N]
            setattr(metric, name, [table.repeat_interleave(occurrences, dim=0)])
        computed = metric.compute()
        if computed is None:
            return {}
        for name, value in (computed if isinstance(computed, dict) else {metric.name: computed}).items():
            values.setdefault(name, torch.full((len(times),), torch.nan, dtype=torch.float64))[r] = value
    return values


def _states(
    metric: GenerationMetric, parts: Sequence[Sequence[Generation]]
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Sums of every part [P, ...]; the rows of all parts [N, ...]; and which part each of these is of [N]."""
    of_parts: dict[str, list[Tensor]] = {}
    collected = set()
    for part in parts:
        metric.reset()
        metric.update(part)
        for name, state in metric.metric_state.items():
            if isinstance(state, list):
                collected.add(name)
                state = metric.int_rows(name)
            of_parts.setdefault(name, []).append(state)
    sums = {name: torch.stack(states) for name, states in of_parts.items() if name not in collected}
    rows = {name: torch.cat(of_parts[name]) for name in sorted(collected)}
    lengths = {name: torch.tensor([len(state) for state in of_parts[name]]) for name in rows}
    return sums, rows, {name: torch.arange(len(parts)).repeat_interleave(of) for name, of in lengths.items()}


def _weighted(times: Tensor, sums: Tensor) -> Tensor:
    """[R, P] and [P, ...] to [R, ...], whole numbers exactly."""
    return (times.to(sums.dtype) @ sums.reshape(len(sums), -1)).view(len(times), *sums.shape[1:])
