"""What people judged, in the report beside the paper's."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.synthesis.conftest import Configured
from zoo.agreement import krippendorff_alpha
from zoo.errors import UserError
from zoo.synthesis.profiles.samples import Sample, write_samples
from zoo.synthesis.reports.judged import ALL, judged
from zoo.synthesis.reports.published_file import published
from zoo.synthesis.run import synthesise
from zoo.synthesis.taxonomy import read_taxonomy

FLUENCY = {"ann": (4, 1, 2, 3), "bo": (3, 1, 2, 4), "cy": (4, 2, 1, 3)}
FACTUALITY = {"ann": (0, 2, 2, 2), "bo": (0, 2, 1, 2), "cy": (0, 2, 2, 1)}
LEAVES = ("like_season", "like_season", "has_age_number", "has_age_number")


def filled(folder: Path) -> list[Path]:
    """Three judges' files; the model wrote keys of its own."""
    paths = []
    for judge, answers in FLUENCY.items():
        rows = [
            Sample(n, leaf, f"Key {n}", "x", f"I say {n}.", fluency=str(fluent), entity_factuality=str(true))
            for n, (leaf, fluent, true) in enumerate(zip(LEAVES, answers, FACTUALITY[judge], strict=True), start=1)
        ]
        paths.append(folder / f"{judge}.csv")
        write_samples(paths[-1], rows)
    return paths


def cells(rows: list[list[str]]) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in rows}


def test_averages_and_agreement_beside_the_papers(tmp_path: Path) -> None:
    agreement, (averages, keys) = judged(filled(tmp_path), read_taxonomy(), published())
    fluency = krippendorff_alpha([*FLUENCY.values()], "ordinal") or 0
    factuality = krippendorff_alpha([*FACTUALITY.values()], "nominal") or 0
    assert fluency != pytest.approx(factuality)
    assert agreement == {
        "humanness": None,
        "fluency": pytest.approx(fluency),
        "category relevance": None,
        "entity factuality": pytest.approx(factuality),
        ALL: pytest.approx((fluency + factuality) / 2),
    }
    rows = cells(averages.rows)
    assert rows["fluency"] == ["1 to 4", "12", "2.50", "3.21"]  # 30 / 12
    assert rows["entity factuality"] == ["0 to 2", "12", "1.33", "1.59"]  # 16 / 12
    assert rows["humanness"] == ["1 to 4", "0", "–", "3.05"]
    assert "3 judges" in averages.caption
    rows = cells(keys.rows)
    season = [
        krippendorff_alpha([row[:2] for row in FLUENCY.values()], "ordinal"),
        krippendorff_alpha([row[:2] for row in FACTUALITY.values()], "nominal"),
    ]
    assert rows["season"] == [f"{sum(alpha or 0 for alpha in season) / 2:.2f}", "0.52"]
    assert rows[ALL] == [f"{(fluency + factuality) / 2:.2f}", "0.28"]
    assert rows["place"] == ["–", "0.44"]  # nobody was asked
    assert [row[0] for row in keys.rows[:3]] == [ALL, "season", "age"]


def test_without_the_paper_and_with_one_judge(tmp_path: Path) -> None:
    agreement, (averages, keys) = judged(filled(tmp_path)[:1], read_taxonomy())
    assert set(agreement.values()) == {None}
    assert cells(averages.rows)["fluency"] == ["1 to 4", "4", "2.50"]
    assert averages.caption.endswith("1 judge")
    assert cells(keys.rows) == {ALL: ["–"], "season": ["–"], "age": ["–"]}
    assert judged([], read_taxonomy(), published()) == ({}, [])


def test_samples_of_another_run_are_other_items(tmp_path: Path) -> None:
    ann, bo, _ = filled(tmp_path)
    bo.write_text(bo.read_text().replace("I say", "I said"))
    agreement, (averages, _) = judged([ann, bo], read_taxonomy())
    assert agreement["fluency"] is None
    assert cells(averages.rows)["fluency"][1] == "8"


def test_a_report_has_the_judgements(configured: Configured, tmp_path: Path) -> None:
    files = ",".join(map(str, filled(tmp_path)))
    folder = synthesise(configured("stages=[sentences,report]", f"report.judgements=[{files}]"))
    page = (folder / "report.md").read_text()
    assert "## People's judgements" in page
    assert "| fluency | 1 to 4 | 12 | 2.50 | 3.21 |" in page
    assert "| category relevance | – |" in page
    synthesise(configured("stages=[report]"))
    assert "judgements" not in (folder / "report.md").read_text()


def test_judgements_are_looked_at_before_anything_is_done(configured: Configured, tmp_path: Path) -> None:
    ann = filled(tmp_path)[0]
    write_samples(ann, [replace(Sample(1, "like_season", "season", "x", "I say x."), fluency="7")])
    for given, told in ((f"[{ann}]", "7 for fluency"), (ann, "a list of files"), ("[no.csv]", "cannot be read")):
        with pytest.raises(UserError, match=told):
            synthesise(configured(f"report.judgements={given}"))
    assert not (tmp_path / "run" / "sentences.jsonl").exists()
