"""scorer.json, beside a trained scorer's weights: how accurate it is, on what, and whose labels taught it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.files import write_atomically

FILE = "scorer.json"
MIN_ACCURACY = 0.85  # PAML's scorer, behind PersonaPKT's C scores, has 0.8843 on DialogueNLI's test set


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of labelled pairs that a scorer gets right, 0 to 1."""

    value: float
    data: str  # the set's name, as "dnli test"
    n_pairs: int

    def __str__(self) -> str:
        return f"{self.value:.4f} on {self.data} ({self.n_pairs:,} pairs)"


@dataclass(frozen=True, slots=True)
class ScorerRecord:
    """The contents of scorer.json; `other` holds what only people read (recalls, settings, files)."""

    accuracy: Accuracy
    machine_labels: bool  # were the training pairs labelled by a model?
    trained_on: str
    other: dict[str, Any] = field(default_factory=dict)


def caution(record: ScorerRecord | None, min_accuracy: float = MIN_ACCURACY) -> str | None:
    """Why scores by a scorer of this record compare with nobody's, as a sentence; None where they do."""
    if record is None:
        return "the NLI scorer's accuracy is not known"
    reasons = []
    if record.machine_labels:
        reasons.append(f"was trained on machine-made labels ({record.trained_on})")
    if not record.accuracy.value >= min_accuracy:
        reasons.append(f"has an accuracy of {record.accuracy}, below {min_accuracy:g}")
    return f"the NLI scorer {' and '.join(reasons)}" if reasons else None


def write_record(folder: Path, record: ScorerRecord) -> None:
    """Write FOLDER/scorer.json atomically."""
    contents = {
        "accuracy": record.accuracy.value,
        "accuracy_on": record.accuracy.data,
        "accuracy_pairs": record.accuracy.n_pairs,
        "machine_labels": record.machine_labels,
        "trained_on": record.trained_on,
        **record.other,
    }
    write_atomically(folder / FILE, [json.dumps(contents, indent=2, ensure_ascii=False).encode() + b"\n"])


def read_record(folder: Path) -> ScorerRecord | None:
    """FOLDER/scorer.json; None where there is none.

    Raises:
        UserError: it is not one.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        contents = json.loads(path.read_bytes())
        accuracy = Accuracy(
            float(contents.pop("accuracy")), str(contents.pop("accuracy_on")), int(contents.pop("accuracy_pairs"))
        )
        machine_labels, trained_on = contents.pop("machine_labels"), str(contents.pop("trained_on"))
        if not isinstance(machine_labels, bool) or not 0 <= accuracy.value <= 1:
            raise ValueError("machine_labels is true or false, accuracy lies in 0 to 1")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path} is not a scorer's record ({type(error).__name__}: {error}). Expected an object with accuracy, "
            "accuracy_on, accuracy_pairs, machine_labels and trained_on; python -m zoo.scorers writes one."
        ) from None
    return ScorerRecord(accuracy, machine_labels, trained_on, other=contents)
