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
    assert results["n_examples"] == len(rows) > 20
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


def test_sampled_replies_are_drawn_again(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    """After training and by itself, by `seed`."""

    def replies(*overrides: str) -> list[str | None]:
        run(small("decoding=nucleus", *overrides))
        return [row.response for row in read_generations(tmp_path / "generations.jsonl")]

    trained = replies()
    again = ["run=[test]", f"ckpt_path={tmp_path}/checkpoints/best.ckpt"]
    assert replies(*again) == trained
    assert replies(*again, "seed=37") != trained


def test_testing_alone_repeats_the_numbers(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small())
    first = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    trained_by = (tmp_path / "config.yaml").read_text()
    run(small("run=[test]", f"ckpt_path={tmp_path}/checkpoints/best.ckpt", "decoding=beam", "decoding.num_beams=1"))
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"] == first
    assert (tmp_path / "config.yaml").read_text() == trained_by, "the run goes on as it was trained"
    assert yaml.safe_load((tmp_path / "evaluation.yaml").read_text())["run"] == ["test"]
    run(small("trainer.max_epochs=1", "run=[fit]"))
    assert not (tmp_path / "evaluation.yaml").exists()


def test_results_do_not_depend_on_the_evaluation_batch(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small())
    first = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    run(small("run=[test]", f"ckpt_path={tmp_path}/checkpoints/best.ckpt", "data.eval_batch_size=5"))
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"] == pytest.approx(first, rel=1e-6)


def test_metrics_recompute_from_generations(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    from zoo.metrics.__main__ import main

    run(small())
    stored = json.loads((tmp_path / "metrics.json").read_text())
    (tmp_path / "metrics.json").write_text(json.dumps(stored | {"metrics": {}, "versions": {}}))
    assert main([str(tmp_path), "--write"]) in (0, None)
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"] == stored["metrics"]


def test_reference_preset_runs_and_reports_under_its_own_names(
    small: Callable[..., DictConfig], tmp_path: Path
) -> None:
    run(small("preset=paa_reference", "data.eval_batch_size=3"))
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    assert {"test/ppl_reference", "test/f1_teacher_forced_macro", "test/distinct_2_per_unigram_cleaned"} <= set(metrics)
    row = read_generations(tmp_path / "generations.jsonl")[0]
    assert len(row.target_ids) == len(row.argmax_ids) == len(row.token_nll) >= row.n_tokens
    assert " ." in row.reference, "as the corpus has it, whatever the protocol"


def test_a_run_under_both_protocols_is_rescored_under_each(
    small: Callable[..., DictConfig], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    from zoo.metrics.__main__ import main

    run(small("preset=paa_reference", "protocol=paa_both", "data.eval_batch_size=3", "data.max_eval_examples=12"))
    stored = json.loads((tmp_path / "metrics.json").read_text())
    assert {"test/ppl_token", "test/f1_parlai", "test/bleu_p1", "test/bleu_p1_cleaned"} <= stored["metrics"].keys()
    for protocols in (["default", "paa_reference"], ["paa_both"]):
        (tmp_path / "metrics.json").write_text(json.dumps(stored | {"metrics": {}, "versions": {}}))
        assert main([str(tmp_path), "--protocol", *protocols, "--write"]) == 0
        rescored = json.loads((tmp_path / "metrics.json").read_text())
        assert rescored["metrics"] == stored["metrics"]
        assert rescored["versions"] == stored["versions"]


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
    run(small("trainer.precision=bf16-mixed", "trainer.gradient_clip_val=0.1"))  # as the published recipe
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert {weight.dtype for weight in saved.values()} == {torch.float32}
    assert math.isfinite(json.loads((tmp_path / "metrics.json").read_text())["metrics"]["test/ppl_token"])


# -- what bad input gets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "pieces"),
    [
        (["trainer.max_epochs=many"], ["trainer.max_epochs=many", "a whole number"]),
        (["trainer.devices=4x"], ["The Trainer refused", "trainer.*"]),
        (["optimizer.lr=fast"], ["The optimizer refused", "optimizer.*"]),
        (["backbone.path=/nowhere"], ["backbone.path=/nowhere", "random weights"]),
        (["run=[train]"], ["run=['train']", "fit, validate, test"]),
        (["seed=x"], ["seed=x", "a whole number from 0"]),
        (["seed=-1"], ["seed=-1", "a whole number from 0"]),
        (["ckpt_path=nowhere.ckpt"], ["nowhere.ckpt", "does not exist", "ckpt_path=last"]),
        (["data.root=nowhere"], ["nowhere", "train.jsonl"]),
        (["backbone.pretrained=true", "backbone.width=null", "backbone.depth=null", "backbone.heads=null",
          "backbone.path=nowhere"],
         ["backbone.path=", "backbone.pretrained=false"]),
        (["backbone.width=30"], ["30", "heads"]),
        (["data.batch_size=10", "trainer.accumulate_grad_batches=4"], ["data.batch_size=8", "12"]),
        (["data.cache_dir=/proc/cache"], ["/proc/cache", "data.cache_dir"]),
        (["scheduler.name=linear", "trainer.max_epochs=-1", "trainer.max_time=00:00:00:02"], ["trainer.max_epochs"]),
        (["template.max_context_tokens=16", "decoding.max_new_tokens=1020"], ["positions", "decoding.max_new_tokens"]),
        (["model.net.encoder_heads=5"], ["model.net.encoder_heads is 5", "32"]),
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
    before = (tmp_path / "config.yaml").read_text()
    best = f"ckpt_path={tmp_path}/checkpoints/best.ckpt"
    with pytest.raises(UserError, match=r"written by a zoo.models.paa.PAA, .* is a zoo.models.finetune.FineTune"):
        run(other("run=[test]", best))
    with pytest.raises(UserError, match=r"model.net.tau_numerator: context -> persona"):
        run(small("run=[test]", best, "model.net.tau_numerator=persona"))
    with pytest.raises(UserError, match=r"template.target_end: eos -> blank_eos"):
        run(small("run=[test]", best, "template.target_end=blank_eos"))
    assert (tmp_path / "config.yaml").read_text() == before, "a refused command changes nothing"


def test_weights_that_are_no_checkpoint_are_refused(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "weights.ckpt")
    with pytest.raises(UserError, match=r"weights\.ckpt is not a checkpoint of a run"):
        run(small("run=[test]", f"ckpt_path={tmp_path}/weights.ckpt"))


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


def test_a_stopped_run_goes_on_where_it_was(
    small: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped inside an epoch and resumed with a schedule over the whole run: the same bits and the same curve."""
    settings = ("run=[fit]", "trainer.max_epochs=2", "scheduler.name=linear", "trainer.log_every_n_steps=1")
    run(small(*settings, f"run_dir={tmp_path}/whole"))
    part = f"run_dir={tmp_path}/part"
    every_step = "callbacks.last.every_n_train_steps=1"

    class KilledError(Exception):
        """Stands for a kill, after the checkpoint of step 4."""

    from zoo.callbacks import SeedEveryBatch

    def stop_at_5(self: SeedEveryBatch, trainer: object, *arguments: object) -> None:
        if trainer.global_step == 5 and not (tmp_path / "stopped").exists():
            (tmp_path / "stopped").touch()
            raise KilledError

    monkeypatch.setattr(SeedEveryBatch, "on_train_batch_end", stop_at_5)
    with pytest.raises(KilledError):
        run(small(*settings, every_step, part))
    assert torch.load(tmp_path / "part" / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] in (4, 5)
    run(small(*settings, every_step, part, "ckpt_path=last"))
    whole, again = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True) for name in ("whole", "part")
    )
    assert again["global_step"] == whole["global_step"]
    for name, weight in whole["state_dict"].items():
        assert torch.equal(again["state_dict"][name], weight), name
    curves = []
    for name in ("whole", "part"):
        with (tmp_path / name / "metrics.csv").open() as file:
            curves.append([(row["step"], row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]])
    assert curves[1] == curves[0]
    assert json.loads((tmp_path / "part" / "provenance.json").read_text())["optimizer_steps"] == whole["global_step"]


def test_a_finished_run_can_be_trained_longer(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("run=[fit]", "callbacks=early_stopping"))
    steps = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    run(small("run=[fit]", "callbacks=early_stopping", "trainer.max_epochs=2", "ckpt_path=last"))
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 2 * steps
    assert len(json.loads((tmp_path / "provenance.json").read_text())["earlier"]) == 1


def test_a_choice_that_does_not_exist_is_answered_with_those_that_do(composed: Callable[..., DictConfig]) -> None:
    from zoo.launch import user_message

    with pytest.raises(Exception) as caught:
        composed("source=reptile")
    message = str(user_message(caught.value))
    assert message.endswith("Available options in 'source': adaptation base none ppreptile temperature")


def test_an_unwritable_cache_of_tokenizers_is_named(
    small: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo.launch import user_message

    monkeypatch.setenv("ZOO_CACHE", "/proc/zoo")
    with pytest.raises(Exception, match="ZOO_CACHE") as caught:
        run(small())
    assert user_message(caught.value)


def test_checkpoints_are_written_beside_their_place(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    from zoo.checkpoints import AtomicCheckpointIO

    place = tmp_path / "folder" / "state.ckpt"
    AtomicCheckpointIO().save_checkpoint({"a": torch.zeros(2)}, place)
    before = place.read_bytes()
    with largest_file(10_000), pytest.raises(OSError):
        AtomicCheckpointIO().save_checkpoint({"a": torch.zeros(100_000)}, place)
    assert [path.name for path in place.parent.iterdir()] == ["state.ckpt"]
    assert place.read_bytes() == before


def test_wandb_ids_are_resumed_online_only() -> None:
    from omegaconf import OmegaConf

    from zoo.running import resumed_loggers

    online = OmegaConf.create({"wandb": {"id": None, "offline": False}})
    offline = OmegaConf.create({"wandb": {"id": None, "offline": True}})
    assert resumed_loggers(online, "abc").wandb.id == "abc"
    assert resumed_loggers(online, None).wandb.id is None
    assert resumed_loggers(offline, "abc").wandb.id is None
    assert resumed_loggers(OmegaConf.create({"wandb": {"id": "own", "offline": False}}), "abc").wandb.id == "own"


def test_resuming_repeats_what_was_typed_first(tmp_path: Path) -> None:
    from zoo.launch import resumed_arguments

    (tmp_path / "overrides.txt").write_text("model=paa\ndata=jsonl\ntrainer.max_epochs=3\n")
    directory = f"hydra.run.dir={tmp_path}"
    assert resumed_arguments([directory, "ckpt_path=last", "trainer.max_epochs=5"]) == [
        "model=paa",
        "data=jsonl",
        directory,
        "ckpt_path=last",
        "trainer.max_epochs=5",
    ]
    assert resumed_arguments([directory]) == [directory]
    assert resumed_arguments(["ckpt_path=last"]) == ["ckpt_path=last"]


def test_bugs_keep_their_traceback() -> None:
    from hydra.errors import InstantiationException

    from zoo.launch import user_message

    wrapped = InstantiationException("in call to target")
    wrapped.__cause__ = ValueError("not enough values to unpack")
    assert user_message(wrapped) is None
    assert user_message(ZeroDivisionError()) is None
    quiet = RuntimeError("ours")
    quiet.__context__, quiet.__suppress_context__ = UserError("beside the point"), True
    assert user_message(quiet) is None


def test_replies_are_printed_as_they_are() -> None:
    from rich.console import Console

    from zoo.metrics.generations import Generation
    from zoo.terminal import conversation

    row = Generation(id="a", user="", persona=["i [/b] like"], history=["see [link]"], reference="so [/b] then",
                     response="[bold]", nll=1.0, n_tokens=1, n_words=1, n_chars=1)  # fmt: skip
    console = Console(width=80)
    with console.capture() as printed:
        console.print(conversation(row))
    for text in ("i [/b] like", "see [link]", "so [/b] then", "[bold]"):
        assert text in printed.get()
