"""Validators: they look at items after the judges, on their own, and settle where they differ.

PersonaPKT, Section 4.2.2: "two additional annotators further validated the crowd-sourced annotations independently.
Following their validation, they resolved any annotation conflicts through discussion or by taking the average score as
the final decision."
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from zoo.agreement import Rating, alpha_of
from zoo.people.questionnaire import Criterion
from zoo.people.records import Judgement
from zoo.people.results.answers import Answers

DISCUSSION, AVERAGE, OPEN, COMMON, JUDGES = "discussion", "average", "open", "common value", "judges' mean"


@dataclass(frozen=True, slots=True)
class Validation:
    """What validators did with one criterion.

    Attributes:
        items: that two or more validators answered.
        agreed: of the pairs of their answers to one item, the share that is equal, in percent; None without pairs.
        alpha: Krippendorff's, of the validators alone.
        conflicts: items on which they differed; settled by `discussion`, by `average`, or `open` still.
        means: by row, before (the judges' answers) and after; None before where no judge answered.
    """

    criterion: str
    items: int
    agreed: float | None
    alpha: float | None
    conflicts: int
    discussion: int
    average: int
    open: int
    means: dict[str, tuple[float | None, float]]


def final_values(answers: Answers, criterion: str) -> dict[str, tuple[float, str]]:
    """Value and origin by item: what was decided, else what the validators agree on, else the judges' mean.

    Items of a conflict that is still open have the judges' mean; items that nobody answered are left out.
    """
    judges = _values(answers.of(criterion))
    validators = _values(one for one in answers.validations if one.criterion == criterion)
    found: dict[str, tuple[float, str]] = {}
    for item in answers.items:
        own = validators.get(item, [])
        if (decision := answers.decisions.get((item, criterion))) is not None:
            found[item] = (decision.value, decision.how)
        elif len(own) > 1 and len(set(own)) == 1:
            found[item] = (float(own[0]), COMMON)
        elif item in judges:
            found[item] = (sum(judges[item]) / len(judges[item]), JUDGES)
    return found


def validation(answers: Answers, criterion: Criterion) -> Validation:
    """The validators' agreement, their conflicts, and what these changed."""
    own = [one for one in answers.validations if one.criterion == criterion.name]
    validators = {item: values for item, values in _values(own).items() if len(values) > 1}
    pairs = [a == b for values in validators.values() for a, b in combinations(values, 2)]
    conflicts = [item for item, values in validators.items() if len(set(values)) > 1]
    settled = [answers.decisions.get((item, criterion.name)) for item in conflicts]
    how = Counter(OPEN if one is None else one.how for one in settled)
    return Validation(
        criterion.name,
        len(validators),
        100 * sum(pairs) / len(pairs) if pairs else None,
        alpha_of([Rating(one.item, one.judge, one.value) for one in own], criterion.level),
        len(conflicts),
        how[DISCUSSION],
        how[AVERAGE],
        how[OPEN],
        _means(answers, criterion.name),
    )


def _means(answers: Answers, criterion: str) -> dict[str, tuple[float | None, float]]:
    judges, final = _values(answers.of(criterion)), final_values(answers, criterion)
    before: dict[str, list[int]] = {}
    after: dict[str, list[float]] = {}
    for key, item in answers.items.items():
        if key in final:
            after.setdefault(item.rows[0], []).append(final[key][0])
            before.setdefault(item.rows[0], []).extend(judges.get(key, []))
    return {row: (_mean(before[row]), sum(values) / len(values)) for row, values in after.items()}


def _mean(values: list[int]) -> float | None:
    return sum(values) / len(values) if values else None


def _values(judgements: Iterable[Judgement]) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for one in judgements:
        found.setdefault(one.item, []).append(one.value)
    return found
