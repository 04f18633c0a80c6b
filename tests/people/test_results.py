"""Means, counts, choices, differences, agreement and validators, on answers that can be counted by hand."""

import statistics
from collections.abc import Mapping, Sequence

import pytest
from scipy.stats import binomtest

from zoo.agreement import krippendorff_alpha
from zoo.people.questionnaire import Criterion, read_questionnaire
from zoo.people.records import JUDGE, VALIDATOR, Decision, Item, Judgement
from zoo.people.results.agreeing import agreement, average, by_group
from zoo.people.results.answers import Answers, answers_of
from zoo.people.results.choices import choices, majority
from zoo.people.results.pairing import differences
from zoo.people.results.ratings import binned, bins, ratings
from zoo.people.results.validation import final_values, validation

FLUENCY = read_questionnaire("prompt_tuning").criterion("fluency")
SIGNS = read_questionnaire("personapkt").criterion("consistency")


def studied(rows: Mapping[str, Mapping[str, Sequence[int]]], groups: Mapping[str, str] = {}) -> Answers:
    """Answers to one criterion: values of judge 1, 2, ... by row and example."""
    items, judgements = {}, []
    for row, of_example in rows.items():
        for example, values in of_example.items():
            item = Item(f"{row}/{example}", "reply", (row,), ("hi",), example=example, group=groups.get(example, ""))
            items[item.id] = item
            judgements += [
                Judgement(item.id, f"judge-{number}", "fluency", value) for number, value in enumerate(values, start=1)
            ]
    return answers_of(items, judgements)


def test_means_and_deviations() -> None:
    answers = studied({"a": {"x": [1, 2], "y": [5]}, "b": {"x": [3, 3], "y": [3]}, "nobody judged": {}})
    one, other = ratings(answers, "fluency", by_group=False, resamples=2000, seed=3)
    assert (one.row, one.n, len(one.items), one.mean) == ("a", 3, 2, pytest.approx(8 / 3))
    assert one.sd == pytest.approx(statistics.stdev([1, 2, 5]))
    assert (other.mean, other.sd, other.interval) == (3, 0, (3, 3))


def test_judgements_of_one_item_stay_together() -> None:
    """Of two items with means 1 and 5 a resample's mean is 1, 3 or 5, whatever the number of judges is."""
    (rating,) = ratings(studied({"a": {"x": [1] * 9, "y": [5] * 9}}), "fluency", False, 2000, 0)
    assert rating.interval == (pytest.approx(1, abs=0.2), pytest.approx(5, abs=0.2))
    (single,) = ratings(studied({"a": {"x": [1, 5, 3]}}), "fluency", False, 100, 0)
    assert single.interval is None


def test_the_interval_is_as_wide_as_theory_has_it() -> None:
    values = {f"e{n:03}": [1 + n % 5] for n in range(100)}
    (rating,) = ratings(studied({"a": values}), "fluency", False, 4000, 1)
    assert rating.interval is not None
    half = 1.96 * (2**0.5) / 10  # the population deviation of 1 to 5 over the root of 100
    assert rating.interval == (pytest.approx(3 - half, abs=0.02), pytest.approx(3 + half, abs=0.02))


def test_groups_are_rated_apart() -> None:
    answers = studied({"a": {"x": [1], "y": [5]}}, groups={"x": "persona_eval", "y": "general_eval"})
    found = {rating.group: rating.mean for rating in ratings(answers, "fluency", True, 10, 0)}
    assert found == {"persona_eval": 1, "general_eval": 5}
    assert [rating.mean for rating in ratings(answers, "fluency", False, 10, 0)] == [3]


def test_bins_of_kasahara() -> None:
    assert bins(FLUENCY) == ["[1,2)", "[2,3)", "[3,4)", "[4,5]"]
    replies = {"u": [1, 2], "v": [2, 2], "w": [3, 4, 2], "x": [4, 4], "y": [5, 5], "z": [4, 5]}
    (rating,) = ratings(studied({"a": replies}), "fluency", False, 10, 0)
    assert binned(rating, FLUENCY) == [1, 1, 1, 3]  # 2.0 and 3.0 open a bin, 5 is in the last
    assert bins(SIGNS) == ["[-1,0)", "[0,1]"]


