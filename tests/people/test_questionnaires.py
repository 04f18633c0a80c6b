"""Questionnaires and studies: those that come with the zoo, and what is refused."""

from pathlib import Path

import pytest
import yaml

from zoo.errors import UserError
from zoo.people.questionnaire import questionnaire_of, questionnaires, read_questionnaire
from zoo.people.study import read_study

GOOD = {"title": "t", "questionnaire": "paa", "runs": {"a": "x"}, "seed": 1, "judges_per_item": 2}


@pytest.mark.parametrize("name", questionnaires())
def test_every_questionnaire_asks_something(name: str) -> None:
    found = read_questionnaire(name)
    assert found.source
    for criterion in found.criteria:
        assert criterion.question.endswith(("?", "."))
        assert list(criterion.options) == sorted(criterion.options)
        assert criterion.options[max(criterion.options)], "the ends of a scale have words"
        assert criterion.options[min(criterion.options)], "the ends of a scale have words"


def test_the_scales_are_the_papers() -> None:
    scales = {
        (name, criterion.name): list(criterion.options)
        for name in questionnaires()
        for criterion in read_questionnaire(name).criteria
    }
    five, four, signs = [1, 2, 3, 4, 5], [1, 2, 3, 4], [-1, 0, 1]
    assert scales == {
        **{("prompt_tuning", name): five for name in ("fluency", "engagingness", "relevance", "persona_consideration")},
        ("personapkt", "fluency"): five,
        ("personapkt", "consistency"): signs,
        **{("paa", name): five for name in ("fluency", "informativeness", "relevance")},
        ("paa", "persona_consistency"): signs,
        **{("personachatgen_sentences", name): four for name in ("humanness", "fluency", "category_relevance")},
        ("personachatgen_sentences", "entity_factuality"): [0, 1, 2],
        **{
            ("personachatgen_dialogues", name): four
            for name in ("humanness", "fluency", "relevance_p1", "relevance_p2")
        },
        **{("personachatgen_ratings", name): four for name in ("fluency", "engagingness", "consistency")},
        ("personachatgen_choice", "preference"): signs,
    }


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"shows": "film"}, "shows: 'film'"),
        ({"criteria": {}}, "at least one"),
        ({"criteria": {"fluency": {"question": "?", "options": {1: "only"}}}}, "at least two whole numbers"),
        ({"criteria": {"fluency": {"question": "?", "options": {"a": "x", "b": "y"}}}}, "at least two whole numbers"),
        ({"criteria": {"fluency": {"question": "?", "options": {1: False, 2: True}}}}, "in quotation marks"),
        ({"criteria": {"fluency": {"question": "?", "options": {1: "", 2: ""}, "level": "ratio"}}}, "'ratio'"),
        ({"criteria": {"fluency": {"question": "?", "options": {1: "", 2: ""}, "scale": 3}}}, "has scale"),
        ({"shows": "pair"}, "1 \\(the first reply\\)"),
        ({"colour": "red"}, "has colour"),
    ],
)
def test_a_questionnaire_that_cannot_be(change: dict[str, object], complaint: str) -> None:
    good = {
        "source": "s",
        "about": "a",
        "shows": "reply",
        "criteria": {"fluency": {"question": "Fluent?", "options": {1: "No", 2: "Yes"}}},
    }
    assert questionnaire_of(good, "mine").criterion("fluency").level == "ordinal"
    with pytest.raises(UserError, match=complaint):
        questionnaire_of(good | change, "mine")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"questionnaire": "likert7"}, "no questionnaire 'likert7'.*paa"),
        ({"questionnaire": "../../secret.yaml"}, "no questionnaire"),
        ({"runs": {}}, "runs: "),
        ({"runs": {"a": []}}, "runs: "),
        ({"runs": {"a": ["x", 3]}}, "runs: "),
        ({"questionnaire": "personachatgen_choice"}, "expected two"),
        ({"judges_per_item": 0}, "judges_per_item: 0"),
        ({"seed": "x"}, "seed: 'x'"),
        ({"draw": [{"users": 0}]}, "draw.users: 0"),
        ({"draw": [{"each": "moon"}]}, "draw.each"),
        ({"checks": {"often": 1}}, "checks: "),
        ({"checks": {"number": "four"}, "items_per_judge": 40}, "checks.number: 'four'"),
        ({"checks": {"number": 4}, "items_per_judge": 4}, "more than checks.number, 4"),
        ({"color": 1}, "has color"),
        ({"references": "maybe"}, "references"),
        ({"table": "table3"}, "table: 'table3'"),
        ({"table": ["paa/table3", 4]}, "table: "),
    ],
)
def test_a_study_that_cannot_be(change: dict[str, object], complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(GOOD))
    assert read_study(path).runs == {"a": (tmp_path / "x",)}
    path.write_text(yaml.safe_dump(GOOD | change))
    with pytest.raises(UserError, match=complaint):
        read_study(path)


def test_a_study_of_several_tables(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    for given, tables in ((None, ()), ("paa/table3", ("paa/table3",)), (["a/b", "a/c"], ("a/b", "a/c"))):
        path.write_text(yaml.safe_dump(GOOD | {"table": given}))
        assert read_study(path).tables == tables


def test_runs_given_by_hand_take_the_place_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    path = tmp_path / "studies" / "study.yaml"
    path.write_text(yaml.safe_dump(GOOD))
    assert read_study(path, {"a": "y"}).runs == {"a": (tmp_path / "y",)}
    assert read_study(path, {"a": "y,z"}).runs == {"a": (tmp_path / "y", tmp_path / "z")}
    path.write_text(yaml.safe_dump(GOOD | {"runs": {"a": ["u", "v"]}}))
    assert read_study(path).runs == {"a": (tmp_path / "studies" / "u", tmp_path / "studies" / "v")}
    with pytest.raises(UserError, match="its rows are a"):
        read_study(path, {"b": "y"})
