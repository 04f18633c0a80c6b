"""From tables to tasks, and from tasks to finished runs: what is there stays, what was stopped goes on."""

import io
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from rich.console import Console

from tests.conftest import ROOT
from tests.processes import environment, run_module
from zoo.errors import UserError
from zoo.evidence.published import PublishedRow, PublishedTable, all_tables
from zoo.evidence.report.rows import Report, ReportTable
from zoo.evidence.report.tables import report_of
from zoo.evidence.reproduction.made import made_table, printed_by
from zoo.evidence.reproduction.plans import Planner, Task
from zoo.evidence.reproduction.scales import SCALES, Preparation, Scale, read_scale
from zoo.evidence.reproduction.tasks import Outcome, Workshop, commands_of, is_finished, refusal_of, told_by
from zoo.reproduce import OWN, chosen_tables, for_every_run
from zoo.reproduce import reproduce as reproduce_tables

SCALE = Scale(
    "paa", "smoke", "", repeats=("seed=1", "seed=2"), overrides="data.root={data}/c a.b=1",
    rows=(("paa/two*", "a.b=2 init_from={run:paa/one}"), ("paa/two-30", "-a.b x=1")),
    prepare=(
        Preparation("words", "*", ("python -m one {work}",)),
        Preparation("more", "paa/two*", ("python two {repeat}",)),
    ),
)  # fmt: skip
TABLES = all_tables()


def table(*rows: PublishedRow) -> PublishedTable:
    return PublishedTable("paa", "table1", "title", "source", (), rows)


def test_a_row_becomes_its_runs_and_what_these_need(tmp_path: Path) -> None:
    planner = Planner(tmp_path, Path("/data"))
    two = PublishedRow("two", {}, {}, experiment="paa/two", overrides=("share=10",))
    (planned,) = planner.table(table(two), SCALE)
    assert planned.tasks == ("paa/two-10 seed=1", "paa/two-10 seed=2")
    assert planned.results == tuple(tmp_path / "smoke" / "paa" / "two-10" / str(seed) for seed in (1, 2))
    task = planner.tasks["paa/two-10 seed=1"]
    one = planner.tasks["paa/one seed=1"]
    assert task.commands == (
        ("run.py", "experiment=paa/two", "share=10", "data.root=/data/c", "a.b=2", f"init_from={one.makes}", "seed=1",
         f"hydra.run.dir={planned.results[0]}"),
    )  # fmt: skip
    assert task.after == ("paa/one seed=1", "paa: words", "paa: more seed=1")
    assert one.after == ("paa: words",)
    assert planner.tasks["paa: more seed=1"].after == ("paa: words",)
    assert planner.tasks["paa: more seed=2"].commands == (("two", "2"),)
    done: set[str] = set()
    for name, made in planner.tasks.items():  # nothing waits for itself
        assert name not in made.after
    while len(done) < len(planner.tasks):
        ready = {name for name, made in planner.tasks.items() if set(made.after) <= done}
        assert ready > done, "a circle"
        done = ready


def test_the_last_word_counts_and_one_can_be_taken_back(tmp_path: Path) -> None:
    planner = Planner(tmp_path, Path("/data"), extra=["seed=7", "trainer.devices=2"])
    planner.table(table(PublishedRow("two", {}, {}, experiment="paa/two", overrides=("share=30",))), SCALE)
    words = planner.tasks["paa/two-30 seed=1"].commands[0]
    assert not any(word.startswith("a.b=") for word in words)
    assert words[-3:-1] == ("seed=7", "trainer.devices=2")
    assert "x=1" in words


def test_both_ways_of_a_row_and_a_row_that_nobody_can_run(tmp_path: Path) -> None:
    rows = (
        PublishedRow("both", {}, {}, experiment="paa/one", sound="paa/three"),
        PublishedRow("closed", {}, {}, closed=True, stand_in="something else"),
    )
    planned = Planner(tmp_path, Path("/data")).table(table(*rows), SCALE)
    assert [(row.variant, len(row.results)) for row in planned] == [("authors", 2), ("sound", 2), ("", 0)]
    assert planned[2].missing == "closed: something else"
    with pytest.raises(UserError, match=r"no row 'three'.*both, closed"):
        Planner(tmp_path, Path("/data")).table(table(*rows), SCALE, only=["three"])


