"""metrics.json: what a run measured, with the version of every metric, the number of examples and the seed."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.files import write_atomically


@dataclass(frozen=True, slots=True)
class Results:
    """The contents of metrics.json; `other` holds keys that are not of this contract."""

    metrics: dict[str, float]  # "test/ppl_token", or "test/<set>/ppl_token" where there are several test sets
    versions: dict[str, int | str]  # by the name of the metric alone
    n_examples: int
    seed: int | None
    other: dict[str, Any] = field(default_factory=dict)


def result_prefix(test_set: str) -> str:
    """What stands before the name of a metric: "test/", and the test set where there are several."""
    return f"test/{test_set}/" if test_set else "test/"


def remark_lines(scorers: Mapping[str, str], cautions: Mapping[str, str]) -> list[str]:
    """What stands below a table with such values: "scored by <what> (c_score, ...)", "not comparable: <why> (...)"."""
    return [
        f"{opening} {remark} ({', '.join(name for name, own in remarks.items() if own == remark)})"
        for opening, remarks in (("scored by", scorers), ("not comparable:", cautions))
        for remark in dict.fromkeys(remarks.values())
    ]


def write_results(
    path: str | Path,
    metrics: Mapping[str, float],
    versions: Mapping[str, int | str],
    n_examples: int,
    seed: int | None,
    other: Mapping[str, Any] | None = None,
) -> None:
    """Write metrics.json atomically, in full precision; numbers that are not finite become null, as JSON has none."""
    contents = {
        **(other or {}),
        "metrics": {name: value if math.isfinite(value) else None for name, value in metrics.items()},
        "versions": dict(versions),
        "n_examples": n_examples,
        "seed": seed,
    }
    write_atomically(Path(path), [json.dumps(contents, indent=2, ensure_ascii=False).encode() + b"\n"])


def read_results(path: str | Path) -> Results:
    """Read metrics.json; null becomes NaN.

    Raises:
        UserError: no such file, or not one that `write_results` wrote.
    """
    path = Path(path)
    try:
        contents = json.loads(path.read_bytes())
        metrics = {name: math.nan if value is None else float(value) for name, value in contents.pop("metrics").items()}
        return Results(
            metrics,
            versions=dict(contents.pop("versions")),
            n_examples=contents.pop("n_examples"),
            seed=contents.pop("seed"),
            other=contents,
        )
    except FileNotFoundError:
        raise UserError(f"There is no {path}. Evaluate the run first: that writes it.") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path} is not a metrics file ({type(error).__name__}: {error}). Expected an object with metrics, "
            "versions, n_examples and seed; move it away to have it written anew."
        ) from None
