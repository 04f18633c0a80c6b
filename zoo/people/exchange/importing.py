"""Answers of another tool into the file of judgements: all of them, or none where any cannot be."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from zoo.errors import UserError
from zoo.people.exchange.blind import by_name
from zoo.people.questionnaire import Questionnaire
from zoo.people.records import JUDGE
from zoo.people.store import StudyStore
from zoo.people.views import turned

MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Given:
    """One annotator's answers to one item, as the tool has them.

    Attributes:
        judge: "label-studio-3".
        item: its name in the tool.
        values: by criterion, of the sides that were shown.
        where: in the file, for messages: "annotation 17".
    """

    judge: str
    item: str
    values: dict[str, int]
    where: str


@dataclass(frozen=True, slots=True)
class Imported:
    """How many answers there were, and how many of them were new or changed, of so many judges."""

    answers: int
    changed: int
    judges: int


def keep(given: Sequence[Given], store: StudyStore, questionnaire: Questionnaire, source: str) -> Imported:
    """Put answers into the file; the same ones once more change nothing.

    Args:
        given: all of them.
        store: of the study that was exported.
        questionnaire: of the study.
        source: the file or folder they are from.

    Raises:
        UserError: an unknown item, a criterion without an answer, a value off its scale, or two answers of one judge to
            one item; nothing is kept then.
    """
    known = by_name(store)
    scales = {criterion.name: set(criterion.options) for criterion in questionnaire.criteria}
    if not given:
        raise UserError(f"{source} has no answers. Expected those of people who were given the exported items.")
    wrong: list[str] = []
    seen: dict[tuple[str, str], Given] = {}
    for one in given:
        if one.item not in known:
            wrong.append(f"{one.where} is of the item {one.item!r}, which the study has not")
            continue
        if (other := seen.setdefault((one.judge, one.item), one)) is not one:
            wrong.append(f"{other.where} and {one.where} are both of {one.judge} and the item {one.item!r}")
        if missing := [name for name in scales if name not in one.values]:
            wrong.append(f"{one.where} has no answer to {', '.join(missing)}")
        for name, value in one.values.items():
            if name in scales and value not in scales[name]:
                scale = ", ".join(map(str, sorted(scales[name])))
                wrong.append(f"{one.where} has {value} for {name}, whose scale is {scale}")
    if wrong:
        more = f", and {len(wrong) - MOST_TOLD} more" if len(wrong) > MOST_TOLD else ""
        raise UserError(
            f"Nothing was imported from {source}: {'; '.join(wrong[:MOST_TOLD])}{more}. Expected one whole answer of "
            f"each annotator to items that this study's --export wrote, to {', '.join(scales)}."
        )
    judges = sorted({one.judge for one in given})
    before = {(one.item, one.judge, one.criterion): one.value for one in store.judgements()}
    changed = 0
    at = time.time()
    with store.transaction() as connection:
        connection.executemany("INSERT OR IGNORE INTO judge VALUES (?, ?, ?)", [(name, JUDGE, at) for name in judges])
        for one in given:
            blind = known[one.item]
            own = {name: one.values[name] for name in scales}
            values = turned(own, blind.item.kind, blind.swapped)
            changed += any(before.get((blind.item.id, one.judge, name)) != value for name, value in values.items())
            store.keep(connection, one.judge, blind.item.id, values, at)
    return Imported(len(given), changed, len(judges))
