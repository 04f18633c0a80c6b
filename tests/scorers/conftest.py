"""Tiny encoders of random weights, made on the spot, and a few labelled pairs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizer

from tests.conftest import ROOT

THINGS = ["dogs", "cats", "cars", "books", "fish", "trees", "boats", "songs", "birds", "maps"]
WORDS = ["i", "like", "hate", "have", "two", "three", "not", "do", "and", ".", "?", "he", "##s", *THINGS]
PAML_LABELS = ("contradiction", "entailment", "neutral")


def save_bert(folder: Path, labels: tuple[str, ...] | None = PAML_LABELS, seed: int = 0, **settings: float) -> Path:
    """A BERT of width 32 with its tokenizer; without labels it has no head."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    shape: dict[str, float] = {"vocab_size": 5 + len(WORDS), "max_position_embeddings": 160}
    shape |= {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    shape |= {"initializer_range": 0.4}  # wide: what a pair says shows in the verdict
    config = BertConfig(**(shape | settings))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if labels is None:
            network = BertModel(config)
        else:
            config.id2label, config.label2id = dict(enumerate(labels)), {name: n for n, name in enumerate(labels)}
            network = BertForSequenceClassification(config)
    network.save_pretrained(folder)
    return folder


def labelled_lines(n_dialogues: int = 40) -> list[dict]:
    """Pairs whose label a small network can learn: the same thing or another one, liked or hated."""
    lines = []
    for dialogue in range(n_dialogues):
        thing, other = THINGS[dialogue % 10], THINGS[(dialogue + 1 + dialogue // 10) % 10]
        for said, label in ((f"i like {thing}", "entailment"), (f"i hate {thing}", "contradiction")):
            lines.append({"dialogue": dialogue, "sentence1": said, "sentence2": f" i like {thing}.", "label": label})
        lines += [
            {"dialogue": dialogue, "sentence1": f"i have {other}", "sentence2": f"i like {thing}.", "label": "neutral"}
        ] * 2
    return lines


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sequence classifier with PAML's order of labels."""
    return save_bert(tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder without a head."""
    return save_bert(tmp_path_factory.mktemp("encoder"), labels=None)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Machine-labelled pairs, one JSON object a line."""
    path = tmp_path_factory.mktemp("labelled") / "pairs.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in labelled_lines()))
    return path


@pytest.fixture
def training(tmp_path: Path, encoder: Path, labelled: Path) -> Callable[..., DictConfig]:
    """`training("scorer.lr=1")`: the configuration that python -m zoo.scorers would get, small."""

    def compose_config(*overrides: str) -> DictConfig:
        with initialize_config_dir(str(ROOT / "conf" / "scorers"), version_base="1.3"):
            return compose("config", [f"run_dir={tmp_path}/run", *small_training(encoder, labelled), *overrides])

    return compose_config


def small_training(encoder: Path, labelled: Path) -> list[str]:
    """Overrides of a training that takes a second."""
    return [
        "data=dnli_silver",
        f"data.path={labelled}",
        f"scorer.path={encoder}",
        "scorer.batch_size=16",
        "scorer.epochs=2",
        "trainer.accelerator=cpu",
        "checkpoint_every=6",
    ]


@pytest.fixture(scope="session")
def sentence_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of width 32 as the library stores it: transformer, mean pooling, normalisation."""
    folder = save_bert(tmp_path_factory.mktemp("sentence"), labels=None)
    kind = "sentence_transformers.models"
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    (folder / "modules.json").write_text(
        json.dumps([{"idx": n, "name": str(n), "path": p, "type": f"{kind}.{t}"} for n, (p, t) in enumerate(modules)])
    )
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True})
    )
    return folder
