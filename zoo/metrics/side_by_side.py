"""Several protocols over the generations of one run: their results in one, and the table beside what is stored."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from zoo.errors import UserError
from zoo.metrics.results import Results

Recomputed = Sequence[tuple[str, Results]]  # (name of the protocol, what it gave), at least one


def together(recomputed: Recomputed) -> Results:
    """The results of all protocols in one, as `protocol=paa_both` has them; a metric that several share is there once.

    Raises:
        UserError: two protocols give one name two values or versions: metrics.json holds one of each.
    """
    source, joined = recomputed[0]
    for protocol, results in recomputed[1:]:
        for name in joined.metrics.keys() & results.metrics.keys():
            metric = name.rsplit("/", 1)[-1]
            one, other = (
                (repr(part.metrics[name]), part.versions.get(metric)) for part in (joined, results)
            )  # repr: NaN is NaN
            if one != other:
                raise UserError(
                    f"Protocols {source} and {protocol} disagree about {name}: {one[0]} (version {one[1]}) and "
                    f"{other[0]} (version {other[1]}). A name stands for one definition; score by one after the other."
                )
        joined = Results(
            joined.metrics | results.metrics,
            joined.versions | results.versions,
            joined.n_examples,
            joined.seed,
            _merged(joined.other, results.other),
        )
        source = f"{source}, {protocol}"
    return joined


def comparison(recomputed: Recomputed, stored: Results | None) -> Table:
    """Metric, a column a protocol, stored, equal: to nine digits, as processes add up in different orders."""
    joined, names = together(recomputed), [protocol for protocol, _ in recomputed]
    several = len(names) > 1
    title = f"{joined.n_examples} examples, protocol{'s' * several} {', '.join(names)}"
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    for protocol in names:
        table.add_column(protocol if several else "recomputed", justify="right")
    table.add_column("stored", justify="right")
    table.add_column("equal")
    for name, value in joined.metrics.items():
        own = [f"{value:.4f}" if name in results.metrics else "" for _, results in recomputed]
        kept = stored.metrics.get(name) if stored else None
        if kept is None:
            table.add_row(name, *own, "", "")
            continue
        # JSON has only null for NaN and infinity
        equal = math.isclose(value, kept, rel_tol=1e-9) or not (math.isfinite(value) or math.isfinite(kept))
        verdict = "yes" if equal else "NO"
        metric = name.rsplit("/", 1)[-1]
        version, kept_version = joined.versions[metric], stored.versions.get(metric) if stored else None
        if version != kept_version:
            verdict += f" (version {version}, stored by version {kept_version})"
        table.add_row(name, *own, f"{kept:.4f}", verdict)
    return table


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both, mappings below them too; `second` has the last word."""
    merged = dict(first) | dict(second)
    for key in first.keys() & second.keys():
        if isinstance(first[key], Mapping) and isinstance(second[key], Mapping):
            merged[key] = _merged(first[key], second[key])
    return merged
