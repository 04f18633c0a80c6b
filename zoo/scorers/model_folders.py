"""Folders of models in Hugging Face's format: where one lies, what its files are, and its tokenizer."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zoo.hub as hub
from zoo.errors import UserError
from zoo.scorers.record import FILE

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
                    "vocab.txt", "vocab.json", "merges.txt", "*.model")  # fmt: skip


def model_folder(path: str, revision: str | None = None, also: Sequence[str] = ()) -> Path:
    """The folder of a model: `path` itself, or where the hub's copy lies (fetched if need be).

    Args:
        path: a folder or a hub id.
        revision: of a hub id.
        also: patterns of files to fetch beside config, weights and tokenizer.

    Raises:
        UserError: there is neither.
    """
    return hub.model_folder(path, revision, ["config.json", FILE, *_TOKENIZER_FILES, *also])


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer beside a model.

    Raises:
        OSError, ValueError: there is none, or one without words, as transformers makes up where its files are missing.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
        raise ValueError(f"its tokenizer knows no words; expected tokenizer.json or vocab.txt in {folder}")
    return tokenizer


def file_hashes(folder: Path) -> list[str]:
    """Names and sha256 of weights, config and tokenizer.

    Raises:
        UserError: there are no weights.
    """
    weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob(hub.OLD_WEIGHTS))
    if not weights:
        raise UserError(f"{folder} holds no weights; expected model.safetensors beside config.json.")
    others = {file for pattern in ("config.json", *_TOKENIZER_FILES) for file in folder.glob(pattern)}
    hashes = []
    for file in [*weights, *sorted(others)]:
        with file.open("rb") as stream:
            hashes += [file.name, hashlib.file_digest(stream, "sha256").hexdigest()]
    return hashes
