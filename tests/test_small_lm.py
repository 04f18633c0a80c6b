"""experiments/personachatgen/small_lm.py: from a cache of answers to a folder that the transformers back-end loads."""

import runpy
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoTokenizer

from tests.conftest import ROOT
from zoo.errors import UserError
from zoo.language_models.base import Request
from zoo.language_models.cache import FILE, CachedLanguageModel
from zoo.language_models.grammar.lm import GrammarLm
from zoo.language_models.transformers_lm import TransformersLm

SCRIPT = runpy.run_path(str(ROOT / "experiments" / "personachatgen" / "small_lm.py"))
MAIN: Callable[[list[str]], None] = SCRIPT["main"]
PROFILE = (
    "### User's persona: Preference | Food\n\nGenerate five profile sentences related to the given user's persona and "
    'the "food" in each sentence:\n1.'
)
CHAT = "### Persona:\nI eat rice.\n\nThe following is a daily conversation with your friend.\n"
STOP = ("You:", "Friend:", "\n")
SMALL = ["--vocabulary=600", "--width=64", "--layers=1", "--heads=2", "--batch-tokens=128"]


@pytest.fixture(scope="module", autouse=True)
def as_before() -> Iterator[None]:
    """The script sets torch's threads and seed; whatever comes after has those it had."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers of the grammar: a list for one category, and a conversation as both speakers' prompts have it."""
    folder = tmp_path_factory.mktemp("answers")
    model = CachedLanguageModel(GrammarLm(), folder)
    model.complete([Request(PROFILE, stop=("###",))])
    said = list[str]()
    for turn in range(4):
        marks = [("You:", "Friend:")[(turn - place) % 2] for place in range(turn + 1)]
        lines = [f"{mark} {text}\n" for mark, text in zip(marks, said, strict=False)]
        said += [text.strip() for text in model.complete([Request(CHAT + "".join(lines) + "You:", stop=STOP)])]
    return folder


@pytest.fixture(scope="module")
def trained(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 steps on it: it is known by heart."""
    folder = tmp_path_factory.mktemp("models") / "lm"
    MAIN([str(cache), str(folder), "--steps=120", "--lr=0.01", *SMALL])
    return folder


def test_texts_are_lists_and_each_speakers_conversation(cache: Path) -> None:
    with sqlite3.connect(cache / FILE) as database:
        (rows,) = database.execute("SELECT count(*) FROM answers").fetchone()
    texts = SCRIPT["texts_of"](cache)
    lists = [text for text in texts if text.startswith(PROFILE)]
    talks = [text.removeprefix(CHAT) for text in texts if text.startswith(CHAT)]
    assert (rows, len(lists), len(talks)) == (5, 1, 2)
    assert sorted(talk.count("\n") for talk in talks) == [2, 3]  # three and four utterances; the shorter are in them
    first, second = (next(talk for talk in talks if talk.startswith(mark)) for mark in ("You:", "Friend:"))
    assert first.split("\n")[0].removeprefix("You:") == second.split("\n")[0].removeprefix("Friend:")


def test_the_back_end_answers_with_it(trained: Path, cache: Path) -> None:
    model = TransformersLm(trained, device="cpu")
    profile, chat = model.complete([Request(PROFILE, 200, stop=("###",)), Request(CHAT + "You:", 40, stop=STOP)])
    texts = SCRIPT["texts_of"](cache)
    assert PROFILE + profile in texts
    assert any(text.startswith(f"{CHAT}You:{chat}\n") for text in texts)
    assert AutoConfig.from_pretrained(trained).max_position_embeddings == 1024
    text = "You: caf\u00e9 \u2603\n"
    tokenizer = AutoTokenizer.from_pretrained(trained)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert not list(trained.parent.glob(".*")), "nothing half-written"


def test_steps_and_a_seed_give_one_model(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        MAIN([str(cache), str(tmp_path / name), "--steps=3", f"--seed={seed}", *SMALL, "--batch-tokens=999"])
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]
    assert capsys.readouterr().out.count("loss ") == 3


def test_batches_have_every_row_once_an_epoch() -> None:
    rows = [[row] * (5 + row % 40) for row in range(1, 90)]
    stream = SCRIPT["batches"](rows, 128, 0)
    for _ in range(2):
        seen = list[int]()
        while len(seen) < len(rows):
            ids: Any = next(stream)
            assert ids.numel() <= 128
            assert all(int((line == line[0]).sum()) == len(rows[line[0] - 1]) for line in ids)
            seen += ids[:, 0].tolist()
        assert sorted(seen) == list(range(1, 90))


def test_what_is_no_cache_and_a_folder_that_is_there(trained: Path, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="answers=FOLDER"):
        MAIN([str(tmp_path / "none"), str(tmp_path / "lm")])
    CachedLanguageModel(GrammarLm(), tmp_path).complete([])
    with pytest.raises(UserError, match="no "):
        MAIN([str(tmp_path), str(tmp_path / "lm")])
    before = (trained / "model.safetensors").read_bytes()
    with pytest.raises(SystemExit):
        MAIN([str(cache), str(trained), "--steps=1", *SMALL])
    assert (trained / "model.safetensors").read_bytes() == before
    assert not (tmp_path / "lm").exists()
