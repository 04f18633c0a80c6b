"""Tables that people fill in say how, wherever they are asked for without judgements; agreement by entity key."""

from pathlib import Path

import pytest

from tests.judged.test_results_command import judged, reports
from tests.people.judging import write_study
from tests.people.test_items import synthesis
from zoo.agreement import krippendorff_alpha
from zoo.evidence.published import PublishedValue, published_table
from zoo.evidence.report.cells import row_notes
from zoo.evidence.report.page import html_page
from zoo.evidence.report.rows import CLOSED, NOT_JUDGED, STAND_IN, Cell, Facts, Report, ReportRow, RowReport, Status
from zoo.evidence.report.status import row_status
from zoo.evidence.reproduction.made import made_table
from zoo.evidence.reproduction.plans import Planner
from zoo.evidence.reproduction.scales import read_scale


def test_reproduce_says_how_to_have_it_judged(tmp_path: Path) -> None:
    scale = read_scale("personachatgen", "paper")
    table = published_table("personachatgen/table5b")
    planner = Planner(tmp_path, tmp_path, (), None)
    made = made_table(table, planner.table(table, scale, None), scale, planner.tasks, {})
    assert not planner.tasks
    (row,) = made.rows
    assert row.missing == (
        "closed; what stands for it is judged by people: "
        "python -m zoo.judge experiments/personachatgen/study_dialogues.yaml"
    )


def test_a_row_with_replies_is_not_judged_until_people_did() -> None:
    """It would be "as published, differs" otherwise, with no value to differ."""
    published = published_table("paa/table3").rows[0]
    row = ReportRow("paa", published, missing="judged by people: python -m zoo.judge experiments/paa/study.yaml")
    cells = [Cell("fluency_1_to_5", PublishedValue(4.8)), Cell("ppl_token", mean=30.0)]  # runs are scored all the same
    status = row_status(row, cells, 1, None)
    assert status == Status(NOT_JUDGED, seeds="1")
    told = RowReport("paa", "", "paa", {}, status, Facts(runs=("run",)), row.missing)
    report = Report("paa/table3", "Ratings", "Huang", (), (told,))
    assert row_notes(report) == [f"paa: {row.missing}."]
    assert row.missing in html_page([report], {}, "x")


def test_agreement_by_entity_key_beside_the_papers(tmp_path: Path) -> None:
    folder = synthesis(tmp_path / "gpt", each=4)
    tables = [f"personachatgen/table{name}" for name in ("5a", "6", "10")]
    path = write_study(
        tmp_path,
        runs={"profilegen": str(folder)},
        questionnaire="personachatgen_sentences",
        table=tables,
        draw=[{"each": "leaf", "number": 4}],
    )
    given: dict[str, list[list[int]]] = {}

    def answer(name: str, item):  # type: ignore[no-untyped-def]
        place = int(item.texts[0].split()[2])
        value = 1 + (place if name == "judge-1" or item.group != "food" else 3 - place)
        given.setdefault(item.group, [[], []])[name == "judge-2"].append(value)
        return {"humanness": value, "fluency": value, "category_relevance": value, "entity_factuality": 2}

    judged(path, answer)
    five, six, ten = reports(path)
    (row,) = five.rows
    assert row.status.word == STAND_IN
    assert row.cells["humanness_1_to_4"].mean == 2.5
    assert row.cells["entity_factuality_0_to_2"].mean == 2
    printed = row.cells["krippendorff_alpha"].printed
    assert printed is not None
    assert printed.value == 0.28
    keys = {row.name: row for row in six.rows}
    food, country = keys["food"].cells, keys["country"].cells
    alpha = krippendorff_alpha(given["food"], "ordinal")
    assert food["krippendorff_alpha"].mean == pytest.approx(alpha)
    assert food["humanness"].mean == pytest.approx(alpha)
    assert food["entity_factuality"].mean is None, "one value everywhere"
    assert alpha is not None
    assert alpha < 0
    assert country["krippendorff_alpha"].mean == 1
    assert country["krippendorff_alpha"].printed == PublishedValue(0.42)
    assert (keys["season"].status.word, keys["country"].n) == (CLOSED, 4)
    assert {row.name for row in ten.rows} >= {"food", "movie title", "country", "season", "eating habit"}
    assert food["krippendorff_alpha"].printed is None, "Table 6 has only the best and worst"
    assert {row.name: row for row in ten.rows}["food"].cells["krippendorff_alpha"].printed == PublishedValue(0.29)


def test_a_key_on_which_all_answers_are_alike_was_judged(tmp_path: Path) -> None:
    path = write_study(
        tmp_path,
        runs={"profilegen": str(synthesis(tmp_path / "gpt", each=1))},
        questionnaire="personachatgen_sentences",
        table=["personachatgen/table6"],
    )
    judged(path, lambda *_: {"humanness": 4, "fluency": 4, "category_relevance": 4, "entity_factuality": 2})
    (six,) = reports(path)
    country = {row.name: row for row in six.rows}["country"]
    assert country.cells["krippendorff_alpha"].mean is None
    assert (country.status.word, country.missing, country.n) == (STAND_IN, "", 1)