def test_two_rows_in_one_folder_are_refused(tmp_path: Path) -> None:
    rows = [PublishedRow(key, {}, {}, experiment="paa/one", overrides=(f"{key}.share=8",)) for key in ("a", "b")]
    told = r"Two rows of paa would lie in paa/one-8: run.py experiment=paa/one a.share=8, and run.py .* b.share=8"
    with pytest.raises(UserError, match=told):
        Planner(tmp_path, Path("/data")).table(table(*rows), SCALE)
    programs = [PublishedRow(key, {}, {}, command=f"python -m zoo.evidence {key}") for key in ("users", "curves")]
    with pytest.raises(UserError, match=r"in paa/zoo.evidence: -m zoo.evidence users, and -m zoo.evidence curves"):
        Planner(tmp_path, Path("/data")).table(table(*programs), SCALE)
    asked = [replace(rows[0], command=f"python -m zoo.questions RUN_DIR --language {one}") for one in ("en", "ja")]
    with pytest.raises(UserError, match=r"questions: -m zoo.questions .* en, and -m zoo.questions .* ja"):
        Planner(tmp_path, Path("/data")).table(table(*asked), SCALE)
    planned = Planner(tmp_path, Path("/data")).table(table(rows[0], rows[0]), SCALE)
    assert planned[0].tasks == planned[1].tasks, "a row that two tables print is run once"


def test_seeds_that_are_asked_for_keep_their_folds(tmp_path: Path) -> None:
    folds, seeds = read_scale("user_lora", "small"), read_scale("paa", "small")
    row = PublishedRow("one", {}, {}, experiment="paa/one")

    def asked(scale: Scale, *repeats: str) -> list[str]:
        (planned,) = Planner(tmp_path, Path("/data"), repeats=repeats).table(table(row), scale)
        return [name.partition(" ")[2] for name in planned.tasks]

    assert asked(folds, "seed=37") == ["data.fold=1 seed=37"]
    assert asked(seeds, "seed=5", "seed=6") == ["seed=5", "seed=6"]
    with pytest.raises(UserError, match=r"seed=5 was asked for.*data.fold=0 seed=36; "):
        asked(folds, "seed=5")
    assert len(Planner(tmp_path, Path("/data")).table(table(row), folds)[0].tasks) == 3


def test_rows_that_share_a_source_stage_wait_for_the_one_that_trains_it(tmp_path: Path) -> None:
    planner = Planner(tmp_path, Path("/data"))
    tables = [TABLES["user_lora/table5"], TABLES["user_lora/table7"]]
    for one in tables:
        planner.table(one, read_scale("user_lora", "smoke"))
    first, *others = (task for name, task in planner.tasks.items() if name.startswith("user_lora/psp_dialogue_"))
    shared = f"source.directory={tmp_path}/smoke/user_lora/adapted/psp_dialogue-0"
    same = [task for task in others if shared in task.commands[0]]
    assert len(same) == 2
    assert all(first.name in task.after for task in same)
    name = "user_lora/psp_dialogue_one_id-users_convai2-en-user_lora data.fold=0 seed=36"
    assert first.name not in planner.tasks[name].after, "a source of its own, by the last word"


@pytest.mark.parametrize("key", sorted(TABLES))
def test_every_table_can_be_planned_at_every_scale(key: str, tmp_path: Path) -> None:
    for name in SCALES:
        planner = Planner(tmp_path, Path("/data"))
        planned = planner.table(TABLES[key], read_scale(TABLES[key].paper, name))
        assert {row.published.name for row in planned} == {row.name for row in TABLES[key].rows}
        for task in planner.tasks.values():
            assert set(task.after) <= planner.tasks.keys()
            assert not [word for command in task.commands for word in command if "{work}" in word or "{run:" in word]
        runs = [task.makes for task in planner.tasks.values() if task.is_run]
        assert len(set(runs)) == len(runs), "two runs in one folder"