def test_differences_are_paired_and_corrected() -> None:
    rows = {
        "base": {f"e{n}": [2, 2] for n in range(8)},
        "better": {f"e{n}": [3, 2] if n else [2, 2] for n in range(8)},
        "same": {f"e{n}": [2, 2] for n in range(8)},
        "elsewhere": {"other": [5]},
    }
    found = ratings(studied(rows), "fluency", False, 500, 0)
    better, same, elsewhere = differences(found, "base", 999, 0)
    assert (better.mean, better.n, better.higher, better.lower) == (pytest.approx(3.5 / 8), 8, 7, 0)
    assert better.p_sign == pytest.approx(binomtest(7, 7).pvalue)
    assert better.p_sign_holm == pytest.approx(2 * binomtest(7, 7).pvalue)
    assert better.p == pytest.approx(2 / 1000)
    assert better.p_holm == pytest.approx(4 / 1000)
    assert (same.mean, same.p, same.p_sign, same.p_holm) == (0, 1, 1, 1)
    assert (elsewhere.n, elsewhere.mean, elsewhere.p_holm) == (0, None, None)


def test_thirds_do_not_differ_by_rounding() -> None:
    found = ratings(studied({"a": {"x": [1, 2, 5]}, "b": {"x": [2, 2, 4]}}), "fluency", False, 10, 0)
    (one,) = differences(found, "a", 10, 0)
    assert (one.higher, one.lower, one.mean) == (0, 0, 0)


def chosen(values: Mapping[str, Sequence[int]]) -> Answers:
    items = {name: Item(name, "pair", ("m2", "m1"), ("a", "b"), example=name) for name in values}
    return answers_of(
        items,
        [
            Judgement(name, f"judge-{n}", "preference", value)
            for name, own in values.items()
            for n, value in enumerate(own)
        ],
    )


def test_choices_are_counted_by_judgement_and_by_item() -> None:
    answers = chosen({"p": [1, 1, -1], "q": [1, 0, 0], "r": [1, -1, 0], "s": [1, 1, 1], "t": [-1, -1, 0]})
    (choice,) = choices(answers, "preference", False, 500, 0)
    assert choice.name == "m2_against_m1"
    assert (choice.judgements.win, choice.judgements.lose, choice.judgements.tie) == (7, 4, 4)
    assert (choice.items.win, choice.items.lose, choice.items.tie) == (2, 1, 2)
    assert choice.judgements.p == pytest.approx(binomtest(7, 11).pvalue)
    assert choice.items.p == pytest.approx(binomtest(2, 3).pvalue)
    assert [round(choice.judgements.share(value), 1) for value in (1, -1, 0)] == [46.7, 26.7, 26.7]
    low, high = choice.intervals[1] or (0, 0)
    assert 0 <= low < 46.7 < high <= 100
    other = choice.turned()
    assert (other.name, other.judgements.win, other.items.lose) == ("m1_against_m2", 4, 2)
    assert other.intervals[-1] == (low, high)


@pytest.mark.parametrize(
    ("values", "most"), [([1, 1, -1], 1), ([1, -1], 0), ([1, 0], 0), ([0, 0, 1], 0), ([-1], -1), ([1, 1, -1, -1, 0], 0)]
)
def test_majorities(values: list[int], most: int) -> None:
    assert majority(values) == most


