"""Whole runs in process: real composition, real Lightning, real files."""

import csv
import json
import math
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import yaml
from omegaconf import DictConfig

from zoo.errors import UserError
from zoo.metrics.generations import read_generations
from zoo.running import run


@pytest.fixture
def small(composed: Callable[..., DictConfig], run_small: list[str]) -> Callable[..., DictConfig]:
    """`small("key=value")`: the small run's configuration with more overrides."""
    return lambda *overrides: composed(*run_small, *overrides)


def test_a_run_leaves_everything_it_promises(
    small: Callable[..., DictConfig], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run(small())
    printed = capsys.readouterr().out
    assert printed.rstrip().splitlines()[-1] == f"run directory: {tmp_path}"
    results = json.loads((tmp_path / "metrics.json").read_text())
    rows = read_generations(tmp_path / "generations.jsonl")
    assert results["n_examples"] == len(rows) == sum(1 for _ in rows)
    assert results["seed"] == 36
    assert set(results["versions"]) == {name.removeprefix("test/") for name in results["metrics"]}
    assert results["metrics"]["test/ppl_token"] == pytest.approx(
        math.exp(sum(row.nll for row in rows) / sum(row.n_tokens for row in rows)), rel=1e-9
    )
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert config["model"]["net"]["fusion"] == "paa"
    assert "${" not in (tmp_path / "config.yaml").read_text()
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    assert provenance["parameters"]["trainable"] > 0
    assert provenance["data"]["splits"]["test"]["examples"] == len(rows)
    with (tmp_path / "metrics.csv").open() as file:
        assert any(row["val/ppl_token"] for row in csv.DictReader(file))
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)  # nothing but plain data inside
    assert best["config"]["model"]["net"]["fusion"] == "paa"


def test_testing_alone_repeats_the_numbers(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small())
    first = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    run(small("run=[test]", f"ckpt_path={tmp_path}/checkpoints/best.ckpt"))
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"] == first


def test_results_do_not_depend_on_the_evaluation_batch(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small())
    first = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    run(small("run=[test]", f"ckpt_path={tmp_path}/checkpoints/best.ckpt", "data.eval_batch_size=5"))
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"] == pytest.approx(first, rel=1e-6)


