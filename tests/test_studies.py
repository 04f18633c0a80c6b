"""Studies of the papers' tables of people: each table has one, and all that a study names is there."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from zoo.evidence.published import PEOPLE, all_tables, published_table, study_of
from zoo.people.questionnaire import Criterion
from zoo.people.records import PAIR, SENTENCE
from zoo.people.study import Study, read_study

STUDIES = sorted((ROOT / "experiments").glob("*/study*.yaml"))
TABLES = [table for table in all_tables().values() if any(row.needs == PEOPLE for row in table.rows)]


def named(path: Path) -> str:
    return "/".join(path.parts[-2:])


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.key)
def test_every_table_of_people_has_one_study(table) -> None:  # type: ignore[no-untyped-def]
    having = [path for path in STUDIES if table.key in read_study(path).tables]
    assert len(having) == 1
    assert study_of(table.key) == f"experiments/{named(having[0])}"


def test_there_are_tables_of_people() -> None:
    assert len(TABLES) == 12


@pytest.mark.parametrize("path", STUDIES, ids=named)
def test_a_study_is_of_printed_tables(path: Path) -> None:
    study = read_study(path)
    assert study.tables
    for key in study.tables:
        assert key.startswith(f"{path.parent.name}/")
        assert any(row.needs == PEOPLE for row in published_table(key).rows)
    assert study.name.startswith(path.parent.name), "or two papers' judgements would be kept in one file"


@pytest.mark.parametrize("path", STUDIES, ids=named)
def test_rows_of_a_study_are_rows_of_its_tables(path: Path) -> None:
    study = read_study(path)
    names = {row.name for key in study.tables for row in published_table(key).rows}
    if study.questionnaire.shows == PAIR:
        assert "_against_".join(study.runs) in names
        return
    parts = {rule.test_set for rule in study.draw} if len(study.draw) > 1 else {""}
    for row in study.runs:
        for part in parts:
            assert "/".join(filter(None, (part, row))) in names


@pytest.mark.parametrize("path", STUDIES, ids=named)
def test_every_question_has_a_printed_number(path: Path) -> None:
    study = read_study(path)
    if study.questionnaire.shows == PAIR:
        return  # win, lose and tie of its one question
    for criterion in study.questionnaire.criteria:
        assert has_number(study, criterion), criterion.name


def has_number(study: Study, criterion: Criterion) -> bool:
    return any(criterion.published in row.other for key in study.tables for row in published_table(key).rows)


@pytest.mark.parametrize("path", STUDIES, ids=named)
def test_every_printed_number_is_asked_for(path: Path) -> None:
    """Nothing that people judged is left out, but for agreement, which is counted, and choices."""
    study = read_study(path)
    asked = {criterion.published for criterion in study.questionnaire.criteria}
    counted = {"krippendorff_alpha", "win", "lose", "tie"}
    for key in study.tables:
        for row in published_table(key).rows:
            if study.questionnaire.shows == SENTENCE and row.name in ("alpha", "unlabelled"):
                continue  # by entity key
            assert set(row.other) <= asked | counted, (key, row.name)


@pytest.mark.parametrize("path", STUDIES, ids=named)
def test_runs_lie_where_zoo_reproduce_puts_them(path: Path) -> None:
    for runs in read_study(path).runs.values():
        for run in runs:
            parts = run.relative_to(ROOT / "outputs" / "reproduce" / "paper").parts
            assert parts[0] == path.parent.name
            assert parts[1:] == ("synthesis",) or (
                (ROOT / "conf" / "experiment" / parts[0] / f"{parts[1]}.yaml").is_file() and parts[2:] == ("36",)
            )
