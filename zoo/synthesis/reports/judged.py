"""`judged`: what people made of the samples, for the report: averages and agreement beside the paper's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.agreement import Rating
from zoo.synthesis.analyses.judgements import SCALES, agreement_by_key, agreement_of, mean_ratings, read_judgements
from zoo.synthesis.analyses.published import Published
from zoo.synthesis.reports.blocks import Grid, decimal, whole
from zoo.synthesis.taxonomy import Taxonomy

Judgements = Mapping[str, Sequence[Rating]]
ALL = "all"  # the average over what was judged
ALPHA = "krippendorff_alpha"  # Table 5a's, over all that was judged


def judged(
    paths: Sequence[str | Path], taxonomy: Taxonomy, published: Published | None = None
) -> tuple[dict[str, float | None], list[Grid]]:
    """Averages as in Table 5a, Krippendorff's alpha by what was judged, over all, and by entity key (Tables 6 and 10).

    Args:
        paths: copies of the samples that judges filled in, one each; without any there is nothing to say.
        taxonomy: has the entity key of each leaf; the key that the model wrote doesn't matter.
        published: to stand beside.

    Returns:
        Alpha by what was judged, None where it is undefined; and tables of the averages and of the entity keys.

    Raises:
        UserError: a file that cannot be read, or an answer off its scale.
    """
    if not paths:
        return {}, []
    judgements = {
        measure: [replace(one, key=_key(one, taxonomy)) for one in ratings]
        for measure, ratings in read_judgements(paths).items()
    }
    by_measure = {measure.replace("_", " "): alpha for measure, alpha in agreement_of(judgements).items()}
    defined = [alpha for alpha in by_measure.values() if alpha is not None]
    overall = sum(defined) / len(defined) if defined else None
    table5a, table10 = _table(published, "table5a", "profilegen"), _table(published, "table10", "alpha")
    grids = [
        _averages(judgements, len(paths), table5a),
        _by_key(judgements, overall, table10 | {ALL: table5a.get(ALPHA)}),
    ]
    return by_measure | {ALL: overall}, grids


def _key(rating: Rating, taxonomy: Taxonomy) -> str:
    leaf = taxonomy.leaves.get(rating.item.partition("/")[0])
    return leaf.key if leaf else rating.key


def _table(published: Published | None, table: str, row: str) -> dict[str, Any]:
    return dict(published.tables.get(table, {}).get(row, {})) if published else {}


def _averages(judgements: Judgements, judges: int, theirs: Mapping[str, Any]) -> Grid:
    rows = []
    for measure, mean in mean_ratings(judgements).items():
        low, high = SCALES[measure]
        paper = [decimal(theirs.get(f"{measure}_{low}_to_{high}"))] if theirs else []
        rows.append(
            [measure.replace("_", " "), f"{low} to {high}", whole(len(judgements[measure])), decimal(mean), *paper]
        )
    header = ["", "scale", "answers", "average", *(["paper"] if theirs else [])]
    return Grid(header, rows, f"as Table 5a: profile sentences, files of {judges} judge{'s' * (judges != 1)}")


def _by_key(judgements: Judgements, overall: float | None, theirs: Mapping[str, Any]) -> Grid:
    """Our keys, the best first, then those that the paper alone has."""
    ours = {ALL: overall} | agreement_by_key(judgements)
    beside = any(alpha is not None for alpha in theirs.values())
    keys = dict.fromkeys([*ours, *(theirs if beside else ())])
    rows = [[key, decimal(ours.get(key)), *([decimal(theirs.get(key))] if beside else [])] for key in keys]
    return Grid(
        ["entity key", "Krippendorff's alpha", *(["paper"] if beside else [])],
        rows,
        "as Tables 6 and 10: the average over what was judged, ordinal, factuality nominal; the paper names no level",
    )
