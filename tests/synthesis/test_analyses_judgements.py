"""Filled tables of samples: averages and agreement."""

from dataclasses import replace
from pathlib import Path

import pytest

from zoo.agreement import krippendorff_alpha
from zoo.errors import UserError
from zoo.synthesis.analyses.judgements import agreement_by_key, agreement_of, mean_ratings, read_judgements
from zoo.synthesis.profiles.samples import Sample, samples_for_judges, write_samples
from zoo.synthesis.records import ProfileSentence

SENTENCES = [ProfileSentence(f"I say {n}.", leaf, leaf, str(n)) for leaf in ("season", "age") for n in range(2)]
FLUENCY = {"ann": ["4", "1", "2", ""], "bo": ["4", "2", "2", "3"], "cy": ["3", "1", "", "3"]}


def filled(folder: Path, ending: str = ".csv") -> list[Path]:
    """Three judges' files."""
    samples = samples_for_judges(SENTENCES)
    assert len(samples) == 4
    paths = []
    for judge, answers in FLUENCY.items():
        rows = [replace(one, fluency=answer) for one, answer in zip(samples, answers, strict=True)]
        rows[0] = replace(rows[0], entity_factuality="2" if judge == "ann" else "0")
        rows[1] = replace(rows[1], entity_factuality="2" if judge == "cy" else "1")
        paths.append(folder / f"{judge}{ending}")
        write_samples(paths[-1], rows)
    return paths


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_ratings_of_three_judges(tmp_path: Path, ending: str) -> None:
    judgements = read_judgements(filled(tmp_path, ending))
    numbers = {measure: len(ratings) for measure, ratings in judgements.items()}
    assert numbers == {"humanness": 0, "fluency": 10, "category_relevance": 0, "entity_factuality": 6}
    means = mean_ratings(judgements)
    assert means["fluency"] == pytest.approx(25 / 10)
    assert means["humanness"] is None
    table = [[float(a) if a else None for a in answers] for answers in FLUENCY.values()]
    alphas = agreement_of(judgements)
    assert alphas["fluency"] == pytest.approx(krippendorff_alpha(table, "ordinal"))
    assert alphas["entity_factuality"] == pytest.approx(krippendorff_alpha([[2, 1], [0, 1], [0, 2]], "nominal"))
    assert alphas["humanness"] is None


def test_agreement_by_key(tmp_path: Path) -> None:
    judgements = read_judgements(filled(tmp_path))
    by_key = agreement_by_key(judgements)
    season = [
        krippendorff_alpha([[4, 1], [4, 2], [3, 1]], "ordinal"),
        krippendorff_alpha([[2, 1], [0, 1], [0, 2]], "nominal"),
    ]
    assert by_key["season"] == pytest.approx(sum(alpha or 0 for alpha in season) / 2)
    assert by_key["age"] == 1.0  # 2, 2 and 3, 3
    assert list(by_key) == ["age", "season"]


def test_a_spreadsheets_byte_order_mark(tmp_path: Path) -> None:
    path = filled(tmp_path)[0]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_judgements([path])["fluency"]) == 3


def test_bad_answers(tmp_path: Path) -> None:
    one = Sample(1, "like_season", "season", "winter", "I like winter.")
    for answer, told in (
        ("5", "5 for fluency; expected a whole number from 1 to 4"),
        ("good", "could not convert"),
        ("2.5", "2.5 for"),
    ):
        write_samples(tmp_path / "ann.csv", [replace(one, fluency=answer)])
        with pytest.raises(UserError, match=told):
            read_judgements([tmp_path / "ann.csv"])
    (tmp_path / "bo.csv").write_text("id,leaf\n1,like_season\n")
    with pytest.raises(UserError, match="'humanness' in humanness"):
        read_judgements([tmp_path / "bo.csv"])
    with pytest.raises(UserError, match="cannot be read"):
        read_judgements([tmp_path / "nobody.csv"])
    with pytest.raises(UserError, match="a file of its own name"):
        read_judgements([tmp_path / "bo.csv", tmp_path / "x" / "bo.csv"])
    (tmp_path / "cy.jsonl").write_text("{broken\n")
    with pytest.raises(UserError, match="cannot be read"):
        read_judgements([tmp_path / "cy.jsonl"])
