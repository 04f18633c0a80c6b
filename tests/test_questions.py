"""Every user answers the same questions, many users in a batch, each as alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

import zoo
from zoo.data.questions import personal_questions
from zoo.errors import UserError
from zoo.evidence.report.requested import requested_tables
from zoo.evidence.report.tables import report_of
from zoo.metrics.generations import read_generations
from zoo.provenance import record_rewritten
from zoo.questions import ask, language_of, users_of
from zoo.run_record import finished_run
from zoo.running import run

SMALL = [
    "data=synthetic_users", "data.num_users=10", "+data.users_of.dialogues_per_pair=1",
    "backbone.width=32", "backbone.heads=4", "trainer=cpu", "run=[fit]",
    "decoding.max_new_tokens=4", "trainer.max_epochs=1", "data.max_eval_examples=20", "template.prompt=psp",
]  # fmt: skip


def test_questions_to_one_model_of_all(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(composed("model=user_finetune", "template.one_id=true", "data.batch_size=64", "optimizer.lr=1e-2", *SMALL))
    suite, seconds = ask(tmp_path, "en", 5, 7, "user_diversity")
    assert seconds > 0
    rows = read_generations(tmp_path / "questions" / "generations.jsonl")
    assert len(rows) == 50
    assert [row.history for row in rows[::10]] == [[question] for question in personal_questions("en")[:5]]
    module = zoo.load(tmp_path)
    module.decoding.max_new_tokens = 4
    for row in rows[:3]:
        profile = next(e.profile for e in users(tmp_path) if e.user == row.user)
        assert module.reply(row.history, user=row.user, profile=profile) == row.response
    stored = json.loads((tmp_path / "questions" / "metrics.json").read_text())
    answers = suite.compute()["distinct_s_by_context"]
    assert stored["metrics"]["test/distinct_s_by_context"] == answers == pytest.approx(different(rows))
    assert stored["n_examples"] == 50

    trained, asked = finished_run(tmp_path, scored=False), finished_run(tmp_path / "questions")
    assert asked.verified
    assert (asked.protocol, asked.seed, asked.overrides) == ("user_diversity", trained.seed, trained.overrides)
    assert asked.decoding == {"do_sample": False, "num_beams": 1, "max_new_tokens": 4}
    assert asked.config["questions"] == {"language": "en", "number": 5}
    differing = {key for key in asked.config if asked.config[key] != trained.config.get(key)}
    assert differing == {"protocol", "questions"}  # it was greedy already
    assert [session["run"] for session in asked.sessions] == [["fit"], ["questions"]]
    assert (asked.parameters, asked.training_seconds) == (trained.parameters, trained.training_seconds)
    assert asked.splits["train"] == trained.splits["train"]
    ask(tmp_path, "en", 5, 7, "user_diversity")  # again: the record is of the newest answers alone
    assert len(finished_run(tmp_path / "questions").sessions) == 2
    with (tmp_path / "config.yaml").open("a") as file:
        file.write("# edited\n")
    with pytest.raises(UserError, match="was edited"):
        ask(tmp_path, "en", 5, 7, "user_diversity")


@pytest.mark.slow
def test_answers_are_a_row_of_the_table_of_answers(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    """The run itself is one of the tables of replies."""
    row = ["experiment=user_lora/psp_dialogue_one_id", "data=synthetic_users", "data.language=ja", "run=[fit]"]
    size = ["data.num_users=10", "data.max_users=2", "trainer=cpu", "trainer.max_epochs=1", "seed=3"]
    size += ["backbone=tiny-t5", "backbone.path=null", "backbone.pretrained=false", "backbone.width=32"]
    size += ["backbone.tokenizer_path=synthetic_users", "backbone.heads=2", "decoding.max_new_tokens=4"]
    run(composed(*row, *size, "trainer.limit_train_batches=1", f"run_dir={tmp_path}"))
    (tmp_path / "overrides.txt").write_text("".join(f"{line}\n" for line in (*row, *size)))
    record_rewritten(tmp_path, ["overrides.txt"])
    ask(tmp_path, "ja", 3, 8, "user_diversity_ja")
    (table,) = requested_tables([str(tmp_path / "questions")], None, None)
    assert table.key == "user_lora/table7"
    report = report_of(table, 10, cache=tmp_path / "cache")
    (found,) = report.rows
    assert found.name == "SD/psp_dialogue_one_id"
    cell = found.cells["distinct_s_by_context"]
    stored = json.loads((tmp_path / "questions" / "metrics.json").read_text())["metrics"]
    assert cell.mean == stored["test/distinct_s_by_context"]
    assert cell.printed is not None
    assert found.status.word == "stand-in"
    assert found.status.split.startswith("part: 6 of 140 examples")
    assert "trainer.max_epochs 1 (20)" in found.status.details


def different(rows):
    """Distinct answers of all to a question, by hand."""
    found = [len({row.response for row in rows if row.history == [q]}) / 10 for q in personal_questions("en")[:5]]
    return sum(found) / len(found)


def users(run_dir):
    return users_of(instantiate(OmegaConf.load(run_dir / "config.yaml").data.datamodule))


def test_questions_are_in_the_runs_language(tmp_path: Path) -> None:
    runs = [tmp_path / name for name in ("ja", "en", "plain")]
    for run_dir, template in zip(runs, ("{language: ja}", "{language: en}", "{}"), strict=True):
        run_dir.mkdir()
        (run_dir / "config.yaml").write_text(f"template: {template}\n")
    assert (language_of(runs[:1]), language_of(runs[1:])) == ("ja", "en")
    with pytest.raises(UserError, match="speak en and ja"):
        language_of(runs)
    with pytest.raises(UserError, match=r"nowhere has no config\.yaml"):
        language_of([tmp_path / "nowhere"])


def test_unknown_languages_and_data_without_users_are_refused() -> None:
    class Nobody:
        users: ClassVar = [""]

        def setup(self):
            pass

    with pytest.raises(UserError, match="name no users"):
        users_of(Nobody())
    with pytest.raises(UserError, match="de"):
        ask(Path("nowhere"), "de", 1, 8, "user_diversity")
