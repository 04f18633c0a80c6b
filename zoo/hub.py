"""Where a model in Hugging Face's format lies: a folder, or the hub's copy."""

from collections.abc import Sequence
from pathlib import Path

from zoo.errors import UserError

OLD_WEIGHTS = "pytorch_model*.bin"


def model_folder(path: str, revision: str | None, files: Sequence[str], what: str = "model") -> Path:
    """The folder of a model: `path` itself, or where the hub's copy lies (fetched if need be).

    Args:
        path: a folder or a hub id.
        revision: of a hub id.
        files: patterns of those to fetch beside the weights.
        what: it is, for messages.

    Raises:
        UserError: there is neither.
    """
    if Path(path).is_dir():
        return Path(path)
    if Path(path).is_absolute():
        raise UserError(f"There is no {what} {path!r}: no such folder. Expected one in Hugging Face's format.")
    from huggingface_hub import snapshot_download

    patterns = ["*.safetensors", "*.safetensors.index.json", *files]
    try:
        folder = Path(snapshot_download(path, revision=revision, allow_patterns=patterns))
        if not list(folder.glob("*.safetensors")):  # an older model
            folder = Path(snapshot_download(path, revision=revision, allow_patterns=[*patterns, OLD_WEIGHTS + "*"]))
        return folder
    except Exception as error:  # offline, misspelt, gated, malformed: the hub has a class for each
        raise UserError(
            f"There is no {what} {path!r}: no such folder, and the hub says {first_line(error)}. Expected a folder in "
            "Hugging Face's format or a hub id that is reachable or cached."
        ) from error


def first_line(error: BaseException) -> str:
    """What an error says, without what follows on further lines."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
