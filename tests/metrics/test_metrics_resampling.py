"""Values over resampled corpora against the metric itself over the repeated rows, for every protocol."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from tests.metrics.conftest import corpus
from zoo.errors import UserError
from zoo.metrics.distinct import DistinctReplies
from zoo.metrics.f1 import WordF1
from zoo.metrics.generations import Generation
from zoo.metrics.hits import Hits
from zoo.metrics.protocols import load_protocol
from zoo.metrics.resampling import MetricOfParts
from zoo.metrics.suite import MetricSuite

PROTOCOLS = ["default", "paa_reference", "paa_both", "personapkt", "user_diversity", "user_lora"]
DISTINCT = {"distinct_1", "distinct_2", "distinct_s", "distinct_2_per_unigram"}


def parts_of(rows: Sequence[Generation]) -> list[list[Generation]]:
    """Parts of one to four rows, some with users and histories of their own."""
    draw, parts, rest = random.Random(1), [], list(rows)
    while rest:
        size = draw.randint(1, 4)
        parts.append([replace(r, user=draw.choice("ab"), history=[draw.choice("xy")]) for r in rest[:size]])
        rest = rest[size:]
    return parts


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "hits"])
def test_repeated_parts_count_as_repeated_rows(protocol: str) -> None:
    suite = MetricSuite({"hits": Hits()}) if protocol == "hits" else load_protocol(protocol)
    parts = parts_of(corpus(40))
    times = torch.randint(0, 4, (5, len(parts)), generator=torch.Generator().manual_seed(0))
    times[1] = 0
    times[1, 2] = 1  # one part alone
    found = {}
    for key, metric in suite.metrics.items():
        of_parts = MetricOfParts(metric, [suite.as_read(key, part) for part in parts])
        found |= {name + suite.ending(key): values for name, values in of_parts.results(times).items()}
    for r, of_parts in enumerate(times.tolist()):
        suite.reset()
        suite.update([row for part, number in zip(parts, of_parts, strict=True) for row in part * number])
        expected = suite.compute()
        assert {name for name, values in found.items() if not values[r].isnan()} <= expected.keys()
        for name, value in expected.items():
            assert float(found[name][r]) == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), (name, r)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_only_distinct_depends_on_the_size_of_a_corpus(protocol: str) -> None:
    parts = parts_of(corpus(40))
    dependent = {
        metric.name.removesuffix("_by_context")
        for metric in load_protocol(protocol).metrics.values()
        if MetricOfParts(metric, parts).depends_on_size()
    }
    assert dependent <= DISTINCT
    assert dependent


def test_a_metric_is_left_empty() -> None:
    metric = WordF1()
    metric.update(corpus(3))
    MetricOfParts(metric, [corpus(3), corpus(2)]).results(torch.tensor([[1, 2]]))
    assert int(metric.n_rows) == 0


def test_a_metric_without_its_fields_is_left_out() -> None:
    parts = [[replace(row, response=None)] for row in corpus(3)]
    of_parts = MetricOfParts(DistinctReplies(), parts)
    assert of_parts.results(torch.ones(2, 3, dtype=torch.int64)) == {}
    assert not of_parts.depends_on_size()
    mixed = [*parts, corpus(1)]
    with pytest.raises(UserError, match="3 of 4 rows lack"):
        MetricOfParts(DistinctReplies(), mixed).results(torch.ones(1, 4, dtype=torch.int64))
