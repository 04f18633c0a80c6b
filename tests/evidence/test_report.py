"""Tables of runs: values beside the printed ones, statuses, what does not compare, paired differences, mistakes."""

import csv
import io
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.conftest import ROOT, TINY
from zoo.evidence.published import PublishedRow, PublishedValue, how_to_judge, published_table
from zoo.evidence.report.cells import audit, costs, decimals, long, ours_text, provenance, row_notes
from zoo.evidence.report.conditions import Conditions
from zoo.evidence.report.figures import figures_of
from zoo.evidence.report.latex import escaped, latex
from zoo.evidence.report.markdown import markdown
from zoo.evidence.report.page import html_page
from zoo.evidence.report.requested import requested_tables
from zoo.evidence.report.rows import Cell, Facts, Report, ReportRow, ReportTable, RowReport, Status
from zoo.evidence.report.status import agrees, row_status
from zoo.evidence.report.tables import report_of
from zoo.evidence.report.values import csv_text, json_values
from zoo.provenance import record_rewritten
from zoo.report import main
from zoo.running import run

SMALL = (
    *("data=demo", "model=finetune", *TINY, "trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=4"),
    *("trainer.limit_val_batches=1", "data.max_eval_examples=48", "decoding.max_new_tokens=4", "callbacks=default"),
)
EXPERIMENT = "paa/gpt2_small"
RESAMPLES = 40


