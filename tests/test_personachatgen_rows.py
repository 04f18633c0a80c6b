"""Rows of PersonaChatGen's Table 7 as small runs: what each trains on, both test sets, their union in the report."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from zoo.evidence.published import PublishedValue, published_table
from zoo.evidence.report.rows import ReportRow, ReportTable
from zoo.evidence.report.tables import report_of
from zoo.metrics.generations import read_generations
from zoo.running import run
from zoo.synthesis.chat.export import export_dialogues
from zoo.synthesis.chat.splits import Splits
from zoo.synthesis.records import SyntheticDialogue

CONVAI2 = """1 your persona: i ski .
2 your persona: i have a cat .
3 hi , how are you ?\ti am fine , i ski .
4 do you have a pet ?\tyes , a cat .
1 your persona: i bake bread .
2 hello .\thi , i bake bread .
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A synthesis of eight dialogues and a file in ConvAI2's format, as overrides."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "convai2.txt").write_text(CONVAI2)
    made = [
        SyntheticDialogue(
            f"a{k}/b{k}",
            ((f"i have {k} dogs .", "i sing ."), ("i paint .",)),
            ("hi !", "hello , i paint .", f"nice , i have {k} dogs .", "great ."),
            {"model": "grammar 1", "persona_sets": [f"a{k}", f"b{k}"]},
        )
        for k in range(8)
    ]
    export_dialogues(Splits({"train": made[:4], "valid": made[4:6], "test": made[6:]}, "persona"), folder)
    return [
        f"data.folder={folder}",
        *(f"data.{split}_file={folder / 'convai2.txt'}" for split in ("train", "valid", "test")),
    ]


def test_both_rows_and_their_table(composed: Callable[..., DictConfig], data: list[str], tmp_path: Path) -> None:
    small = ["trainer=cpu", "trainer.max_epochs=1", "backbone.width=32", "data.batch_size=4", "show_replies=0"]
    seen = {}
    for name in ("m1", "m2"):
        run(composed(f"experiment=personachatgen/tiny_{name}", *data, *small, f"run_dir={tmp_path / name}"))
        splits = json.loads((tmp_path / name / "provenance.json").read_text())["data"]["splits"]
        seen[name] = [splits[split]["examples"] for split in ("train", "valid", "test")]
    # ConvAI2's file has 3 replies; of each generated dialogue, every utterance but silences is somebody's
    assert seen["m1"] == [3, 3, 3 + 8]
    assert seen["m2"] == [3 + 16, 3 + 8, 3 + 8]

    table = published_table("personachatgen/table7")
    asked = [ReportRow(name, row, "", [tmp_path / name]) for name, row in zip(("m1", "m2"), table.rows, strict=True)]
    report = report_of(
        ReportTable(table.key, "", "", asked, table.metrics, (), table.unions), 20, cache=tmp_path / "cache"
    )
    row, other = ({name: found.cells[name].mean for name in report.columns} for found in report.rows)
    parts = ("personachat", "personachatgen")
    sets = {f"{part}/{metric}" for part in (*parts, "comb") for metric in table.metrics}
    assert set(row) == set(other) == sets
    assert report.rows[0].facts.n_examples == 11, "the union's examples are no further ones"
    measured = json.loads((tmp_path / "m1" / "metrics.json").read_text())["metrics"]
    for part in parts:
        assert row[f"{part}/ppl_token"] == pytest.approx(measured[f"test/{part}/ppl_token"])
    for metric in ("f1_parlai", "c_score"):
        mean = (3 * row[f"personachat/{metric}"] + 8 * row[f"personachatgen/{metric}"]) / 11
        assert row[f"comb/{metric}"] == pytest.approx(mean, abs=1e-5)
    replies = [r for part in parts for r in read_generations(tmp_path / "m1" / f"generations_{part}.jsonl")]
    nats = sum(reply.nll for reply in replies) / sum(reply.n_tokens for reply in replies)
    assert row["comb/ppl_token"] == pytest.approx(2.718281828459045**nats)
    cell = report.rows[0].cells["comb/ppl_token"]
    assert cell.printed == PublishedValue(8.22)
    assert cell.interval is not None, "drawn dialogues of both sets"
    assert cell.interval[0] < cell.interval[1]
    again = report_of(
        ReportTable(table.key, "", "", asked, table.metrics, (), table.unions), 20, cache=tmp_path / "cache"
    )
    assert again.rows[0].cells == report.rows[0].cells, "as it was kept"
    lacking = ReportTable(table.key, "", "", asked[:1], table.metrics, (), {"comb": ("personachat", "another")})
    (row_without,) = report_of(lacking, 5, cache=tmp_path / "cache").rows
    assert row_without.cells["comb/f1_parlai"].mean is None, "a run without one of the sets has no union"
    assert row_without.cells["personachat/f1_parlai"].mean is not None