@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
def test_what_is_typed_composes(scale: str, tmp_path: Path) -> None:
    """A run of each experiment and set of keys, every preparation, and what other programs compose."""
    configs = {"run.py": "config", "zoo.prompted": "prompted", "zoo.synthesis": "synthesis"}
    seen: dict[tuple[str, ...], list[str]] = {}
    for table in TABLES.values():
        planner = Planner(tmp_path, Path("/data"))
        planner.table(table, read_scale(table.paper, scale))
        for command in (command for task in planner.tasks.values() for command in task.commands):
            program = command[1] if command[0] == "-m" else command[0]
            if program in configs:
                typed = [word for word in command[1:] if "=" in word and not word.startswith("hydra.")]
                groups = [word for word in typed if word.partition("=")[0] in ("experiment", "data", "learner")]
                keys = sorted(word.partition("=")[0] for word in typed)
                seen.setdefault((configs[program], *groups, *keys), typed)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for (config, *_), typed in seen.items():
            assert compose(config, [*typed, "run_dir=unused"]), typed


def test_what_programs_made_and_printed(tmp_path: Path) -> None:
    """Counts of a synthesis are values of its rows, what a report of zoo.evidence printed last stands below."""
    table = TABLES["personachatgen/table2"]
    planner = Planner(tmp_path, Path("/data"))
    planned = planner.table(table, read_scale("personachatgen", "smoke"), ["raw", "toxicity"])
    done = {name: Outcome() for name in planner.tasks}
    made = planned[0].results[0]
    made.mkdir(parents=True)
    scale = read_scale("personachatgen", "smoke")
    assert not made_table(table, planned, scale, planner.tasks, done).rows[0].values
    (made / "tables.json").write_text(json.dumps({"table2": {"raw": {"survivors": 30}}, "table1": {"raw": {}}}))
    raw, toxicity = made_table(table, planned, scale, planner.tasks, done).rows
    assert (raw.values, toxicity.values) == ({"survivors": [30]}, {})
    assert raw.missing == f"made by python -m zoo.synthesis: {made}"
    (made / "tables.json").write_text('{"table2": {"raw"')
    with pytest.raises(UserError, match=r"tables.json is not what a synthesis counted .*Delete .* and ask again"):
        made_table(table, planned, scale, planner.tasks, done)

    table = TABLES["user_lora/table2"]
    planned = planner.table(table, read_scale("user_lora", "smoke"), ["PCJP"])
    (name,) = planned[0].tasks
    planner.tasks[name].log.parent.mkdir(parents=True)
    planner.tasks[name].log.write_text(
        "$ python -m zoo.evidence users\nearlier\n$ python -m zoo.evidence users\n│ 8 │\n"
    )
    assert printed_by(planned, planner.tasks, {name: Outcome()}) == {name: "│ 8 │"}
    assert printed_by(planned, planner.tasks, {name: Outcome("it failed")}) == {}


def test_a_name_that_is_no_table_gets_those_that_are_spelt_alike() -> None:
    with pytest.raises(UserError, match=r"no table 'paa/tabel1'. Did you mean paa/table1"):
        chosen_tables(["paa/tabel1"])
    assert [one.key for one in chosen_tables(["paa/table4", "paa/table4"])] == ["paa/table4"]
    assert {one.paper for one in chosen_tables(["paa"])} == {"paa"}
    assert not [one for one in chosen_tables(["all"]) if one.paper == "all"], "all is all papers'"
    with pytest.raises(UserError, match="expected one of paper, small, smoke"):
        read_scale("paa", "tiny")


def test_settings_of_every_run_make_no_two_the_same() -> None:
    given = ["scale=small", "trainer.devices=2", "+a=1", "source=base", "logger=wandb", "users=one"]
    assert for_every_run(given) == given[1:]
    with pytest.raises(UserError, match=r"job=2 was given; did you mean jobs=\?"):
        for_every_run(["job=2"])
    for word, told in (("seed=3", "seeds="), ("hydra.run.dir=x", "all runs may share"), ("+init_from=x", "may share")):
        with pytest.raises(UserError, match=told):
            for_every_run([word])


def test_a_reference_row_has_to_be_one_of_the_tables(tmp_path: Path) -> None:
    settings = {**OWN, "scale": "smoke", "out": str(tmp_path), "against": "gpt2_small"}
    with pytest.raises(UserError, match=r"against=gpt2_small .* gpt2_small \(authors\), gpt2_small \(sound\)"):
        reproduce_tables([TABLES["paa/table1"]], settings, [], dry=False)
    assert not list(tmp_path.iterdir()), "before anything is run"