def test_metrics_recompute_from_generations(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    from zoo.metrics.__main__ import main

    run(small())
    stored = (tmp_path / "metrics.json").read_text()
    assert main([str(tmp_path), "--write"]) in (0, None)
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"] == json.loads(stored)["metrics"]


def test_reference_preset_runs_and_reports_under_its_own_names(
    small: Callable[..., DictConfig], tmp_path: Path
) -> None:
    run(small("preset=paa_reference", "data.eval_batch_size=3"))
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    assert {"test/ppl_reference", "test/f1_teacher_forced_macro", "test/distinct_2_per_unigram"} <= set(metrics)
    row = read_generations(tmp_path / "generations.jsonl")[0]
    assert len(row.target_ids) == len(row.argmax_ids) == len(row.token_nll) >= row.n_tokens


def test_gradient_does_not_depend_on_accumulation(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    weights = []
    for accumulate in (1, 4):
        run(
            small(
                f"trainer.accumulate_grad_batches={accumulate}",
                "trainer.max_steps=2",
                "trainer.precision=64-true",
                "model.net.dropout=0.0",
                "run=[fit]",
                f"run_dir={tmp_path}/{accumulate}",
                f"callbacks.last.every_n_train_steps={2 * accumulate}",
            )
        )
        weights.append(
            torch.load(tmp_path / str(accumulate) / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        )
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=0, atol=1e-9)


def test_bf16_trains_and_keeps_the_weights_in_fp32(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("trainer.precision=bf16-mixed"))
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert {weight.dtype for weight in saved.values()} == {torch.float32}
    assert math.isfinite(json.loads((tmp_path / "metrics.json").read_text())["metrics"]["test/ppl_token"])


# -- what bad input gets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "pieces"),
    [
        (["run=[train]"], ["run=['train']", "fit, validate, test"]),
        (["ckpt_path=nowhere.ckpt"], ["nowhere.ckpt", "does not exist", "ckpt_path=last"]),
        (["data.root=nowhere"], ["nowhere", "train.jsonl"]),
        (["backbone.pretrained=true", "backbone.width=null", "backbone.depth=null", "backbone.path=nowhere"],
         ["backbone.path=", "backbone.pretrained=false"]),
        (["backbone.width=30"], ["30", "heads"]),
        (["data.batch_size=10", "trainer.accumulate_grad_batches=4"], ["data.batch_size=8", "12"]),
        (["data.cache_dir=/proc/cache"], ["/proc/cache", "data.cache_dir"]),
    ],
)  # fmt: skip
def test_mistakes_are_explained(small: Callable[..., DictConfig], overrides: list[str], pieces: list[str]) -> None:
    from zoo.launch import user_message

    with pytest.raises(Exception) as caught:
        run(small(*overrides))
    message = user_message(caught.value)
    assert message is not None
    for piece in pieces:
        assert piece in message


def test_a_checkpoint_of_another_model_is_refused(
    small: Callable[..., DictConfig], composed: Callable[..., DictConfig], run_small: list[str], tmp_path: Path
) -> None:
    def other(*overrides: str) -> DictConfig:
        kept = [given for given in run_small if not given.startswith("model")]
        return composed("model=finetune", *kept, *overrides)

    run(small("run=[fit]", "trainer.limit_train_batches=1"))
    best = f"ckpt_path={tmp_path}/checkpoints/best.ckpt"
    with pytest.raises(UserError, match=r"written by a zoo.models.paa.PAA, .* is a zoo.models.finetune.FineTune"):
        run(other("run=[test]", best))
    with pytest.raises(UserError, match=r"missing: .*of another shape: "):
        run(small("run=[test]", best, "backbone.depth=3", "backbone.width=64"))


def test_missing_and_extra_keys_are_named(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("run=[fit]", "trainer.limit_train_batches=1"))
    path = tmp_path / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["state_dict"]["net.stranger"] = checkpoint["state_dict"].pop("net.lm.transformer.ln_f.bias")
    torch.save(checkpoint, path)
    with pytest.raises(UserError, match=r"missing: net.lm.transformer.ln_f.bias; .*unexpected: net.stranger"):
        run(small("run=[test]", f"ckpt_path={path}"))


def test_a_truncated_checkpoint_is_named(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("run=[fit]", "trainer.limit_train_batches=1"))
    path = tmp_path / "checkpoints" / "best.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"best\.ckpt is not a whole checkpoint"):
        run(small("run=[test]", f"ckpt_path={path}"))


def test_a_tokenizer_with_more_ids_than_the_embedding_is_refused(
    composed: Callable[..., DictConfig], run_small: list[str], tmp_path: Path
) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {"n_embd": 32, "n_layer": 1, "n_head": 4, "vocab_size": 500}
    AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", **shape)).save_pretrained(tmp_path / "weights")
    kept = [given for given in run_small if not given.startswith("backbone")]
    with pytest.raises(Exception, match=r"1024 tokens, but its weights have only 500 token rows") as caught:
        run(composed(*kept, "backbone=gpt2", f"backbone.path={tmp_path}/weights", "backbone.tokenizer_path=demo"))
    from zoo.launch import user_message

    assert user_message(caught.value)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the system refuse to write more than `size` bytes into any file, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_keeps_the_last_good_checkpoint(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    every_step = "callbacks.last.every_n_train_steps=1"
    run(small("run=[fit]", "trainer.max_steps=2", every_step))
    last = tmp_path / "checkpoints" / "last.ckpt"
    before = last.read_bytes()
    with largest_file(50_000), pytest.raises(UserError, match=r"could not be written .*ckpt_path="):
        run(small("run=[fit]", "trainer.max_steps=4", every_step, "ckpt_path=last"))
    assert last.read_bytes() == before
    assert sorted(path.name for path in last.parent.iterdir()) == ["last.ckpt"]
    run(small("run=[fit]", "trainer.max_steps=4", every_step, "ckpt_path=last"))  # and it goes on from there
    assert torch.load(last, weights_only=True)["global_step"] == 4


def test_a_run_can_be_loaded_and_asked(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    import zoo

    run(small())
    module = zoo.load(tmp_path)
    first = read_generations(tmp_path / "generations.jsonl")[0]
    assert module.reply(first.history, persona=first.persona) == first.response
    with pytest.raises(UserError, match=r"no config\.yaml"):
        zoo.load(tmp_path / "checkpoints")
    with pytest.raises(UserError, match=r"This run has: best, last"):
        zoo.load(tmp_path, checkpoint="first.ckpt")
