"""Krippendorff's alpha on the examples of his own text, and where it is undefined."""

import math
import random

import krippendorff
import pytest

from zoo.agreement import Rating, agreement_word, alpha_by_key, alpha_of, krippendorff_alpha
from zoo.errors import UserError

_ = None
# Krippendorff (2011), section C: four observers, twelve units
FOUR = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_four_observers(level: str, alpha: float) -> None:
    assert krippendorff_alpha(FOUR, level) == pytest.approx(alpha, abs=5e-4)


def test_two_observers_of_section_a_and_b() -> None:
    binary = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
    assert krippendorff_alpha(binary, "nominal") == pytest.approx(0.095, abs=5e-4)
    letters = [list("aabbdcccedda"), list("babbbccceddd")]
    assert krippendorff_alpha(letters, "nominal") == pytest.approx(0.692, abs=5e-4)


def test_agreement_and_opposition() -> None:
    assert krippendorff_alpha([[1, 2, 3], [1, 2, 3]], "ordinal") == 1.0
    opposite = krippendorff_alpha([[1, 2], [2, 1]], "nominal")
    assert opposite is not None
    assert opposite < 0
    rows = random.Random(3)
    chance = krippendorff_alpha([[rows.randint(1, 4) for _ in range(3000)] for _ in range(4)], "ordinal")
    assert chance == pytest.approx(0.0, abs=0.03)


def test_order_counts_only_where_it_is_said() -> None:
    near, far = [[1, 2, 3, 4], [1, 2, 3, 3]], [[1, 2, 3, 4], [1, 2, 3, 1]]
    by_level = {
        level: (krippendorff_alpha(near, level), krippendorff_alpha(far, level)) for level in ("ordinal", "interval")
    }
    for close, wide in by_level.values():
        assert close is not None
        assert wide is not None
        assert close > wide
    stretched = [[10 * value**3 if value else None for value in row] for row in FOUR]
    assert krippendorff_alpha(stretched, "ordinal") == pytest.approx(krippendorff_alpha(FOUR, "ordinal"))
    assert krippendorff_alpha(stretched, "interval") != pytest.approx(krippendorff_alpha(FOUR, "interval"))


@pytest.mark.parametrize("ratings", [[], [[]], [[1, 2]], [[1, None], [None, 2]], [[3, 3], [3, 3]], [[2, None], [2, 5]]])
def test_undefined(ratings: list[list[float | None]]) -> None:
    """Nobody to compare with, or no variation among what can be compared."""
    assert krippendorff_alpha(ratings, "nominal") is None


def test_bad_input() -> None:
    with pytest.raises(UserError, match="2, 3 ratings"):
        krippendorff_alpha([[1, 2], [1, 2, 3]])
    with pytest.raises(UserError, match=r"'ratio'.*nominal, ordinal, interval"):
        krippendorff_alpha([[1, 2], [1, 2]], "ratio")
    with pytest.raises(UserError, match="'yes' is no number"):
        krippendorff_alpha([["yes", "no"], ["yes", "yes"]], "ordinal")
    twice = [Rating("s1", "ann", 1), Rating("s1", "ann", 2)]
    with pytest.raises(UserError, match="ann judged 's1' twice"):
        alpha_of(twice)


def test_single_judgements_are_the_same_table() -> None:
    rows = [
        Rating(f"unit {u}", f"observer {o}", value)
        for o, row in enumerate(FOUR)
        for u, value in enumerate(row)
        if value is not None
    ]
    random.Random(1).shuffle(rows)
    assert alpha_of(rows) == pytest.approx(krippendorff_alpha(FOUR, "ordinal"))


def test_by_key_best_first() -> None:
    def judged(key: str, *columns: tuple[int, int]) -> list[Rating]:
        return [
            Rating(str(item), f"annotator {who}", value, key)
            for item, column in enumerate(columns)
            for who, value in enumerate(column)
        ]

    ratings = judged("age", (1, 4), (4, 1)) + judged("season", (1, 1), (4, 4)) + judged("gender", (3, 3), (3, 3))
    alphas = alpha_by_key(ratings)
    assert list(alphas) == ["season", "age", "gender"]
    assert alphas["season"] == 1.0
    assert alphas["gender"] is None


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_as_the_krippendorff_package_has_it(level: str) -> None:
    draw = random.Random(11)
    compared = 0
    for _ in range(60):
        judges, items, top = draw.randint(2, 6), draw.randint(2, 15), draw.randint(2, 5)
        ratings = [
            [None if draw.random() < 0.3 else draw.randint(-1, top) for _ in range(items)] for _ in range(judges)
        ]
        ours = krippendorff_alpha(ratings, level)
        if ours is None:
            continue
        plain = [[math.nan if value is None else float(value) for value in row] for row in ratings]
        theirs = krippendorff.alpha(reliability_data=plain, level_of_measurement=level)
        assert ours == pytest.approx(theirs, abs=1e-9)
        compared += 1
    assert compared > 50


@pytest.mark.parametrize(
    ("alpha", "word"),
    [
        (None, "undefined"), (-0.01, "poor"), (-0.001, "slight"), (0.0, "slight"), (0.12, "slight"), (0.2, "slight"),
        (0.21, "fair"), (0.28, "fair"), (0.4, "fair"), (0.52, "moderate"), (0.8, "substantial"),
        (1.0, "almost perfect"),
    ],
)  # fmt: skip
def test_words_of_landis_and_koch(alpha: float | None, word: str) -> None:
    assert agreement_word(alpha) == word