def test_agreement_by_group_and_level() -> None:
    values = {"w": [1, 1], "x": [5, 5], "y": [1, 4], "z": [4, 1], "alone": [3]}
    groups = {"w": "season", "x": "season", "y": "age", "z": "age", "alone": "age"}
    answers = studied({"a": values}, groups)
    ordinal = agreement(answers, FLUENCY)
    assert ordinal.alpha == krippendorff_alpha([[1, 5, 1, 4], [1, 5, 4, 1]], "ordinal")
    assert (ordinal.n, ordinal.items) == (8, 4)
    assert list(ordinal.groups) == ["season", "age"]
    assert ordinal.groups["season"] == 1
    nominal = agreement(answers, Criterion("fluency", "?", {1: "", 5: ""}, "nominal", "fluency"))
    assert nominal.alpha == krippendorff_alpha([[1, 5, 1, 4], [1, 5, 4, 1]], "nominal")
    assert average([0.2, None, 0.4]) == pytest.approx(0.3)
    assert by_group([ordinal, nominal])["age"] == average([ordinal.groups["age"], nominal.groups["age"]])
    assert agreement(studied({"a": {"x": [1]}}), FLUENCY).groups == {}


def test_judges_who_fail_checks_do_not_count() -> None:
    items = {
        "real": Item("real", "reply", ("a",), ("hi",)),
        "check 1": Item("check 1", "reply", ("check",), ("choose 5",), expected={"fluency": (5,)}),
        "check 2": Item("check 2", "reply", ("check",), ("no sense",), expected={"fluency": (1, 2)}),
    }
    given = {"good": (4, 5, 2), "tired": (1, 5, 4), "careless": (1, 1, 5)}
    judgements = [
        Judgement(item, judge, "fluency", value)
        for judge, values in given.items()
        for item, value in zip(items, values, strict=True)
    ]
    answers = answers_of(items, judgements, roles={"late": JUDGE, "good": JUDGE}, allowed=1)
    assert {one.name: (one.items, one.checks, one.failed, one.excluded) for one in answers.judges} == {
        "good": (1, 2, 0, False),
        "tired": (1, 2, 1, False),
        "careless": (1, 2, 2, True),
        "late": (0, 0, 0, False),
    }
    assert answers.excluded == ("careless",)
    assert list(answers.items) == ["real"]
    assert sorted(one.value for one in answers.judgements) == [1, 4]
    every = answers_of(items, judgements, allowed=1, exclude=False)
    assert sorted(one.value for one in every.judgements) == [1, 1, 4]


def validated() -> Answers:
    """Five items: agreed, discussed, averaged, open, and one that a single validator saw."""
    judges = {"agreed": [1, 0], "discussed": [1, 1], "averaged": [0, 0], "open": [1, 0], "half": [-1, 0]}
    validators = {"agreed": [-1, -1], "discussed": [1, 0], "averaged": [1, 0], "open": [1, -1], "half": [1]}
    items = {name: Item(name, "reply", ("pkt",), ("hi",), example=name) for name in judges}
    judgements = [
        Judgement(item, f"{role}-{n}", "consistency", value, role)
        for role, given in ((JUDGE, judges), (VALIDATOR, validators))
        for item, values in given.items()
        for n, value in enumerate(values)
    ]
    decisions = [
        Decision("discussed", "consistency", 0.0, "discussion"),
        Decision("averaged", "consistency", 0.5, "average"),
    ]
    return answers_of(items, judgements, decisions)


def test_validators_have_the_last_word() -> None:
    assert final_values(validated(), "consistency") == {
        "agreed": (-1.0, "common value"),
        "discussed": (0.0, "discussion"),
        "averaged": (0.5, "average"),
        "open": (0.5, "judges' mean"),
        "half": (-0.5, "judges' mean"),
    }


def test_validators_are_counted() -> None:
    found = validation(validated(), SIGNS)
    assert (found.items, found.agreed) == (4, 25)
    assert (found.conflicts, found.discussion, found.average, found.open) == (3, 1, 1, 1)
    assert found.alpha == krippendorff_alpha([[-1, 1, 1, 1], [-1, 0, 0, -1]], "ordinal")
    before, after = found.means["pkt"]
    assert before == pytest.approx(3 / 10)
    assert after == pytest.approx((-1 + 0 + 0.5 + 0.5 - 0.5) / 5)


def test_validators_are_no_judges() -> None:
    assert len(list(validated().of("consistency"))) == 10
    (rating,) = ratings(validated(), "consistency", False, 10, 0)
    assert (rating.n, rating.mean) == (10, pytest.approx(0.3))
