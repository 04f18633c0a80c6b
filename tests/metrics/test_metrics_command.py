import doctest
import json
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from tests.processes import run_module
from zoo.metrics import WordF1, read_results, write_generations, write_results
from zoo.metrics.__main__ import main
from zoo.metrics.protocols import PROTOCOLS, load_protocol

PROTOCOL = (PROTOCOLS / "default.yaml").read_text()
PAA = ["ppl_token", "ppl_reference", "f1_teacher_forced_macro", "bleu_p1_cleaned", "bleu_p2_cleaned"]
PAA += ["distinct_1_cleaned", "distinct_2_per_unigram_cleaned"]


class Renamed(WordF1):
    """Another definition under a name that is taken."""

    def __init__(self):
        super().__init__("words")
        self.name = "f1_parlai"


@pytest.fixture
def run_dir(tmp_path, corpus):
    """A finished run: its metrics are those of its generations."""
    rows = corpus(12)
    write_generations(tmp_path / "generations.jsonl", rows)
    suite = load_protocol("default")
    suite.update(rows)
    values = {f"test/{name}": value for name, value in suite.compute().items()}
    write_results(tmp_path / "metrics.json", {**values, "val/ppl_token": 3.0}, suite.versions(), 12, 4, {"hours": 2})
    return tmp_path


def table_rows(output):
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines() if line.startswith("│")]
    return {row[0]: row[1:] for row in cells}


def test_recomputed_equals_stored(run_dir, capsys):
    before = (run_dir / "metrics.json").read_bytes()
    assert main([str(run_dir)]) == 0
    output = capsys.readouterr().out
    assert "12 examples, protocol default" in output
    rows = table_rows(output)
    assert len(rows) == 15
    assert all(recomputed == stored and equal == "yes" for recomputed, stored, equal in rows.values())
    assert (run_dir / "metrics.json").read_bytes() == before


def test_a_difference_and_a_version_show(run_dir, capsys):
    stored = read_results(run_dir / "metrics.json")
    stored.metrics["test/bleu4"] *= 1 + 1e-7
    del stored.metrics["test/bleu1"]
    stored.versions["distinct_1"] = 0
    write_results(run_dir / "metrics.json", stored.metrics, stored.versions, 12, 4)
    assert main([str(run_dir)]) == 0
    assert read_results(run_dir / "metrics.json").metrics == stored.metrics  # nobody asked to write
    rows = table_rows(capsys.readouterr().out)
    assert rows["test/bleu4"][2] == "NO"
    assert rows["test/bleu1"][1:] == ["", ""]
    assert rows["test/distinct_1"][2] == "yes (version 1, stored by version 0)"


def test_write_keeps_everything_else(run_dir, corpus):
    before = read_results(run_dir / "metrics.json")
    write_generations(run_dir / "generations_general.jsonl", corpus(5, seed=3))
    assert main([str(run_dir), "--protocol", "paa_reference", "--write"]) == 0
    after = read_results(run_dir / "metrics.json")
    assert after.metrics.items() >= before.metrics.items()
    new = after.metrics.keys() - before.metrics.keys()
    assert new == {f"test/general/{name}" for name in PAA} | {f"test/{name}" for name in PAA[1:]}
    assert (after.n_examples, after.seed, after.other) == (12, 4, {"hours": 2})
    assert after.versions == before.versions | dict.fromkeys(PAA, 1)
    suite = load_protocol("paa_reference")
    suite.update(corpus(5, seed=3))
    assert {name: after.metrics[f"test/general/{name}"] for name in PAA} == suite.compute()


def test_two_protocols_side_by_side(run_dir, corpus, capsys):
    before = read_results(run_dir / "metrics.json")
    assert main([str(run_dir), "--protocol", "default", "paa_reference", "--write"]) == 0
    output = capsys.readouterr().out
    assert "12 examples, protocols default, paa_reference" in output
    rows = table_rows(output)
    assert len(rows) == 15 + len(PAA) - 1
    default, paa, stored, equal = rows["test/ppl_token"]
    assert (default, equal) == (paa, "yes") == (stored, "yes")
    assert [bool(cell) for cell in rows["test/bleu_p1"]] == [True, False, True, True]
    assert [bool(cell) for cell in rows["test/bleu_p1_cleaned"]] == [False, True, False, False]
    both = load_protocol("paa_both")
    both.update(corpus(12))
    after = read_results(run_dir / "metrics.json")
    assert after.metrics == before.metrics | {f"test/{name}": value for name, value in both.compute().items()}
    assert after.versions == both.versions()


def test_users_of_two_protocols_are_written_together(run_dir, tmp_path):
    for name, by_user in (("default", "by_user: true"), ("paa_reference", "by_user: true")):
        text = (PROTOCOLS / f"{name}.yaml").read_text().replace("by_user: false", "")
        (tmp_path / f"{name}.yaml").write_text(f"{by_user}\n{text}")
    two = [str(tmp_path / f"{name}.yaml") for name in ("default", "paa_reference")]
    assert main([str(run_dir), "--protocol", *two, "--write"]) == 0
    after = read_results(run_dir / "metrics.json")
    assert {"f1_parlai", "bleu_p1", "bleu_p1_cleaned"} <= after.other["users"]["u"]["metrics"].keys()
    assert {"test/bleu_p1_user_mean", "test/bleu_p1_cleaned_user_mean"} <= after.metrics.keys()


