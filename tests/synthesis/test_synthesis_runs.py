"""Whole syntheses: every stage, resumed, replayed, over an endpoint that fails, with replies that are no replies."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.conftest import ROOT
from tests.language_models.conftest import KEY, VARIABLE, Reply, Server, answer
from tests.processes import run_module
from tests.synthesis.conftest import TINY_SIZE, Configured
from zoo.data.personachatgen import PersonaChatGenCorpus
from zoo.errors import UserError
from zoo.language_models.base import Request
from zoo.language_models.grammar.lm import GrammarLm
from zoo.synthesis.chat.replies import ReplyRules
from zoo.synthesis.records import ProfileSentence, SyntheticDialogue, read_records
from zoo.synthesis.run import synthesise
from zoo.synthesis.taxonomy import FILE as TAXONOMY

GRAMMAR = GrammarLm()
KINDS = ("mend", "released")  # of conf/replies


def served(url: str) -> list[str]:
    """Overrides of a synthesis that asks an endpoint."""
    return [
        "language_model=openai",
        "language_model.model=m",
        "language_model.mode=completions",
        f"language_model.base_url={url}",
        f"language_model.key_variable={VARIABLE}",
        "language_model.first_wait=0.01",
        "language_model.tries=2",
    ]


def by_grammar(number: int, body: dict[str, Any]) -> Reply:
    """What the grammar answers, over HTTP."""
    request = Request(body["prompt"], body["max_tokens"], stop=tuple(body["stop"]), seed=body["seed"])
    return Reply(body=answer(GRAMMAR.complete([request])[0], chat=False))


def stages(folder: Path) -> dict[str, Any]:
    return {name: record["facts"] for name, record in json.loads((folder / "stages.json").read_text()).items()}


def files(folder: Path) -> Iterator[Path]:
    """What the stages wrote, but for records of time."""
    yield from sorted(path for path in folder.rglob("*.jsonl"))


def test_every_stage_and_a_replay(configured: Configured, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = synthesise(configured())
    done = stages(folder)
    for stage in ("sentences", "dialogues"):
        counts = list(done[stage]["funnel"].values())
        assert counts == sorted(counts, reverse=True)
        assert counts[-1] > 0
    assert list(done["sentences"]["funnel"]) == ["raw", "regex", "exact", "category", "duplicates"]
    assert done["sentences"]["funnel"]["raw"] == 51 * 5
    assert done["dialogues"]["funnel"]["raw"] == 8
    assert list(done["dialogues"]["funnel"]) == ["raw", "copy_paste", "consistency", "toxicity"]  # the paper's order
    for rows in done["comparisons"]["funnels"].values():
        for counts in rows.values():
            assert list(counts) in (list(done["dialogues"]["funnel"]), list(done["sentences"]["funnel"]))
    assert done["personas"]["report"]["contradictory_pairs"] == 0
    sentences = list(read_records(folder / "sentences.jsonl", ProfileSentence))
    assert all(row.value in row.text and row.scores["category"] >= 0.9 for row in sentences)
    assert {"model", "seed", "prompt", "demonstration"} <= sentences[0].source.keys()
    for dialogue in read_records(folder / "dialogues_raw.jsonl", SyntheticDialogue):
        assert len(dialogue.utterances) == 6
    read = PersonaChatGenCorpus(folder).load("train")
    assert len(read) == 2 * done["dialogues"]["export"]["splits"]["train"]["dialogues"] > 0
    for name in ("report.html", "report.md", "README.md"):
        assert "The grammar exercises the code; it replicates nothing." in (folder / name).read_text()
    values = json.loads((folder / "tables.json").read_text())
    assert [row["survivors"] for row in values["table2"].values()] == list(done["dialogues"]["funnel"].values())
    assert list(values["figure2"]) == ["raw_plus"]
    printed = capsys.readouterr().out
    assert "0 contradictory pairs left" in printed

    again = synthesise(configured(f"run_dir={tmp_path}/again"))  # every answer is there
    assert stages(again)["sentences"]["asked"] == stages(again)["dialogues"]["asked"] == 0
    assert [path.read_bytes() for path in files(again)] == [path.read_bytes() for path in files(folder)]
    (tmp_path / "answers" / "answers.sqlite").unlink()
    capsys.readouterr()
    synthesise(configured())  # every stage is there
    assert capsys.readouterr().out.count("done before") == 4


def test_other_settings_do_the_stage_and_those_after_it_again(
    configured: Configured, capsys: pytest.CaptureFixture
) -> None:
    folder = synthesise(configured("stages=[sentences,personas,dialogues]"))
    before = (folder / "dialogues_raw.jsonl").read_bytes()
    capsys.readouterr()
    synthesise(configured("stages=[sentences,personas,dialogues]", "dialogues.prompt.implicit=false"))
    assert capsys.readouterr().out.count("done before") == 2
    assert (folder / "dialogues_raw.jsonl").read_bytes() != before


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ("seed=9", 0),
        ("language_model.absent=0.1", 0),
        ("sentences.filters.threshold=0.99", 0),
        ("personas.conl.threshold=0.8", 1),
        ("sentences.generation.requests_at_once=7", 2),  # of speed alone
    ],
)
def test_what_decides_a_stage_does_it_again(
    configured: Configured, capsys: pytest.CaptureFixture, change: str, again: int
) -> None:
    """Of two stages, so many are still there."""
    asked = "stages=[sentences,personas]"
    synthesise(configured(asked))
    capsys.readouterr()
    synthesise(configured(asked, change))
    assert capsys.readouterr().out.count("done before") == again


def test_a_file_counts_by_what_is_in_it(configured: Configured, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    mine, moved = tmp_path / "taxonomy.yaml", tmp_path / "moved.yaml"
    mine.write_text(TAXONOMY.read_text())
    moved.write_text(TAXONOMY.read_text())
    synthesise(configured("stages=sentences", f"taxonomy.path={mine}"))
    synthesise(configured("stages=sentences", f"taxonomy.path={moved}"))
    assert capsys.readouterr().out.count("done before") == 1
    moved.write_text(TAXONOMY.read_text().replace("Preference | Color", "Preference | Colour"))
    synthesise(configured("stages=sentences", f"taxonomy.path={moved}"))
    assert capsys.readouterr().out.count("done before") == 0


def test_a_report_says_who_made_the_data(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = synthesise(configured())
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)  # nothing is asked: no key is either
    synthesise(configured("stages=report", "language_model=openai", "language_model.model=gpt", "seed=9"))
    for name in ("report.md", "README.md"):
        assert "The grammar exercises the code; it replicates nothing." in (folder / name).read_text()
        assert "gpt" not in (folder / name).read_text()


def test_what_was_finished_is_reported_where_nothing_survives(configured: Configured, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no set can be made.*What was finished is in .*report\.html"):
        synthesise(configured("sentences.filters.threshold=1.0"))
    page = (tmp_path / "run" / "report.md").read_text()
    assert re.search(r"\| category \| 0 \|", page)
    assert not (tmp_path / "run" / "README.md").exists()  # there is no data set


def test_filters_and_replies_are_settings(configured: Configured, capsys: pytest.CaptureFixture) -> None:
    folder = synthesise(configured("stages=[sentences,personas,dialogues]"))
    counts = [stages(folder)["dialogues"]["funnel"]]
    capsys.readouterr()
    synthesise(configured("stages=[dialogues]", "dialogues.filters.copy_paste.chunk=3"))
    assert capsys.readouterr().out.count("done before") == 1  # what is kept is the same
    for override in ("dialogues.filters.consistency.drop_from=1000", "dialogues.filters.copy_paste.drop_from=1"):
        synthesise(configured("stages=[dialogues]", override))
        counts.append(stages(folder)["dialogues"]["funnel"])
    assert counts[0]["consistency"] < counts[1]["consistency"] == counts[1]["copy_paste"]
    assert counts[0]["copy_paste"] > counts[2]["copy_paste"]
    config = OmegaConf.load(folder / "config.yaml")
    assert config.dialogues.filters.consistency == {
        "_target_": "zoo.synthesis.chat.dialogue_filters.Consistency",
        "threshold": 0.9,
        "drop_from": 1,
        "chunk": 64,
    }
    paper = configured("dialogue_filters@dialogues.filters=paper").dialogues.filters
    assert (paper.copy_paste.inclusive, paper.consistency.drop_from) == (False, 2)
    said = {
        choice: instantiate(configured(f"replies@dialogues.replies={choice}").dialogues.replies) for choice in KINDS
    }
    assert said == {"mend": ReplyRules(), "released": ReplyRules("keep", "keep", "keep", trim="first_character")}
    with pytest.raises(UserError, match=r"Toxicity was given .*'thresold'"):
        synthesise(configured("stages=[dialogues]", "+dialogues.filters.toxicity.thresold=0.1"))


def test_an_endpoint_that_stops_in_the_middle(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    configured: Configured,
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    cfg = configured(*served(server.url), "stages=[sentences,personas,dialogues]")
    server.behave = lambda number, body: by_grammar(number, body) if number < 70 else Reply(status=400)
    with pytest.raises(UserError, match=r"refused a request .* answers are kept in .*: the same command goes on"):
        synthesise(cfg)
    answered = [json.dumps(body, sort_keys=True) for body in server.bodies[:70]]
    server.bodies.clear()
    server.behave = by_grammar
    folder = synthesise(cfg)
    assert stages(folder)["sentences"]["completions"] == 51
    assert not set(answered) & {json.dumps(body, sort_keys=True) for body in server.bodies}  # nothing is paid twice


@pytest.mark.parametrize("text", ["", "No list here.", "x" * 10_000, " I like tea. (drink", "### Persona:\nI"])
def test_a_model_that_writes_no_sentences(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    configured: Configured,
    text: str,
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    server.behave = lambda number, body: Reply(body=answer(text, chat=False))
    with pytest.raises(UserError, match="sentence"):
        synthesise(configured(*served(server.url)))


@pytest.mark.parametrize("text", ["", "x " * 5_000, " fine.\n### Persona:\nI am a leak."])
def test_bad_replies_in_dialogues(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    configured: Configured,
    text: str,
) -> None:
    """Every third reply in the dialogues is bad: dialogues are mended or dropped, and the count says so."""
    monkeypatch.setenv(VARIABLE, KEY)

    def sometimes(number: int, body: dict[str, Any]) -> Reply:
        if "Friend:" in body["stop"] and zlib.crc32(body["prompt"].encode()) % 3 == 0 and body["seed"] % 2:
            return Reply(body=answer(text, chat=False))
        return by_grammar(number, body)

    server.behave = sometimes
    folder = synthesise(configured(*served(server.url), "stages=[sentences,personas,dialogues]"))
    for dialogue in read_records(folder / "dialogues_raw.jsonl", SyntheticDialogue):
        for said in dialogue.utterances:
            assert said.strip()
            assert "###" not in said
            assert len(said) <= 1_000


def test_an_endpoint_with_little_room(
    server: Server, monkeypatch: pytest.MonkeyPatch, configured: Configured, capsys: pytest.CaptureFixture
) -> None:
    """It refuses long prompts of dialogues: the oldest turns leave them, or an error says what to do."""
    monkeypatch.setenv(VARIABLE, KEY)
    room = 700  # characters

    def narrow(number: int, body: dict[str, Any]) -> Reply:
        if "Friend:" in body["stop"] and len(body["prompt"]) > room:
            return Reply(400, '{"error": {"code": "context_length_exceeded"}}')
        return by_grammar(number, body)

    server.behave = narrow
    asked = [*served(server.url), "stages=[sentences,personas,dialogues]", "dialogues.prompt.shots=0"]
    done = stages(synthesise(configured(*asked, "dialogues.writer.turns=14")))["dialogues"]
    assert done["replies"]["finished"] == done["begun"] == 8
    assert done["replies"]["cut"] > 0
    assert "replies to prompts without the oldest turns" in capsys.readouterr().out
    room = 100
    with pytest.raises(UserError, match=r"No dialogue was written: 8 of 8 .* Lower dialogues\.writer"):
        synthesise(configured(*asked, "dialogues.writer.max_new_tokens=127"))  # nobody has answered these


def test_what_cannot_be_done(configured: Configured) -> None:
    with pytest.raises(UserError, match="there is no dialogs, but sentences, personas"):
        synthesise(configured("stages=[dialogs]"))
    with pytest.raises(UserError, match="no finished stage personas"):
        synthesise(configured("stages=[dialogues]"))
    with pytest.raises(UserError, match="no whole stage sentences"):
        synthesise(configured("stages=[report]"))
    for wrong in ("report.dialogues=x", "report.reference=nowhere.txt", "seed=x", "dialogues.writer.turns=zero"):
        with pytest.raises(UserError, match=wrong.split("=")[0].rpartition(".")[2]):
            synthesise(configured(wrong))
    taxonomy = Path(configured().run_dir).with_name("taxonomy.yaml")
    taxonomy.write_text("leaves:\n  a: {group: WELLNESS, path: A, key: a}\n  a: {group: WELLNESS, path: B, key: b}\n")
    with pytest.raises(InstantiationException, match="a is there twice"):  # readable_errors tells what is inside
        synthesise(configured(f"taxonomy.path={taxonomy}"))


def test_a_report_beside_a_corpus_and_an_inventory(configured: Configured, tmp_path: Path) -> None:
    folder = synthesise(configured("stages=[sentences,personas,dialogues]"))
    corpus, lists = tmp_path / "corpus.txt", tmp_path / "lists.yaml"
    lines = ["your persona: I live in a green house.", "partner's persona: I drive a truck.", "hello there\thi"]
    corpus.write_text("".join(f"{n} {line}\n" for n, line in enumerate(lines, start=1)))
    lists.write_text("color: [green, '']\nseason: [summer]\n")
    synthesise(configured("stages=[report]", f"report.reference={corpus}", f"report.inventory={lists}"))
    page = (folder / "report.md").read_text()
    assert "corpus.txt" in page
    color = next(line for line in page.splitlines() if line.startswith("| color"))
    assert [cell.strip() for cell in color.split("|")][2].startswith("1 /")  # green, which the corpus names
    assert re.search(r"\| 2 / \d+ / ", color)  # green and the placeholder
    lists.write_text("color: green\n")
    with pytest.raises(UserError, match="has no lists"):
        synthesise(configured("stages=[report]", f"report.inventory={lists}"))


def test_fewer_sentences_than_a_set_has(configured: Configured) -> None:
    leaves = "sentences.generation.leaves=[has_age_number,like_food]"
    with pytest.raises(UserError, match="1 categories of DEMOGRAPHICS have some, where a set needs 2"):
        synthesise(configured("stages=[sentences,personas]", leaves))


def test_commands_of_the_readme_compose(configured: Configured) -> None:
    lines = re.findall(r"python -m zoo\.synthesis([^#\n]*)", (ROOT / "README.md").read_text())
    assert len(lines) >= 4
    for line in lines:
        configured(*(word for word in line.split() if not word.startswith("hydra.")))


@pytest.mark.slow
def test_a_killed_run_goes_on_without_a_repeated_call(server: Server, tmp_path: Path) -> None:
    environment = os.environ | {VARIABLE: KEY, "PYTHONPATH": str(ROOT)}
    sizes = [size for size in TINY_SIZE if not size.startswith("language_model")]
    folders = [f"hydra.run.dir={tmp_path}/run", f"answers={tmp_path}/answers"]
    command = [sys.executable, "-m", "zoo.synthesis", *served(server.url), *sizes, *folders]
    command += ["language_model.concurrency=1", "stages=[sentences,personas,dialogues]"]
    stopped_at = 60
    server.behave = lambda number, body: Reply(wait=60.0) if number == stopped_at else by_grammar(number, body)
    started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(server.bodies) <= stopped_at and started.poll() is None:
        time.sleep(0.05)
    started.send_signal(signal.SIGKILL)
    started.wait()
    answered = {json.dumps(body, sort_keys=True) for body in server.bodies[:stopped_at]}
    assert len(answered) == stopped_at
    server.bodies.clear()
    server.behave = by_grammar
    done = run_module(*command[2:], variables=environment)
    assert done.returncode == 0, done.stderr
    assert not answered & {json.dumps(body, sort_keys=True) for body in server.bodies}
    assert f"run directory: {tmp_path}/run" in done.stdout
