"""callbacks=gates in whole runs: what it writes and logs, whatever the batches; who has no gates to count."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from tests.conftest import ROOT, small_overrides
from zoo.errors import UserError
from zoo.evidence.__main__ import main
from zoo.gates import KEPT, TurnCounts, summed, turn_of
from zoo.metrics.generations import read_generations
from zoo.running import run

EXACT = ("callbacks=gates", "trainer.precision=64-true", "decoding.max_new_tokens=2")


def composed_in(folder: Path, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("config", [*overrides, f"run_dir={folder}"])


@pytest.fixture(scope="module")
def trained(small_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A run directory with gates.json, and the run's overrides."""
    folder = tmp_path_factory.mktemp("gates")
    overrides = [*small_overrides(small_corpus), *EXACT, "optimizer.lr=0.02"]
    run(composed_in(folder, *overrides))
    return folder, overrides


def read(run_dir: Path) -> dict[str, Any]:
    return json.loads((run_dir / "gates.json").read_text())


def test_a_run_leaves_counts_by_turn_and_layer(trained: tuple[Path, list[str]]) -> None:
    run_dir, _ = trained
    found, rows = read(run_dir), read_generations(run_dir / "generations.jsonl")
    assert {name: found[name] for name in ("fusion", "mask_rule", "tau", "tau_numerator")} == {
        "fusion": "paa",
        "mask_rule": "keep_above",
        "tau": "length_ratio",
        "tau_numerator": "context",
    }
    turns = [(len(row.history) + 1) // 2 for row in rows]  # demo dialogues are shorter than the history that is kept
    assert len(set(turns)) > 2
    assert {turn["turn"]: turn["replies"] for turn in found["turns"]} == Counter(turns)
    for turn in found["turns"]:
        tokens = sum(row.n_tokens for row, of in zip(rows, turns, strict=True) if of == turn["turn"])
        assert turn["tokens"] == tokens
        for layer in range(2):
            assert sum(turn[kind][layer] for kind in KEPT) == tokens * 32
    taus = [turn["tau"] for turn in found["turns"]]
    assert taus == sorted(taus)  # the context grows
    assert taus[0] < 0.5 < taus[-1]
    assert found["turns"][0]["neither"] == [0, 0]
    assert found["turns"][-1]["both"] == [0, 0]
    with (run_dir / "metrics.csv").open() as file:
        curve = list(csv.DictReader(file))
    for stage in ("val", "test"):
        (row,) = [row for row in curve if row[f"{stage}/gate_neither"]]
        assert sum(float(row[f"{stage}/gate_{kind}"]) for kind in KEPT) == pytest.approx(1)
    total = {kind: sum(sum(turn[kind]) for turn in found["turns"]) for kind in KEPT}
    for kind in KEPT:
        assert float(row[f"test/gate_{kind}"]) == pytest.approx(total[kind] / sum(total.values()), rel=1e-6)


def test_counts_do_not_depend_on_batches(trained: tuple[Path, list[str]], tmp_path: Path) -> None:
    run_dir, overrides = trained
    again = ["run=[test]", f"ckpt_path={run_dir}/checkpoints/best.ckpt", "data.eval_batch_size=5"]
    run(composed_in(tmp_path, *overrides, *again, "trainer.precision=bf16-mixed"))
    half = read(tmp_path)
    run(composed_in(tmp_path, *overrides, *again))
    assert read(tmp_path) == read(run_dir)
    assert [turn["tau"] for turn in half["turns"]] == [turn["tau"] for turn in read(run_dir)["turns"]]
    for theirs, ours in zip(half["turns"], read(run_dir)["turns"], strict=True):  # counted in float32, not in bf16
        for kind in KEPT:
            assert theirs[kind] == pytest.approx(ours[kind], abs=1)


def test_training_anew_takes_the_counts_away(trained: tuple[Path, list[str]], tmp_path: Path) -> None:
    _, overrides = trained
    (tmp_path / "gates.json").write_text("{}")
    run(composed_in(tmp_path, *overrides, "run=[fit]"))
    assert not (tmp_path / "gates.json").exists()


def test_the_report_reads_what_a_run_wrote(
    trained: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run_dir, _ = trained
    assert main(["gates", str(run_dir), "--out", str(tmp_path), "--names", "PAA"]) == 0
    assert "PAA: fusion paa, tau |context| / (|context| + |persona|)" in capsys.readouterr().out
    shares = json.loads((tmp_path / "gate_shares.json").read_text())["PAA"]
    last, counts = shares["turns"][-1], read(run_dir)["turns"][-1]
    assert last["neither"] == pytest.approx(sum(counts["neither"]) / (counts["tokens"] * 64))
    assert (tmp_path / "gates.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model=paa", "model.net.fusion=direct_sum"],
            "PAA with fusion direct_sum has no masks .* one of paa, context, dual",
        ),
        (["model=finetune"], "FineTune has no masks to count. Expected model=paa"),
    ],
)
def test_models_without_masks_are_refused(
    composed: Callable[..., DictConfig], run_small: list[str], overrides: list[str], message: str, tmp_path: Path
) -> None:
    assert run_small[0] == "model=paa"
    given = [override for override in run_small[1:] if "encoder_layers" not in override]
    with pytest.raises(UserError, match=message):
        run(composed(*given, "callbacks=gates", *overrides))
    assert not (tmp_path / "checkpoints").exists()


def test_turns_are_the_speakers_own_replies() -> None:
    assert [turn_of(f"corpus/dialogue 7/{place}") for place in (1, 2, 3, 4, 25)] == [1, 1, 2, 2, 13]


def test_sums_are_those_of_any_parts() -> None:
    """As processes hold them: one without a turn, one without anything."""
    torch.manual_seed(0)
    taus = torch.rand(300).tolist()
    rows = [{n % 3 + 1: TurnCounts(1, n, tau, torch.tensor([[n, 0, 1, 2]]))} for n, tau in enumerate(taus)]
    whole, parts = summed(rows), [summed(rows[:1]), summed(rows[:0:-1]), {}]
    assert list(whole) == list(summed(parts)) == [1, 2, 3]
    for turn, counts in summed(parts).items():
        assert (counts.replies, counts.tokens, counts.tau) == (100, whole[turn].tokens, whole[turn].tau)
        assert torch.equal(counts.kept, whole[turn].kept)