@pytest.mark.parametrize("lacking", ["target_ids", "token_nll"])
def test_generations_without_teacher_forced_ids(run_dir, corpus, capsys, lacking):
    write_generations(run_dir / "generations.jsonl", [replace(row, **{lacking: None}) for row in corpus(12)])
    before = (run_dir / "metrics.json").read_bytes()
    assert main([str(run_dir), "--protocol", "default", "paa_reference", "--write"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"generations.jsonl keeps no {lacking}, which protocol paa_reference needs" in printed.err
    assert all(setting in printed.err for setting in ("protocol=paa_both", "protocol.teacher_forced_ids=true"))
    assert printed.err.count("\n") == 1
    assert (run_dir / "metrics.json").read_bytes() == before
    assert main([str(run_dir), "--protocol", "default"]) == 0


def test_two_protocols_that_disagree_about_a_name(run_dir, tmp_path, capsys):
    text = "_target_: zoo.metrics.suite.MetricSuite\nname: mine\nmetrics:\n  c: {_target_: METRIC}\n"
    (tmp_path / "mine.yaml").write_text(text.replace("METRIC", f"{__name__}.Renamed"))
    assert main([str(run_dir), "--protocol", "default", str(tmp_path / "mine.yaml"), "--write"]) == 2
    assert "Protocols default and mine disagree about test/f1_parlai" in capsys.readouterr().err


def test_write_where_nothing_is_stored(run_dir):
    (run_dir / "metrics.json").unlink()
    (run_dir / "config.yaml").write_text("seed: 9\n")
    assert main([str(run_dir), "--write"]) == 0
    results = read_results(run_dir / "metrics.json")
    assert (results.n_examples, results.seed, len(results.metrics)) == (12, 9, 15)


def test_the_protocol_that_the_run_recorded(run_dir, capsys):
    only = "protocol:\n  _target_: zoo.metrics.suite.MetricSuite\n  name: mine\n  metrics:\n"
    only += "    f1: {_target_: zoo.metrics.f1.WordF1, tokenize: words}\n"
    (run_dir / "config.yaml").write_text(only)
    assert main([str(run_dir)]) == 0
    output = capsys.readouterr().out
    assert "protocol mine" in output
    assert list(table_rows(output)) == ["test/f1_words"]
    assert main([str(run_dir), "--protocol", "default"]) == 0
    assert len(table_rows(capsys.readouterr().out)) == 15


def test_a_protocol_of_ones_own(run_dir, tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text(PROTOCOL.replace("name: default", "name: file"))
    assert main([str(run_dir), "--protocol", str(tmp_path / "mine.yaml")]) == 0
    assert "protocol file" in capsys.readouterr().out


def spoil(name, text):
    return lambda folder: (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("mistake", "arguments", "message"),
    [
        (lambda folder: (folder / "generations.jsonl").unlink(), [], "There is no generations.jsonl in"),
        (spoil("generations.jsonl", "{\n"), [], "generations.jsonl, line 1: not valid JSON"),
        (spoil("generations_a.jsonl", ""), [], "generations_a.jsonl holds no examples"),
        (spoil("metrics.json", "{"), [], "metrics.json is not a metrics file"),
        (spoil("config.yaml", "a: ["), [], "config.yaml cannot be read"),
        (spoil("config.yaml", "- a"), [], "config.yaml holds a list"),
        (spoil("config.yaml", "protocol: {_target_: zoo.metrics.gone.Metric}"), [], "cannot be read: Error locating"),
        (spoil("config.yaml", "protocol: {a: 1}"), [], "does not describe a zoo.metrics.suite.MetricSuite"),
        (lambda _: None, ["--protocol", "paa"], "There is no protocol 'paa'. Choose default, japanese, leaderboard,"),
        (lambda _: None, ["--protocol", "gone.yaml"], "There is no protocol 'gone.yaml'"),
    ],
)
def test_mistakes_end_in_one_paragraph_and_two(run_dir, capsys, mistake, arguments, message):
    mistake(run_dir)
    assert main([str(run_dir), *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in " ".join(printed.err.split())


def test_no_such_folder(capsys):
    assert main(["nowhere/to/be/found"]) == 2
    assert "There is no folder nowhere/to/be/found" in " ".join(capsys.readouterr().err.split())


def test_importing_the_package_is_cheap():
    code = "import sys, zoo.metrics; print({'torch', 'torchmetrics', 'sacrebleu', 'hydra', 'rich'} & set(sys.modules))"
    code += "; print(zoo.metrics.Generation.__module__, 'torch' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.split("\n")[:2] == ["set()", "zoo.metrics.generations False"]


def test_every_public_name_is_there():
    import zoo.metrics

    for name in zoo.metrics.__all__:
        assert name == "LIKELIHOOD_FIELDS" or getattr(zoo.metrics, name).__module__.startswith("zoo.metrics.")
    with pytest.raises(AttributeError, match="no attribute 'Perplexity'"):
        _ = zoo.metrics.Perplexity


@pytest.mark.parametrize("module", ["perplexity", "f1", "hits"])
def test_examples_in_docstrings(module):
    failed, tried = doctest.testmod(import_module(f"zoo.metrics.{module}"))
    assert (failed, tried > 0) == (0, True)


def test_the_table_of_names_is_complete():
    import zoo.metrics

    for protocol in ("default", "paa_reference", "paa_both", "personapkt", "user_lora", "user_diversity"):
        for name in load_protocol(protocol).versions():
            assert f"``{name}``" in zoo.metrics.__doc__


@pytest.mark.slow
def test_the_command_itself(run_dir):
    command = [sys.executable, "-m", "zoo.metrics", str(run_dir)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "test/ppl_token" in done.stdout
    (run_dir / "generations.jsonl").write_text(json.dumps({"id": "a"}) + "\n")
    done = run_module(*command[2:])
    assert (done.returncode, done.stdout) == (2, "")
    assert "line 1: without user, persona" in done.stderr
