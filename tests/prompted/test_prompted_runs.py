"""Whole prompted evaluations: beside a trained run's examples, over a real server, killed and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from tests.conftest import ROOT, TINY
from tests.language_models.conftest import KEY, VARIABLE, Reply, Server, answer
from tests.processes import run_module
from zoo.data.jsonl import write_jsonl
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError
from zoo.language_models.cache import FILE
from zoo.metrics.__main__ import main as recompute_main
from zoo.prompted.run import evaluate
from zoo.running import run

Configured = Callable[..., DictConfig]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    """`configured("data=demo_users")`: what python -m zoo.prompted would get, with a run directory and a cache here."""

    def compose_config(*overrides: str) -> DictConfig:
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            return compose("prompted", [f"run_dir={tmp_path}/run", f"answers={tmp_path}/answers", *overrides])

    return compose_config


def served(server: Server) -> list[str]:
    """Overrides of a run that asks the server."""
    return [
        "language_model=openai",
        "language_model.model=m",
        f"language_model.base_url={server.url}",
        f"language_model.key_variable={VARIABLE}",
        "language_model.first_wait=0.01",
        "language_model.tries=2",
    ]


def rows(folder: Path, name: str = "generations.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


SAMPLE = ("data=demo_users", "data.max_eval_examples=7", "data.max_users=20", "seed=3")


def test_a_local_model_on_the_demo_users(configured: Configured, causal: Path, capsys: pytest.CaptureFixture) -> None:
    local = (f"language_model.path={causal}", "language_model.device=cpu", "language_model.dtype=fp64")
    cfg = configured(*SAMPLE, *local, "reply.max_new_tokens=8", "protocol=prompt_tuning")
    folder = evaluate(cfg)
    printed = capsys.readouterr().out
    assert "answers: 7 asked, 0 kept from before" in printed
    assert printed.strip().endswith(f"run directory: {folder}")
    assert all(row["nll"] is None and row["n_tokens"] is None and row["response"] for row in rows(folder))
    results = json.loads((folder / "metrics.json").read_text())
    assert (results["n_examples"], results["seed"]) == (7, 3)
    assert not [name for name in results["metrics"] if "ppl" in name or "bits" in name]
    assert {"test/f1_parlai", "test/f1_parlai_user_mean"} <= results["metrics"].keys()
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["language_model"].startswith("transformers ")
    assert provenance["answers"] == {"asked": 7, "replayed": 0}
    assert recompute_main([str(folder), "--write"]) == 0
    assert json.loads((folder / "metrics.json").read_text())["metrics"] == results["metrics"]
    before = (folder / "generations.jsonl").read_bytes()
    evaluate(cfg)
    assert "answers: 0 asked, 7 kept from before" in capsys.readouterr().out
    assert (folder / "generations.jsonl").read_bytes() == before
    assert len(json.loads((folder / "provenance.json").read_text())["earlier"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("sample", [SAMPLE, ("data=demo", "data.users=persona", "data.max_eval_examples=9")])
def test_the_examples_are_those_of_trained_models(
    configured: Configured, composed: Callable[..., DictConfig], server: Server, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, sample: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.setenv(VARIABLE, KEY)
    prompted = rows(evaluate(configured(*sample, *served(server))))
    run(composed(*sample, "model=finetune", *TINY, "trainer=cpu", "run=[test]", "decoding.max_new_tokens=1"))
    measured = {"response", "nll", "n_tokens"}
    assert [{k: v for k, v in row.items() if k not in measured} for row in prompted] == [
        {k: v for k, v in row.items() if k not in measured} for row in rows(tmp_path)
    ]


def test_profiles_reach_the_endpoint_and_replies_the_file(
    configured: Configured, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    speakers = (Speaker(user="ben", profile={"age": "20s"}), Speaker(("I bake.",), "anna", {"gender": "Female"}))
    said = tuple(Utterance(n % 2, f"utterance {n}") for n in range(4))
    for name in ("train", "valid"):
        write_jsonl([Dialogue("d", speakers, said)], tmp_path / f"{name}.jsonl")
    server.behave = lambda number, body: Reply(body=answer(f"\nA: reply {len(body['messages'][0]['content'])}\nB: !"))
    folder = evaluate(configured("data=jsonl", f"data.root={tmp_path}", *served(server), "reply.temperature=0.7"))
    prompts = [body["messages"][0]["content"] for body in server.bodies]
    assert all(
        "Profile of A: gender: Female\nProfile of B: age: 20s\nA says about themselves: I bake." in p for p in prompts
    )
    assert {body["temperature"] for body in server.bodies} == {0.7}
    assert {body["seed"] for body in server.bodies} == {36}
    found = rows(folder)
    assert [row["id"] for row in found] == ["d/1", "d/3"]
    assert [row["response"] for row in found] == [f"reply {len(prompt)}" for prompt in sorted(prompts, key=len)]
    assert (found[1]["user"], found[1]["history"]) == ("anna", ["utterance 0", "utterance 1", "utterance 2"])


def test_several_test_sets_have_files_of_their_own(
    configured: Configured, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)

    class Two:
        def load(self, split: str) -> list[Dialogue]:
            said = (Utterance(0, "hi"), Utterance(1, "hello"))
            return [Dialogue(f"{name}/d", (Speaker(), Speaker()), said) for name in ("frequent", "rare")]

        def test_sets(self) -> tuple[str, ...]:
            return ("frequent", "rare")

    cfg = configured("data=demo", *served(server))
    Path(cfg.run_dir).mkdir()
    (Path(cfg.run_dir) / "generations.jsonl").write_text("of another evaluation")
    monkeypatch.setattr("zoo.data.corpora.DemoCorpus", lambda **settings: Two())
    folder = evaluate(cfg)
    assert sorted(path.name for path in folder.glob("gen*")) == ["generations_frequent.jsonl", "generations_rare.jsonl"]
    assert "test/rare/f1_parlai" in json.loads((folder / "metrics.json").read_text())["metrics"]


def test_a_failing_endpoint_loses_nothing_and_the_key_is_nowhere(
    configured: Configured, server: Server, small_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    data = ("data=jsonl", f"data.root={small_corpus}", "data.max_eval_examples=12")
    settings = (*served(server), *data, "language_model.concurrency=2")
    server.behave = lambda number, body: Reply() if number < 5 else Reply(500, f"no {KEY}")
    with pytest.raises(UserError, match=r"status 500: no \[key\].* 5 of 12 answers are kept"):
        evaluate(configured(*settings))
    paid = [json.dumps(body) for body in server.bodies[:5]]
    server.behave = lambda number, body: Reply()
    server.bodies.clear()
    folder = evaluate(configured(*settings))
    asked = [json.dumps(body) for body in server.bodies]
    assert (len(asked), len(rows(folder))) == (7, 12)
    assert not set(asked) & set(paid)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {FILE, "config.yaml", "provenance.json", "generations.jsonl"} <= {path.name for path in files}
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_bad_input(configured: Configured, causal: Path, tmp_path: Path) -> None:
    local = f"language_model.path={causal}"
    with pytest.raises(UserError, match="scores a model's logits"):
        evaluate(configured(local, "protocol=paa_reference"))
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(UserError, match="holds a trained run"):
        evaluate(configured(local))


def test_a_prompt_that_is_too_long_names_the_setting(configured: Configured, causal: Path) -> None:
    long = "language_model.path=" + str(causal), "reply.max_new_tokens=1020", "data=demo_users"
    with pytest.raises(UserError, match=r"1024 positions\. .*lower prompt\.max_turns leaves less history"):
        evaluate(configured(*long))


def command(tmp_path: Path, *overrides: str) -> list[str]:
    folders = [f"hydra.run.dir={tmp_path}/run", f"answers={tmp_path}/answers"]
    return [sys.executable, "-m", "zoo.prompted", *folders, *overrides]


@pytest.mark.slow
def test_a_killed_run_goes_on_without_a_repeated_call(server: Server, tmp_path: Path) -> None:
    environment = os.environ | {VARIABLE: KEY, "PYTHONPATH": str(ROOT)}
    typed = command(tmp_path, *served(server), "data.max_eval_examples=10", "language_model.concurrency=1")
    stopped_at = 6
    server.behave = lambda number, body: Reply(wait=60.0 if number == stopped_at else 0.0)
    started = subprocess.Popen(typed, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(server.bodies) <= stopped_at and started.poll() is None:
        time.sleep(0.05)
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert len(server.bodies) == stopped_at + 1
    assert not (tmp_path / "run" / "metrics.json").exists()
    server.behave = lambda number, body: Reply()
    done = run_module(*typed[2:], variables=environment)
    assert done.returncode == 0, done.stderr
    assert f"answers: {10 - stopped_at} asked, {stopped_at} kept from before" in done.stdout
    bodies = [json.dumps(body) for body in server.bodies]
    assert len(bodies) == 11  # the one under way when it died was asked again
    assert len(set(bodies)) == 10
    assert len(rows(tmp_path / "run")) == 10
    assert KEY not in done.stdout + done.stderr


@pytest.mark.slow
def test_mistakes_end_in_one_paragraph(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE} | {"PYTHONPATH": str(ROOT)}
    typed = command(
        tmp_path, "language_model=openai", "language_model.model=m", f"language_model.key_variable={VARIABLE}"
    )
    done = run_module(*typed[2:], variables=environment)
    assert done.returncode == 2
    assert f"error: The environment variable {VARIABLE} is not set" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
