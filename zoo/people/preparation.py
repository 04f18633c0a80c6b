"""From a study's file to a study that can be judged: items drawn, judges named, the file of judgements begun."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.people.assignment import Assignment
from zoo.people.items import items_of
from zoo.people.questionnaire import Questionnaire
from zoo.people.records import JUDGE, VALIDATOR, Item
from zoo.people.store import StudyStore
from zoo.people.study import Study

OWNER = "owner"


@dataclass(frozen=True)
class Prepared:
    """A study with its file of judgements; `judges` has the role of each by name."""

    study: Study
    store: StudyStore
    items: Mapping[str, Item]
    judges: Mapping[str, str]
    assignment: Assignment

    @property
    def names(self) -> list[str]:
        """Of the judges, then of the validators: judge-2 comes before judge-10."""
        return sorted(self.judges, key=lambda name: (self.judges[name] != JUDGE, len(name), name))

    @property
    def wanted(self) -> int:
        """Judgements of real items that there are to be."""
        return len(self.assignment.real) * self.study.judges_per_item

    def links(self, base: str) -> dict[str, str]:
        """Everybody's, and the owner's, by name.

        Args:
            base: such as http://127.0.0.1:8765
        """
        tokens = self.store.tokens([*self.names, OWNER])
        places = {JUDGE: "j", VALIDATOR: "v"}
        return {name: f"{base}/{places.get(self.judges.get(name, ''), OWNER)}/{tokens[name]}" for name in tokens}


def prepare(study: Study, database: Path | None = None, judges: int | None = None) -> Prepared:
    """Draw the items and begin, or go on with, the file of judgements.

    Args:
        study: to be judged.
        database: the file; None: `study.database`.
        judges: how many links there are to be; None: as many as it takes. More may be asked for later.

    Raises:
        UserError: whatever stands in the way of judging.
    """
    items = items_of(study)
    if judges is not None and judges < study.judges_per_item:
        raise UserError(
            f"--judges {judges} was given; expected at least judges_per_item, {study.judges_per_item}: nobody judges "
            "an item twice."
        )
    names = {f"judge-{n}": JUDGE for n in range(1, (judges or enough_judges(study, items)) + 1)}
    names |= {f"validator-{n}": VALIDATOR for n in range(1, study.validators + 1)}
    store = StudyStore(database or study.database)
    store.begin(_description(study, items), items, names)
    everybody = store.judges()
    kept = store.items()
    assignment = Assignment(
        store,
        kept,
        study.judges_per_item,
        study.items_per_judge,
        sum(role == JUDGE for role in everybody.values()),
        study.seed,
    )
    return Prepared(study, store, kept, everybody, assignment)


def enough_judges(study: Study, items: list[Item]) -> int:
    """Those that all judgements take, if each judges as many as the study lets them."""
    if study.items_per_judge is None:
        return study.judges_per_item
    real = sum(not item.expected for item in items)
    most = min(real, study.items_per_judge - study.checks.number)
    return max(study.judges_per_item, -(-real * study.judges_per_item // most))


def _description(study: Study, items: list[Item]) -> str:
    """Of all that judgements depend on; runs may move and titles change."""
    drawn = json.dumps([item.plain() for item in items], sort_keys=True)
    return json.dumps(
        {
            "name": study.name,
            "seed": study.seed,
            "items": hashlib.sha256(drawn.encode()).hexdigest(),
            "questions": questions_digest(study.questionnaire),
        }
    )


def questions_digest(questionnaire: Questionnaire) -> str:
    """Of all questions with their answers."""
    asked = [{**asdict(one), "options": sorted(one.options.items())} for one in questionnaire.criteria]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def study_digests(store: StudyStore) -> dict[str, Any]:
    """What a file of judgements knows of its study; nothing where none was begun."""
    with store.reading() as connection:
        found = connection.execute("SELECT value FROM meta WHERE name = 'study'").fetchone()
    known: dict[str, Any] = json.loads(found[0]) if found else {}
    return known