def trained(folder: Path, seed: int) -> Path:
    """A run of `EXPERIMENT`, typed as a user would."""
    typed = [f"experiment={EXPERIMENT}", *SMALL, f"seed={seed}"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        run(compose("config", [*typed, f"run_dir={folder}"]))
    (folder / "overrides.txt").write_text("".join(f"{line}\n" for line in typed))  # as run.py has it
    record_rewritten(folder, ["overrides.txt"])
    return folder


@pytest.fixture(scope="module")
def runs(zoo_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two seeds of one row."""
    folder = tmp_path_factory.mktemp("report")
    return trained(folder / "one", 1), trained(folder / "two", 2)


def altered(source: Path, folder: Path, change: Callable[[Any], None], rows: Callable[[list[Any]], list[Any]]) -> Path:
    """A copy whose configuration and generations are others, as if it had been run so."""
    shutil.copytree(source, folder)
    config = OmegaConf.load(folder / "config.yaml")
    change(config)
    OmegaConf.save(config, folder / "config.yaml")
    path = folder / "generations.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in rows(lines)))
    record_rewritten(folder, ["config.yaml", "generations.jsonl"])
    return folder


def same(thing: Any) -> Any:
    return thing


def table_of(*rows: ReportRow, metrics: Sequence[str] = ("ppl_token", "f1_parlai")) -> ReportTable:
    return ReportTable("paa/table1", "A title", "A source", rows, metrics)


def reported(*rows: ReportRow, metrics: Sequence[str] = ("ppl_token", "f1_parlai"), **settings: Any) -> Report:
    return report_of(table_of(*rows, metrics=metrics), RESAMPLES, 0, **settings)


def stored(run_dir: Path, metric: str) -> float:
    return float(json.loads((run_dir / "metrics.json").read_text())["metrics"][f"test/{metric}"])


def test_values_beside_the_printed_ones(runs: tuple[Path, Path]) -> None:
    ones = [stored(path, "ppl_token") for path in runs]
    printed = PublishedRow("x", {"ppl_token": PublishedValue(18.1, sd=0.5)}, {}, EXPERIMENT)
    found = reported(ReportRow("x", printed, run_dirs=runs), ReportRow("y", printed, missing="closed: no weights"))
    cell = found.rows[0].cells["ppl_token"]
    assert cell.values == pytest.approx(ones)
    assert cell.mean == pytest.approx(sum(ones) / 2)
    assert cell.std == pytest.approx(abs(ones[0] - ones[1]) / math.sqrt(2))
    assert cell.interval is not None
    assert cell.interval[0] < cell.mean < cell.interval[1]
    assert cell.difference == pytest.approx(cell.mean - 18.1)
    assert cell.because == "split: stand-in data: demo; part: 48 of 812 examples"
    status = found.rows[0].status
    assert (status.word, status.metric, status.seeds) == ("stand-in", "yes", "2 (printed: with a deviation)")
    assert status.backbone == "tiny, random weights, width 32, depth 2, heads 4 (published: gpt2)"
    assert status.training.startswith("max_epochs 1 (30); batch_size 16 (32); lr 0.004 (1e-05); ")
    assert "trainer.limit_train_batches 4 (1)" in status.details
    facts = found.rows[0].facts
    assert (facts.seeds, facts.n_examples, facts.verified) == ((1, 2), 48, True)
    assert "scored examples" in facts.data
    unpublished = reported(ReportRow("x", run_dirs=runs)).rows[0].status
    assert unpublished.word == "not published"
    assert (unpublished.split, unpublished.backbone, unpublished.training) == (
        *(status.split, status.backbone, status.training),
    )
    closed = found.rows[1]
    assert (closed.status.word, closed.missing, closed.cells["ppl_token"].mean) == (
        "closed",
        "closed: no weights",
        None,
    )


def test_one_word_for_the_conditions(runs: tuple[Path, Path]) -> None:
    """A row that is typed as the run was is as published; then its printed value decides, then any other setting."""
    mean = sum(stored(path, "ppl_token") for path in runs) / 2
    row = PublishedRow("x", {"ppl_token": PublishedValue(mean)}, {}, EXPERIMENT, overrides=SMALL)

    def status(published: PublishedRow, variant: str = "", metrics: Sequence[str] = ("ppl_token",)) -> tuple[str, Any]:
        found = reported(ReportRow("x", published, variant, runs), metrics=metrics).rows[0]
        return found.status.word, found.status

    word, found = status(replace(row, overrides=tuple(s for s in SMALL if not s.startswith("data.max_eval"))))
    assert (word, found.split) == ("other conditions", "part: 48 of 812 examples")
    part_word, part = status(row)
    assert (part_word, part.split) == ("other conditions", "part: 48 of 812 examples")
    assert (part.metric, part.backbone, part.training) == ("yes", "yes", "yes")
    word, found = status(replace(row, overrides=(*SMALL, "optimizer.lr=1")))
    assert (word, found.training) == ("other conditions", "lr 0.004 (1)")
    word, found = status(replace(row, overrides=(*SMALL, "backbone.depth=3")))
    assert found.backbone == "tiny, random weights, width 32, depth 2, heads 4 (published: tiny)"
    word, found = status(replace(row, sound=EXPERIMENT, experiment="paa/gpt2_small_untied"), "sound")
    assert (word, found.training) == ("other conditions", f"the sound way, experiment={EXPERIMENT}")
    word, _ = status(replace(row, stand_in="data=demo"))
    assert word == "stand-in"
    word, found = status(replace(row, values={"hits_1_of_20": PublishedValue(5)}), metrics=("hits_1_of_20",))
    assert found.metric == "not measured: hits_1_of_20"


def test_replicates_only_where_all_is_as_published(
    zoo_cache: Path, tmp_path_factory: pytest.TempPathFactory, runs: tuple[Path, Path]
) -> None:
    """The same run on all of its test split: one record says so."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(runs[0], folder)
    record = json.loads((folder / "provenance.json").read_text())
    record["data"]["splits"]["test"]["examples"] = 48
    (folder / "provenance.json").write_text(json.dumps(record))
    value = stored(folder, "ppl_token")

    def status(printed: float, *others: Path) -> Status:
        row = PublishedRow("x", {"ppl_token": PublishedValue(printed)}, {}, EXPERIMENT, overrides=SMALL)
        return reported(ReportRow("x", row, run_dirs=[folder, *others]), metrics=["ppl_token"]).rows[0].status

    assert status(value).word == "replicates"
    assert status(2 * value).word == "as published, differs"
    other_net = (*SMALL, "backbone.depth=3")
    deeper = PublishedRow("x", {"ppl_token": PublishedValue(value)}, {}, EXPERIMENT, overrides=other_net)
    cell = reported(ReportRow("x", deeper, run_dirs=[folder]), metrics=["ppl_token"]).rows[0].cells["ppl_token"]
    assert (cell.agrees, cell.because) == (None, "metric: tokens of another backbone")
    half = PublishedRow(
        "x", {"ppl_token": PublishedValue(value), "bleu": PublishedValue(0)}, {}, EXPERIMENT, overrides=SMALL
    )
    found = reported(ReportRow("x", half, run_dirs=[folder]), metrics=["ppl_token"]).rows[0].status
    assert (found.word, found.metric) == ("other conditions", "not asked for: bleu")
    nothing = PublishedRow("x", {}, {}, EXPERIMENT, overrides=SMALL)
    found = reported(ReportRow("x", nothing, run_dirs=[folder]), metrics=["ppl_token"]).rows[0].status
    assert (found.word, found.training) == ("not published", "yes")
    config = OmegaConf.load(folder / "config.yaml")
    for verbs, checkpoint, told in (
        (["test"], "best", ""),
        (["test"], str(config.run_dir) + "/checkpoints/best.ckpt", ""),
        (["test"], "last", "checkpoint last (best)"),
        (["test"], None, "checkpoint none (best)"),  # of weights that were never trained
    ):
        again = OmegaConf.merge(config, {"run": verbs, "ckpt_path": checkpoint})
        OmegaConf.save(again, folder / "evaluation.yaml")
        found = status(value)
        assert (found.word, found.training) == (("other conditions", told) if told else ("replicates", "yes"))
    (folder / "evaluation.yaml").unlink()

    def trained_longer(config: Any) -> None:
        config.trainer.max_epochs = 2

    untrained = altered(
        runs[1], folder.parent / "untrained", lambda config: config.update(run=["test"], ckpt_path=None), same
    )
    found = status(value, untrained)
    assert found.word == "other conditions"
    assert found.training == "its runs differ among themselves: the weights that were scored"
    other = altered(runs[1], folder.parent / "other", trained_longer, same)
    found = status(value, other)
    assert found.word == "other conditions"
    assert found.training == "its runs differ among themselves: trainer.max_epochs"


def test_agreement() -> None:
    assert agrees(PublishedValue(1.0), 5.0, None, (0.9, 6.0))
    assert not agrees(PublishedValue(1.0), 5.0, None, (1.1, 6.0))
    assert agrees(PublishedValue(1.0), 2.0, 0.5, None)  # two deviations
    assert agrees(PublishedValue(1.0, sd=0.4), 2.0, 0.3, None)  # of 0.5 together
    assert not agrees(PublishedValue(1.0, sd=0.4), 2.01, 0.3, None)
    assert agrees(PublishedValue(1.0), 2.0, None, None) is None  # one run of what cannot be resampled
    row = ReportRow("x", PublishedRow("x", {"a": PublishedValue(1), "b": PublishedValue(1)}, {}, EXPERIMENT))
    cells = [Cell(name, PublishedValue(1.0), 2.0, agrees=said) for name, said in (("a", None), ("b", True))]
    assert row_status(row, cells, 1, Conditions()).word == "as published"
    assert row_status(row, [cells[0], replace(cells[1], agrees=False)], 1, Conditions()).word == "as published, differs"
    assert row_status(row, [replace(cells[0], agrees=True), cells[1]], 1, Conditions()).word == "replicates"


def test_the_checkpoint_of_another_run_was_trained_as_that_run(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """A row that only decodes in another way (PAA's sampled ones) is scored from a trained row's checkpoint."""
    best = runs[0] / "checkpoints" / "best.ckpt"

    def scores(config: Any) -> None:
        config.update(run=["test"], ckpt_path=str(best), run_dir=str(tmp_path / "scores"))

    def status(run_dir: Path, *more: str) -> Status:
        row = PublishedRow("x", {}, {}, EXPERIMENT, overrides=(*SMALL, *more))
        return reported(ReportRow("x", row, run_dirs=[run_dir]), metrics=["ppl_token"]).rows[0].status

    scoring = altered(runs[0], tmp_path / "scores", scores, same)
    assert status(scoring).training == "yes"
    assert status(scoring, "optimizer.lr=1").training == "lr 0.004 (1)"
    at_a_rate = altered(scoring, tmp_path / "rate", lambda config: config.optimizer.update(lr=1.0), same)
    assert status(at_a_rate).training == "lr 1 (0.004)"  # what the run itself says counts too
    elsewhere = altered(scoring, tmp_path / "gone", lambda config: config.update(ckpt_path="/gone/best.ckpt"), same)
    assert status(elsewhere).training == "run not trained (fit); checkpoint /gone/best.ckpt (best)"


def other_tokens(rows: list[Any]) -> list[Any]:
    return [row | {"n_tokens": row["n_tokens"] + 1} for row in rows]


def set_tokens(config: Any) -> None:
    config.decoding.max_new_tokens = 9


def set_batch(config: Any) -> None:
    config.data.eval_batch_size = 2


def embedder(orders: list[int]) -> Callable[[Any], None]:
    def change(config: Any) -> None:
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            protocol = compose("config", ["protocol=user_lora", "run_dir=x"]).protocol
        config.embedder.orders = orders
        protocol = OmegaConf.to_container(protocol, resolve=False)
        protocol["metrics"]["similarity"]["embedder"] = OmegaConf.to_container(config.embedder)
        config.protocol = protocol

    return change


@pytest.mark.parametrize(
    ("change", "rows", "metric", "other", "kind"),
    [
        (same, lambda rows: rows[:-5], "f1_parlai", None, "test examples"),
        (same, other_tokens, "ppl_token", "f1_parlai", "tokenizers"),
        (set_tokens, same, "f1_parlai", "ppl_token", "decoding settings"),
        (set_batch, same, "f1_teacher_forced_macro", "f1_parlai", "evaluation batches"),
    ],
)
def test_what_does_not_compare_is_marked(
    runs: tuple[Path, Path], tmp_path: Path, change: Any, rows: Any, metric: str, other: str | None, kind: str
) -> None:
    """Each kind of difference marks the metrics that depend on it, and no others; the pair is refused or told."""
    path = altered(runs[0], tmp_path / "other", change, rows)
    metrics = [metric, *([other] if other else [])]
    given = (ReportRow("a row", run_dirs=[runs[0]]), ReportRow("another", run_dirs=[path]))
    found = reported(*given, metrics=metrics, against="a row")
    assert [row.cells[metric].mark for row in found.rows] == ["a", "b"]
    (line,) = (line for line in found.not_comparable if line.startswith(f"not comparable in {metric}: "))
    assert f"differ in {kind}" in line
    assert "a: a row (" in line
    assert "b: another (" in line
    if other:
        assert [row.cells[other].mark for row in found.rows] == ["", ""]
    difference = found.differences[0]
    refused = {"test examples": "scored on different examples", "decoding settings": ""}
    assert difference.refused == refused.get(kind, f"different {kind}")
    text = markdown(found)
    assert f"**not comparable in {metric}".replace("_", "\\_") in text
    assert '<p class="loud">not comparable in' in html_page([found], {}, "t")
    assert r"\textbf{not comparable in" in latex(found)


def test_editions_of_an_embedder_are_marked(runs: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = (altered(runs[0], tmp_path / str(n), embedder(o), same) for n, o in enumerate(([2, 3], [2])))
    found = reported(
        ReportRow("x", run_dirs=[first]), ReportRow("y", run_dirs=[second]), metrics=["similarity"], against="x"
    )
    assert [row.cells["similarity"].mark for row in found.rows] == ["a", "b"]
    assert "rows differ in metric versions" in found.not_comparable[0]
    assert found.differences[0].refused == "different metric versions"


def test_runs_of_one_row_that_do_not_compare_are_told(runs: tuple[Path, Path], tmp_path: Path) -> None:
    other = altered(runs[1], tmp_path / "other", set_tokens, same)
    found = reported(ReportRow("x", run_dirs=[runs[0], other]))
    assert found.not_comparable == (
        "not comparable in f1_parlai: the 2 runs of x differ in decoding settings among themselves",
    )


def test_protocols_that_differ_are_told(runs: tuple[Path, Path], tmp_path: Path) -> None:
    def change(config: Any) -> None:
        config.protocol.name = "mine"

    other = altered(runs[0], tmp_path / "other", change, same)
    found = reported(ReportRow("x", run_dirs=[runs[0]]), ReportRow("y", run_dirs=[other]))
    assert found.notes[0].startswith("Scored by different protocols: paa_both (x); mine (y).")


def test_paired_differences(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """Better by 10 % of the likelihood in every row: sure, on the seeds that both have."""

    def better(rows: list[Any]) -> list[Any]:
        return [row | {"nll": 0.9 * row["nll"]} for row in rows]

    other = altered(runs[1], tmp_path / "other", same, better)
    found = reported(ReportRow("x", run_dirs=runs), ReportRow("y", run_dirs=[other]), against="x")
    difference = next(one for one in found.differences if one.metric == "ppl_token")
    own = stored(runs[1], "ppl_token")
    assert difference.mean == pytest.approx(own**0.9 - own, rel=1e-6)
    assert difference.interval is not None
    assert difference.interval[1] < 0
    assert difference.p == pytest.approx(2 / (RESAMPLES + 1))
    assert (difference.seeds, difference.n_examples) == ((2,), 48)
    other_words = altered(runs[0], tmp_path / "words", same, other_tokens)
    given = (ReportRow("x", run_dirs=[other_words, runs[1]]), ReportRow("y", run_dirs=[other]))
    of_one_seed = reported(*given, metrics=["ppl_token"], against="x").differences[0]
    assert (of_one_seed.mean, of_one_seed.refused) == (difference.mean, "")  # tokens differ in a seed that y has not
    without = reported(*given, metrics=["ppl_token"], against="z")
    assert without.differences == ()
    assert "No differences to z: paa/table1 has no such row with runs." in without.notes
    same_replies = next(one for one in found.differences if one.metric == "f1_parlai")
    assert (same_replies.mean, same_replies.p) == (0, 1)
    assert "y | −" in markdown(found)


def test_values_are_kept_by_what_they_follow_from(runs: tuple[Path, Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    row = ReportRow("x", run_dirs=[runs[0]])
    first = reported(row, cache=cache)
    (kept,) = cache.iterdir()
    before = kept.stat().st_mtime_ns
    assert reported(row, cache=cache) == first
    assert kept.stat().st_mtime_ns == before
    other = altered(runs[0], tmp_path / "other", same, lambda rows: [r | {"response": "i like cats ."} for r in rows])
    changed = reported(ReportRow("x", run_dirs=[other]), cache=cache)
    assert changed.rows[0].cells["f1_parlai"] != first.rows[0].cells["f1_parlai"]
    assert len(list(cache.iterdir())) == 2
    kept.write_bytes(b"broken")
    assert reported(row, cache=cache) == first


class Balanced(HTMLParser):
    """Opens and closes tags in order, and remembers where links and sources lead."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag not in ("meta", "br", "wbr", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_way_of_writing(runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """The command: a whole printed table, rows without runs among it, and a row of a name that has to be escaped."""
    other = altered(runs[0], tmp_path / "other", set_tokens, lambda rows: rows)
    odd = f"50 % & _<b>_ #1={other}"
    out = tmp_path / "out"
    main([*map(str, runs), odd, "--table", "paa/table1", "--resamples", "20", "--out", str(out)])
    printed = capsys.readouterr().out
    assert "gpt2_small (sound)" in printed
    assert "encoder_gpt2, gpt2_medium, gpt2_large, attention_routing, paa: not run yet: python -m" in printed
    text = (out / "report.md").read_text()
    assert text.count("| stand-in |") == 4  # two rows, in two tables
    assert "| encoder\\_gpt2 | 20.06 → – | 11.95 → – |" in text
    tex = (out / "report.tex").read_text()
    assert r"50 \% \& \_\textless{}b\textgreater{}\_ \#1 (sound)" in tex
    body = [line for line in tex.splitlines() if line.endswith(r"\\")]
    assert {line.count(" & ") for line in body} == {5}  # six metrics in two tables
    assert tex.count("{") - tex.count(r"\{") == tex.count("}") - tex.count(r"\}")
    rows = list(csv.DictReader(io.StringIO((out / "report.csv").read_text())))
    assert len(rows) == 7 * 6 + 2 * 6  # six rows, one of them twice; the sound metrics of the two that have runs
    (line,) = (one for one in rows if one["row"] == "gpt2_small" and one["metric"] == "ppl_reference")
    assert (float(line["printed"]), line["n"], line["compares"]) == (18.1, "2", "False")
    page = (out / "report.html").read_text()
    parser = Balanced()
    parser.feed(page.partition("<!DOCTYPE html>")[2])
    assert parser.open == []
    assert not [link for link in parser.links if not link.startswith(("#", "data:image/svg+xml;base64,"))]
    assert page.count("<figcaption>Learning curves of these runs.") == 1
    assert (
        page.count(" against parameters that training changed") == 2 * 2
    )  # two figures, with a text for who sees none
    assert "url(" not in page
    assert "@import" not in page
    assert "&lt;b&gt;" in page
    assert "<b>_" not in page
    assert json.loads((out / "report.json").read_text())[0]["key"] == "paa/table1"


def test_the_same_runs_under_both_definitions(runs: tuple[Path, Path]) -> None:
    printed = published_table("paa/table1")
    (row,) = (row for row in printed.rows if row.name == "gpt2_small")
    table = table_of(ReportRow("gpt2_small", row, "sound", runs), metrics=printed.metrics)
    found = report_of(table, RESAMPLES)
    assert found.columns == printed.metrics, "columns are the table's own"
    assert found.audit is not None
    assert dict(found.audit.pairs)["bleu_p1_cleaned"] == "bleu1"
    line = next(line for line in audit(found)[1] if line[0] == "ppl_reference")
    assert line[2:5] == ["18.10", line[3], "ppl_token"]
    values = [stored(path, "ppl_token") for path in runs]
    assert line[5].startswith(f"{sum(values) / 2:,.2f} ± ")
    about = [one for one, _, _ in found.audit.sentences]
    assert "gpt2_small" in about
    assert "encoder_gpt2" not in about, "only of rows that are shown"
    assert "beside it, experiment=paa/paa_listing1" in about
    assert "beside it, experiment=paa/seeds" not in about, "of another table"
    for text in (markdown(found), html_page([found], {}, "title")):
        assert "authors' metric" in text.replace("&#x27;", "'")
        assert "random, untied head" in text
    of_nobody = replace(table, key="runs")
    assert report_of(of_nobody, RESAMPLES).audit is None


def test_points_of_a_figure_are_lines(runs: tuple[Path, Path]) -> None:
    printed = published_table("paa/figure3")
    rows = [ReportRow(row.name, row, "", runs) for row in printed.rows if row.name in ("paa/10", "paa/20", "paa/30")]
    table = ReportTable(printed.key, printed.title, printed.source, rows, printed.metrics)
    (title, drawn), *others = figures_of(report_of(table, RESAMPLES))
    assert title == f"{printed.title}: ppl_reference."
    assert ">paa, printed<" in drawn
    assert ">data.train_percent<" in drawn
    assert not any(title.startswith(printed.title) for title, _ in others)
    own = [ReportRow(f"mine/{number}", run_dirs=[path]) for number, path in zip((1, 2), runs, strict=True)]
    (title, drawn), *_ = figures_of(report_of(ReportTable("runs", "Runs", "here", own, ["ppl_token"]), RESAMPLES))
    assert title == "Runs: ppl_token."
    assert ">point<" in drawn


def test_costs_are_those_that_the_runs_recorded(runs: tuple[Path, Path]) -> None:
    records = [json.loads((path / "provenance.json").read_text()) for path in runs]
    ((label, sizes, trained_of_it, of_user, training, seconds, memory),) = costs(
        reported(ReportRow("x", None, "", runs))
    )[1]
    assert (label, of_user) == ("x", "–")
    assert sizes == trained_of_it == f"{records[0]['parameters']['all']:,}"
    assert float(seconds) == pytest.approx(sum(record["seconds"] for record in records) / 2, abs=0.5)
    assert float(training) == pytest.approx(sum(record["seconds_of"]["fit"] for record in records) / 2, abs=0.51)
    assert float(memory) == pytest.approx(max(record["peak_memory_bytes"] for record in records) / 2**30, abs=0.01)


def test_runs_find_the_tables_of_their_experiment(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main([str(runs[0]), "--metric", "test/ppl_token", "--resamples", "5", "--out", str(tmp_path / "out")])
    (found,) = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (found["key"], [row["name"] for row in found["rows"]]) == ("paa/table1", ["gpt2_small"])
    assert found["columns"] == ["ppl_token"]


def test_rows_of_one_name_are_told_apart(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """Two groups of one printed row are called by what they differ in, a given name stays."""
    other = altered(runs[0], tmp_path / "other", set_tokens, same)
    (other / "overrides.txt").write_text((other / "overrides.txt").read_text().replace("tokens=4", "tokens=9"))
    record_rewritten(other, ["overrides.txt"])
    (table,) = requested_tables([str(runs[0]), str(other)], None, None)
    assert [row.label for row in table.rows] == [
        "gpt2_small: decoding.max_new_tokens=4 (sound)",
        "gpt2_small: decoding.max_new_tokens=9 (sound)",
    ]
    (table,) = requested_tables([f"gpt2_small={runs[0]}", str(other)], None, None)
    assert [row.label for row in table.rows] == ["gpt2_small (sound)", "gpt2_small (found) (sound)"]


def test_decimals_are_those_of_the_printed_values() -> None:
    table = published_table("paa/table1")
    rows = [ReportRow(row.name, row) for row in table.rows]
    found = report_of(ReportTable(table.key, table.title, table.source, rows, table.metrics), 1)
    assert {decimals(found, column) for column in found.columns} == {2}
    assert len(csv_text([found]).splitlines()) == 1 + 6 * 6
    assert [row.status.word for row in found.rows] == ["not run"] * 6


def test_a_value_that_is_no_number_is_not_one_that_is_missing() -> None:
    assert ours_text(Cell("ppl_token", values=(float("nan"),)), 2) == "not finite"
    assert ours_text(Cell("ppl_token"), 2) == "–"
    cells = {"ppl_token": Cell("ppl_token", values=(float("nan"),)), "bleu": Cell("bleu")}
    row = RowReport("x", "", "x", cells, Status("not published"), Facts(runs=("x",)))
    report = Report("runs", "Runs", "here", ("ppl_token", "bleu"), (row,))
    assert [line[:4] for line in long(report)[1]] == [["ppl_token", "x", "–", "not finite"]]
    assert html_page([report], {}, "t").count("not finite") == 1
    assert json.dumps(json_values([report]), allow_nan=False).count('"values": [null]') == 1
    assert ours_text(Cell("ppl_token", mean=2.0, values=(2.0,)), 2) == "2.00 ± –"
    row = ReportRow("x", PublishedRow("x", {}, {}, EXPERIMENT))
    cells = [Cell("ppl_token", PublishedValue(2.0), values=(float("nan"),)), Cell("bleu", PublishedValue(2.0))]
    assert row_status(row, cells, 1, Conditions()).metric == "not measured: bleu; not finite: ppl_token"


def test_counts_of_what_was_made_stand_beside_printed_ones() -> None:
    """A synthesis has no examples to score: its rows have values, and no runs."""
    printed = published_table("personachatgen/table1").rows[:2]
    made = ReportRow("raw", printed[0], missing="made by X", values={"survivors": [10.0, 14.0]})
    found = report_of(table_of(made, ReportRow("regex", printed[1], missing="failed: Y"), metrics=()), 1)
    assert found.columns == ("survivors",)
    cell, other = (row.cells["survivors"] for row in found.rows)
    assert (cell.printed, cell.mean, cell.values) == (PublishedValue(73902), 12.0, (10.0, 14.0))
    assert cell.std == pytest.approx(8**0.5)
    assert cell.interval is None
    assert cell.difference == 12 - 73902
    assert cell.because.startswith("stand-in: another language model")
    assert other.mean is None
    assert [row.status.word for row in found.rows] == ["stand-in", "failed"]
    assert decimals(found, "survivors") == 0
    told = markdown(found)
    assert "73,902 → 12" in told
    assert "raw: made by X" in told
    printed_only = ReportRow("raw", printed[0], missing="made by python -m zoo.evidence users: FOLDER")
    assert report_of(table_of(printed_only, metrics=()), 1).rows[0].status.word == "made"


def test_a_table_of_people_has_their_printed_numbers_and_no_automatic_ones(runs: tuple[Path, Path]) -> None:
    """Its runs are scored automatically too, which is not what the table is about; counts and texts are no columns."""
    printed = published_table("paa/table3")
    row = ReportRow("paa", printed.rows[2], run_dirs=runs, missing=how_to_judge(printed.key, printed.rows[2]))
    found = report_of(replace(table_of(row, metrics=printed.metrics), key=printed.key), 1)
    assert found.columns == tuple(printed.rows[2].other)
    theirs = PublishedValue(printed.rows[2].other["relevance_1_to_5"])
    assert found.rows[0].cells["relevance_1_to_5"] == Cell("relevance_1_to_5", theirs)
    status = found.rows[0].status
    assert (status.word, status.metric) == ("not judged", "")
    assert status.split == "stand-in data: demo; part: 48 of 812 examples"
    assert found.notes == ()  # of intervals, as there are none
    assert not any("metric versions" in line for line in provenance(found))
    assert row_notes(found) == [f"paa: {row.missing}."]
    failed = replace(found.rows[0], missing="failed: no memory")
    assert row_notes(replace(found, rows=(failed,))) == ["paa: not all runs: failed: no memory."]
    counts = published_table("prompt_tuning/table3")
    many = report_of(replace(table_of(ReportRow("x", counts.rows[0], run_dirs=runs), metrics=()), key=counts.key), 1)
    assert many.columns == ()
    assert "not judged" in markdown(many)
    assert "<th>status</th>" in html_page([many], {}, "t")


def test_latex_marks() -> None:
    assert escaped("a_b & 5 % #1 ~ ^ \\ {x} $ <") == (
        r"a\_b \& 5 \% \#1 \textasciitilde{} \textasciicircum{} \textbackslash{} \{x\} \$ \textless{}"
    )


def message_of(arguments: Sequence[str], capsys: pytest.CaptureFixture) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    told = capsys.readouterr().err.strip()
    assert "\n\n" not in told
    return " ".join(told.split())


def test_mistakes(runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    one = str(runs[0])
    assert "the nearest are paa/table" in message_of([one, "--table", "paa/tabel1"], capsys)
    assert "There is no folder" in message_of([str(tmp_path / "none")], capsys)
    assert "is not a run directory" in message_of([str(tmp_path)], capsys)
    assert "no row 'x' with runs" in message_of([one, "--against", "x"], capsys)
    assert "expected at least one resample" in message_of([one, "--resamples", "0"], capsys)
    assert "is a file" in message_of([one, "--out", str(runs[0] / "config.yaml")], capsys)
    unfinished = Path(shutil.copytree(runs[0], tmp_path / "unfinished"))
    (unfinished / "provenance.json").unlink()
    assert "unfinished run" in message_of([str(unfinished)], capsys)
    edited = Path(shutil.copytree(runs[0], tmp_path / "edited"))
    (edited / "generations.jsonl").write_text((edited / "generations.jsonl").read_text() + "\n")
    assert "was edited" in message_of([str(edited)], capsys)
    (edited / "generations.jsonl").unlink()
    assert "generations.jsonl is gone" in message_of([str(edited)], capsys)
