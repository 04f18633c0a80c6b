"""The checklist of finished runs: what they answer, what they do not, several seeds, and runs that are refused."""

import json
import re
import shutil
from pathlib import Path

import pytest

from zoo.evidence.__main__ import main
from zoo.metrics.definitions import definition
from zoo.metrics.results import read_results, write_results
from zoo.provenance import record_rewritten


def made(out: Path, *run_dirs: Path) -> str:
    """checklist.md of these runs."""
    assert main(["checklist", *map(str, run_dirs), "--out", str(out)]) == 0
    return (out / "checklist.md").read_text()


def with_seed(finished: Path, folder: Path, seed: int, ppl: float) -> Path:
    """The finished run again, as if of another seed, with another perplexity."""
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("checkpoints", "adapters*", "source"))
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(
        re.sub(r"(?m)^(\s*seed:) 36$", rf"\1 {seed}", text).replace(str(finished), str(folder))
    )
    results = read_results(folder / "metrics.json")
    metrics = results.metrics | {"test/B/ppl_token": ppl}
    write_results(folder / "metrics.json", metrics, results.versions, results.n_examples, seed, results.other)
    record_rewritten(folder, ["config.yaml", "metrics.json"])
    return folder


def test_a_run_fills_the_checklist(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    text = made(tmp_path, finished)
    results = read_results(finished / "metrics.json")
    record = json.loads((finished / "provenance.json").read_text())
    per_user = record["parameters"]["trainable_per_user"]
    losses = [json.loads(line)["best_nll"] for line in (finished / "users.jsonl").read_text().splitlines()]
    for said in (
        f"trained: {4 * per_user:,} ({per_user:,} for each of 4 users)",
        f"ppl_token: {results.metrics['test/B/ppl_token']:.4g} (version 1; exp(sum nll / sum tokens), [EOS] counted)",
        "**Searched:** lr: 0.001, 0.1 (2 points for every user)",
        "**Chosen:** for each user the point with the lowest validation loss",
        f"mean of users' best validation losses (nats a token): {sum(losses) / 4:.4g}",
        "[x] **ConvAI2: licence:** CC BY 4.0", "[x] **ConvAI2: language:** en", "convai2_fix_723.tgz",
        "distinct_2: no number (there was nothing", "train.txt: ",
        f"{record['packages']['torch']}", "deterministic_algorithms=", record["machine"]["processor"],
        "[ ] **Variation:** one seed: not recorded", "[ ] **Link to the code:** not recorded",
        "all files are as the runs wrote them",
    ):  # fmt: skip
        assert said in text, said
    printed = capsys.readouterr().out
    assert "Variation" in printed.rpartition("not recorded, for the authors to fill in:")[2]


def test_seeds_have_a_mean_and_methods_differ(finished: Path, tmp_path: Path) -> None:
    first, second = (with_seed(finished, tmp_path / str(seed), seed, ppl) for seed, ppl in ((1, 10.0), (2, 20.0)))
    text = made(tmp_path, first, second)
    assert "2 (seed 1; 2)" in text
    assert "test/B/ppl_token: 15 ± 7.1 (n = 2)" in text
    assert "[x] **Variation:** mean, standard deviation over 2 seeds" in text
    config = (second / "config.yaml").read_text()
    (second / "config.yaml").write_text(config.replace("max_new_tokens: 4", "max_new_tokens: 5"))
    (second / "overrides.txt").write_text("decoding.max_new_tokens=5\n")
    record_rewritten(second, ["config.yaml", "overrides.txt"])
    text = made(tmp_path, first, second)
    assert "decoding.max_new_tokens: (not typed), 5" in text
    assert "[ ] **How one of them was chosen:** not recorded" in text
    assert text.count("## Results: ") == 2


def test_what_a_run_does_not_say_stays_open(finished: Path, tmp_path: Path) -> None:
    old = with_seed(finished, tmp_path / "old", 1, 3.0)
    record = json.loads((old / "provenance.json").read_text())
    for key in ("files", "determinism", "seconds_of", "run", "code", "machine", "peak_host_memory_bytes"):
        del record[key]
    (old / "provenance.json").write_text(json.dumps(record))
    (old / "users.jsonl").unlink()
    (old / "metrics.csv").unlink(missing_ok=True)
    text = made(tmp_path, old)
    for question in (
        "Files unchanged", "Validation score of the weights that were tested",
        "Computing infrastructure", "Of it training", "Peak memory of the process", "Commit",
        "Determinism",
    ):  # fmt: skip
        assert re.search(rf"\[ \] \*\*{question}:\*\* .*not recorded", text), question


def test_unfinished_and_edited_runs_are_refused(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = with_seed(finished, tmp_path / "run", 1, 3.0)
    (run / "generations_B.jsonl").write_text("")
    assert main(["checklist", str(run), "--out", str(tmp_path)]) == 2
    assert "generations_B.jsonl has another hash" in capsys.readouterr().err
    (run / "provenance.json").unlink()
    assert main(["checklist", str(run), "--out", str(tmp_path)]) == 2
    assert "unfinished run" in capsys.readouterr().err
    assert not (tmp_path / "checklist.md").exists()


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("f1_parlai", "mean over replies of word-multiset F1; no case, punctuation, a/an/the"),
        ("acc_sim_090", "replies whose cosine is at least 0.9 / replies"),
        ("bleu_p2_cleaned", "corpus n-gram precision, no brevity penalty; cleaned"),
        ("distinct_2_by_context", "mean over questions of distinct_2"),
        ("made_up", "defined in zoo/metrics/__init__.py"),
    ],
)
def test_metrics_are_defined(metric: str, told: str) -> None:
    assert definition(metric) == told
