"""Shared fixtures: a cache of the session's own, composition as run.py does it, and ragged batches at width 32."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before transformers is imported: a test never waits for a network
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: at width 32 a second thread costs more than it brings

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from zoo.backbones import Backbone, dialogue_tokenizer
from zoo.data.batch import DialogueBatch, collate
from zoo.data.demo import demo_dialogues
from zoo.data.jsonl import write_jsonl
from zoo.data.records import Dialogue, DialogueExample
from zoo.data.template import ADDED_TOKENS, DialogueTemplate

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
TINY = ("backbone=tiny", "backbone.width=32", "backbone.depth=2", "backbone.heads=4")
GPT2_SHAPE = {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, or one process would end long after the others: those with slow tests, then whole runs'."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (-slow[item.path], len(item.path.parts)))


@pytest.fixture(scope="session", autouse=True)
def zoo_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing is read from or left in the developer's cache; pytest's processes share one: files come whole."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    folder.mkdir(exist_ok=True)
    os.environ["ZOO_CACHE"] = str(folder)
    return folder


@pytest.fixture
def shared_data() -> Path:
    """Real dialogues beside the project; a test that needs them skips where they are not."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real data files, which are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def composed_before() -> dict[str, DictConfig]:
    """What single overrides gave: experiments are asked for by several tests."""
    return {}


@pytest.fixture
def composed(tmp_path: Path, composed_before: dict[str, DictConfig]) -> Callable[..., DictConfig]:
    """`composed("model=paa", ...)`: the configuration that run.py would get, at its published sizes."""

    def compose_config(*overrides: str) -> DictConfig:
        if len(overrides) == 1 and overrides[0] in composed_before:
            cfg = deepcopy(composed_before[overrides[0]])
            cfg.run_dir = str(tmp_path)
            return cfg
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            cfg = compose("config", [f"run_dir={tmp_path}", *overrides])
        if len(overrides) == 1 and overrides[0].startswith("experiment="):
            composed_before[overrides[0]] = deepcopy(cfg)
        return cfg

    return compose_config


@pytest.fixture(scope="session")
def tiny(zoo_cache: Path) -> Backbone:
    """A GPT-2 of width 32 in float64, with the demo tokenizer."""
    return Backbone("tiny", pretrained=False, tokenizer_path="demo", architecture=GPT2_SHAPE, dtype="fp64")


@pytest.fixture(scope="session")
def template(tiny: Backbone) -> DialogueTemplate:
    """The default template."""
    return DialogueTemplate(dialogue_tokenizer(tiny, ADDED_TOKENS))


@pytest.fixture(scope="session")
def examples() -> list[DialogueExample]:
    """Ragged in every segment: persona, context and response lengths all differ, and not in the same order."""
    rows = [
        (("i like cats .", "i am a baker ."), ("hi there .",), "hello , how are you today ?"),
        (("i am tall .",), ("hi .", "hello .", "what do you do for a living ?"), "i bake bread ."),
        (
            ("i live in a small town .", "my car is red .", "i sing .", "i have two dogs ."),
            ("tell me about your pets .", "sure !", "so ?", "well , i have two dogs .", "what are they called ?"),
            "rex and bo",
        ),
        (
            ("i swim .", "i own a boat ."),
            ("hello .", "hey , what is up ?", "not much ."),
            "me neither . i was at sea .",
        ),
    ]
    return [
        DialogueExample(
            id=f"example/{number}",
            dialogue=f"dialogue {number}",
            persona=persona,
            history=history,
            history_by_responder=tuple((len(history) - turn) % 2 == 0 for turn in range(len(history))),
            response=response,
        )
        for number, (persona, history, response) in enumerate(rows)
    ]


@pytest.fixture(scope="session")
def batch(template: DialogueTemplate, examples: list[DialogueExample]) -> DialogueBatch:
    """The ragged examples side by side."""
    return collate([template.encode(example) for example in examples], pad_id=template.pad_id)


@pytest.fixture(scope="session")
def single(template: DialogueTemplate, examples: list[DialogueExample]) -> list[DialogueBatch]:
    """The ragged examples, each in a batch of its own."""
    return [collate([template.encode(example)], pad_id=template.pad_id) for example in examples]


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few demo dialogues as JSONL; the validation split divides evenly by no number of processes."""
    folder = tmp_path_factory.mktemp("corpus")
    for split, name, count in (("train", "train", 16), ("valid", "valid", 9)):
        dialogues = [without_candidates(dialogue) for dialogue in demo_dialogues(split)[:count]]
        write_jsonl(dialogues, folder / f"{name}.jsonl")
    return folder


def without_candidates(dialogue: Dialogue) -> Dialogue:
    """Tokenising 20 candidates a turn is most of the work, and few tests read them."""
    said = tuple(replace(utterance, candidates=()) for utterance in dialogue.utterances)
    return replace(dialogue, utterances=said)


@pytest.fixture
def run_small(small_corpus: Path) -> list[str]:
    """Overrides of a run that takes seconds: PAA of width 32 on the small corpus."""
    return small_overrides(small_corpus)


def small_overrides(small_corpus: Path) -> list[str]:
    """What `run_small` gives, for fixtures of wider scope."""
    return [
        "model=paa",
        "data=jsonl",
        f"data.root={small_corpus}",
        "data.batch_size=8",
        *TINY,
        "model.net.encoder_layers=1",
        "trainer=cpu",
        "trainer.max_epochs=1",
        "decoding.max_new_tokens=6",
    ]
