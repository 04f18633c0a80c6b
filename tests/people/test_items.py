"""What is drawn from runs and syntheses, and what is refused."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.people.judging import examples, generation, write_run, write_study
from zoo.errors import UserError
from zoo.people.items import items_of
from zoo.people.records import Item
from zoo.people.study import read_study
from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.records import ProfileSentence, SyntheticDialogue, write_records


def drawn(path: Path) -> list[Item]:
    return items_of(read_study(path))


def test_personapkts_fifty_personas_and_377_replies(tmp_path: Path) -> None:
    path = write_study(tmp_path, users=60, each=12, draw=[{"users": 50, "number": 377}], questionnaire="personapkt")
    items = drawn(path)
    assert Counter(item.rows for item in items) == {("base",): 377, ("ours",): 377}
    assert len({item.user for item in items}) == 50
    by_row = {row: [item.example for item in items if item.rows == (row,)] for row in ("base", "ours")}
    assert by_row["base"] == by_row["ours"], "the same examples of every run"
    assert len({item.id for item in items}) == len(items)


def test_an_item_is_the_example_with_its_reply(tmp_path: Path) -> None:
    [item, *_] = drawn(write_study(tmp_path, ["ours"], users=1, each=1))
    of_run = generation("user0/0", "ours")
    assert item.texts == (of_run.response,)
    assert item.personas == (("i am user0 .", "i like tea ."),)
    assert item.turns == tuple(zip("BAB", of_run.history, strict=True)), "whoever replies is A, so the last is B's"
    assert (item.kind, item.example, item.user) == ("reply", "user0/0", "user0")


def test_the_draw_hangs_on_the_seed_and_not_on_the_order_of_lines(tmp_path: Path) -> None:
    rows = examples("a", users=5, each=5)
    one = write_run(tmp_path / "one", rows)
    other = write_run(tmp_path / "other", rows[::-1])

    def ids(run: Path, seed: int) -> list[str]:
        path = write_study(tmp_path, runs={"a": str(run)}, draw=[{"users": 3, "number": 7}], seed=seed)
        return [item.example for item in drawn(path)]

    assert ids(one, 1) == ids(other, 1)
    assert ids(one, 1) != ids(one, 2)


def test_so_many_of_each_user(tmp_path: Path) -> None:
    path = write_study(tmp_path, ["a"], users=4, each=5, draw=[{"each": "user", "number": 2}])
    assert Counter(item.user for item in drawn(path)) == {f"user{n}": 2 for n in range(4)}


def test_where_nobody_has_a_name_the_persona_is_the_user(tmp_path: Path) -> None:
    rows = [replace(one, user="") for one in examples("a", users=4, each=5)]
    run = write_run(tmp_path / "run", rows)
    items = drawn(write_study(tmp_path, runs={"a": str(run)}, draw=[{"users": 2}]))
    assert len({item.personas for item in items}) == 2
    assert len(items) == 10


def test_rules_of_several_test_sets(tmp_path: Path) -> None:
    sets = {"general": examples("a", 2, 5), "odd": examples("a", 3, 5)}
    run = write_run(tmp_path / "run", sets)
    rules = [{"set": "odd", "number": 4}, {"set": "general", "number": 6}]
    items = drawn(write_study(tmp_path, runs={"a": str(run)}, draw=rules))
    assert Counter(item.group for item in items) == {"general": 6, "odd": 4}
    for rule, complaint in [
        ({}, "no test set was named.*'general', 'odd'"),
        ({"set": "../run"}, r"'\.\./run' was named"),
    ]:
        with pytest.raises(UserError, match=complaint):
            drawn(write_study(tmp_path, runs={"a": str(run)}, draw=[rule]))
    with pytest.raises(UserError, match="two rules draw from the same"):
        drawn(write_study(tmp_path, runs={"a": str(run)}, draw=[{"set": "odd"}, {"set": "odd", "number": 1}]))
    one = write_run(tmp_path / "one", {"odd": examples("a", 1, 2)})
    with pytest.raises(UserError, match="two rules draw from the same"):
        drawn(write_study(tmp_path, runs={"a": str(one)}, draw=[{"number": 1}, {"set": "odd", "number": 1}]))


def test_a_row_of_several_runs_each_of_other_users(tmp_path: Path) -> None:
    whole = write_run(tmp_path / "whole", examples("whole", users=3, each=2))
    parts = [
        write_run(tmp_path / f"part{u}", [one for one in examples("parts", 3, 2) if one.user == f"user{u}"])
        for u in range(3)
    ]
    path = write_study(tmp_path / "s", runs={"whole": str(whole), "parts": list(map(str, parts))})
    items = drawn(path)
    assert Counter(item.rows for item in items) == {("whole",): 6, ("parts",): 6}
    assert len(drawn(write_study(tmp_path / "t", runs={"parts": list(map(str, parts[:2]))}))) == 4
    with pytest.raises(UserError, match=r"Two runs of 'parts' both answered the example 'user0/0'"):
        drawn(write_study(tmp_path / "u", runs={"parts": [str(parts[0]), str(whole)]}))


def test_pairs_have_both_replies_and_people_are_one_more_row(tmp_path: Path) -> None:
    runs = {row: str(write_run(tmp_path / row, examples(row, 1, 2))) for row in ("a", "b")}
    pairs = drawn(write_study(tmp_path, runs=runs, questionnaire="personachatgen_choice"))
    assert [(item.rows, len(item.texts)) for item in pairs] == [(("a", "b"), 2)] * 2
    with_people = drawn(write_study(tmp_path, runs=runs, references=True))
    assert Counter(item.rows for item in with_people) == {("a",): 2, ("b",): 2, ("human",): 2}
    assert next(item for item in with_people if item.rows == ("human",)).texts == (generation("user0/0", "").reference,)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": "user0/9"}, "'a' has the example 'user0/0' and 'b' has not"),
        ({"history": ["hello .", "hi ."]}, "the history of the example 'user0/0' is 3 sentences long in one and 2"),
        (
            {"persona": ["i am user0 .", "i like coffee ."]},
            "the persona .* 'i like tea .' in one and 'i like coffee .'",
        ),
        ({"response": None}, "'b' decoded no reply to the example 'user0/0'"),
        ({"user": "somebody"}, None),
    ],
)
def test_runs_that_were_not_asked_the_same(change: dict[str, object], complaint: str | None, tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", examples("a", 1, 2))
    first, *others = examples("b", 1, 2)
    b = write_run(tmp_path / "b", [replace(first, **change), *others])
    path = write_study(tmp_path, runs={"a": str(a), "b": str(b)})
    if complaint is None:
        assert len(drawn(path)) == 4
    else:
        with pytest.raises(UserError, match=complaint):
            drawn(path)


def test_what_is_no_finished_run_with_replies(tmp_path: Path) -> None:
    path = write_study(tmp_path, ["a"])
    (tmp_path / "a" / "generations.jsonl").write_text("{}")
    with pytest.raises(UserError, match=r"run of 'a' cannot be judged.*was edited"):
        drawn(path)
    (tmp_path / "a" / "generations.jsonl").unlink()
    with pytest.raises(UserError, match="run of 'a' cannot be judged"):
        drawn(path)
    empty = write_run(tmp_path / "empty", {})
    with pytest.raises(UserError, match=r"There is no generations.jsonl"):
        drawn(write_study(tmp_path, runs={"a": str(empty)}))
    with pytest.raises(UserError, match="There is no folder"):
        drawn(write_study(tmp_path, runs={"a": "nowhere"}))


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"users": 3}, "3 users were asked for.* has 2"),
        ({"number": 7}, "7 examples were asked for.* has 6"),
        ({"each": "user", "number": 4}, "the user 'user0' of .* has 3"),
        ({"each": "leaf", "number": 1}, "each leaf were asked for.*of each user"),
    ],
)
def test_fewer_than_asked_for(rule: dict[str, object], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=complaint):
        drawn(write_study(tmp_path, ["a"], draw=[rule]))


def synthesis(folder: Path, leaves: int = 3, each: int = 4) -> Path:
    names = ["like_food", "like_movie_title", "place_origin_country"][:leaves]
    sentences = [
        ProfileSentence(f"i say {n} of {leaf} .", leaf, "as the model wrote it", f"value {n}")
        for leaf in names
        for n in range(each)
    ]
    talk = SyntheticDialogue("d1", (("i ski .",), ("i sing .", "i swim .")), ("hello .", "hi .", "i ski ."))

    def work() -> dict[str, list[str]]:
        write_records(folder / "sentences.jsonl", sentences)
        write_records(folder / "dialogues.jsonl", [talk])
        return {"files": ["sentences.jsonl", "dialogues.jsonl"]}

    folder.mkdir()
    stages = SynthesisFolder(folder)
    stages.stage("sentences", {}, None, work)
    stages.stage("dialogues", {}, "sentences", work)
    return folder


def test_ten_sentences_a_category(tmp_path: Path) -> None:
    study = {"runs": {"gpt": str(synthesis(tmp_path / "s", each=12))}, "questionnaire": "personachatgen_sentences"}
    items = drawn(write_study(tmp_path, draw=[{"each": "leaf", "number": 10}], **study))
    assert Counter(item.group for item in items) == {"food": 10, "movie title": 10, "country": 10}
    facts = {item.group: item.facts["Category"] for item in items}
    assert facts["country"] == "Location | Birthplace | country"
    assert facts["food"] == "Preference | Food"
    assert all(item.facts["Entity"].startswith("value ") for item in items)
    with pytest.raises(UserError, match="13 examples were asked for"):
        drawn(write_study(tmp_path, draw=[{"each": "key", "number": 13}], **study))
    with pytest.raises(UserError, match="expected one rule"):
        drawn(write_study(tmp_path, draw=[{"users": 3}], **study))


def test_dialogues_of_a_synthesis(tmp_path: Path) -> None:
    run = synthesis(tmp_path / "s")
    [item] = drawn(write_study(tmp_path, runs={"gpt": str(run)}, questionnaire="personachatgen_dialogues"))
    assert item.personas == (("i ski .",), ("i sing .", "i swim ."))
    assert item.turns == (("A", "hello ."), ("B", "hi ."), ("A", "i ski ."))
    assert item.texts == ()
    (run / "dialogues.jsonl").unlink()
    with pytest.raises(UserError, match=r"has no dialogues\.jsonl"):
        drawn(write_study(tmp_path, runs={"gpt": str(run)}, questionnaire="personachatgen_dialogues"))


@pytest.mark.parametrize("name", ["paa", "personapkt", "personachatgen_choice"])
def test_checks_have_right_answers(name: str, tmp_path: Path) -> None:
    path = write_study(tmp_path, questionnaire=name, users=3, each=4, checks={"number": 4, "allowed": 1})
    study = read_study(path)
    checks = [item for item in items_of(study) if item.expected]
    assert len(checks) == 4
    assert {row for item in checks for row in item.rows} == {"check"}
    real = {text for item in items_of(study) if not item.expected for text in item.texts}
    for check in checks:
        assert not real & set(check.texts)
        for criterion, values in check.expected.items():
            assert set(values) < set(study.questionnaire.criterion(criterion).options)
        if len(check.expected) == 1 and "fluency" in check.expected:
            assert check.expected["fluency"] == (1, 2)
            assert sorted(check.texts[0].split()) in [sorted(text.split()) for text in real]
        else:
            assert "choose" in check.texts[0]
    kinds = {len(check.expected) for check in checks}
    assert kinds == ({1} if name == "personachatgen_choice" else {1, len(study.questionnaire.criteria)})
