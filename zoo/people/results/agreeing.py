"""Do judges agree? Krippendorff's alpha by criterion, over all and by group (PersonaChatGen's Tables 6 and 10)."""

from collections.abc import Sequence
from dataclasses import dataclass

from zoo.agreement import Rating, agreement_word, alpha_by_key, alpha_of
from zoo.people.questionnaire import Criterion
from zoo.people.records import Judgement
from zoo.people.results.answers import Answers


@dataclass(frozen=True, slots=True)
class Agreement:
    """Alpha of one criterion.

    Attributes:
        level: of measurement: nominal, ordinal or interval.
        alpha: None where it is undefined: no item with two judgements, or one value everywhere.
        n: judgements of items that two or more judged, `items` of them.
        groups: alpha by group, the best first; empty where there are no groups.
    """

    criterion: str
    level: str
    alpha: float | None
    n: int
    items: int
    groups: dict[str, float | None]

    @property
    def word(self) -> str:
        """Landis and Koch's."""
        return agreement_word(self.alpha)


def agreement(answers: Answers, criterion: Criterion) -> Agreement:
    """Between judges, of all rows together."""
    found = _ratings(answers, list(answers.of(criterion.name)))
    judges: dict[str, int] = {}
    for one in found:
        judges[one.item] = judges.get(one.item, 0) + 1
    pairable = [number for number in judges.values() if number > 1]
    grouped = any(one.key for one in found)
    return Agreement(
        criterion.name,
        criterion.level,
        alpha_of(found, criterion.level),
        sum(pairable),
        len(pairable),
        alpha_by_key(found, criterion.level) if grouped else {},
    )


def average(alphas: Sequence[float | None]) -> float | None:
    """Of those that are defined: how PersonaChatGen put its criteria together is not printed, so plainly."""
    defined = [alpha for alpha in alphas if alpha is not None]
    return sum(defined) / len(defined) if defined else None


def by_group(found: Sequence[Agreement]) -> dict[str, float | None]:
    """The average over criteria by group, the best first, undefined ones last."""
    groups = dict.fromkeys(group for one in found for group in one.groups)
    alphas = {group: average([one.groups.get(group) for one in found]) for group in groups}
    return dict(sorted(alphas.items(), key=lambda entry: (entry[1] is None, -(entry[1] or 0.0), entry[0])))


def _ratings(answers: Answers, judgements: Sequence[Judgement]) -> list[Rating]:
    return [Rating(one.item, one.judge, one.value, answers.items[one.item].group) for one in judgements]
