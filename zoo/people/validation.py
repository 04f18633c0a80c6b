"""Two further people look at the judges' answers, judge by themselves, and settle where they differ.

PersonaPKT, Section 4.2.2: "two additional annotators further validated the crowd-sourced annotations independently.
Following their validation, they resolved any annotation conflicts through discussion or by taking the average score."
"""

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from zoo.errors import UserError
from zoo.people.questionnaire import Questionnaire
from zoo.people.records import JUDGE, VALIDATOR, Decision, Item
from zoo.people.store import StudyStore

DISCUSSION, AVERAGE = "discussion", "average"


@dataclass(frozen=True, slots=True)
class Conflict:
    """One criterion of one item on which validators differ.

    Attributes:
        values: of each validator.
        settled: what was decided; None: nothing yet.
    """

    item: str
    criterion: str
    values: Mapping[str, int]
    settled: Decision | None


class Validation:
    """What validators are to see of a study.

    Args:
        store: of the study.
        items: of the store.
        questionnaire: whose order of criteria conflicts are listed in.
        seed: of the order of items.
    """

    def __init__(self, store: StudyStore, items: Mapping[str, Item], questionnaire: Questionnaire, seed: int) -> None:
        self.store, self.questionnaire, self.seed = store, questionnaire, seed
        self.real = [id for id, item in items.items() if not item.expected]

    def places(self) -> list[str]:
        """All real items, judged or not, mixed: the study's own order would tell which model is which."""
        return random.Random(f"{self.seed}/validators").sample(self.real, len(self.real))

    def judged(self) -> dict[str, dict[str, Counter[int]]]:
        """The judges' answers as counts by value, by item and criterion; items that nobody judged are not there."""
        found: dict[str, dict[str, Counter[int]]] = {}
        for one in self.store.judgements():
            if one.role == JUDGE:
                found.setdefault(one.item, {}).setdefault(one.criterion, Counter())[one.value] += 1
        return found

    def conflicts(self) -> list[Conflict]:
        """Where validators differ, of items that all of them judged; in the study's order."""
        validators = [name for name, role in self.store.judges().items() if role == VALIDATOR]
        answers: dict[tuple[str, str], dict[str, int]] = {}
        for one in self.store.judgements():
            if one.role == VALIDATOR:
                answers.setdefault((one.item, one.criterion), {})[one.judge] = one.value
        settled = {(one.item, one.criterion): one for one in self.store.decisions()}
        keys = [(item, criterion.name) for item in self.real for criterion in self.questionnaire.criteria]
        return [
            Conflict(*key, answers[key], settled.get(key))
            for key in keys
            if key in answers and len(answers[key]) == len(validators) and len(set(answers[key].values())) > 1
        ]

    def settle(self, item: str, criterion: str, value: int | None) -> None:
        """Keep a value that the validators agreed on, or the average of theirs for None.

        Raises:
            UserError: they do not differ there (any more).
        """
        with self.store.transaction() as connection:  # nobody corrects an answer between the look and the write
            found = next((one for one in self.conflicts() if (one.item, one.criterion) == (item, criterion)), None)
            if found is None:
                raise UserError("The validators do not differ here any more; there is nothing to settle.")
            if value is None:
                average = sum(found.values.values()) / len(found.values)
                decision = Decision(item, criterion, average, AVERAGE)
            else:
                decision = Decision(item, criterion, float(value), DISCUSSION)
            self.store.keep_decision(connection, decision, time.time())