@pytest.fixture
def finished_run(tmp_path: Path) -> Task:
    """A run's folder as run.py leaves it, as far as tasks look at it."""
    task = Task("one", (("run.py", "a=1", "hydra.run.dir=x"),), tmp_path / "one.log", (), tmp_path / "one", is_run=True)
    task.makes.mkdir()
    (task.makes / "overrides.txt").write_text("a=1\nckpt_path=last\n")
    for name in ("metrics.json", "provenance.json"):
        (task.makes / name).write_text("{}")
    return task


def test_a_run_of_other_settings_is_not_taken_for_this_one(finished_run: Task, tmp_path: Path) -> None:
    assert is_finished(finished_run)
    assert refusal_of(finished_run) == ""
    other = Task("one", (("run.py", "a=2"),), finished_run.log, (), finished_run.makes, is_run=True)
    assert not is_finished(other)
    assert "a=1, a=2" in refusal_of(other)
    console = Console(file=io.StringIO(), width=200)
    needs_it = Task("two", (("run.py",),), tmp_path / "two.log", ("one",), tmp_path / "two", is_run=True)
    outcomes = Workshop({"one": other, "two": needs_it}, 1, console).work(tmp_path / "out")
    assert "other settings" in outcomes["one"].failure
    assert outcomes["two"].failure == "needs one, which failed"
    assert (finished_run.makes / "overrides.txt").read_text() == "a=1\nckpt_path=last\n"


def test_a_run_that_began_from_other_things_is_not_taken_for_this_one(finished_run: Task, tmp_path: Path) -> None:
    """A backbone made anew, however its own marker says that it is there."""
    console = Console(file=io.StringIO(), width=200)
    for made_by, failure in ((("make", "a"), ""), (("make", "b"), "begun when words was made in another way")):
        words = Task("words", (made_by,), tmp_path / "words.log", (), tmp_path)
        backbone = Task("backbone", (("x",),), tmp_path / "backbone.log", ("words",), tmp_path)
        for task in (words, backbone):
            task.log.with_suffix(".done.json").write_text(json.dumps(task.commands))
        (tmp_path / "one.needs.json").write_text('{"words": [["make", "a"]], "backbone": [["x"]], "other": [["lr=1"]]}')
        other = Task("other", (("run.py", "lr=2"),), tmp_path / "other.log", (), tmp_path / "other", is_run=True)
        for name in ("overrides.txt", "metrics.json", "provenance.json"):  # trained the source stage that both share
            other.makes.mkdir(exist_ok=True)
            (other.makes / name).write_text("lr=2\n" if name == "overrides.txt" else "{}")
        one = replace(finished_run, after=("backbone", "other"))
        tasks = {"words": words, "backbone": backbone, "other": other, "one": one}
        outcome = Workshop(tasks, 1, console).work(tmp_path / "out")["one"]
        assert failure in outcome.failure
        assert bool(outcome.failure) == bool(failure)


def test_a_preparation_whose_output_was_deleted_is_done_again(tmp_path: Path) -> None:
    scale = replace(SCALE, prepare=(Preparation("words", "*", ("python make --to={work}/words {work}",)),))
    planner = Planner(tmp_path, Path("/data"))
    planner.table(table(PublishedRow("one", {}, {}, experiment="paa/one")), scale)
    task = planner.tasks["paa: words"]
    made = task.makes / "words"
    made.mkdir(parents=True)
    task.log.with_suffix(".done.json").write_text(json.dumps(task.commands))
    assert is_finished(task)
    made.rmdir()
    assert not is_finished(task)


def test_questions_to_a_run_that_was_deleted_are_asked_again_and_what_only_prints_is_not(tmp_path: Path) -> None:
    planner = Planner(tmp_path, Path("/data"))
    asked = PublishedRow("asked", {}, {}, experiment="paa/one", command="python -m zoo.questions RUN_DIR")
    printed = PublishedRow("printed", {}, {}, command="python -m zoo.evidence users")
    for row in planner.table(table(asked, printed), replace(SCALE, prepare=(), repeats=("seed=1",))):
        task = planner.tasks[row.tasks[0]]
        task.log.parent.mkdir(parents=True, exist_ok=True)
        task.log.with_suffix(".done.json").write_text(json.dumps(task.commands))
        assert is_finished(task) == (row.published.name == "printed")
        task.makes.mkdir(parents=True)
        assert is_finished(task)


