"""Studies for Label Studio and potato, and their results back into the file of judgements."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.people.judging import generation, write_run, write_study
from zoo.errors import UserError
from zoo.judge import main
from zoo.people.exchange.blind import blinded
from zoo.people.exchange.importing import Given, keep
from zoo.people.exchange.judgements_file import write_judgements
from zoo.people.exchange.label_studio import export_label_studio, label_studio_answers
from zoo.people.exchange.potato import export_potato, potato_answers
from zoo.people.preparation import Prepared, prepare
from zoo.people.study import read_study

NASTY = '<script>alert("1")</script> & <b>"quoted"</b> \u202e$reply_1 ' + "long " * 50


def begun(folder: Path, **more: Any) -> Prepared:
    return prepare(read_study(write_study(folder, **more)), folder / "answers.sqlite")


def choice(folder: Path, **more: Any) -> Prepared:
    """Twelve pairs of replies of "left" and "right"."""
    return begun(folder, rows=("left", "right"), users=4, each=3, questionnaire="personachatgen_choice", **more)


def is_left(ready: Prepared, text: str) -> bool:
    return any(text == item.texts[0] for item in ready.items.values() if item.rows[0] == "left")


def exported(ready: Prepared, folder: Path) -> list[dict[str, Any]]:
    export_label_studio(ready.store, ready.study.questionnaire, folder)
    tasks: list[dict[str, Any]] = json.loads((folder / "tasks.json").read_text())
    return tasks


def annotated(tasks: list[dict[str, Any]], who: object, answer: Callable[[dict[str, Any]], dict[str, str]]) -> None:
    """As Label Studio exports what somebody chose by the aliases of its options."""
    for number, task in enumerate(tasks, start=1):
        result = [
            {
                "id": f"r{number}",
                "type": "choices",
                "from_name": name,
                "to_name": "reply_1",
                "origin": "manual",
                "value": {"choices": [alias]},
            }
            for name, alias in answer(task["data"]).items()
        ]
        task |= {"id": number}
        own = {"id": len(task.setdefault("annotations", [])) + 10 * number, "completed_by": who, "was_cancelled": False}
        task["annotations"].append({**own, "result": result})


def test_tasks_are_blind(tmp_path: Path) -> None:
    ready = choice(tmp_path, checks={"number": 2, "allowed": 0})
    tasks = exported(ready, tmp_path / "out")
    assert len(tasks) == 14
    text = (tmp_path / "out" / "tasks.json").read_text()
    assert not any(told in text for told in ("left", "right", "pair/", "check/", "expected", "swapped"))
    shown = ["left" if is_left(ready, task["data"]["reply_1"]) else "right" for task in tasks]
    assert 2 < shown.count("left") < 12, "sides are mixed"
    assert exported(ready, tmp_path / "again") == tasks


def test_the_interface_asks_what_the_study_asks(tmp_path: Path) -> None:
    ready = begun(tmp_path, rows=("paa",), questionnaire="paa")
    exported(ready, tmp_path / "out")
    root = ElementTree.parse(tmp_path / "out" / "config.xml").getroot()
    groups = {group.attrib["name"]: group for group in root.iter("Choices")}
    assert list(groups) == ["fluency", "informativeness", "relevance", "persona_consistency"]
    assert [option.attrib["alias"] for option in groups["persona_consistency"]] == ["-1", "0", "1"]
    assert next(iter(groups["fluency"])).attrib["value"] == "1: Unacceptable"
    objects = {tag.attrib["name"]: tag.tag for tag in root if "name" in tag.attrib and tag.tag != "Choices"}
    assert objects == {"persona_1": "Text", "dialogue": "Paragraphs", "reply_1": "Text"}
    assert all(group.attrib["toName"] in objects and group.attrib["required"] == "true" for group in groups.values())


def test_texts_stay_texts(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", [generation("user0/0", "a", response=NASTY)])
    questions = yaml.safe_load((Path(__file__).parents[2] / "zoo/people/questionnaires/paa.yaml").read_text())
    questions["about"] = NASTY
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(questions))
    ready = begun(tmp_path, runs={"a": str(run)}, questionnaire="mine.yaml")
    (task,) = exported(ready, tmp_path / "out")
    assert task["data"]["reply_1"] == NASTY
    config = (tmp_path / "out" / "config.xml").read_text()
    assert "<script>" not in config
    assert ElementTree.fromstring(config)[0].attrib["value"] == NASTY.strip()
    export_potato(ready.store, ready.study, tmp_path / "potato")
    (line,) = (tmp_path / "potato" / "data.jsonl").read_text().splitlines()
    assert json.loads(line)["reply_1"] == NASTY
    fields = yaml.safe_load((tmp_path / "potato" / "config.yaml").read_text())["instance_display"]["fields"]
    assert {field["type"] for field in fields} == {"text", "dialogue"}, "potato's html is another type"


def test_label_studios_results_know_whose_side_was_chosen(tmp_path: Path) -> None:
    ready = choice(tmp_path)
    tasks = exported(ready, tmp_path / "out")
    annotated(tasks, 3, lambda data: {"preference": "1" if is_left(ready, data["reply_1"]) else "-1"})
    annotated(tasks, {"id": 4, "email": "x"}, lambda data: {"preference": "0"})
    tasks[0]["annotations"].append({"id": 999, "completed_by": 5, "was_cancelled": True, "result": []})
    file = tmp_path / "export.json"
    file.write_text(json.dumps(tasks))
    database = str(ready.store.file)
    for _ in range(2):  # the second time changes nothing
        main([str(ready.study.path), "--database", database, "--import", "label-studio", str(file)])
        found = {(one.judge, one.value) for one in ready.store.judgements()}
        assert found == {("label-studio-3", 1), ("label-studio-4", 0)}
        assert len(ready.store.judgements()) == 24
    with ready.store.reading() as connection:
        assert connection.execute("SELECT COUNT(*) FROM former").fetchone() == (0,)
    assert ready.store.judges()["label-studio-3"] == "judge"


def test_potatos_results_know_whose_side_was_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the form in which potato 2.12.1 saved what was chosen on its pages."""
    ready = choice(tmp_path)
    out = tmp_path / "potato"
    common = [str(ready.study.path), "--database", str(ready.store.file)]
    main([*common, "--export", "potato", str(out)])
    lines = [json.loads(line) for line in (out / "data.jsonl").read_text().splitlines()]
    assert not any(told in str(lines) for told in ("left", "right", "pair/"))
    config = yaml.safe_load((out / "config.yaml").read_text())
    (scheme,) = config["annotation_schemes"]
    assert [label["name"] for label in scheme["labels"]] == ["value 1", "value 0", "value -1"]
    assert (out / config["phases"]["introduction"]["file"]).is_file()
    state: dict[str, Any] = {"user_id": "ann@example", "instance_id_to_label_to_value": {}}
    for line in lines:
        label = "value 1" if is_left(ready, line["reply_1"]) else "value -1"
        state["instance_id_to_label_to_value"][line["id"]] = [[{"schema": "preference", "name": label}, label]]
    folder = out / "annotation_output" / "ann@example"
    folder.mkdir(parents=True)
    (folder / "user_state.json").write_text(json.dumps(state))
    capsys.readouterr()
    told = []
    for _ in range(2):
        main([*common, "--import", "potato", str(out / "annotation_output")])
        told.append(capsys.readouterr().out)
    assert told[0].startswith("12 items by 1 judges, 12 of them new")
    assert told[1].startswith("12 items by 1 judges, 0 of them new")
    assert {one.value for one in ready.store.judgements()} == {1}
    (judge,) = {one.judge for one in ready.store.judgements()}
    assert judge.startswith("potato-")
    assert "ann" not in judge, "nobody's name is kept"


