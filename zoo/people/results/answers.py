"""Which answers count: those to real items, of judges who passed the attention checks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from zoo.people.records import VALIDATOR, Decision, Item, Judgement


@dataclass(frozen=True, slots=True)
class JudgeRecord:
    """What one judge did.

    Attributes:
        items: real ones that were judged, at least in part.
        checks: attention checks that were answered; `failed` of them with another answer than expected.
        excluded: more checks failed than the study allows.
    """

    name: str
    role: str
    items: int
    checks: int
    failed: int
    excluded: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers that count.

    Attributes:
        items: real ones by id, in the study's order.
        judgements: of judges.
        validations: of validators.
        decisions: what validators settled on, by item and criterion.
        judges: everybody, those who do not count too.
    """

    items: Mapping[str, Item]
    judgements: tuple[Judgement, ...]
    validations: tuple[Judgement, ...]
    decisions: Mapping[tuple[str, str], Decision]
    judges: tuple[JudgeRecord, ...]

    def of(self, criterion: str) -> Iterator[Judgement]:
        """Judges' answers to one criterion."""
        return (one for one in self.judgements if one.criterion == criterion)

    @property
    def excluded(self) -> tuple[str, ...]:
        """Names of those whose answers do not count."""
        return tuple(judge.name for judge in self.judges if judge.excluded)


def answers_of(
    items: Mapping[str, Item],
    judgements: Iterable[Judgement],
    decisions: Iterable[Decision] = (),
    roles: Mapping[str, str] | None = None,
    *,
    allowed: int = 0,
    exclude: bool = True,
) -> Answers:
    """Tell real items from checks, and judges who count from others.

    Args:
        items: all of the study by id, checks with them.
        judgements: all answers.
        decisions: of validators.
        roles: by name, of those who answered nothing too.
        allowed: checks that somebody may fail.
        exclude: False: everybody's answers count, whatever they failed.
    """
    given = list(judgements)
    real = {key: item for key, item in items.items() if not item.expected}
    names = {**(roles or {}), **{one.judge: one.role for one in given}}
    of_judge: dict[str, list[Judgement]] = {name: [] for name in sorted(names)}
    for one in given:
        of_judge[one.judge].append(one)
    records = tuple(_record(name, names[name], own, items, allowed) for name, own in of_judge.items())
    out = {record.name for record in records if record.excluded and exclude}
    counted = [one for one in given if one.item in real and one.judge not in out]
    return Answers(
        real,
        tuple(one for one in counted if one.role != VALIDATOR),
        tuple(one for one in counted if one.role == VALIDATOR),
        {(one.item, one.criterion): one for one in decisions},
        records,
    )


def _record(name: str, role: str, own: Sequence[Judgement], items: Mapping[str, Item], allowed: int) -> JudgeRecord:
    checks: dict[str, bool] = {}  # failed, by item
    judged = set()
    for one in own:
        expected = items[one.item].expected
        if not expected:
            judged.add(one.item)
        elif one.criterion in expected:
            checks[one.item] = checks.get(one.item, False) or one.value not in expected[one.criterion]
    failed = sum(checks.values())
    return JudgeRecord(name, role, len(judged), len(checks), failed, failed > allowed)
