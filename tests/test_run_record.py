"""Finished runs, and directories that are unfinished, foreign or edited."""

import json
import shutil
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from tests.conftest import ROOT, TINY
from zoo.errors import UserError
from zoo.metrics.__main__ import main as recompute
from zoo.metrics.generations import read_generations
from zoo.provenance import edited_files, file_hash
from zoo.run_record import FinishedRun, finished_run
from zoo.running import run


def configured(run_dir: Path, *overrides: str) -> DictConfig:
    """LoRA for three users after a source stage, at tiny size."""
    settings = [
        "model=lora", "data=demo_users", "++data.max_users=3", *TINY, "learner.epochs=1", "decoding.max_new_tokens=3",
        "trainer=cpu", "source=base", "source.trainer.max_epochs=1", f"run_dir={run_dir}",
    ]  # fmt: skip
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("config", [*settings, *overrides])


@pytest.fixture(scope="module")
def whole(zoo_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a source stage."""
    folder = tmp_path_factory.mktemp("record") / "run"
    run(configured(folder))
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """Of the run, to be spoilt."""
    return shutil.copytree(whole, tmp_path / "run")


def test_a_finished_run_tells_everything(whole: Path) -> None:
    found = finished_run(whole)
    assert found.verified
    assert found.provenance["files"] == {
        name: file_hash(whole / name)
        for name in ("config.yaml", "generations.jsonl", "metrics.json", "overrides.txt", "users.jsonl")
    }
    assert (found.seed, found.protocol, found.users) == (36, "default", 3)
    assert found.decoding["max_new_tokens"] == found.provenance["decoding"]["max_new_tokens"] == 3
    assert found.metric_versions["ppl_token"]
    assert {"train", "valid", "test"} == found.data_hashes.keys()
    source = found.source
    assert source is not None
    assert source.results.metrics == {}
    a, b = 32, 64  # LoRA of rank r on c_attn: from width 32 to 96, in two layers
    rank = found.config["model"]["net"]["rank"]
    assert found.trained_per_user == source.trained_parameters == 2 * rank * (a + a + b)
    assert found.trained_parameters == 4 * found.trained_per_user
    assert found.parameters == source.parameters
    assert found.seconds == pytest.approx(found.provenance["seconds"] + source.provenance["seconds"])
    fits = [record["seconds_of"]["fit"] for record in (found.provenance, source.provenance)]
    assert found.training_seconds == pytest.approx(sum(fits))
    assert (found.peak_host_memory_bytes or 0) > 10_000_000
    assert {"processor", "cores", "memory_bytes", "system"} <= found.provenance["machine"].keys()
    assert {"numpy", "wandb", "peft"} <= found.provenance["packages"].keys()
    assert found.provenance["determinism"]["deterministic_algorithms"] in (True, False)


def test_scoring_again_counts_time_and_is_no_edit(copy: Path) -> None:
    first = finished_run(copy)
    run(configured(copy, "run=[test]", "ckpt_path=best", "decoding.max_new_tokens=2"))
    found = finished_run(copy)
    assert [session["run"] for session in found.sessions] == [["fit", "test"], ["test"]]
    assert found.seconds > first.seconds
    assert found.training_seconds == first.training_seconds
    assert (found.decoding["max_new_tokens"], found.config["decoding"]["max_new_tokens"]) == (2, 3)
    assert found.optimizer_steps == first.optimizer_steps
    assert found.splits.keys() == {"train", "valid", "test"}
    assert "evaluation.yaml" in found.provenance["files"]


def test_recomputing_is_no_edit_and_hides_none(copy: Path) -> None:
    before = finished_run(copy).results
    assert recompute([str(copy), "--write"]) == 0
    assert finished_run(copy).results == before
    stored = json.loads((copy / "metrics.json").read_text())
    stored["metrics"] |= {"test/ppl_token": 1.0, "val/made_up": 7.0}
    (copy / "metrics.json").write_text(json.dumps(stored))
    with pytest.raises(UserError, match=r"metrics.json has another hash.*zoo.metrics .* --write"):
        finished_run(copy)
    assert recompute([str(copy), "--write"]) == 0
    assert finished_run(copy).results.metrics == before.metrics
    text = (copy / "generations.jsonl").read_text()
    (copy / "generations.jsonl").write_text(text.replace('"response": "', '"response": "x'))
    assert recompute([str(copy), "--write"]) == 0
    assert edited_files(copy) == {"generations.jsonl": "changed"}, "recomputing from edited replies does not mend them"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("config.yaml", "config.yaml has another hash.*train again"),
        ("overrides.txt", "overrides.txt has another hash.*train again"),
        ("users.jsonl", "users.jsonl has another hash"),
        ("generations.jsonl", r"generations.jsonl has another hash.*ckpt_path=best run=\[test\]"),
        ("source/config.yaml", "source was edited"),
    ],
)
def test_an_edited_run_is_refused(name: str, complaint: str, copy: Path) -> None:
    with (copy / name).open("a") as file:
        file.write("\n")
    with pytest.raises(UserError, match=complaint):
        finished_run(copy)


def test_a_file_that_is_gone_is_told(copy: Path) -> None:
    (copy / "generations.jsonl").unlink()
    with pytest.raises(UserError, match=r"generations.jsonl is gone"):
        finished_run(copy)


def test_unfinished_runs_say_how_to_go_on(copy: Path, tmp_path: Path) -> None:
    record = json.loads((copy / "provenance.json").read_text())
    for stopped in ("training", "scoring"):
        (copy / "provenance.json").write_text(json.dumps(record | {"unfinished": stopped}))
        advice = "ckpt_path=last" if stopped == "training" else r"ckpt_path=best run=\[test\]"
        with pytest.raises(UserError, match=rf"stopped.*python run.py hydra.run.dir={copy} {advice}"):
            finished_run(copy)
    (copy / "provenance.json").write_text(json.dumps(record | {"run": ["test"]}))
    with pytest.raises(UserError, match=r"its training was stopped.*ckpt_path=last"):
        finished_run(copy)
    (copy / "provenance.json").unlink()
    with pytest.raises(UserError, match=rf"unfinished run.*python run.py hydra.run.dir={copy} ckpt_path=last"):
        finished_run(copy)
    (copy / "source" / "provenance.json").unlink()
    with pytest.raises(UserError, match=rf"whose source stage it is: python run.py hydra.run.dir={copy} "):
        finished_run(copy / "source")
    for path in copy.glob("**/last.ckpt"):
        path.unlink()
    with pytest.raises(UserError, match="no checkpoint to go on from"):
        finished_run(copy)


def test_a_run_without_a_test(copy: Path) -> None:
    with pytest.raises(UserError, match=r"no metrics.json. Test it: python run.py .*run=\[test\]"):
        finished_run(copy / "source")
    assert finished_run(copy / "source", scored=False).results.metrics == {}


def test_foreign_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no folder"):
        finished_run(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"not a run directory: it has no config.yaml"):
        finished_run(tmp_path)
    for text, complaint in (("seed: 1\n", "has no model and data"), ("[1]\n", "holds a list"), ("a: [", "be read")):
        (tmp_path / "config.yaml").write_text(text)
        with pytest.raises(UserError, match=complaint):
            finished_run(tmp_path)
    (tmp_path / "config.yaml").write_text("model: {}\ndata: {}\n")
    (tmp_path / "provenance.json").write_text("{")
    with pytest.raises(UserError, match=r"provenance.json is not valid JSON"):
        finished_run(tmp_path)


def test_runs_from_before_hashes_pass_unverified(copy: Path) -> None:
    record = json.loads((copy / "provenance.json").read_text())
    for key in ("files", "run", "seconds_of", "seed", "determinism", "decoding", "peak_host_memory_bytes"):
        del record[key]
    (copy / "provenance.json").write_text(json.dumps(record))
    (copy / "metrics.json").write_text((copy / "metrics.json").read_text() + "\n")
    found = finished_run(copy)
    assert isinstance(found, FinishedRun)
    assert not found.verified
    assert found.training_seconds is None
    assert len(read_generations(copy / "generations.jsonl")) == found.results.n_examples


def test_training_that_is_begun_again_is_unfinished_until_it_ends(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    again = ("ckpt_path=last", "run=[fit,test]")
    with monkeypatch.context() as patched:
        patched.setattr("lightning.Trainer.fit", stop)
        with pytest.raises(KeyboardInterrupt):
            run(configured(copy, *again))
    with pytest.raises(UserError, match="training went on and was stopped"):
        finished_run(copy)
    run(configured(copy, "run=[test]", "ckpt_path=best"))
    with pytest.raises(UserError, match="training went on and was stopped"):
        finished_run(copy)
    run(configured(copy, *again))
    assert [session["run"] for session in finished_run(copy).sessions] == [["fit", "test"], ["test"], ["fit", "test"]]
