"""What people made of the samples they were given: tables of `zoo.synthesis.profiles.samples`, one file a judge."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.agreement import Rating, alpha_by_key, alpha_of
from zoo.errors import UserError

SCALES = {  # the columns that judges fill, and their lowest and highest answer
    "humanness": (1, 4),
    "fluency": (1, 4),
    "category_relevance": (1, 4),
    "entity_factuality": (0, 2),
}
LEVELS = {measure: "nominal" if measure == "entity_factuality" else "ordinal" for measure in SCALES}


def read_judgements(paths: Sequence[str | Path]) -> dict[str, list[Rating]]:
    """Ratings by measure; cells left empty are no ratings. Judges are called as their files.

    Raises:
        UserError: a file that cannot be read or lacks columns, an answer off its scale, or two files of one name.
    """
    files = [Path(path) for path in paths]
    if len({file.name for file in files}) < len(files):
        raise UserError(f"{', '.join(map(str, files))} were given; expected a file of its own name for every judge.")
    ratings: dict[str, list[Rating]] = {measure: [] for measure in SCALES}
    for file in files:
        for number, row in enumerate(_rows(file), start=1):
            for measure in SCALES:
                try:
                    answer = str(row[measure] or "").strip()
                    item = f"{row['leaf']}/{row['id']}: {row['sentence']}"  # of other samples it is another item
                    rating = Rating(item, file.name, float(answer or 0), row["key"])
                except (KeyError, TypeError, ValueError) as error:
                    raise UserError(
                        f"{file}, sample {number}: {error} in {measure}; expected a number, and the columns that the "
                        "samples were written with."
                    ) from error
                low, high = SCALES[measure]
                if answer and rating.value not in range(low, high + 1):
                    raise UserError(
                        f"{file}, sample {number}: {answer} for {measure}; expected a whole number from {low} to "
                        f"{high}."
                    )
                if answer:
                    ratings[measure].append(rating)
    return ratings


def mean_ratings(judgements: Mapping[str, Sequence[Rating]]) -> dict[str, float | None]:
    """The average answer by measure (Table 5a); None where nobody answered."""
    return {
        measure: sum(float(rating.value) for rating in ratings) / len(ratings) if ratings else None
        for measure, ratings in judgements.items()
    }


def agreement_of(judgements: Mapping[str, Sequence[Rating]]) -> dict[str, float | None]:
    """Alpha by measure: of order, but for factuality, whose "don't know" lies between no and yes in its code only."""
    return {measure: alpha_of(ratings, LEVELS[measure]) for measure, ratings in judgements.items()}


def agreement_by_key(judgements: Mapping[str, Sequence[Rating]]) -> dict[str, float | None]:
    """Alpha by entity key (Table 10): the average over the measures of which it is defined, best first.

    The paper doesn't say how it put its measures together.
    """
    found: dict[str, list[float]] = {}
    for measure, ratings in judgements.items():
        for key, alpha in alpha_by_key(ratings, LEVELS[measure]).items():
            found.setdefault(key, []).extend([] if alpha is None else [alpha])
    averages = {key: sum(alphas) / len(alphas) if alphas else None for key, alphas in found.items()}
    return dict(sorted(averages.items(), key=lambda entry: (entry[1] is None, -(entry[1] or 0.0), entry[0])))


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:  # spreadsheets write a byte order mark
            if file.suffix == ".jsonl":
                yield from (json.loads(line) for line in lines if line.strip())
            else:
                yield from csv.DictReader(lines)
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(
            f"The judgements {file} cannot be read: {error}. Expected samples as .csv or .jsonl."
        ) from error