def test_all_that_waits_for_what_failed_fails(finished_run: Task, tmp_path: Path) -> None:
    other = Task("0", (("run.py", "a=2"),), finished_run.log, (), finished_run.makes, is_run=True)
    tasks = {"0": other} | {
        str(n): Task(str(n), (("x",),), tmp_path / f"{n}.log", (str(n - 1),), tmp_path / str(n)) for n in range(1, 1200)
    }
    outcomes = Workshop(tasks, 1, Console(file=io.StringIO(), width=200)).work(tmp_path / "out")
    assert list(outcomes) == list(tasks)
    assert outcomes["1199"].failure == "needs 1198, which failed"


def test_a_seed_is_asked_for_once(tmp_path: Path) -> None:
    settings = {**OWN, "scale": "smoke", "out": str(tmp_path), "seeds": "36,36"}
    with pytest.raises(UserError, match="seeds=36,36 has seed=36 twice"):
        reproduce_tables([TABLES["paa/table1"]], settings, [], dry=True)


def test_a_table_without_a_report_leaves_the_others_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(asked: ReportTable, *args: Any, **settings: Any) -> Report:
        if asked.key == "personachatgen/table10":
            raise UserError("a run of it kept no generations")
        return report_of(asked, *args, **settings)

    monkeypatch.setattr("zoo.reproduce.report_of", refusing)
    asked = [TABLES[f"personachatgen/{name}"] for name in ("table10", "table16")]  # nobody can run them
    outcomes = reproduce_tables(asked, {**OWN, "scale": "smoke", "out": str(tmp_path)}, [], dry=False)
    assert [outcome.failure for outcome in outcomes.values()] == ["a run of it kept no generations"]
    (written,) = tmp_path.rglob("report.json")
    assert [one["key"] for one in json.loads(written.read_text())] == ["personachatgen/table16"]


def test_a_run_whose_training_went_on_and_stopped_is_not_finished(finished_run: Task) -> None:
    assert is_finished(finished_run)
    (finished_run.makes / "provenance.json").write_text('{"unfinished": "training"}')
    assert not is_finished(finished_run)
    assert refusal_of(finished_run) == ""
    launched = replace(finished_run, commands=((*finished_run.commands[0], "hydra.verbose=true"),))
    assert refusal_of(launched) == "", "how it is launched is not among what run.py writes down"


def test_a_stopped_run_goes_on_from_its_checkpoint(finished_run: Task) -> None:
    (finished_run.makes / "metrics.json").unlink()
    assert not is_finished(finished_run)
    assert commands_of(finished_run) == list(finished_run.commands)
    checkpoint = finished_run.makes / "source" / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    assert commands_of(finished_run)[0][-1] == "ckpt_path=last"


def test_the_error_of_a_program_is_its_paragraph(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("step 1\n\nerror: There is no\ncorpus here.\n\nbye\n")
    assert told_by(log, 2) == f"There is no corpus here. (exit code 2, {log})"
    assert told_by(log, 1) == f"bye (exit code 1, {log})"


def reproduce(*words: str, cwd: Path) -> list[str]:
    return [sys.executable, "-m", "zoo.reproduce", *words, "scale=smoke", f"out={cwd / 'out'}", f"root={cwd}"]


@pytest.mark.slow
def test_killed_and_asked_again_it_does_what_is_missing(tmp_path: Path) -> None:
    asked = reproduce("paa/table4", "rows=dual,paa", cwd=tmp_path)
    process = subprocess.Popen(asked, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL)
    first = tmp_path / "out" / "smoke" / "paa" / "dual_reference" / "36"
    until = time.monotonic() + 240
    while not (first / "provenance.json").is_file() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    written = (first / "metrics.json").stat().st_mtime_ns
    for _ in range(50):  # what it had started ends with it, and the folder is free again
        done = run_module(*asked[2:], cwd=tmp_path)
        if "Another process" not in done.stderr:
            break
        time.sleep(0.2)
    assert done.returncode == 0, done.stderr
    assert (first / "metrics.json").stat().st_mtime_ns == written
    assert "steps were finished before" in done.stdout
    for name in ("dual", "paa"):
        results = json.loads((tmp_path / "out" / "smoke" / "paa" / name / "36" / "metrics.json").read_text())
        assert results["n_examples"] == 8
