"""Rows of PersonaChatGen's Table 7 as small runs: what each trains on, both test sets, and the table of them."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from omegaconf import DictConfig

from tests.conftest import ROOT
from zoo.errors import UserError
from zoo.metrics.generations import Generation, read_generations, write_generations
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


def table7() -> ModuleType:
    """The script of the study."""
    path = ROOT / "experiments" / "personachatgen" / "table7.py"
    spec = importlib.util.spec_from_file_location("table7", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_both_rows_and_their_table(
    composed: Callable[..., DictConfig], data: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["trainer=cpu", "trainer.max_epochs=1", "backbone.width=32", "data.batch_size=4", "show_replies=0"]
    seen = {}
    for name in ("m1", "m2"):
        run(composed(f"experiment=personachatgen/tiny_{name}", *data, *small, f"run_dir={tmp_path / name}"))
        splits = json.loads((tmp_path / name / "provenance.json").read_text())["data"]["splits"]
        seen[name] = [splits[split]["examples"] for split in ("train", "valid", "test")]
    # ConvAI2's file has 3 replies; of each generated dialogue, every utterance but silences is somebody's
    assert seen["m1"] == [3, 3, 3 + 8]
    assert seen["m2"] == [3 + 16, 3 + 8, 3 + 8]

    table7().main([f"M1={tmp_path / 'm1'}", f"M2={tmp_path / 'm2'},{tmp_path / 'm2'}", "--out", str(tmp_path)])
    assert "replicates nothing" in capsys.readouterr().out
    written = json.loads((tmp_path / "table7.json").read_text())
    assert written["made_by"] == ["grammar 1"]
    (row,) = written["rows"]["M1"]
    assert (row["personachat/n"], row["personachatgen/n"], row["comb/n"]) == (3, 8, 11)
    parts = ("personachat", "personachatgen")
    measured = json.loads((tmp_path / "m1" / "metrics.json").read_text())["metrics"]
    for part in parts:
        assert row[f"{part}/ppl_token"] == pytest.approx(measured[f"test/{part}/ppl_token"])
    for metric in ("f1_parlai", "c_score"):
        mean = sum(row[f"{part}/{metric}"] * row[f"{part}/n"] for part in parts) / 11
        assert row[f"comb/{metric}"] == pytest.approx(mean, abs=1e-5)
    replies = [r for part in parts for r in read_generations(tmp_path / "m1" / f"generations_{part}.jsonl")]
    nats = sum(reply.nll for reply in replies) / sum(reply.n_tokens for reply in replies)
    assert row["comb/ppl_token"] == pytest.approx(2.718281828459045**nats)
    lines = (tmp_path / "table7.md").read_text().splitlines()
    assert lines[-1].startswith("| M2 | ")
    assert "± 0.0" in lines[-1]


def test_a_run_without_both_test_sets_is_refused(tmp_path: Path) -> None:
    one = Generation("a/1", "", ["i ski ."], ["hi ."], "hello .", "hello .", nll=1.0, n_tokens=3, n_words=3, n_chars=7)
    write_generations(tmp_path / "generations.jsonl", [one])
    with pytest.raises(UserError, match=r"expected the test sets personachat and personachatgen"):
        table7().row(tmp_path)
    with pytest.raises(UserError, match="expected NAME=RUN_DIR"):
        table7().main([str(tmp_path)])
