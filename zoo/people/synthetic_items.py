"""Items of what `python -m zoo.synthesis` wrote: profile sentences with their category and entity, or dialogues."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.people.drawing import drawn
from zoo.people.records import SENTENCE, Item
from zoo.people.study import Study
from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.records import ProfileSentence, SyntheticDialogue, read_records
from zoo.synthesis.taxonomy import Leaf, read_taxonomy


def synthetic_items(study: Study) -> list[Item]:
    """Drawn from every folder of the study by itself: what one model wrote has no counterpart in another's folder.

    A sentence's group is its entity key, as the taxonomy names it; models write it in several ways.

    Raises:
        UserError: a folder is no synthesis, or has fewer than a rule asks for.
    """
    if len(study.draw) > 1 or study.draw[0].test_set or study.draw[0].users is not None:
        raise UserError(
            "draw: several rules, a set or users were given; expected one rule, such as {each: leaf, number: 10}, as "
            f"{study.questionnaire.name} is about what a synthesis wrote, which has one set and no users."
        )
    rule = study.draw[0]
    sentences = study.questionnaire.shows == SENTENCE
    found: list[Item] = []
    for row, folders in study.runs.items():
        if len(folders) > 1:
            raise UserError(f"runs: {len(folders)} folders of {row!r} were given; expected one synthesis a row.")
        every = _sentences(folders[0], row) if sentences else _dialogues(folders[0], row)
        by = {id: {"key": one.group, "leaf": id.split("/")[0]} if sentences else {} for id, one in every.items()}
        found += [every[id] for id in drawn(by, rule, study.seed, f"the synthesis of {row!r}")]
    return found


def _sentences(folder: Path, row: str) -> dict[str, Item]:
    """By an id that hangs on the sentence alone, LEAF/DIGEST."""
    taxonomy = read_taxonomy()
    leaves = {**taxonomy.unused, **taxonomy.leaves}
    found: dict[str, Item] = {}
    for one in _records(folder, row, "sentences", ProfileSentence):
        leaf = leaves.get(one.leaf)
        key = leaf.key if leaf is not None else one.key
        id = f"{one.leaf}/{_digest((one.text, one.key, one.value))}"
        found[id] = Item(
            id=f"{row}/{id}",
            kind=SENTENCE,
            rows=(row,),
            texts=(one.text,),
            facts={"Category": _category(leaf, one), "Entity": one.value},
            example=id,
            group=key,
        )
    return found


def _dialogues(folder: Path, row: str) -> dict[str, Item]:
    return {
        one.id: Item(
            id=f"{row}/{one.id}",
            kind="dialogue",
            rows=(row,),
            turns=tuple(("AB"[turn % 2], said) for turn, said in enumerate(one.utterances)),
            personas=one.personas,
            example=one.id,
        )
        for one in _records(folder, row, "dialogues", SyntheticDialogue)
    }


def _records(folder: Path, row: str, stage: str, kind: type[Any]) -> Iterable[Any]:
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} of {row!r}. Expected one that python -m zoo.synthesis filled.")
    if not (folder / f"{stage}.jsonl").is_file():
        raise UserError(
            f"{folder}, of {row!r}, has no {stage}.jsonl; expected a folder that python -m zoo.synthesis filled, with "
            f"its stage {stage}."
        )
    SynthesisFolder(folder).require([stage])
    return read_records(folder / f"{stage}.jsonl", kind)


def _category(leaf: Leaf | None, sentence: ProfileSentence) -> str:
    """The path and what a value of it is called: two leaves of Birthplace differ in that alone."""
    if leaf is None:
        return f"{sentence.leaf} | {sentence.key}"
    same = leaf.path[-1].casefold() == leaf.key.casefold()
    return " | ".join(leaf.path if same else (*leaf.path, leaf.key))


def _digest(parts: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:12]
