"""What a corpus's licence allows: recorded in `describe`, so in provenance.json, and asked before publishing.

The gate is for people who mean well: it stops an export by accident and tells why. It replaces no reading of licences.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo.errors import UserError


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence, and whether models trained on the data may be given to others; `reason` says why not."""

    name: str
    url: str = ""
    may_publish_models: bool = True
    reason: str = ""

    def describe(self) -> dict[str, Any]:
        """In plain types, for a corpus's `describe`: `{"licence": corpus.licence.describe()}`."""
        return asdict(self)


NTT_EVALUATION = Licence(
    name="NTT dialogue model and data evaluation licence",
    url="https://github.com/nttcslab/japanese-dialog-transformers/blob/main/LICENSE.md",
    may_publish_models=False,
    reason=(
        "its sections 1 and 4 allow testing and evaluation only, no distribution of the data, and its authors do not "
        "allow models fine-tuned under it to be released"
    ),
)


def refuse_to_publish(record: Any) -> None:
    """Do nothing if the data of a run allow its models to be published.

    Args:
        record: what a corpus's `describe`, a datamodule's `provenance` or a run's provenance.json holds, nested.

    Raises:
        UserError: some corpus in it does not; names licence and reason.
    """
    if forbidding := {licence["name"]: licence for licence in _licences(record) if not licence["may_publish_models"]}:
        why = "; ".join(f"the {name} ({licence['url']}): {licence['reason']}" for name, licence in forbidding.items())
        raise UserError(
            f"What was trained on these data may not be published under {why}. Keep it to yourself, or train on data "
            "that allow it."
        )


def licences_beside(folder: Path) -> list[Mapping[str, Any]]:
    """Licences that forbid to publish, of the data that a folder's weights were trained on.

    They stand in provenance.json, in it or beside it, where a run or an export wrote the folder; else nothing is known.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for path in (folder / "provenance.json", folder.parent / "provenance.json"):
        if path.is_file():
            record = json.loads(path.read_text(encoding="utf-8"))
            found |= {one["name"]: one for one in _licences(record) if not one["may_publish_models"]}
    return list(found.values())


def _licences(record: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(record, Mapping):
        for key, value in record.items():
            if key == "licence" and isinstance(value, Mapping):
                yield value
            else:
                yield from _licences(value)
    elif isinstance(record, list | tuple):
        for value in record:
            yield from _licences(value)
