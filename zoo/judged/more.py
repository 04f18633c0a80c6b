"""What stands below a study's values: agreement, sign tests, validators, judges, counts; and notes."""

from collections.abc import Iterator, Mapping, Sequence

from zoo.agreement import agreement_word
from zoo.evidence.report.cells import NOTHING, interval_text, number
from zoo.evidence.report.rows import More
from zoo.judged.columns import counted_column, row_label
from zoo.people.questionnaire import Criterion
from zoo.people.records import VALIDATOR
from zoo.people.results.agreeing import average
from zoo.people.results.choices import Counts
from zoo.people.results.pairing import RowDifference
from zoo.people.results.ratings import binned, bins
from zoo.people.results.summary import Results

FEWEST = 4  # points of a scale whose items are counted by their means
Lines = list[tuple[str, ...]]


def tables(
    results: Results,
    criteria: Sequence[Criterion],
    compared: Mapping[str, Sequence[RowDifference]],
    columns: Sequence[str],
) -> Iterator[More]:
    """Those that have lines.

    Args:
        results: of the study.
        criteria: of this table.
        compared: differences by criterion.
        columns: that the table has already.
    """
    names = [criterion.name for criterion in criteria]
    found = [_choices(results, names), _signs(compared), _bins(results, criteria, columns), _agreement(results, names)]
    found += [_validators(results, names), _changed(results, names), _excluded(results, names), _judges(results)]
    return (one for one in found if one.lines)


def notes(results: Results) -> list[str]:
    """Where the values come from, and how many are still to come."""
    study, answers = results.study, results.answers
    given = {(one.item, one.judge) for one in answers.judgements}
    wanted = len(answers.items) * study.judges_per_item
    people = len({one.judge for one in answers.judgements})
    asked = f"{study.questionnaire.name} ({study.questionnaire.source})"
    told = [f"Questions: {asked}. {len(given):,} judgements of {len(answers.items):,} items by {people} people."]
    if len(given) < wanted:
        told.append(f"Not all are there: {len(given):,} of {wanted:,} judgements, {study.judges_per_item} an item.")
    if answers.excluded:
        told.append(
            f"Left out by rule, for more than {study.checks.allowed} failed attention checks: "
            f"{', '.join(answers.excluded)}."
        )
    if results.choices:
        told.append(
            "Judgements of one item are not independent: their sign test finds too small a p. An item counts as what "
            "most of its judges chose, as a tie where two choices are level."
        )
    if results.choices and results.validations:
        told.append("Choices are counted as the judges made them: what validators settled on changes no count.")
    if results.final:
        told.append(
            "After validation an item's value is what the validators decided, else what they agree on, else the mean "
            "of its judges."
        )
    told += [f"{row} is {', '.join(map(str, runs))}" for row, runs in study.runs.items()]
    return told


def _choices(results: Results, names: Sequence[str]) -> More:
    lines: Lines = []
    for name in names:
        for one in results.choices.get(name, ()):
            label = row_label(one.group, one.name)
            lines += [
                (label, what, *_counted(of)) for what, of in (("judgements", one.judgements), ("items", one.items))
            ]
    return More(
        "Sign test of wins and losses, exact and two-sided, ties left out",
        ("row", "counted", "wins", "losses", "ties", "p"),
        tuple(lines),
    )


def _counted(of: Counts) -> tuple[str, ...]:
    return (str(of.win), str(of.lose), str(of.tie), _p(of.p))


def _signs(compared: Mapping[str, Sequence[RowDifference]]) -> More:
    lines = [
        (name, row_label(one.group, one.row), str(one.higher), str(one.lower), _p(one.p_sign), _p(one.p_sign_holm))
        for name, own in compared.items()
        for one in own
        if one.n
    ]
    against = next((one.minus for own in compared.values() for one in own), "")
    return More(
        f"Sign test of items rated higher and lower than {against}'s, exact and two-sided, level ones left out",
        ("criterion", "row", "higher", "lower", "p", "p (Holm)"),
        tuple(lines),
    )


def _bins(results: Results, criteria: Sequence[Criterion], columns: Sequence[str]) -> More:
    lines: Lines = []
    for criterion in criteria:
        if len(criterion.options) >= FEWEST and counted_column(criterion, bins(criterion)[0]) not in columns:
            for one in results.shown.get(criterion.name, ()):
                counts = ", ".join(
                    f"{count} in {name}" for name, count in zip(bins(criterion), binned(one, criterion), strict=True)
                )
                lines.append((criterion.name, row_label(one.group, one.row), counts))
    return More("Items by the mean of their judges", ("criterion", "row", "items counted"), tuple(lines))


def _agreement(results: Results, names: Sequence[str]) -> More:
    found = [results.agreements[name] for name in names]
    lines = [
        (one.criterion, one.level, number(one.alpha, 2), one.word, str(one.n), f"{one.items:,}")
        for one in found
        if one.items
    ]
    if len(lines) > 1:
        alpha = average([one.alpha for one in found])
        lines.append(("average", NOTHING, number(alpha, 2), agreement_word(alpha), NOTHING, NOTHING))
    return More(
        "Agreement of the judges: Krippendorff's alpha, in the words of Landis and Koch (1977)",
        ("criterion", "level", "alpha", "in words", "judgements", "items"),
        tuple(lines),
    )


def _validators(results: Results, names: Sequence[str]) -> More:
    lines = [
        (
            one.criterion,
            str(one.items),
            NOTHING if one.agreed is None else f"{one.agreed:.1f} %",
            number(one.alpha, 2),
            str(one.conflicts),
            str(one.discussion),
            str(one.average),
            str(one.open),
        )
        for name in names
        if (one := results.validations.get(name)) is not None
    ]
    return More(
        "Validators: how far they agree, and what became of conflicts",
        ("criterion", "items", "same value", "alpha", "conflicts", "by discussion", "by average", "open"),
        tuple(lines),
    )


def _changed(results: Results, names: Sequence[str]) -> More:
    lines = [
        (name, row, number(before, 3), number(after, 3))
        for name in names
        if (one := results.validations.get(name)) is not None
        for row, (before, after) in one.means.items()
    ]
    return More(
        "Means before validation and after it",
        ("criterion", "row", "before", "after"),
        tuple(lines),
    )


def _excluded(results: Results, names: Sequence[str]) -> More:
    lines: Lines = []
    for name in names if results.answers.excluded else ():
        without = {(one.group, one.row): one for one in results.ratings.get(name, ())}
        for one in results.everybody_rated.get(name, ()):
            counted = without.get((one.group, one.row))
            told = (NOTHING, "0") if counted is None else (number(counted.mean, 2), str(counted.n))
            every = (number(one.mean, 2), interval_text(one.interval, 2), str(one.n))
            lines.append((name, row_label(one.group, one.row), *told, *every))
    return More(
        "With the judges who failed the attention checks",
        ("criterion", "row", "mean", "judgements", "with them", "95 % of the mean", "judgements"),
        tuple(lines),
    )


def _judges(results: Results) -> More:
    lines = [
        (
            one.name,
            one.role,
            str(one.items),
            NOTHING if one.role == VALIDATOR else str(one.checks),
            NOTHING if one.role == VALIDATOR else str(one.failed),
            "left out" if one.excluded else "yes",
        )
        for one in sorted(results.answers.judges, key=lambda one: (one.role, len(one.name), one.name))
        if one.items or one.checks
    ]
    return More("Judges", ("judge", "role", "items", "checks", "failed", "counts"), tuple(lines))


def _p(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.4f}" if value >= 0.0001 else "< 0.0001"
