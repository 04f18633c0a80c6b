"""Means over seeds: numbers by hand, every interval the slow way, pairs of seeds, what is told, mistakes."""

import json
import math
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo.evidence.__main__ import main
from zoo.evidence.seed_intervals import DIALOGUES, RUNS, dialogue_of, halves
from zoo.metrics.by_user import results_by_user
from zoo.metrics.generations import Generation, write_generations
from zoo.metrics.protocols import load_protocol
from zoo.metrics.recompute import measured
from zoo.metrics.results import write_results
from zoo.metrics.suite import MetricSuite
from zoo.significance import draws, interval

TEXT = "i like the cats , dogs and a well-known cat ! my name is o'neil ."
WORDS = TEXT.split()
RESAMPLES = 25


def rows_of(seed: int, dialogues: int = 12, quality: float = 0.5) -> list[Generation]:
    """Rows of one run; examples are the same for every seed, one to five of a dialogue."""
    same, own = random.Random(0), random.Random(seed)
    rows = []
    for d in range(dialogues):
        for index in range(same.randint(1, 5)):
            reference = same.choices(WORDS, k=same.randint(2, 9))
            said = [word if own.random() < quality else own.choice(WORDS) for word in reference]
            nll = len(reference) * own.uniform(1, 3)
            example, user = f"valid:{d}/{index}", f"user {d % 5}"
            rows.append(Generation(example, user, [], [], " ".join(reference), " ".join(said), nll, len(reference) + 1))
    return rows


def write_run(
    folder: Path, seed: int, rows: Sequence[Generation], protocol: str = "default", **other: dict[str, Any]
) -> str:
    """A scored run directory; `metrics` and `versions` take the place of what metrics.json would hold."""
    folder.mkdir(exist_ok=True)
    write_generations(folder / "generations.jsonl", rows)
    results = measured({"": rows}, load_protocol(protocol))
    metrics, versions = results.metrics | other.get("metrics", {}), results.versions | other.get("versions", {})
    write_results(folder / "metrics.json", metrics, versions, len(rows), seed)
    (folder / "config.yaml").write_text(
        f"seed: {seed}\nrun_dir: {folder}\nprotocol: {protocol}\nmodel: {{seed: {seed}}}\n"
    )
    (folder / "overrides.txt").write_text(f"model=paa\nseed={seed}\n")
    return str(folder)


def seeds(out: Path, *arguments: str) -> dict[str, Any]:
    """seeds.json of these arguments."""
    assert main(["seeds", *arguments, "--out", str(out), "--resamples", str(RESAMPLES)]) == 0
    found: dict[str, Any] = json.loads((out / "seeds.json").read_text())
    return found