def test_potatos_first_format(tmp_path: Path) -> None:
    ready = begun(tmp_path, rows=("pkt",), users=1, each=1, questionnaire="personapkt")
    (one,) = blinded(ready.store)
    file = tmp_path / "annotation_output" / "judge7" / "annotated_instances.jsonl"
    file.parent.mkdir(parents=True)
    line = {"id": one.name, "label_annotations": {"fluency": {"4": "4"}, "consistency": {"-1": "-1"}}}
    file.write_text(json.dumps(line) + "\n")
    (given,) = potato_answers(file, ready.store, ready.study.questionnaire)
    assert given.values == {"fluency": 4, "consistency": -1}
    keep([given], ready.store, ready.study.questionnaire, "x")
    assert {(found.criterion, found.value) for found in ready.store.judgements()} == set(given.values.items())


def test_what_potato_has_twice_is_refused(tmp_path: Path) -> None:
    ready = begun(tmp_path, rows=("pkt",), users=1, each=1, questionnaire="personapkt")
    (one,) = blinded(ready.store)
    file = tmp_path / "annotation_output" / "judge7" / "annotated_instances.jsonl"
    file.parent.mkdir(parents=True)
    lines = [
        {"id": one.name, "label_annotations": {"fluency": {value: value}, "consistency": {"0": "0"}}}
        for value in ("2", "4")
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UserError, match="are both of potato-"):
        keep(potato_answers(file, ready.store, ready.study.questionnaire), ready.store, ready.study.questionnaire, "x")
    assert ready.store.judgements() == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"item": "nothing"}, r"of the item 'nothing', which the study has not"),
        ({"values": {"fluency": 3}}, r"no answer to consistency"),
        ({"values": {"fluency": 9, "consistency": 0}}, r"has 9 for fluency, whose scale is 1, 2, 3, 4, 5"),
        ({"judge": "label-studio-1", "same": True}, r"answer 0 and answer 1 are both of label-studio-1"),
    ],
)
def test_nothing_is_half_imported(change: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    ready = begun(tmp_path, rows=("pkt",), users=1, each=2, questionnaire="personapkt")
    names = [one.name for one in blinded(ready.store)]
    good: dict[str, Any] = {"judge": "label-studio-1", "values": {"fluency": 3, "consistency": 0}}
    same = change.pop("same", False)
    given = [
        Given(**{**good, "item": names[0], "where": "answer 0"}),
        Given(**{**good, "item": names[0 if same else 1], "where": "answer 1", **change}),
    ]
    with pytest.raises(UserError, match=complaint):
        keep(given, ready.store, ready.study.questionnaire, "export.json")
    assert ready.store.judgements() == []
    assert "label-studio-1" not in ready.store.judges()


def test_a_criterion_more_is_no_fault(tmp_path: Path) -> None:
    ready = begun(tmp_path, rows=("pkt",), users=1, each=1, questionnaire="personapkt")
    tasks = exported(ready, tmp_path / "out")
    annotated(tasks, 1, lambda data: {"fluency": "2", "consistency": "1"})
    tasks[0]["annotations"][0]["result"].append({"from_name": "comment", "value": {"text": ["odd"]}})
    (tmp_path / "e.json").write_text(json.dumps(tasks))
    (given,) = label_studio_answers(tmp_path / "e.json")
    assert given.values == {"fluency": 2, "consistency": 1}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("not json", "cannot be read"),
        ("{}", "no list of tasks"),
        ('[{"id": 1, "text": "x", "choice": "1"}]', "not JSON-MIN"),
        ('[{"data": {"item": "x"}, "annotations": [{"id": 7, "completed_by": null, "result": []}]}]', "whose it is"),
        (
            '[{"data": {"item": "x"}, "annotations": [{"id": 7, "completed_by": 1, "result": '
            '[{"from_name": "fluency", "value": {"choices": ["Very"]}}]}]}]',
            "annotation 7 of task 1 has 'Very' for fluency",
        ),
    ],
)
def test_what_is_no_export_of_label_studio(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match=complaint):
        label_studio_answers(tmp_path / "x.json")


