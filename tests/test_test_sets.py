"""Runs with several test sets: metrics, generations and tables of each, means over users, on one process and on two."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from tests.conftest import TINY
from tests.processes import run_py
from zoo.metrics.__main__ import main
from zoo.metrics.by_user import results_by_user
from zoo.metrics.generations import read_generations
from zoo.metrics.protocols import load_protocol
from zoo.running import run

SETS = ("persona_eval", "general_eval")


@pytest.fixture(scope="module")
def pairs_corpus(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides of a run on dialogue pairs of three personas, in files of the corpora's own formats."""
    folder = tmp_path_factory.mktemp("pairs")
    personas = (("i like cats.", "i am tall."), ("i sing.", "i bake bread."), ("i swim.", "i have two dogs."))
    blocks = []
    for number in range(9):
        one, other = personas[number % 3], personas[(number + 1) % 3]
        lines = [f"your persona: {text}" for text in one] + [f"partner's persona: {text}" for text in other]
        lines += [f"what about {'cats ' * (1 + number)}{turn} ?\tno , {'dogs ' * turn}{number}" for turn in range(4)]
        blocks += [f"{place} {line}\n" for place, line in enumerate(lines, start=1)]
    (folder / "valid_both_original.txt").write_text("".join(blocks))
    for split in ("train", "test"):
        talk = [f"Hi {split} {n} ! __eou__ Hello {n} . __eou__ {'Bye ' * (n % 5)}! __eou__\n" for n in range(40)]
        (folder / f"dialogues_{split}.txt").write_text("".join(talk))
        (folder / f"dialogues_topic_{split}.txt").write_text("5\n" * 40)
    return [
        "model=paa",
        "data=persona_pairs",
        "data.name=convai2",
        f"data.root={folder}",
        f"data.general_root={folder}",
        "data.valid_file=valid_both_original.txt",
        "data.general_eval_pairs=7",
        "data.download=false",
        "data.eval_batch_size=4",
        "protocol=prompt_tuning",
        *TINY,
        "model.net.encoder_layers=1",
        "trainer=cpu",
        "trainer.max_epochs=1",
        "decoding.max_new_tokens=6",
    ]


def test_every_set_is_evaluated_by_itself(
    composed: Callable[..., DictConfig], pairs_corpus: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "generations.jsonl").write_text("of an earlier test on one set\n")
    run(composed(*pairs_corpus))
    printed = capsys.readouterr().out
    results = json.loads((tmp_path / "metrics.json").read_text())
    rows = {name: read_generations(tmp_path / f"generations_{name}.jsonl") for name in SETS}
    assert sorted(path.name for path in tmp_path.glob("generations*")) == [
        f"generations_{s}.jsonl" for s in sorted(SETS)
    ]
    assert results["n_examples"] == sum(map(len, rows.values()))
    assert len(rows["general_eval"]) == 21
    for name in SETS:
        assert all(row.id.startswith(f"{name}/{row.user}/") for row in rows[name])
        nll, tokens = sum(row.nll for row in rows[name]), sum(row.n_tokens for row in rows[name])
        assert results["metrics"][f"test/{name}/ppl_token"] == pytest.approx(math.exp(nll / tokens), rel=1e-9)
    assert not any(key.count("/") == 1 and not key.endswith("_user_mean") for key in results["metrics"])
    means, versions, users = results_by_user(load_protocol("prompt_tuning"), rows)
    assert {key: results["metrics"][key] for key in means} == pytest.approx(means, nan_ok=True)
    assert results["users"] == users
    assert {counts["n_examples"]["general_eval"] for counts in users.values()} == {7}
    assert results["versions"].items() >= versions.items()
    assert set(results["versions"]) == {name.rpartition("/")[-1] for name in results["metrics"]}
    # one table, a column a set, and the replies of both
    assert printed.count("distinct_1_user_mean") == 1
    for heading in ("persona_eval", "general_eval", "together"):
        assert heading in printed
    assert printed.count("reference") == 2 * 5
    provenance = json.loads((tmp_path / "provenance.json").read_text())["data"]
    assert provenance["splits"]["test"]["test_sets"] == {name: len(rows[name]) for name in SETS}
    assert len(provenance["report"]["users"]) == 3


def test_the_sets_recompute(composed: Callable[..., DictConfig], pairs_corpus: list[str], tmp_path: Path) -> None:
    run(composed(*pairs_corpus))
    stored = json.loads((tmp_path / "metrics.json").read_text())
    (tmp_path / "metrics.json").write_text(json.dumps(stored | {"metrics": {}, "versions": {}, "users": {}}))
    assert main([str(tmp_path), "--write"]) == 0
    again = json.loads((tmp_path / "metrics.json").read_text())
    assert again["metrics"].keys() == stored["metrics"].keys()
    for name, value in stored["metrics"].items():
        assert again["metrics"][name] == (value if value is None else pytest.approx(value, rel=1e-12)), name
    assert (again["users"], again["versions"]) == (stored["users"], stored["versions"])


def test_a_sample_may_have_nothing_of_a_set(
    composed: Callable[..., DictConfig], pairs_corpus: list[str], tmp_path: Path
) -> None:
    run(composed(*pairs_corpus, "data.max_eval_examples=1"))
    files = list(tmp_path.glob("generations*"))
    assert len(files) == 1
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert results["n_examples"] == 1
    empty = ({f"generations_{name}.jsonl": name for name in SETS}.keys() - {files[0].name}).pop()
    name = empty.removeprefix("generations_").removesuffix(".jsonl")
    assert results["metrics"][f"test/{name}/ppl_token"] is None
    assert main([str(tmp_path)]) == 0


def test_one_set_stays_as_it_was(composed: Callable[..., DictConfig], run_small: list[str], tmp_path: Path) -> None:
    """A protocol that averages over users adds their means and nothing else."""
    run(composed(*run_small))
    plain = json.loads((tmp_path / "metrics.json").read_text())
    assert set(plain) == {"metrics", "versions", "n_examples", "seed"}
    assert all(name.count("/") == 1 and not name.endswith("_mean") for name in plain["metrics"])
    best = f"ckpt_path={tmp_path}/checkpoints/best.ckpt"
    run(composed(*run_small, "run=[test]", best, "protocol.by_user=true"))
    averaged = json.loads((tmp_path / "metrics.json").read_text())
    assert averaged["metrics"].items() >= plain["metrics"].items()
    added = averaged["metrics"].keys() - plain["metrics"].keys()
    assert added == {f"{name}_user_mean" for name in plain["metrics"] if not name.startswith(("test/ppl", "test/bits"))}
    assert main([str(tmp_path)]) == 0


@pytest.mark.slow
def test_two_processes_with_an_uneven_split(pairs_corpus: list[str], tmp_path: Path) -> None:
    results = {}
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        done = run_py(
            *pairs_corpus,
            "trainer.precision=64-true",
            "model.net.dropout=0.0",
            f"trainer.devices={devices}",
            f"hydra.run.dir={folder}",
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        rows = {name: read_generations(folder / f"generations_{name}.jsonl") for name in SETS}
        stored = json.loads((folder / "metrics.json").read_text())
        results[devices] = (stored, {name: [(row.id, row.response) for row in part] for name, part in rows.items()})
    (alone, replies), (together, others) = results[1], results[2]
    assert {len(part) % 2 for part in replies.values()} >= {1}, "a set must be uneven to prove anything"
    assert others == replies
    assert together["n_examples"] == alone["n_examples"]
    assert together["metrics"] == pytest.approx(alone["metrics"], rel=1e-6, nan_ok=True)
    assert together["users"].keys() == alone["users"].keys()
