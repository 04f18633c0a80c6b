"""Replies held against what is true of their users; sizes and times of users' models."""

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig
from rich.console import Console

import zoo
from zoo.data.synthetic_users import SyntheticUsersCorpus
from zoo.errors import UserError
from zoo.evidence import serving, truth
from zoo.metrics.generations import Generation, write_generations
from zoo.running import run

SMALL = [
    "data=synthetic_users", "data.num_users=10", "+data.users_of.dialogues_per_pair=1",
    "backbone.width=32", "backbone.heads=4", "trainer=cpu", "run=[fit]",
    "template.added_tokens=[]", "data.max_eval_examples=20", "learner.epochs=1", "learner.batch_size=64",
]  # fmt: skip


def rows(shift: int) -> list[Generation]:
    """What users really say, told as somebody's `shift` seats away."""
    corpus = SyntheticUsersCorpus("en", 12)
    users = [user.id for user in corpus.users]
    place = {user: number for number, user in enumerate(users)}
    return [
        Generation(
            f"{dialogue.id}/{turn}", users[(place[dialogue.speakers[one.speaker].user] + shift) % 12], [], ["hi"], "-",
            one.text, None, None,
        )
        for dialogue in corpus.load("train")[:60] for turn, one in enumerate(dialogue.utterances)
    ]  # fmt: skip


def test_real_replies_are_true_of_their_user_alone(tmp_path: Path) -> None:
    write_generations(tmp_path / "generations.jsonl", rows(0))
    own = truth.rates(truth.said(tmp_path))
    assert own["right of those"] == 100
    assert 0 < own["of another user"] < 35
    assert 30 < own["state something"] < 90
    write_generations(tmp_path / "generations.jsonl", rows(1))
    assert truth.rates(truth.said(tmp_path))["right of those"] < 35


def test_other_users_are_refused(tmp_path: Path) -> None:
    row = Generation("x/1", "anna", [], ["hi"], "-", "i like tea .", None, None)
    write_generations(tmp_path / "generations.jsonl", [row])
    with pytest.raises(UserError, match="expected data=synthetic_users"):
        truth.said(tmp_path)


@pytest.mark.parametrize("kind", ["LoRA", "FULL", "One-ID"])
def test_what_a_user_takes(kind: str, composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    model = {
        "LoRA": ["model=user_lora", "template.prompt=plain"],
        "FULL": ["model=user_finetune", "users=each"],
        "One-ID": ["model=user_finetune", "template.one_id=true", "~learner.epochs", "~learner.batch_size"],
    }[kind]
    small = SMALL if kind != "One-ID" else [*SMALL[:-2], "trainer.max_epochs=1", "data.batch_size=64"]
    run(composed(*[setting for setting in model if not setting.startswith("~")], *small))
    module = zoo.load(tmp_path)
    models, megabytes, load, generate = serving.measure(module, 2)
    assert models == (1 if kind == "One-ID" else 10)
    weights = sum(p.numel() for p in module.net.lm.parameters())
    numbers = module.net.bank.numbers_per_user if kind == "LoRA" else weights
    assert megabytes == pytest.approx(4 * numbers / 2**20, rel=0.15)  # and names of tensors
    assert generate > 0
    assert (load > 0) is (kind != "One-ID")
    console = Console(width=120, record=True)
    serving.report(type("Options", (), {"run_dirs": [tmp_path], "times": 1, "out": None})(), console)
    assert "megabytes of one" in console.export_text()
