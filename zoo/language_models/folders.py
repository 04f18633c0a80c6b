"""Folders of language models in Hugging Face's format: which files they have."""

import hashlib
from pathlib import Path

from zoo.errors import UserError
from zoo.hub import OLD_WEIGHTS

OTHER_FILES = ("*.json", "*.txt", "*.model", "*.jinja")  # config, tokenizer, chat template


def files_hash(folder: Path) -> str:
    """A hash of the names and bytes of weights, config and tokenizer.

    Raises:
        UserError: there are no weights.
    """
    weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob(OLD_WEIGHTS))
    if not weights:
        raise UserError(f"{folder} holds no weights; expected model.safetensors beside config.json.")
    digest = hashlib.sha256()
    for file in [*weights, *sorted({file for pattern in OTHER_FILES for file in folder.glob(pattern)})]:
        with file.open("rb") as stream:
            digest.update(f"{file.name} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()[:16]
