"""Values of runs over their examples and over resamples of them, computed once and kept by what they follow from.

Each run is scored by its own protocol, unless one is named for all. Runs on the same examples get the same draws of
dialogues, whatever the table, as these are keyed by the examples themselves.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np

from zoo.evidence.seed_groups import SeedRun
from zoo.evidence.seed_values import Measured, of_generations
from zoo.evidence.seeds import asked_suite
from zoo.files import write_atomically
from zoo.metrics.generations import Generation, generations_by_set
from zoo.metrics.protocols import load_protocol, plain_protocol
from zoo.metrics.results import Results
from zoo.metrics.suite import USER_MEAN, MetricSuite
from zoo.significance import Floats

LAYOUT = 1  # of a kept file; another number, and none of the former ones is read


@dataclass(frozen=True)
class MeasuredRun:
    """What a run measured, and what decides with which others it compares.

    Attributes:
        definitions: how each metric is computed, by its own name, see `_definitions`.
        reads: what each metric reads of a row, by its own name.
        examples: a hash of the test set's ids and references, by test set.
        tokens: a hash of how the run's tokenizer counts each reference, by test set.
    """

    measured: Measured
    suite: MetricSuite
    definitions: Mapping[str, str]
    reads: Mapping[str, frozenset[str]]
    examples: Mapping[str, str]
    tokens: Mapping[str, str]


def measure_run(
    run: SeedRun,
    protocol: str | None,
    wanted: Iterable[str],
    resamples: int,
    seed: int,
    cache: Path | None,
    unions: Mapping[str, Sequence[str]] | None = None,
) -> MeasuredRun:
    """A run's metrics by its own protocol or the one that is named.

    Args:
        run: as read.
        protocol: for all runs; None: the run's own.
        wanted: names of metrics, without test sets; nothing: all of the protocol.
        resamples: of each interval.
        seed: of the resamples.
        cache: folder of what was computed before; None computes anew and keeps nothing.
        unions: test sets of which the rows together are scored as one more, in runs that have them all; by its name.

    Raises:
        UserError: the run kept no generations, or they lack what the protocol needs.
    """
    described: Any = protocol or run.scored_by.get("protocol") or "default"
    suite = asked_suite(load_protocol(described, None, run.scored_by), sorted(wanted))
    definitions = _definitions(plain_protocol(described, None, run.scored_by), suite)
    generations = generations_by_set(run.run_dir)
    examples = {name: _hash([row.id, row.reference] for row in rows) for name, rows in generations.items()}
    joined = {name: parts for name, parts in (unions or {}).items() if examples.keys() >= set(parts)}
    draws = (seed, int(_hash(sorted(examples.items())), 16) % 2**32)
    known, kept = None, None
    if cache is not None:
        kept = cache / f"{_key(run.run_dir, generations, joined, definitions, suite, resamples, draws)}.npz"
        known = _read(kept)
    measured = of_generations(run, generations, suite, resamples, draws, known, joined)
    if kept is not None and known is None:
        _write(kept, measured)
    tokens = {name: _hash([row.id, row.n_tokens] for row in rows) for name, rows in generations.items()}
    versions = {name: f"version {version}" for name, version in measured.results.versions.items()}
    return MeasuredRun(
        measured,
        suite,
        {name: definitions.get(name.removesuffix(USER_MEAN), versions[name]) for name in versions},
        {name + suite.ending(key): m.needs for key, m in suite.by_key() for name in m.result_names},
        examples | _of_unions(examples, joined),
        tokens | _of_unions(tokens, joined),
    )


def _of_unions(hashes: Mapping[str, str], unions: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {name: _hash(hashes[part] for part in parts) for name, parts in unions.items()}


def _definitions(protocol: Mapping[str, Any], suite: MetricSuite) -> dict[str, str]:
    """How each metric is computed, by its name: a metric that is computed differently has another name or version.

    The version holds the edition of a scorer, embedder or dictionary. Of a metric that is not this project's the class
    is told too.
    """
    versions, found = suite.versions(), {}
    for key, metric in suite.by_key():
        target = str((protocol.get("metrics", {}).get(key) or {}).get("_target_", ""))
        own = "" if target.startswith("zoo.") else f", {target}"
        for name in metric.result_names:
            full = name + suite.ending(key)
            found[full] = f"version {versions[full]}{own}"
    return found


def _key(
    run_dir: Path,
    generations: Mapping[str, Sequence[Generation]],
    unions: Mapping[str, Sequence[str]],
    definitions: Mapping[str, str],
    suite: MetricSuite,
    resamples: int,
    draws: Sequence[int],
) -> str:
    """Of everything that values follow from; the texts and likelihoods as their files have them."""
    files = (run_dir / (f"generations_{name}.jsonl" if name else "generations.jsonl") for name in generations)
    texts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    known = [LAYOUT, texts, list(generations), sorted(definitions.items()), suite.by_user, resamples, draws]
    return _hash([*known, *sorted(unions.items())])


def _write(path: Path, measured: Measured) -> None:
    """Keep the results and the resampled values; a folder that cannot be written keeps nothing."""
    results = measured.results
    told = json.dumps([results.metrics, results.versions, results.n_examples, results.other])
    packed = io.BytesIO()
    np.savez(packed, told=np.array(told), names=np.array(list(measured.resampled)), **_numbered(measured.resampled))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, [packed.getvalue()])
    except OSError:
        return


def _numbered(resampled: Mapping[str, Floats]) -> dict[str, Any]:
    return {f"values_{number}": values for number, values in enumerate(resampled.values())}


def _read(path: Path) -> tuple[Results, dict[str, Floats]] | None:
    """What `_write` kept; None where it did not, or something broke it."""
    try:
        with np.load(path) as kept:
            metrics, versions, n_examples, other = json.loads(str(kept["told"]))
            values = {str(name): kept[f"values_{number}"] for number, name in enumerate(kept["names"])}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, ZlibError):
        return None
    return Results(metrics, versions, n_examples, None, other), values


def _hash(rows: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()[:16]