def test_numbers_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Perplexities 2 and 8 (deviation sqrt 18) whatever the dialogues; 4 and 16 of the same seeds, and a third."""
    a, b, c, d, e = (
        write_run(tmp_path / name, seed, [replace(row, nll=row.n_tokens * math.log(ppl)) for row in rows_of(seed)])
        for name, seed, ppl in [("a", 1, 2.0), ("b", 2, 8.0), ("c", 2, 16.0), ("d", 3, 1.0), ("e", 1, 4.0)]
    )
    found = seeds(tmp_path, f"one={a},{b}", f"other={c},{d},{e}", "--metric", "test/ppl_token")
    one, other = (found["groups"][name]["metrics"]["test/ppl_token"] for name in ("one", "other"))
    assert one["values"] == pytest.approx([2, 8])
    assert [one[key] for key in ("n", "mean", "std", "min", "max")] == pytest.approx([2, 5, math.sqrt(18), 2, 8])
    assert (other["n"], other["mean"]) == (3, pytest.approx(7))
    assert found["groups"]["other"]["seeds"] == [2, 3, 1]
    low, high = one["interval"]  # one run of two is drawn: 2 or 8, each about half of the time
    assert high - low == pytest.approx(6)
    assert 0.6 < 5 - low < 5.4
    (difference,) = found["differences"]  # +2 for seed 1, +8 for seed 2
    assert (difference["group"], difference["minus"], difference["seeds"]) == ("other", "one", [1, 2])
    assert difference["mean"] == pytest.approx(5)
    assert difference["interval"][1] - difference["interval"][0] == pytest.approx(6)
    assert found["groups"]["one"]["n_dialogues"] == [12, 12]
    printed = capsys.readouterr().out
    assert re.search(r"test/ppl_token │ one +│ 2 │ 5.0000 │ 4.2426 │ 2.0000 │ +8.0000 │", printed)
    assert re.search(r"test/ppl_token │ other +│ 2 │ +\+5.0000 │ \+?-?\d.\d{4} to \+\d", printed)
    assert "Few runs (one: 2, other: 3)" in printed
    assert "Few test dialogues (one: 12, other: 12)" in printed


def slowly(suite: MetricSuite, rows: Sequence[Generation], times: Sequence[int]) -> dict[str, float]:
    """Metrics of the rows of a resample, dialogues as often as they were drawn."""
    dialogues = sorted({row.id.split("/")[0] for row in rows})
    suite.reset()
    for dialogue, number in zip(dialogues, times, strict=True):
        for _ in range(number):
            suite.update([row for row in rows if row.id.split("/")[0] == dialogue])
    return suite.compute()


def slow_interval(values: np.ndarray, observed: float) -> list[float]:
    """Of values [R, S] and runs drawn one less than there are."""
    resamples, runs = values.shape
    times = draws(runs, runs - 1, resamples, RUNS, 0)
    means = sorted(sum(values[r, s] * times[r, s] for s in range(runs)) / (runs - 1) for r in range(resamples))
    shift = observed - sum(means) / resamples
    return [float(np.quantile(means, share)) + shift for share in (0.025, 0.975)]


def test_every_interval_the_slow_way(tmp_path: Path) -> None:
    """Two groups of three and two runs: each metric of the default protocol again over the rows of each resample."""
    rows = {"a": [rows_of(1), rows_of(2), rows_of(3)], "b": [rows_of(4, quality=0.7), rows_of(5, quality=0.7)]}
    runs = {
        name: [write_run(tmp_path / f"{name}{seed}", seed, own) for seed, own in enumerate(of)]
        for name, of in rows.items()
    }
    found = seeds(tmp_path, *(f"{name}={','.join(of)}" for name, of in runs.items()))
    suite = load_protocol("default")
    whole, half = draws(12, 12, RESAMPLES, DIALOGUES, 0, 0), halves(12, RESAMPLES, DIALOGUES, 0, 0)
    values: dict[str, list[list[dict[str, float]]]] = {}  # by group and run: metrics by resample
    for name, of in rows.items():
        values[name] = [
            [
                {k: v for k, v in slowly(suite, own, whole[r].tolist()).items() if "distinct" not in k}
                | {k: v for k, v in slowly(suite, own, half[r].tolist()).items() if "distinct" in k}
                for r in range(RESAMPLES)
            ]
            for own in of
        ]
    metrics = found["groups"]["a"]["metrics"]
    assert len(metrics) == 15
    assert {metric.removeprefix("test/") for metric in metrics} == values["a"][0][0].keys()
    for metric in metrics:
        table = {
            name: np.array([[of_run[r][metric.removeprefix("test/")] for of_run in of] for r in range(RESAMPLES)])
            for name, of in values.items()
        }
        for name, group in found["groups"].items():
            told = group["metrics"][metric]
            assert told["interval"] == pytest.approx(slow_interval(table[name], told["mean"]), rel=1e-9, abs=1e-9)
        (difference,) = (d for d in found["differences"] if d["metric"] == metric)
        assert difference["seeds"] == [0, 1]
        moved = slow_interval(table["b"] - table["a"][:, :2], difference["mean"])
        assert difference["interval"] == pytest.approx(moved, rel=1e-9, abs=1e-9)
        own = {name: group["metrics"][metric]["values"] for name, group in found["groups"].items()}
        assert difference["mean"] == pytest.approx(sum(own["b"]) / 2 - sum(own["a"][:2]) / 2)


def test_replies_that_all_differ_stay_so_in_resamples(tmp_path: Path) -> None:
    """Drawn twice, they would be the same: distinct_s of every resample with replacement is about 63 %."""
    rows = [replace(row, response=f"{row.response} {number}") for number, row in enumerate(rows_of(1))]
    found = seeds(tmp_path, write_run(tmp_path / "a", 1, rows), "--metric", "test/distinct_s")
    assert found["groups"]["model=paa"]["metrics"]["test/distinct_s"]["interval"] == [100, 100]


def test_means_over_users(tmp_path: Path) -> None:
    """Users are drawn: the interval of a metric that is the same for every user has no width, others have one."""
    rows = [replace(row, response=row.reference if row.user == "user 1" else "cats") for row in rows_of(1)]
    run = write_run(tmp_path / "a", 1, rows, protocol="prompt_tuning")
    found = seeds(tmp_path, run, "--metric", "test/f1_parlai_user_mean", "test/distinct_s_user_mean")
    metrics = found["groups"]["model=paa"]["metrics"]
    means, _, users = results_by_user(load_protocol("prompt_tuning"), {"": rows})
    assert metrics["test/f1_parlai_user_mean"]["mean"] == means["test/f1_parlai_user_mean"]
    own = [users[user]["metrics"]["f1_parlai"] for user in sorted(users)]
    times = draws(5, 5, RESAMPLES, 2, 0, 0)
    drawn = [sum(t * value for t, value in zip(of, own, strict=True)) / 5 for of in times.tolist()]
    expected = interval(np.array(drawn), means["test/f1_parlai_user_mean"])
    assert metrics["test/f1_parlai_user_mean"]["interval"] == pytest.approx(expected)


def test_dialogues() -> None:
    assert [dialogue_of(i) for i in ("valid:12/3", "B/valid:5/1/7", "alone")] == ["valid:12", "B/valid:5/1", "alone"]


def test_halves_and_draws() -> None:
    assert set(halves(7, 50, 0).sum(axis=1).tolist()) == {3}
    assert halves(7, 50, 0).max() == 1
    assert set(draws(7, 5, 50, 0).sum(axis=1).tolist()) == {5}
    assert len({tuple(row) for row in halves(7, 50, 0).tolist()}) > 20


def test_seeds_may_have_examples_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A sample by seed: pairs of one seed compare; once they do not, there is no difference."""
    few = {seed: 6 + seed for seed in (1, 2)}
    a, b = (
        [write_run(tmp_path / f"{g}{seed}", seed, rows_of(seed * g, n)) for seed, n in few.items()] for g in (10, 100)
    )
    found = seeds(tmp_path, f"a={','.join(a)}", f"b={','.join(b)}", "--metric", "test/ppl_token")
    assert [difference["seeds"] for difference in found["differences"]] == [[1, 2]]
    assert any("Seeds were scored on different examples (a, b)" in line for line in found["notes"])
    assert found["groups"]["a"]["n_dialogues"] == [7, 8]
    longer = write_run(tmp_path / "longer", 1, rows_of(10, 8))
    found = seeds(tmp_path, f"a={','.join(a)}", f"b={longer},{b[1]}", "--metric", "test/ppl_token")
    assert found["differences"] == []
    assert "No differences of b to a: they were not scored on the same examples." in found["notes"]
    found = seeds(tmp_path, f"a={a[0]}", f"b={b[1]}", "--metric", "test/ppl_token")
    assert "No differences of b to a: they have no seed in common." in found["notes"]
    assert any(line.startswith("One run (a, b)") for line in found["notes"])


