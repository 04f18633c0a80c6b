"""A metric over resampled corpora, without reading a text twice: for bootstrap intervals.

The states of every metric are sums, or rows laid end to end, so that processes can add up theirs. Here each part of a
corpus (a dialogue) is such a process: its states are taken once, and a corpus in which a part occurs three times adds
them three times. What comes out is what the metric itself gives over the repeated rows.

Letters: R resampled corpora, P parts, N rows of a state.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.metrics.base import GenerationMetric
from zoo.metrics.generations import Generation


class MetricOfParts:
    """What a metric keeps of each part of a corpus, for its value over any selection of parts.

    Args:
        metric: computed without any other process. Its counts so far are lost, and it is reset after every use.
        parts: the corpus in P parts, at least one, none of them empty.

    Attributes:
        sums: the states that are sums, [P, ...] by name.
        rows: the states that are rows, those of all parts, [N, ...] by name.
        parts_of_rows: which part each of these rows is of, [N] by name.
    """

    def __init__(self, metric: GenerationMetric, parts: Sequence[Sequence[Generation]]) -> None:
        self.metric = metric
        self.n_parts = len(parts)
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
        metric.reset()
        self.sums = {name: torch.stack(states) for name, states in of_parts.items() if name not in collected}
        self.rows = {name: torch.cat(of_parts[name]) for name in sorted(collected)}
        lengths = {name: torch.tensor([len(state) for state in of_parts[name]]) for name in self.rows}
        self.parts_of_rows = {name: torch.arange(len(parts)).repeat_interleave(of) for name, of in lengths.items()}

    def results(self, times: Tensor) -> dict[str, Tensor]:
        """Every result of the metric over R corpora, float64 [R] by name, in its units.

        NaN where a corpus does not give that result; nothing where no row has the fields that the metric needs.

        Args:
            times: int64 [R, P], how often each part occurs in each of the corpora.

        Raises:
            UserError: some rows have what the metric needs and some do not.
        """
        totals = {name: _weighted(times, of_parts) for name, of_parts in self.sums.items()}  # [R, ...]
        values: dict[str, Tensor] = {}
        self.metric.update([])  # nothing, but torchmetrics warns of a metric that never was
        for r in range(len(times)):
            for name, total in totals.items():
                setattr(self.metric, name, total[r])
            for name, rows in self.rows.items():
                occurrences = times[r][self.parts_of_rows[name]]  # [N]
                setattr(self.metric, name, [rows.repeat_interleave(occurrences, dim=0)])
            computed = self.metric.compute()
            for name, value in (computed if isinstance(computed, dict) else {self.metric.name: computed}).items():
                if value is not None:
                    values.setdefault(name, torch.full((len(times),), torch.nan, dtype=torch.float64))[r] = value
        self.metric.reset()
        return values

    def depends_on_size(self) -> bool:
        """Does a result change when every part is counted twice? That of distinct-n does: repeats add nothing new."""
        once_and_twice = self.results(torch.tensor([[1], [2]]).expand(2, self.n_parts))
        return any(not torch.allclose(of[0], of[1], rtol=1e-9, equal_nan=True) for of in once_and_twice.values())


def _weighted(times: Tensor, sums: Tensor) -> Tensor:
    """[R, P] and [P, ...] to [R, ...], whole numbers exactly."""
    return (times.to(sums.dtype) @ sums.reshape(len(sums), -1)).view(len(times), *sums.shape[1:])
