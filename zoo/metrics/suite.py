"""`MetricSuite`: the metrics of one evaluation protocol, and what that protocol asks of the evaluation loop."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import cast

from torch import nn

from zoo.errors import UserError
from zoo.metrics.base import GenerationMetric
from zoo.metrics.generations import TEACHER_FORCED_FIELDS, Generation
from zoo.metrics.text import clean_up as cleaned_text
from zoo.metrics.text import clean_up_reference

USER_MEAN = "_user_mean"  # ends the name of a mean over users, see `zoo.metrics.by_user`
CLEANED = "_cleaned"  # ends the name of a metric over cleaned-up texts
_TEXTS = frozenset({"response", "reference"})


class MetricSuite(nn.Module):
    """Metrics that are updated, computed and reset together; a file in conf/protocol describes one.

    Every metric reports under its own names, whatever its key in `metrics` (the key is for overrides such as
    `~protocol.metrics.bleu`). As a submodule of a LightningModule the metrics follow it to its device.

    Args:
        metrics: metrics by key.
        name: of the protocol, for tables.
        teacher_forced_ids: the evaluation loop shall record `target_ids`, `argmax_ids` and `token_nll`, padded as in
            their batch; switched on by itself where a metric needs one of them.
        clean_up: which metrics see responses and references without the blanks before punctuation, as transformers 4
            decoded them (`zoo.metrics.text.clean_up`): their keys, or true for all that read texts. Their names end in
            `_cleaned`; the rows that are given stay as they are.
        by_user: the results shall also hold every text metric's mean over users, see `zoo.metrics.by_user`.
        words: what the protocol's metrics split texts into, where they share one setting (`${...words}` in its file).

    Attributes:
        cleaned: keys of the metrics that see cleaned-up texts.

    Raises:
        UserError: two of the metrics report under one name, or `clean_up` names none that reads texts.
    """

    def __init__(
        self,
        metrics: Mapping[str, GenerationMetric],
        name: str = "custom",
        teacher_forced_ids: bool = False,
        clean_up: bool | Iterable[str] = False,
        words: str = "whitespace",
        by_user: bool = False,
    ) -> None:
        super().__init__()
        self.metrics = nn.ModuleDict(metrics)
        self.name = name
        self.words = words
        self.by_user = by_user
        reading = [key for key, metric in metrics.items() if not metric.needs.isdisjoint(_TEXTS)]
        self.cleaned = frozenset((reading if clean_up else ()) if isinstance(clean_up, bool) else clean_up)
        if strangers := sorted(self.cleaned - set(reading)):
            raise UserError(
                f"protocol.clean_up names {', '.join(strangers)}; expected some of the protocol's metrics that read "
                f"texts ({', '.join(reading)}). Leave out there what was taken out of protocol.metrics."
            )
        self.teacher_forced_ids = teacher_forced_ids or not self.needs.isdisjoint(TEACHER_FORCED_FIELDS)
        self._versions = {result: metric.version for result, metric in self._reported}
        names = [result for result, _ in self._reported]
        if twice := sorted({result for result in names if names.count(result) > 1}):
            raise UserError(f"Two metrics of the protocol report {', '.join(twice)}. Leave one of them out.")

    @property
    def _metrics(self) -> list[GenerationMetric]:
        return [cast(GenerationMetric, metric) for metric in self.metrics.values()]

    @property
    def _reported(self) -> list[tuple[str, GenerationMetric]]:
        """Every name that is known before seeing rows, with the metric that reports under it."""
        keyed = zip(self.metrics, self._metrics, strict=True)
        return [(name + self.ending(key), metric) for key, metric in keyed for name in metric.result_names]

    def by_key(self) -> list[tuple[str, GenerationMetric]]:
        """The metrics with their keys."""
        return list(zip(self.metrics, self._metrics, strict=True))

    def ending(self, key: str) -> str:
        """What the suite puts behind the names of a metric's results."""
        return CLEANED if key in self.cleaned else ""

    @property
    def needs(self) -> frozenset[str]:
        """All fields of a `Generation` that some metric reads."""
        return frozenset[str]().union(*(metric.needs for metric in self._metrics))

    @property
    def needs_text(self) -> bool:
        """Does some metric read decoded replies?"""
        return "response" in self.needs

    @property
    def needs_candidates(self) -> bool:
        """Does some metric read candidate scores?"""
        return "candidate_scores" in self.needs

    def select(self, available_fields: Iterable[str]) -> "MetricSuite":
        """A new suite with copies of those metrics that need only `available_fields`.

        `suite.select(LIKELIHOOD_FIELDS)` is what validation can afford: no decoding.
        """
        available = frozenset(available_fields)
        chosen = {
            key: cast(GenerationMetric, metric.clone())
            for key, metric in zip(self.metrics, self._metrics, strict=True)
            if metric.needs <= available
        }
        return self._part(chosen)

    def alone(self, field: str) -> "MetricSuite":
        """A new, empty suite of those metrics that read `field`; it computes without any other process."""
        chosen = {
            key: cast(GenerationMetric, metric.clone())
            for key, metric in zip(self.metrics, self._metrics, strict=True)
            if field in metric.needs
        }
        for metric in chosen.values():
            metric.reset()
            metric.sync_on_compute = metric._to_sync = False
        return self._part(chosen)

    def _part(self, chosen: Mapping[str, GenerationMetric]) -> "MetricSuite":
        return MetricSuite(chosen, name=self.name, clean_up=self.cleaned & set(chosen), words=self.words)

    def as_read(self, key: str, generations: Sequence[Generation]) -> Sequence[Generation]:
        """The rows as a metric sees them: with cleaned-up texts where it is one of `cleaned`."""
        return [_clean(row) for row in generations] if key in self.cleaned else generations

    def update(self, generations: Sequence[Generation]) -> None:
        """Count in the generations of one batch."""
        cleaned = [_clean(row) for row in generations] if self.cleaned else []
        for key, metric in zip(self.metrics, self._metrics, strict=True):
            metric.update(cleaned if key in self.cleaned else generations)

    def compute(self) -> dict[str, float]:
        """Every result by name, over all processes; all of them must call this.

        Metrics that no row has the fields for are left out. Without any rows all are there and NaN.

        Raises:
            UserError: some rows have what a metric needs and some do not.
        """
        values: dict[str, float] = {}
        versions: dict[str, int | str] = {}
        for key, metric in zip(self.metrics, self._metrics, strict=True):
            with warnings.catch_warnings():  # no rows on this process, or none at all, is allowed here
                warnings.filterwarnings("ignore", message=".*was called before the ``update`` method.*")
                computed = metric.compute()
            if computed is None:
                continue
            results = computed if isinstance(computed, dict) else {metric.name: computed}
            found = {result + self.ending(key): float(value) for result, value in results.items()}
            values |= found
            versions |= dict.fromkeys(found, metric.version)
        self._versions = versions
        return values

    def versions(self) -> dict[str, int | str]:
        """Version by name: of what the last `compute` gave, before the first one of what the metrics announce."""
        return dict(self._versions)

    def remarks(self, results: Iterable[str]) -> dict[str, dict[str, str]]:
        """What metrics.json tells of `results` beside their values: "scorers" and "cautions", where there are any."""
        names = list(results)
        found = {"scorers": self.scorers(names), "cautions": self.cautions(names)}
        return {key: remarks for key, remarks in found.items() if remarks}

    def cautions(self, results: Iterable[str]) -> dict[str, str]:
        """Why a value compares with nobody's, by name, for those of `results` of which this is so; user means too."""
        return self._remarks("caution", results)

    def scorers(self, results: Iterable[str]) -> dict[str, str]:
        """What scored a value and how accurate it is, by name, for those of `results` that a scorer of texts made."""
        return self._remarks("scorer_description", results)

    def _remarks(self, attribute: str, results: Iterable[str]) -> dict[str, str]:
        """An attribute of the metric that each of `results` comes from, for those where it says something."""
        said = {name: getattr(metric, attribute) for name, metric in self._reported}
        return {name: remark for name in results if (remark := said.get(name.removesuffix(USER_MEAN)))}

    def reset(self) -> None:
        """Forget all generations."""
        for metric in self._metrics:
            metric.reset()

    def clone(self) -> "MetricSuite":
        """A copy that shares nothing, counts so far included."""
        return deepcopy(self)


def _clean(row: Generation) -> Generation:
    """The row with cleaned-up texts; its counts of words and characters stay those of the reference as it was given."""
    response = None if row.response is None else cleaned_text(row.response)
    return replace(row, reference=clean_up_reference(row.reference), response=response)
