"""Labelled pairs to train an NLI scorer on: DialogueNLI, and pairs that a model labelled, one a line."""

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.scorers.base import CONTRADICTION, ENTAILMENT, NEUTRAL, hypothesis

MEANING = {
    "entailment": ENTAILMENT,
    "positive": ENTAILMENT,  # DialogueNLI's names
    "neutral": NEUTRAL,
    "contradiction": CONTRADICTION,
    "negative": CONTRADICTION,
}


@dataclass(frozen=True, slots=True)
class NliPair:
    """One labelled pair; `group` is what must not be divided among splits, as a dialogue's number."""

    premise: str
    hypothesis: str
    label: int  # an index into LABELS
    group: str = ""


@dataclass(frozen=True, slots=True)
class NliData:
    """Three splits of labelled pairs."""

    name: str
    train: list[NliPair]
    valid: list[NliPair]
    test: list[NliPair]
    machine_labels: bool  # made by a model, so that accuracy is agreement with that model
    files: dict[str, str] = field(default_factory=dict)  # name -> sha256


def dialogue_nli(
    root: str | Path,
    train_file: str = "dialogue_nli_train.jsonl",
    valid_file: str = "dialogue_nli_dev.jsonl",
    test_file: str = "dialogue_nli_test.jsonl",
    strip_period: bool = True,
) -> NliData:
    """DialogueNLI (Welleck et al., arXiv:1811.00671): 310,110 / 16,500 / 16,500 pairs labelled through triples.

    Each file is one JSON array, whatever its extension says; sentence1 is the premise, sentence2 the hypothesis.

    Args:
        root: folder of the three files.
        train_file, valid_file, test_file: their names in it.
        strip_period: as scores are computed, see `zoo.scorers.base.hypothesis`.

    Raises:
        UserError: a file is missing or is not such an array.
    """
    paths = [Path(root) / name for name in (train_file, valid_file, test_file)]
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise UserError(
            f"DialogueNLI is not there: no {', no '.join(missing)}. Download it from wellecks.com/dialogue_nli (the "
            "archive dnli.zip), unpack it, and give the folder of its three files as data.root=FOLDER, other names as "
            "data.train_file=, data.valid_file= and data.test_file=."
        )
    train, valid, test = (
        [_pair(record, path, n, strip_period) for n, record in enumerate(_array(path))] for path in paths
    )
    return NliData("dnli", train, valid, test, machine_labels=False, files={path.name: _sha256(path) for path in paths})


def machine_labelled(
    path: str | Path, name: str, valid_percent: float, test_percent: float, seed: int, strip_period: bool = True
) -> NliData:
    """Pairs with a model's labels, one JSON object a line, divided by dialogue: none is on two sides.

    Args:
        path: lines with dialogue, sentence1 (response), sentence2 (persona sentence) and label.
        name: for reports.
        valid_percent, test_percent: of the dialogues.
        seed: of the division.
        strip_period: see `zoo.scorers.base.hypothesis`.

    Raises:
        UserError: no such file, a bad line, or too few dialogues for three splits.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f"There is no {path}. Expected labelled pairs, one JSON object a line with dialogue, sentence1, sentence2 "
            "and label (entailment, neutral, contradiction); give their file as data.path=FILE."
        )
    pairs = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if line.strip():
            try:
                record = json.loads(line)
            except ValueError as error:
                raise UserError(f"{path}, line {number}: not valid JSON ({error}).") from None
            pairs.append(_pair(record, path, number, strip_period, grouped=True))
    train, valid, test = split_by_group(pairs, (valid_percent, test_percent), seed)
    return NliData(name, train, valid, test, machine_labels=True, files={path.name: _sha256(path)})


def split_by_group(
    pairs: Sequence[NliPair], percents: tuple[float, float], seed: int
) -> tuple[list[NliPair], list[NliPair], list[NliPair]]:
    """Training, validation and test pairs; every group lies in one of them, and order is kept.

    Raises:
        UserError: a split would have no group.
    """
    groups = sorted({pair.group for pair in pairs})
    random.Random(seed).shuffle(groups)
    n_valid, n_test = (round(len(groups) * percent / 100) for percent in percents)
    if min(n_valid, n_test, len(groups) - n_valid - n_test) < 1:
        raise UserError(
            f"{len(groups)} dialogues were to be divided with {percents[0]:g} % for validation and {percents[1]:g} % "
            "for test; expected at least one for each split, training included. Change data.valid_percent and "
            "data.test_percent, or give more dialogues."
        )
    valid, test = set(groups[:n_valid]), set(groups[n_valid : n_valid + n_test])
    return (
        [pair for pair in pairs if pair.group not in valid | test],
        [pair for pair in pairs if pair.group in valid],
        [pair for pair in pairs if pair.group in test],
    )


def _array(path: Path) -> Iterable[Any]:
    try:
        records = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path} is not one JSON array ({error}); DialogueNLI's files are, despite .jsonl.") from None
    if not isinstance(records, list) or not records:
        raise UserError(f"{path} holds no pairs; expected a JSON array of objects with sentence1, sentence2 and label.")
    return records


def _pair(record: Any, path: Path, number: int, strip_period: bool, grouped: bool = False) -> NliPair:
    try:
        premise, sentence, label = record["sentence1"], record["sentence2"], MEANING[record["label"]]
        group = str(record["dialogue"]) if grouped else ""
        return NliPair(premise.strip(), hypothesis(sentence, strip_period), label, group)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}, record {number}: {type(error).__name__} {error}. Expected sentence1, sentence2 and a label of "
            f"{', '.join(MEANING)}{', and dialogue' * grouped}."
        ) from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