def test_what_is_nothing_of_potatos(tmp_path: Path) -> None:
    ready = begun(tmp_path, rows=("pkt",), users=1, each=1, questionnaire="personapkt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"has no user_state\.json"):
        potato_answers(tmp_path / "empty", ready.store, ready.study.questionnaire)
    state = {"instance_id_to_label_to_value": {"x": [[{"schema": "fluency", "name": "lots"}, "lots"]]}}
    (tmp_path / "user_state.json").write_text(json.dumps(state))
    with pytest.raises(UserError, match=r"'lots' for fluency; expected one of"):
        potato_answers(tmp_path / "user_state.json", ready.store, ready.study.questionnaire)
    (tmp_path / "user_state.json").write_text("[1]")
    with pytest.raises(UserError, match="cannot be read"):
        potato_answers(tmp_path / "user_state.json", ready.store, ready.study.questionnaire)


def test_an_unknown_tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ready = begun(tmp_path, rows=("pkt",), questionnaire="personapkt")
    with pytest.raises(SystemExit) as ended:
        main([str(ready.study.path), "--database", str(ready.store.file), "--export", "excel", str(tmp_path / "o")])
    assert ended.value.code == 2
    assert "label-studio, potato" in capsys.readouterr().err


def test_all_judgements_with_their_rows(tmp_path: Path) -> None:
    ready = choice(tmp_path, checks={"number": 2, "allowed": 0})
    for item in ready.items.values():
        ready.store.save("judge-1", item.id, {"preference": -1})  # checks want the first
    main([str(ready.study.path), "--database", str(ready.store.file), "--judgements", str(tmp_path / "all.csv")])
    rows = list(csv.DictReader((tmp_path / "all.csv").open()))
    assert len(rows) == 14
    real = [row for row in rows if row["check"] == "False"]
    assert {(row["row"], row["against"], row["value"], row["counts"]) for row in real} == {
        ("left", "right", "-1", "False")
    }
    assert write_judgements(ready.store, 2, tmp_path / "all.jsonl") == 14
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert all(line["counts"] for line in lines)
    with pytest.raises(UserError, match=r"\.jsonl or \.csv"):
        write_judgements(ready.store, 0, tmp_path / "all.xlsx")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_judgements_of_a_user_whose_name_no_file_can_hold(ending: str, tmp_path: Path) -> None:
    run = write_run(tmp_path / "ours", [generation("half/0", "ours", user="half \ud800")])
    ready = begun(tmp_path, runs={"ours": str(run)}, judges_per_item=1)
    for item in ready.items.values():
        ready.store.save("judge-1", item.id, {"fluency": 3})
    assert write_judgements(ready.store, 0, tmp_path / f"all.{ending}") == 1
    assert "half ?" in (tmp_path / f"all.{ending}").read_text()
