"""Label Studio: `tasks.json` and `config.xml` of a study, and judgements from its JSON export.

Every criterion is a group of choices whose alias is the value; Label Studio's Rating has no scale but from 1 on. Texts
stand in Text and Paragraphs, which show them as they are.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.people.exchange.blind import Blind, blinded, contents, titles
from zoo.people.exchange.importing import Given
from zoo.people.questionnaire import Questionnaire
from zoo.people.records import DIALOGUE
from zoo.people.store import StudyStore
from zoo.people.views import questions_of

TASKS, CONFIG = "tasks.json", "config.xml"


def export_label_studio(store: StudyStore, questionnaire: Questionnaire, folder: Path) -> list[str]:
    """Write a study's tasks and labelling configuration.

    Args:
        store: of a study that was begun.
        questionnaire: of the study.
        folder: is made.

    Returns:
        What to do with the files, a line each.
    """
    found = blinded(store)
    parts = titles(found)
    tasks = [_task(one, parts) for one in found]
    write_atomically(folder / TASKS, [json.dumps(tasks, ensure_ascii=False, indent=1).encode() + b"\n"])
    write_atomically(folder / CONFIG, [_config(questionnaire, parts).encode()])
    return [
        f"{folder / CONFIG}: the labelling interface of a project (Settings, Labeling Interface, Code)",
        f"{folder / TASKS}: {len(tasks):,} tasks to import into it",
        "then export as JSON, and: python -m zoo.judge STUDY.yaml --import label-studio FILE",
    ]


def label_studio_answers(file: Path) -> list[Given]:
    """The annotations of a JSON export.

    Raises:
        UserError: it is no such file.
    """
    try:
        tasks = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read: {error}. Expected Label Studio's export as JSON.") from error
    if not isinstance(tasks, list) or not all(isinstance(task, Mapping) for task in tasks):
        raise UserError(f"{file} is no list of tasks. Expected Label Studio's export as JSON, not JSON-MIN or CSV.")
    return [given for number, task in enumerate(tasks, start=1) for given in _answers(task, f"task {number}", file)]


def _task(one: Blind, parts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "data": {"item": one.name, **contents(one, parts)},
        "meta": {"item": one.name},
    }


def _config(questionnaire: Questionnaire, parts: Mapping[str, str]) -> str:
    root = ElementTree.Element("View")
    ElementTree.SubElement(root, "Header", value=questionnaire.about, size="5")
    for name, title in parts.items():
        ElementTree.SubElement(root, "Header", value=title, size="6")
        if name == "dialogue":
            attributes = {"layout": "dialogue", "nameKey": "speaker", "textKey": "text"}
            ElementTree.SubElement(root, "Paragraphs", {"name": name, "value": f"${name}", **attributes})
        else:
            ElementTree.SubElement(root, "Text", name=name, value=f"${name}")
    judged = "dialogue" if questionnaire.shows == DIALOGUE else "reply_1"
    for question in questions_of(questionnaire):
        ElementTree.SubElement(root, "Header", value=question.text, size="6")
        attributes = {"choice": "single-radio", "showInline": "true", "required": "true"}
        group = ElementTree.SubElement(root, "Choices", {"name": question.name, "toName": judged, **attributes})
        for option in question.options:
            words = option.words or option.sign
            told = f"{option.sign}: {words}" if question.sparse and option.words else words
            ElementTree.SubElement(group, "Choice", value=told, alias=str(option.value))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _answers(task: Mapping[str, Any], where: str, file: Path) -> Iterator[Given]:
    try:
        item = str(task["data"]["item"])
        annotations = [one for one in task["annotations"] if not one.get("was_cancelled")]
        for one in annotations:
            at = f"annotation {one.get('id', '?')} of {where}"
            yield Given(_judge(one, at, file), item, dict(_values(one["result"], at, file)), at)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file}, {where}: {type(error).__name__} {error}. Expected a task that this study's --export wrote, with "
            "its data and annotations: Label Studio's export as JSON, not JSON-MIN or CSV."
        ) from error


def _judge(annotation: Mapping[str, Any], where: str, file: Path) -> str:
    by = annotation["completed_by"]
    number = by.get("id") if isinstance(by, Mapping) else by
    if type(number) is not int:
        raise UserError(f"{file}: {where} does not say whose it is (completed_by: {by!r}); expected a number.")
    return f"label-studio-{number}"


def _values(result: list[Mapping[str, Any]], where: str, file: Path) -> Iterator[tuple[str, int]]:
    for one in result:
        value = one["value"]
        answer = value["rating"] if "rating" in value else (value.get("choices") or [None])[0]
        if "rating" not in value and "choices" not in value:
            continue  # a comment that somebody added to the interface
        try:
            yield str(one["from_name"]), int(answer)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{file}: {where} has {answer!r} for {one['from_name']}; expected the number of an option, as the "
                "exported interface gives it by alias="
            ) from error