def test_what_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Tokenizers, versions and values of metrics.json, settings, metrics that not all runs have, one dialogue."""
    rows = rows_of(1)
    a = write_run(tmp_path / "a", 1, rows, versions={"f1_lcs": 0}, metrics={"test/bleu1": 50.0})
    fewer = [replace(row, n_tokens=(row.n_tokens or 0) + 1) for row in rows]
    b = write_run(tmp_path / "b", 1, fewer)
    c = write_run(tmp_path / "c", 2, [replace(row, response=None) for row in rows])
    with (tmp_path / "c" / "config.yaml").open("a") as file:
        file.write("optimizer: {lr: 1}\n")
    found = seeds(tmp_path, f"a={a},{c}", f"b={b}")
    assert found["not_comparable"] == [
        f"not comparable: tokenizers split the same references into different numbers of tokens "
        f"(a: {sum(r.n_tokens or 0 for r in rows)}, b: {sum(r.n_tokens or 0 for r in fewer)}) (ppl_token)"
    ]
    notes = "\n".join(found["notes"])
    assert "Runs of a differ in more than their seed: optimizer.lr." in notes
    assert "Not all runs of a measured test/f1_parlai, test/f1_2gram" in notes
    assert f"{a}/metrics.json: f1_lcs by version 0, here computed again by version 1." in notes
    assert f"{a}/metrics.json: another test/bleu1 than its generations give, which count here." in notes
    assert [d["metric"] for d in found["differences"]] == ["test/ppl_token", "test/ppl_word", "test/bits_per_char"]
    assert " ".join(notes.split()) in " ".join(capsys.readouterr().out.split())
    alone = seeds(tmp_path, write_run(tmp_path / "d", 3, rows_of(1, 1)), "--metric", "test/ppl_token")
    assert alone["groups"]["model=paa"]["metrics"]["test/ppl_token"]["interval"] is None
    assert alone["groups"]["model=paa"]["metrics"]["test/ppl_token"]["std"] is None


def test_another_protocol(tmp_path: Path) -> None:
    a, b = write_run(tmp_path / "a", 1, rows_of(1)), write_run(tmp_path / "b", 2, rows_of(2), protocol="user_diversity")
    found = seeds(tmp_path, f"x={a},{b}", "--protocol", "prompt_tuning", "--metric", "test/ppl_word")
    assert (found["protocol"], found["groups"]["x"]["metrics"]["test/ppl_word"]["n"]) == ("prompt_tuning", 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["a", "b", "--metric", "test/ppl"],
            "No group measured test/ppl in all its runs. Expected of test/ppl_token, ",
        ),
        (["a", "same"], "both have seed 1"),
        (
            ["a", "other"],
            "a and other were scored by different protocols .default, user_diversity; .*--protocol default",
        ),
        (["a", "--protocol", "none"], "There is no protocol 'none'"),
        (["a", "bare"], "There is no generations.jsonl in bare"),
        (["a", "torn"], "torn/generations.jsonl, line 1"),
        (["a", "--resamples", "0"], "--resamples 0 --seed 0 was given; expected at least one resample"),
    ],
)
def test_mistakes(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, seed in (("a", 1), ("b", 2), ("same", 1), ("bare", 3), ("torn", 4)):
        write_run(Path(name), seed, rows_of(seed, 3))
    write_run(Path("other"), 5, rows_of(5, 3), protocol="user_diversity")
    Path("bare/generations.jsonl").unlink()
    Path("torn/generations.jsonl").write_text('{"id"')
    assert main(["seeds", *arguments]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert error.count("\n") == 1
    assert not Path("seeds.json").exists()
