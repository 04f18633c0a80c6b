"""`SentenceModel`: any model of the sentence-transformers library as an embedder (the extra `[similarity]`).

Letters: N texts, D dimensions.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.hub import OLD_WEIGHTS, first_line
from zoo.scorers.base import fingerprint
from zoo.scorers.embedder import Embedder
from zoo.scorers.model_folders import model_folder

MODULES = "modules.json"  # which modules stand one after another, and in which folders they lie
_HUB_FILES = ("*.json", "[0-9]_*/*")
_READ = ("*.json", "*.txt", "*.model")  # beside weights: what decides the numbers


class SentenceModel(Embedder):
    """Embeds with a `SentenceTransformer`, in float32, scaled to unit length.

    Looks for its files when made, so that mistakes show at once; the library and the weights load with the first text.
    A text is embedded once a run and remembered. A folder of a bare encoder, without modules.json, gets mean pooling,
    as the library does.

    Args:
        path: a folder, or a hub id.
        batch_size: texts in one forward, of similar lengths.
        device: "auto" (the current GPU where there is one) or torch's name of one.
        revision: of a hub id.

    Raises:
        UserError: no model there, or sentence-transformers is not installed.
    """

    kind = "sentence_model"

    def __init__(
        self, path: str | Path | None, batch_size: int = 64, device: str = "auto", revision: str | None = None
    ) -> None:
        if path is None:
            raise UserError(
                "The sentence model has no model. Give embedder.path=FOLDER or a hub id of a sentence-transformers "
                "model; embedder=characters needs none."
            )
        if find_spec("sentence_transformers") is None:
            raise UserError(
                "embedder=sentence_model needs sentence-transformers. Install the extra: pip install "
                "persona-zoo[similarity]. Or compare characters, which need nothing: embedder=characters."
            )
        if batch_size < 1:
            raise UserError(f"batch_size={batch_size} was given to the sentence model; expected at least 1 text.")
        self.path, self.batch_size = str(path), batch_size
        self.folder = model_folder(self.path, revision, _HUB_FILES)
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self.identity = fingerprint(*_file_hashes(self.folder))
        self._memory: dict[str, Tensor] = {}  # [D] each

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [N, D]; see `zoo.scorers.embedder.Embedder`.

        Raises:
            UserError: the model cannot be loaded, or gives numbers that are not finite.
        """
        if unknown := [text for text in dict.fromkeys(texts) if text not in self._memory]:
            with torch.autocast(self.device.type, enabled=False):
                found = self._loaded.encode(
                    unknown,
                    batch_size=self.batch_size,
                    normalize_embeddings=True,
                    convert_to_tensor=True,
                    show_progress_bar=False,
                )
            found = found.float().cpu()  # [n, D]
            if not found.isfinite().all():
                raise UserError(
                    f"The sentence model {self.path} gives numbers that are not finite; weights are broken."
                )
            self._memory |= zip(unknown, found, strict=True)
        if not texts:
            return torch.empty(0, 0)
        return torch.stack([self._memory[text] for text in texts])

    @cached_property
    def _loaded(self) -> Any:
        from sentence_transformers import SentenceTransformer

        try:
            model = SentenceTransformer(
                str(self.folder),
                device=str(self.device),
                local_files_only=True,
                model_kwargs={"dtype": torch.float32},
            )
        except (OSError, ValueError, RuntimeError, KeyError, AttributeError, ImportError) as error:
            raise UserError(f"The sentence model {self.path} could not be loaded: {first_line(error)}") from error
        return model.eval()


def _file_hashes(folder: Path) -> Iterator[str]:
    """Names and sha256 of weights, settings and tokenizer, of all modules."""
    weights = (*folder.rglob("*.safetensors"), *folder.rglob(OLD_WEIGHTS))
    if not weights or not any((folder / name).is_file() for name in ("config.json", MODULES)):
        raise UserError(
            f"{folder} holds no sentence model; expected config.json or {MODULES}, and weights (model.safetensors)."
        )
    for file in sorted({file for part in module_folders(folder) for file in part.iterdir() if _matters(file)}):
        with file.open("rb") as stream:
            yield str(file.relative_to(folder))
            yield hashlib.file_digest(stream, "sha256").hexdigest()


def module_folders(folder: Path) -> list[Path]:
    """The folder itself and those of the modules in its modules.json, as far as they are there.

    Raises:
        UserError: modules.json is not the library's.
    """
    if not (folder / MODULES).is_file():
        return [folder]
    try:
        named = [str(module["path"]) for module in json.loads((folder / MODULES).read_bytes())]
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{folder / MODULES} is not a list of modules ({type(error).__name__}: {error}).") from None
    return [part for part in dict.fromkeys([folder, *(folder / name for name in named)]) if part.is_dir()]


def _matters(file: Path) -> bool:
    return any(file.match(pattern) for pattern in (*_READ, "*.safetensors", OLD_WEIGHTS)) and file.is_file()
