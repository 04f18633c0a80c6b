"""Whole trainings in process: what they leave, that they go on after a kill, and how mistakes end."""

import csv
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from safetensors.torch import load_file

from tests.scorers.conftest import save_bert, small_training
from zoo.errors import UserError
from zoo.scorers.__main__ import main
from zoo.scorers.base import LABELS
from zoo.scorers.run import train
from zoo.scorers.training import NliModule, new_classifier
from zoo.scorers.transformers_nli import TransformersNli

Training = Callable[..., DictConfig]


def test_a_training_leaves_a_scorer(training: Training, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    folder = train(training("scorer.lr=0.02", "scorer.epochs=8", "scorer.balance=weights", "checkpoint_every=999"))
    assert folder == tmp_path / "run" / "scorer"
    printed = capsys.readouterr().out
    assert printed.rstrip().splitlines()[-1] == f"scorer: {folder}"
    assert "recall_contradiction" in printed
    assert "majority_accuracy" in printed
    assert "C scores by it are not comparable" in printed
    record = json.loads((folder / "scorer.json").read_text())
    scorer = TransformersNli(folder)
    assert scorer.accuracy.value == record["accuracy"] == pytest.approx(record["test"]["accuracy"], abs=1e-6)
    assert (record["accuracy_on"], record["accuracy_pairs"]) == ("dnli_silver test", 16)
    assert "machine-made labels" in scorer.caution
    assert record["steps"] == 8 * 8
    assert record["settings"]["epochs"] == 8
    assert scorer.order == [0, 1, 2]
    said = [("i like dogs", "i like dogs"), ("i have cats", "i like dogs"), ("i hate dogs", "i like dogs")]
    assert [LABELS[n] for n in scorer.score(said).argmax(dim=1)] == list(LABELS)  # it has learnt what it was taught
    assert record["accuracy"] > record["test"]["majority_accuracy"]
    with (tmp_path / "run" / "metrics.csv").open() as file:
        assert any(row["val/macro_f1"] for row in csv.DictReader(file))
    assert not list(folder.parent.glob(".*"))


def test_a_killed_training_goes_on_as_if_nothing_was(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("scorer.balance=sampling", "folder=${run_dir}/made")
    whole = load_file(train(training(*settings, f"run_dir={tmp_path}/whole")) / "model.safetensors")
    step = NliModule.training_step
    for stop in (7, 13):  # in either epoch: checkpoints are those of steps 6 and 12

        def dies(self: NliModule, batch: Any, batch_idx: int, stop: int = stop) -> torch.Tensor:
            if self.trainer.global_step == stop:
                raise RuntimeError("killed")
            return step(self, batch, batch_idx)

        monkeypatch.setattr(NliModule, "training_step", dies)
        with pytest.raises(RuntimeError, match="killed"):
            train(training(*settings, f"run_dir={tmp_path}/parts"))
        assert not (tmp_path / "parts" / "made").exists()
    monkeypatch.setattr(NliModule, "training_step", step)
    parts = train(training(*settings, f"run_dir={tmp_path}/parts"))
    resumed = load_file(parts / "model.safetensors")
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    before = (parts / "scorer.json").read_text()
    train(training(*settings, f"run_dir={tmp_path}/parts"))  # finished: written again
    assert (parts / "scorer.json").read_text() == before
    assert all(torch.equal(value, whole[name]) for name, value in load_file(parts / "model.safetensors").items())
    with pytest.raises(UserError, match=r"other settings \(scorer.lr: 5e-05 -> 0.1\)"):
        train(training(*settings, f"run_dir={tmp_path}/parts", "scorer.lr=0.1"))


def test_a_bounded_training(training: Training) -> None:
    folder = train(training("trainer.max_steps=5"))
    assert json.loads((folder / "scorer.json").read_text())["steps"] == 5


def test_nothing_but_a_scorer_is_replaced(training: Training, tmp_path: Path, encoder: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").touch()
    for folder in (precious, precious / "thesis.tex", encoder):
        with pytest.raises(UserError, match="is there and is no scorer"):
            train(training(f"folder={folder}"))
    assert (precious / "thesis.tex").exists()
    assert (encoder / "model.safetensors").exists()
    assert not (tmp_path / "run" / "checkpoints").exists()  # said before anything is trained


def test_a_scorer_stays_where_its_successor_cannot_be_moved_in(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train(training("trainer.max_steps=1"))
    before = (folder / "model.safetensors").read_bytes()
    move = os.replace

    def refuses(source: Path, destination: Path) -> None:
        if str(source).endswith(".tmp") and Path(destination) == folder:
            raise PermissionError("no")
        move(source, destination)

    monkeypatch.setattr(os, "replace", refuses)
    with pytest.raises(PermissionError):
        train(training("trainer.max_steps=2", f"run_dir={folder.parents[1]}/again", f"folder={folder}"))
    assert (folder / "model.safetensors").read_bytes() == before
    assert not list(folder.parent.glob(".*"))


def test_any_head_is_replaced(tmp_path: Path, encoder: Path) -> None:
    finished = save_bert(tmp_path / "a", ("neutral", "entailment", "contradiction"))
    torch.manual_seed(1)
    network, _ = new_classifier(str(finished))
    old = load_file(finished / "model.safetensors")
    assert torch.equal(
        network.base_model.embeddings.word_embeddings.weight, old["bert.embeddings.word_embeddings.weight"]
    )
    assert not torch.equal(network.classifier.weight, old["classifier.weight"])
    assert network.config.id2label == dict(enumerate(LABELS))
    assert new_classifier(str(encoder))[0].num_labels == 3
    five = save_bert(tmp_path / "b", ("a", "b", "c", "d", "e"))
    assert new_classifier(str(five))[0].classifier.out_features == 3
    (tmp_path / "c").mkdir()
    with pytest.raises(UserError, match="cannot be made an NLI scorer"):
        new_classifier(str(tmp_path / "c"))


def test_the_schedule_warms_up_and_ends_at_zero(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []
    step = NliModule.training_step

    def listens(self: NliModule, batch: Any, batch_idx: int) -> torch.Tensor:
        rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])
        return step(self, batch, batch_idx)

    monkeypatch.setattr(NliModule, "training_step", listens)
    train(training("scorer.warmup=0.25", "scorer.lr=1e-3"))
    assert rates[:5] == pytest.approx([0, 0.25e-3, 0.5e-3, 0.75e-3, 1e-3])
    assert rates[-1] == pytest.approx(1e-3 / 12)
    assert len(rates) == 16


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data=dnli", "data.root=nowhere"], "Download it from wellecks.com/dialogue_nli"),
        (["scorer.path=nowhere/at-all"], "There is no model 'nowhere/at-all'"),
        (["scorer.balance=some"], "scorer.balance=some was given; expected one of none, weights, sampling"),
        (["scorer=nil"], "nil"),
        (["scorer.speed=3"], "speed"),
        (["trainer.devices=2"], "trained on one device"),
    ],
)
def test_mistakes_end_in_one_paragraph_and_two(
    overrides: list[str],
    message: str,
    encoder: Path,
    labelled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    given = small_training(encoder, labelled)
    given = [a for a in given if not (overrides[0] == "data=dnli" and a.startswith("data"))]
    monkeypatch.setattr(sys, "argv", ["scorers", *given, *overrides, f"hydra.run.dir={tmp_path}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert message in " ".join(printed.err.split())
    assert "Traceback" not in printed.err
    assert not (tmp_path / "scorer").exists()


@pytest.mark.slow
def test_real_pairs_can_be_learnt(training: Training, shared_data: Path, tmp_path: Path) -> None:
    """A tiny BERT with the published vocabulary learns 300 of the silver pairs by heart."""
    lines = (shared_data / "dnli_silver" / "silver_valid.jsonl").read_text().splitlines()
    by_label: dict[str, list[str]] = {label: [] for label in LABELS}
    for line in lines:
        by_label[json.loads(line)["label"]].append(line)
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(line for own in by_label.values() for line in own[:100]))
    folder = save_bert(tmp_path / "bert", None, vocab_size=30_522, hidden_size=64, initializer_range=0.05)
    vocabulary = shared_data / "tokenizers" / "bert-base-uncased" / "vocab.txt"
    (folder / "vocab.txt").write_bytes(vocabulary.read_bytes())
    (folder / "tokenizer.json").unlink()
    overrides = [
        f"scorer.path={folder}",
        f"data.path={path}",
        "scorer.epochs=25",
        "scorer.lr=2e-3",
        "checkpoint_every=999",
    ]
    train(training(*overrides))
    with (tmp_path / "run" / "metrics.csv").open() as file:
        losses = [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert losses[0] > 0.7
    assert losses[-1] < 0.3
