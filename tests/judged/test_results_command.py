"""`python -m zoo.judge STUDY.yaml --results`: tables of what people said, beside what the papers print."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.people.judging import examples, generation, write_run, write_study
from zoo.errors import UserError
from zoo.evidence.report.rows import NOT_JUDGED, OTHER_JUDGES, Cell, Report
from zoo.judge import main
from zoo.judged.tables import reports_of
from zoo.people.preparation import Prepared, prepare
from zoo.people.records import JUDGE, VALIDATOR, Decision, Item
from zoo.people.results.summary import results_of, study_store
from zoo.people.study import read_study

Answer = Callable[[str, Item], Mapping[str, int]]


def judged(path: Path, answer: Answer, role: str = JUDGE, judges: int | None = None) -> Prepared:
    """Everybody of that role answers everything; checks as expected."""
    ready = prepare(read_study(path), path.parent / "answers.sqlite", judges)
    for name in ready.names:
        for item in ready.items.values():
            if ready.judges[name] == role and not (role == VALIDATOR and item.expected):
                right = {criterion: values[0] for criterion, values in item.expected.items()}
                ready.store.save(name, item.id, {**answer(name, item), **right})
    return ready


def reports(path: Path, against: str | None = None) -> list[Report]:
    study = read_study(path)
    store = study_store(study, path.parent / "answers.sqlite")
    return reports_of(results_of(study, store, 200), against, 200, 0)


def test_paas_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path, ("gpt2_medium", "paa"), table="paa/table3", checks={"number": 2, "allowed": 1})

    def answer(name: str, item: Item) -> dict[str, int]:
        better = 4 if item.rows == ("paa",) else 2
        return {
            "fluency": better + (name == "judge-2"),
            "informativeness": better,
            "relevance": 3,
            "persona_consistency": 1,
        }

    judged(path, answer)
    (report,) = reports(path)
    assert report.columns[0] == "fluency_1_to_5"
    rows = {row.name: row for row in report.rows}
    cell = rows["paa"].cells["fluency_1_to_5"]
    assert cell.printed is not None
    assert (cell.mean, cell.n, cell.printed.value) == (4.5, 12, 4.8)
    assert cell.std == pytest.approx((12 * 0.25 / 11) ** 0.5)
    assert cell.interval == (4.5, 4.5)
    assert cell.difference == pytest.approx(-0.3)
    assert cell.because == "judged by other people than the paper's"
    assert (rows["paa"].status.word, rows["encoder_gpt2"].status.word) == (OTHER_JUDGES, NOT_JUDGED)
    assert "python -m zoo.judge experiments/paa/study.yaml" in rows["encoder_gpt2"].missing
    fluency = report.differences[0]
    assert (fluency.row, fluency.minus, fluency.mean, fluency.n_examples) == ("gpt2_medium", "paa", -2, 6)
    assert reports(path, "gpt2_medium")[0].differences[0].mean == 2
    with pytest.raises(UserError, match="--against nobody was given"):
        reports(path, "nobody")

    out = tmp_path / "tables"
    main(
        [str(path), "--database", str(tmp_path / "answers.sqlite"), "--results", "--out", str(out), "--resamples", "50"]
    )
    told = capsys.readouterr().out
    assert "4.50 ± 0.52" in told
    assert "judge-1" in told
    assert str(out / "report.md") in told
    assert "other judges" in (out / "report.md").read_text()
    assert "4.80 →" in (out / "report.html").read_text()
    assert "Agreement of the judges" in (out / "report.tex").read_text()
    lines = list(csv.DictReader((out / "report.csv").open()))
    (line,) = (one for one in lines if (one["row"], one["metric"]) == ("paa", "fluency_1_to_5"))
    assert (line["printed"], line["mean"], line["n"], line["status"]) == ("4.8", "4.5", "12", "other judges")
    assert json.loads((out / "report.json").read_text())[0]["more"]


def test_who_fails_the_checks_is_left_out_and_shown(tmp_path: Path) -> None:
    path = write_study(tmp_path, ("paa",), table="paa/table3", checks={"number": 2, "allowed": 0})
    ready = judged(path, lambda name, item: dict.fromkeys(("fluency", "informativeness", "relevance"), 4), judges=3)
    careless = ready.names[0]
    for item in ready.items.values():
        wrong = {name: 5 if values[0] != 5 else 1 for name, values in item.expected.items() if name == "fluency"}
        ready.store.save(careless, item.id, wrong or {"fluency": 1})
    (report,) = reports(path)
    cell = next(row for row in report.rows if row.name == "paa").cells["fluency_1_to_5"]
    assert (cell.mean, cell.n) == (4, 12)
    assert any("Left out by rule" in line and careless in line for line in report.notes)
    more = {one.title: one for one in report.more}
    everybody = more["With the judges who failed the attention checks"].lines[0]
    assert everybody[:3] == ("fluency", "paa", "4.00")
    assert everybody[4] == "3.00"
    assert [line[-1] for line in more["Judges"].lines] == ["left out", "yes", "yes"]


def test_kasaharas_tables_by_test_set(tmp_path: Path) -> None:
    """Persona consideration of both sets, in bins; the other questions stand in the other table."""
    rows = ("pt_gpt2xl", "pt_gptj6b")
    sets = {"persona_eval": 4, "general_eval": 6}
    runs = {
        row: str(
            write_run(
                tmp_path / row,
                {name: [generation(f"{name}/{n}", row) for n in range(size)] for name, size in sets.items()},
            )
        )
        for row in rows
    }
    path = write_study(
        tmp_path,
        runs=runs,
        questionnaire="prompt_tuning",
        table=["prompt_tuning/table2", "prompt_tuning/table3"],
        draw=[{"set": "persona_eval"}, {"set": "general_eval"}],
    )

    def answer(name: str, item: Item) -> dict[str, int]:
        considered = {"persona_eval": 5, "general_eval": 2 if name == "judge-1" else 3}[item.group]
        return {"fluency": 3, "engagingness": 3, "relevance": 3, "persona_consideration": considered}

    judged(path, answer)
    two, three = reports(path)
    assert two.columns == ("fluency_1_to_5", "engagingness_1_to_5", "relevance_1_to_5")
    names = [f"replies {name}" for name in ("[1,2)", "[2,3)", "[3,4)", "[4,5]")]
    assert three.columns == (*names, "persona_consideration")
    rows_of = {row.name: row for row in three.rows}

    def counts(row: str) -> list[float | None]:
        return [rows_of[row].cells[name].mean for name in names]

    assert counts("persona_eval/pt_gpt2xl") == [0, 0, 0, 4]
    assert counts("general_eval/pt_gptj6b") == [0, 6, 0, 0]
    printed = rows_of["general_eval/pt_gptj6b"].cells[names[2]].printed
    assert printed is not None
    assert printed.value == 91
    assert rows_of["general_eval/pt_gptj6b"].cells["persona_consideration"].mean == 2.5
    assert rows_of["general_eval/ft_none_gpt2xl"].status.word == NOT_JUDGED
    assert not any(one.title.startswith("Items by the mean") for one in three.more)


@pytest.mark.parametrize("rows", [("m1", "m2"), ("m2", "m1")])
def test_choices_stand_as_they_are_printed(rows: tuple[str, str], tmp_path: Path) -> None:
    path = write_study(
        tmp_path, rows, questionnaire="personachatgen_choice", table="personachatgen/table8b", each=4, users=1
    )
    chosen = dict(zip("0123", ("m2", "m2", "m1", ""), strict=True))

    def answer(_: str, item: Item) -> dict[str, int]:
        winner = chosen[item.example[-1]]
        return {"preference": 0 if not winner else 1 if winner == item.rows[0] else -1}

    judged(path, answer)
    (report,) = reports(path)
    (row,) = report.rows
    assert row.name == "m2_against_m1"
    assert [row.cells[name].mean for name in ("win", "lose", "tie", "krippendorff_alpha")] == [50, 25, 25, 1]
    test = next(one for one in report.more if one.title.startswith("Sign test of wins"))
    assert test.lines == (
        ("m2_against_m1", "judgements", "4", "2", "2", "0.6875"),
        ("m2_against_m1", "items", "2", "1", "1", "1.0000"),
    )


def test_after_validation(tmp_path: Path) -> None:
    path = write_study(
        tmp_path, ("ft",), questionnaire="personapkt", table="personapkt/table3", validators=2, users=1, each=2
    )
    judged(path, lambda name, item: {"fluency": 2, "consistency": 1})
    ready = judged(path, lambda name, item: {"fluency": 4, "consistency": 0 if name == "validator-1" else 1}, VALIDATOR)
    ready.store.decide(Decision(next(iter(ready.items)), "consistency", 0.0, "discussion"))
    (report,) = reports(path)
    cells = next(row for row in report.rows if row.name == "ft").cells
    assert (cells["fluency_1_to_5"].mean, cells["consistency_m1_to_1"].mean) == (4, 0.5)
    more = {one.title: one.lines for one in report.more}
    assert more["Means before validation and after it"] == (
        ("fluency", "ft", "2.000", "4.000"),
        ("consistency", "ft", "1.000", "0.500"),
    )
    (agreed, differing) = more["Validators: how far they agree, and what became of conflicts"]
    assert agreed[:4] == ("fluency", "2", "100.0 %", "–")
    assert differing == ("consistency", "2", "0.0 %", "−0.50", "2", "1", "0", "1")


def test_validators_of_choices_change_no_count(tmp_path: Path) -> None:
    path = write_study(tmp_path, ("m1", "m2"), questionnaire="personachatgen_choice", validators=2, users=1, each=2)
    judged(path, lambda name, item: {"preference": 1})
    told = "what validators settled on changes no count"
    assert not any(told in note for note in reports(path)[0].notes)
    judged(path, lambda name, item: {"preference": -1}, VALIDATOR)
    (report,) = reports(path)
    assert any(told in note for note in report.notes)
    assert report.rows[0].cells["win"].mean == 100


def test_rows_against_people(tmp_path: Path) -> None:
    path = write_study(tmp_path, ["ours"], users=1, references=True)
    answers = {"informativeness": 3, "relevance": 3, "persona_consistency": 0}
    judged(path, lambda _, item: {**answers, "fluency": 5 if item.rows == ("human",) else 3})
    fluency = reports(path, "human")[0].differences[0]
    assert (fluency.row, fluency.minus, fluency.mean) == ("ours", "human", -2)


def test_a_study_without_a_table(tmp_path: Path) -> None:
    path = write_study(tmp_path, ("base", "ours"))
    judged(path, lambda name, item: {"fluency": 3})
    (report,) = reports(path)
    assert (report.key, report.title) == ("talk", "Replies")
    assert {row.name: row.status.word for row in report.rows} == dict.fromkeys(("base", "ours"), "not published")
    assert report.rows[0].cells["relevance_1_to_5"] if "relevance_1_to_5" in report.columns else True
    assert isinstance(report.rows[0].cells["fluency_1_to_5"], Cell)


def test_no_judgements_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path, ("paa",), table="paa/table3")
    missing = tmp_path / "none.sqlite"
    with pytest.raises(SystemExit) as ended:
        main([str(path), "--results", "--database", str(missing)])
    assert ended.value.code == 2
    assert "There are no judgements of talk" in capsys.readouterr().err
    assert not missing.exists()


def test_answers_to_other_questions_are_refused(tmp_path: Path) -> None:
    path = write_study(tmp_path, ("paa",))
    judged(path, lambda name, item: {"fluency": 3})
    path.write_text(path.read_text().replace("questionnaire: paa", "questionnaire: personapkt"))
    with pytest.raises(UserError, match=r"answers to other questions.*personapkt"):
        reports(path)


def test_runs_need_not_be_there_any_more(tmp_path: Path) -> None:
    path = write_study(tmp_path, ("paa",), runs={"paa": str(write_run(tmp_path / "paa", examples("paa")))})
    judged(path, lambda name, item: {"fluency": 3})
    (tmp_path / "paa" / "generations.jsonl").unlink()
    assert reports(path)[0].rows[0].n == 6
