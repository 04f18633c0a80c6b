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
from zoo.metrics.generations import read_generations
from zoo.questions import ask, language_of, users_of
from zoo.running import run

SMALL = [
    "data=synthetic_users", "data.num_users=10", "backbone.width=32", "backbone.heads=4", "trainer=cpu", "run=[fit]",
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
