"""Krippendorff's alpha: do people who judge the same things agree beyond chance?

Source: Krippendorff, *Computing Krippendorff's Alpha-Reliability* (2011). PersonaChatGen's Tables 6 and 10 print it
without a level of measurement; here four-point ratings are ordinal, and factuality (no, don't know, yes) is nominal.

The words for it are those of Landis and Koch (1977, "The measurement of observer agreement for categorical data"), who
named values of kappa; PersonaChatGen calls an alpha of 0.28 fair and one of 0.12 slight by them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, permutations

from zoo.errors import UserError

Value = float | str
LEVELS = ("nominal", "ordinal", "interval")
WORDS = {0.2: "slight", 0.4: "fair", 0.6: "moderate", 0.8: "substantial", 1.0: "almost perfect"}  # up to and with


@dataclass(frozen=True, slots=True)
class Rating:
    """One annotator's judgement of one item."""

    item: str
    annotator: str
    value: Value
    key: str = ""  # what the item is grouped by, e.g. its entity key


def krippendorff_alpha(ratings: Sequence[Sequence[Value | None]], level: str = "ordinal") -> float | None:
    """1 for perfect agreement, 0 for what chance gives, below 0 for worse.

    Args:
        ratings: a row for every annotator, all equally long, a column for every item; None where nobody judged. Only
            items that two annotators judged count.
        level: "nominal" (equal or not), "ordinal" (numbers whose order counts) or "interval" (whose distances count).

    Returns:
        None where alpha is undefined: no item with two judgements, or the same judgement everywhere, from which
        nobody can tell agreement from a habit.

    Raises:
        UserError: an unknown level, rows of different lengths, or values that are no numbers where they have to be.
    """
    if len(lengths := {len(row) for row in ratings}) > 1:
        raise UserError(
            f"The annotators' rows have {', '.join(map(str, sorted(lengths)))} ratings; expected equally many, with "
            "None where one did not judge."
        )
    units = zip(*ratings, strict=True) if ratings else iter(())
    return _alpha([[value for value in unit if value is not None] for unit in units], level)


def alpha_of(ratings: Iterable[Rating], level: str = "ordinal") -> float | None:
    """Alpha of single judgements, see `krippendorff_alpha`.

    Raises:
        UserError: an unknown level, values that are no numbers where they have to be, or two judgements of one item by
            one annotator.
    """
    units: dict[tuple[str, str], dict[str, Value]] = {}
    for rating in ratings:
        unit = units.setdefault((rating.key, rating.item), {})
        if rating.annotator in unit:
            raise UserError(f"{rating.annotator} judged {rating.item!r} twice; expected one judgement of an item each.")
        unit[rating.annotator] = rating.value
    return _alpha([list(unit.values()) for unit in units.values()], level)


def alpha_by_key(ratings: Iterable[Rating], level: str = "ordinal") -> dict[str, float | None]:
    """Alpha of every key's items on their own (Table 10), the best first, undefined ones last.

    Raises:
        UserError: see `alpha_of`.
    """
    by_key: dict[str, list[Rating]] = {}
    for rating in ratings:
        by_key.setdefault(rating.key, []).append(rating)
    alphas = {key: alpha_of(rows, level) for key, rows in by_key.items()}
    return dict(sorted(alphas.items(), key=lambda entry: (entry[1] is None, -(entry[1] or 0.0), entry[0])))


def agreement_word(alpha: float | None) -> str:
    """Landis and Koch's word: "fair" from above 0.20 to 0.40; "poor" below 0, "undefined" of None."""
    if alpha is None:
        return "undefined"
    rounded = round(alpha, 2)  # as their table's bounds are
    return "poor" if rounded < 0 else next(word for most, word in WORDS.items() if rounded <= most)


def _alpha(units: Sequence[Sequence[Value]], level: str) -> float | None:
    """From the judgements of each item.

    alpha = 1 - D_observed / D_expected; both sum a squared difference over pairs of values: once over pairs within an
    item, each item weighing as many values as it has, once over all pairs of values.
    """
    if level not in LEVELS:
        raise UserError(f"level={level!r} was given; expected one of {', '.join(LEVELS)}.")
    pairable = [unit for unit in units if len(unit) > 1]
    weights: dict[tuple[Value, Value], float] = {}
    for unit in pairable:
        for pair in permutations(unit, 2):
            weights[pair] = weights.get(pair, 0.0) + 1 / (len(unit) - 1)
    counts = Counter(value for unit in pairable for value in unit)
    if len(counts) < 2:
        return None
    difference = _difference(counts, level)
    total = counts.total()
    observed = sum(weight * difference(a, b) for (a, b), weight in weights.items()) / total
    expected = sum(counts[a] * counts[b] * difference(a, b) for a in counts for b in counts) / (total * (total - 1))
    return 1 - observed / expected


def _difference(counts: Mapping[Value, int], level: str) -> Callable[[Value, Value], float]:
    """The squared difference of two values at that level of measurement; `counts` of every value."""
    if level == "nominal":
        return lambda a, b: float(a != b)
    numbers: dict[Value, float] = {}
    for value in counts:
        if isinstance(value, str):
            raise UserError(f"The judgement {value!r} is no number; level={level} needs some, nominal needs none.")
        numbers[value] = float(value)
    if level == "interval":
        return lambda a, b: (numbers[a] - numbers[b]) ** 2
    ordered = sorted(counts, key=lambda value: numbers[value])
    below = dict(zip(ordered, accumulate((counts[value] for value in ordered), initial=0), strict=False))
    middle = {value: below[value] + counts[value] / 2 for value in ordered}  # of the value's ranks
    return lambda a, b: (middle[a] - middle[b]) ** 2
