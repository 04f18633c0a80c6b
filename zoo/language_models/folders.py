"""Folders of models in Hugging Face's format: where they are, and what is in them."""

import hashlib
from pathlib import Path

from zoo.errors import UserError

_OLD_WEIGHTS = "pytorch_model*.bin"
_OTHER_FILES = ("*.json", "*.txt", "*.model", "*.jinja")  # config, tokenizer, chat template


def model_folder(path: str, revision: str | None = None) -> Path:
    """The folder of a model: `path` itself, or where the hub's copy lies (fetched if need be).

    Raises:
        UserError: there is neither.
    """
    if Path(path).is_dir():
        return Path(path)
    if Path(path).is_absolute():
        raise UserError(f"There is no language model {path!r}: no such folder. Expected one in Hugging Face's format.")
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(path, revision=revision, allow_patterns=["*.safetensors", *_OTHER_FILES]))
        if not list(folder.glob("*.safetensors")):  # an older model
            folder = Path(snapshot_download(path, revision=revision, allow_patterns=[_OLD_WEIGHTS, *_OTHER_FILES]))
        return folder
    except Exception as error:  # offline, misspelt, gated, malformed: the hub has a class for each
        raise UserError(
            f"There is no language model {path!r}: no such folder, and the hub says {first_line(error)}. Expected a "
            "folder in Hugging Face's format or a hub id that is reachable or cached."
        ) from error


def files_hash(folder: Path) -> str:
    """A hash of the names and bytes of weights, config and tokenizer.

    Raises:
        UserError: there are no weights.
    """
    weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob(_OLD_WEIGHTS))
    if not weights:
        raise UserError(f"{folder} holds no weights; expected model.safetensors beside config.json.")
    digest = hashlib.sha256()
    for file in [*weights, *sorted({file for pattern in _OTHER_FILES for file in folder.glob(pattern)})]:
        with file.open("rb") as stream:
            digest.update(f"{file.name} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def first_line(error: BaseException) -> str:
    """Of what a library says is wrong."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
