"""Trained parameters against quality: a real run, counts by hand, the picture, mistakes."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from zoo.errors import UserError
from zoo.evidence.__main__ import main
from zoo.evidence.parameters import Method, draw, method, parameter_counts
from zoo.evidence.seed_groups import read_run

METHODS = [
    Method("full network", 124_000_000, 124_000_000, 5, 12.0, (11.5, 12.4)),
    Method("LoRA of 20 users", 5_898_240, 294_912, 5, 13.0, (12.0, 14.5)),
    Method("prompts", 7_680, 7_680, 1, 14.0, None),
]


def seeds(finished: Path, folder: Path, *changed: dict[str, Any]) -> list[Path]:
    """Copies of a run's records, each with a seed of its own and what is given as its parameters."""
    runs = []
    for seed, parameters in enumerate(changed):
        run_dir = folder / f"seed{seed}"
        run_dir.mkdir(parents=True)
        for file in [*finished.glob("*.json*"), *finished.glob("*.yaml"), finished / "overrides.txt"]:
            shutil.copy(file, run_dir)
        config = (run_dir / "config.yaml").read_text()
        (run_dir / "config.yaml").write_text(re.sub(r"(?m)^seed: \d+", f"seed: {seed}", config))
        provenance = json.loads((run_dir / "provenance.json").read_text()) | {"parameters": parameters}
        (run_dir / "provenance.json").write_text(json.dumps(provenance))
        runs.append(run_dir)
    return runs


def test_a_real_run(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    own = json.loads((finished / "provenance.json").read_text())["parameters"]
    whole = ",".join(map(str, seeds(finished, tmp_path / "whole", *[{"all": 90_000, "trainable": 90_000}] * 2)))
    arguments = [f"lora={finished}", f"whole={whole}", "--metric", "test/B/ppl_token", "--resamples", "20"]
    assert main(["parameters", *arguments, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    lora, other = json.loads((tmp_path / "parameters.json").read_text())["methods"]
    assert (lora["trained"], lora["per_user"]) == (own["trainable"], own["trainable_per_user"])
    assert own["trainable"] == 4 * own["trainable_per_user"]
    assert (other["name"], other["trained"], other["per_user"], other["n"]) == ("whole", 90_000, 90_000, 2)
    stored = json.loads((finished / "metrics.json").read_text())["metrics"]["test/B/ppl_token"]
    assert lora["mean"] == pytest.approx(stored)
    assert lora["interval"][0] < stored < lora["interval"][1]
    row = next(line for line in printed.splitlines() if "│ lora" in line)
    assert f"{own['trainable']:,}" in row
    assert f"{own['trainable_per_user']:,}" in row
    assert "90,000" in printed
    assert "intervals are too narrow" in printed
    assert (tmp_path / "parameters.png").read_bytes().startswith(b"\x89PNG")
    assert "lora" in (tmp_path / "parameters.svg").read_text()


def test_other_examples_are_told(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (other,) = seeds(finished, tmp_path, {"trainable": 7})
    generations = (other / "generations_B.jsonl").read_text().splitlines(keepends=True)
    (other / "generations_B.jsonl").write_text("".join(generations[:-1]))
    arguments = [f"lora={finished}", f"less={other}", "--metric", "test/B/ppl_token", "--resamples", "2"]
    assert main(["parameters", *arguments, "--out", str(tmp_path)]) == 0
    told = "not comparable: less was scored on other examples than lora"
    assert told in capsys.readouterr().out
    assert told in (tmp_path / "parameters.svg").read_text()


def test_what_the_picture_shows() -> None:
    (axes,) = draw(METHODS, "test/f1", "all", ["not comparable: two tokenizers"], None).axes
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.texts] == [point.name for point in METHODS]
    marks = {of.get_label(): of.get_xydata().tolist() for of in axes.get_lines()}
    assert marks["LoRA of 20 users"] == [[5_898_240, 13]]
    ((low, high),) = axes.containers[1][2][0].get_segments()
    assert (low.tolist(), high.tolist()) == ([5_898_240, 12], [5_898_240, 14.5])
    assert axes.get_title(loc="left") == "not comparable: two tokenizers"
    (axes,) = draw(METHODS, "test/f1", "user", [], None).axes
    assert [[294_912, 13]] in [of.get_xydata().tolist() for of in axes.get_lines()]
    assert axes.get_xlabel() == "trained parameters of one user"


def test_a_mean_beside_its_interval() -> None:
    """The percentiles of a few skewed values need not hold their mean."""
    (axes,) = draw([Method("few", 5, 5, 1, 3.0, (1.0, 2.5))], "test/f1", "all", [], None).axes
    ((low, high),) = axes.containers[0][2][0].get_segments()
    assert (low.tolist(), high.tolist()) == ([5, 1.0], [5, 2.5])
    assert [[5, 3.0]] in [of.get_xydata().tolist() for of in axes.get_lines()]


def test_runs_of_different_sizes(finished: Path, tmp_path: Path) -> None:
    runs = [read_run(run) for run in seeds(finished, tmp_path, {"trainable": 5}, {"trainable": 6})]
    assert parameter_counts("base", runs[:1]) == (5, 5)
    with pytest.raises(UserError, match=r"Runs of base trained different numbers of parameters .*seed0 5, .*seed1 6"):
        parameter_counts("base", runs)


@pytest.mark.parametrize("parameters", [None, {}, {"trainable": 0}, {"trainable": 4, "trainable_per_user": "few"}])
def test_runs_that_trained_nothing(parameters: Any, finished: Path, tmp_path: Path) -> None:
    (run,) = seeds(finished, tmp_path, parameters)
    with pytest.raises(UserError, match=r"seed0/provenance\.json tells of no trained parameters"):
        parameter_counts("base", [read_run(run)])


@pytest.mark.parametrize("summary", [{}, {"n": 2, "mean": None, "interval": None}])
def test_a_metric_that_is_no_number(summary: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="Not all runs of base measured test/f1 as a number"):
        method("base", 4, 4, summary, "test/f1")


def test_an_unknown_metric(finished: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["parameters", f"lora={finished}", "--metric", "test/A/ppl_token", "--resamples", "2"]) == 2
    assert "No group measured test/A/ppl_token in all its runs" in capsys.readouterr().err
    assert main(["parameters", f"lora={finished}", "--metric", "test/B/ppl_token", "--resamples", "0"]) == 2
    assert "expected at least one resample" in capsys.readouterr().err
