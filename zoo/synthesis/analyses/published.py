"""The paper's tables, read from a file like experiments/personachatgen/published.toml, to stand beside our own."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.synthesis.analyses.overlap import KeyOverlap
from zoo.synthesis.funnel import Funnel, Stage


@dataclass(frozen=True, slots=True)
class Published:
    """What was printed; shares as there, in percent."""

    tables: Mapping[str, Mapping[str, Any]]  # by name, e.g. "table3", then by row

    def funnel(self, table: str) -> list[Stage]:
        """The survival of "table1" (profile sentences) or "table2" (dialogues)."""
        return Funnel.from_dict({row["stage"]: row["survivors"] for row in self.tables[table].values()}).rows()

    def overlap(self, table: str = "table9") -> dict[str, KeyOverlap]:
        """Counts by entity key, the common values from the printed ratio, which fits one whole number alone.

        Raises:
            UserError: a ratio that no whole number, or more than one, gives.
        """
        return {key: _inverted(key, row) for key, row in self.tables[table].items()}


def read_published(path: str | Path) -> Published:
    """The tables of a file.

    Raises:
        UserError: it cannot be read, is no TOML, or lacks a table that reports show.
    """
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"The published numbers {path} cannot be read: {error}") from error
    tables = {
        name: table for name, table in tables.items() if name not in ("source", "about")
    }  # see zoo.evidence.published
    published = Published(tables)
    try:
        for table in ("table1", "table2"):
            published.funnel(table)
        for row in tables["table3"].values():
            _ = (row["dialogues"], row["utterances"], row["avg_turns"], row["avg_utterance_length"])
        published.overlap()
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"The published numbers {path} have no {error}; expected the tables of "
            "experiments/personachatgen/published.toml."
        ) from error
    return published


def _inverted(key: str, row: Mapping[str, Any]) -> KeyOverlap:
    theirs, ours, ratio = row["personachat"], row["personachatgen"], row["jaccard"]
    fitting = [n for n in range(min(theirs, ours) + 1) if abs(100 * n / (theirs + ours - n) - ratio) < 0.0051]
    if len(fitting) != 1:
        raise UserError(
            f"{key}: {theirs} and {ours} values were given with a Jaccard similarity of {ratio} %, which fits "
            f"{len(fitting)} numbers of common values; expected one, and the ratio with two decimals."
        )
    return KeyOverlap(key, theirs, ours, fitting[0])
