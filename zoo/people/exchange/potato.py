"""potato (Pei et al. 2022, arXiv:2212.08620): `config.yaml`, `data.jsonl` and an introduction, and judgements from what
it saves: a `user_state.json` for every annotator, or `annotated_instances.jsonl` of its first versions.

Which side of a pair is whose is not in potato's files: it is found again by the study's seed.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.people.exchange.blind import blinded, contents, titles
from zoo.people.exchange.importing import Given
from zoo.people.questionnaire import Questionnaire
from zoo.people.store import StudyStore
from zoo.people.study import Study
from zoo.people.views import Option, Question, questions_of

CONFIG, DATA, INTRO, OUTPUT = "config.yaml", "data.jsonl", "surveyflow/intro.json", "annotation_output"
STATES = ("user_state.json", "annotated_instances.jsonl")


def export_potato(store: StudyStore, study: Study, folder: Path) -> list[str]:
    """Write a study as a task of potato.

    Args:
        store: of the study, which was begun.
        study: its questions, how many people each item needs, and how many items a person gets.
        folder: is made; potato's answers go into its annotation_output.

    Returns:
        What to do with the files, a line each.
    """
    found = blinded(store)
    parts = titles(found)
    lines = [json.dumps({"id": one.name, **contents(one, parts)}, ensure_ascii=False) + "\n" for one in found]
    intro = [{"name": "introduction", "description": study.questionnaire.about, "annotation_type": "pure_display"}]
    write_atomically(folder / DATA, [line.encode() for line in lines])
    write_atomically(folder / INTRO, [json.dumps(intro, ensure_ascii=False, indent=1).encode() + b"\n"])
    config = yaml.safe_dump(_config(study, parts), sort_keys=False, allow_unicode=True)
    write_atomically(folder / CONFIG, [config.encode()])
    return [
        f"{folder / CONFIG}, {DATA} ({len(lines):,} items) and {INTRO}: potato start {folder / CONFIG}",
        f"then: python -m zoo.judge STUDY.yaml --import potato {folder / OUTPUT}",
    ]


def potato_answers(place: Path, store: StudyStore, questionnaire: Questionnaire) -> list[Given]:
    """What everybody answered.

    Args:
        place: potato's annotation_output, or one file of it.
        store: of the study; annotators get names by its secret, as potato knows theirs.
        questionnaire: of the study.

    Raises:
        UserError: there is nothing of potato's, or it cannot be read.
    """
    files = [place] if place.is_file() else sorted(file for name in STATES for file in place.rglob(name))
    if not files:
        raise UserError(f"{place} has no {' or '.join(STATES)}. Expected potato's annotation_output, or a file of it.")
    values = {
        question.name: {answer: option.value for option in question.options for answer in _answers(question, option)}
        for question in questions_of(questionnaire)
    }
    found = []
    for file in files:
        who = store.token(f"potato/{file.parent.name}")[:8]
        for item, answers in _saved(file):
            where = f"{file.parent.name}'s answer to {item}"
            given = {name: _value(values[name], answer, name, where) for name, answer in answers if name in values}
            if given:
                found.append(Given(f"potato-{who}", item, given, where))
    return found


def _config(study: Study, parts: Mapping[str, str]) -> dict[str, Any]:
    shown = [
        {
            "key": name,
            "type": "dialogue" if name == "dialogue" else "text",
            "label": title,
            "display_options": {"show_turn_numbers": False} if name == "dialogue" else {"preserve_whitespace": True},
        }
        for name, title in parts.items()
    ]
    return {
        "annotation_task_name": study.title,
        "task_dir": ".",
        "data_files": [DATA],
        "item_properties": {"id_key": "id", "text_key": next((n for n in parts if n.startswith("reply")), "dialogue")},
        "output_annotation_dir": f"{OUTPUT}/",
        "output_annotation_format": "jsonl",
        "instance_display": {"layout": {"direction": "vertical", "gap": "16px"}, "fields": shown},
        "annotation_schemes": [_scheme(question) for question in questions_of(study.questionnaire)],
        "phases": {
            "order": ["introduction", "annotation"],
            "introduction": {"type": "instructions", "file": INTRO},
            "annotation": {"type": "annotation"},
        },
        "assignment_strategy": "random",
        "max_annotations_per_item": study.judges_per_item,
        **({"max_annotations_per_user": study.items_per_judge} if study.items_per_judge else {}),
        "require_password": False,
        "user_config": {"allow_all_users": True, "users": []},
    }


def _scheme(question: Question) -> dict[str, Any]:
    labels = [
        {"name": _stored(option), "displayed_label": f"{option.sign}: {option.words}" if option.words else option.sign}
        for option in question.options
    ]
    return {
        "annotation_type": "radio",
        "name": question.name,
        "description": question.text,
        "labels": labels,
        "horizontal": question.sparse,
        "label_requirement": {"required": True},
    }


def _stored(option: Option) -> str:
    return f"value {option.value}"  # a name, also where the value is negative


def _answers(question: Question, option: Option) -> set[str]:
    return {_stored(option), str(option.value)}


def _saved(file: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Items with (scheme, label) of each answer."""
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".jsonl":
            for one in (json.loads(line) for line in text.splitlines() if line.strip()):
                chosen = one["label_annotations"]
                yield str(one["id"]), [(scheme, label) for scheme, labels in chosen.items() for label in labels]
        else:
            for item, labels in json.loads(text).get("instance_id_to_label_to_value", {}).items():
                yield item, [(label["schema"], label["name"]) for label, value in labels if value]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file} cannot be read ({type(error).__name__}: {error}). Expected what potato saves: "
            f"{' or '.join(STATES)}."
        ) from error


def _value(values: Mapping[str, int], answer: str, name: str, where: str) -> int:
    if answer not in values:
        raise UserError(
            f"{where} has {answer!r} for {name}; expected one of {', '.join(sorted(values))}, as the exported "
            "config.yaml has them. Nothing was imported."
        )
    return values[answer]
