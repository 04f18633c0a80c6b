"""`TransformersNli`: any sequence-classification encoder in Hugging Face's format as an NLI scorer."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.scorers.base import LABELS, NliScorer, Pair, fingerprint, no_scores
from zoo.scorers.record import FILE, MIN_ACCURACY, caution, read_record

_NAMES = {
    "entailment": ("entailment", "entail", "entails", "entailed", "positive"),
    "neutral": ("neutral",),
    "contradiction": ("contradiction", "contradict", "contradicts", "contradictory", "negative"),
}
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
                    "vocab.txt", "vocab.json", "merges.txt", "*.model")  # fmt: skip
OLD_WEIGHTS = "pytorch_model*.bin"
AT_ONCE = 16_384  # pairs tokenised together


class TransformersNli(NliScorer):
    """Scores with a model of `AutoModelForSequenceClassification`: premise first, hypothesis second, softmax in fp32.

    Reads config and files when made, so that mistakes show at once; weights load with the first pair. Autocast and the
    caller's default dtype do not reach it.

    Args:
        path: a folder in Hugging Face's format, or a hub id.
        labels: what the model's outputs 0, 1, 2 mean, for a model whose config only says LABEL_0, ...; where both say
            something this one holds.
        max_length: tokens of both texts together; of the longer one the end is cut off.
        batch_size: pairs in one forward, of similar lengths.
        device: "auto" (the current GPU where there is one) or torch's name of one.
        min_accuracy: below it, scores carry a caution.
        revision: of a hub id.

    Raises:
        UserError: no model there, not exactly three labels, or an order of labels that is not declared.
    """

    kind = "nli"

    def __init__(
        self,
        path: str | Path | None,
        labels: Sequence[str] | None = None,
        max_length: int = 128,
        batch_size: int = 64,
        device: str = "auto",
        min_accuracy: float = MIN_ACCURACY,
        revision: str | None = None,
    ) -> None:
        if path is None:
            raise UserError(
                "The NLI scorer has no model. Give scorer.path=FOLDER, as printed by python -m zoo.scorers, or a hub "
                "id of a sequence-classification model with three labels; scorer=lexical needs none."
            )
        if max_length < 8 or batch_size < 1:
            raise UserError(f"max_length={max_length}, batch_size={batch_size}: expected at least 8 tokens and 1 pair.")
        self.path = str(path)
        self.max_length, self.batch_size = max_length, batch_size
        self.folder = model_folder(self.path, revision)
        self.order = label_order(_id2label(self.folder), labels, self.path)
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        settings = {"order": self.order, "max_length": max_length, "truncation": "longest_first", "form": 1}
        self.identity = fingerprint(json.dumps(settings, sort_keys=True), *_file_hashes(self.folder))
        record = read_record(self.folder)
        self.accuracy = record.accuracy if record else None
        self.caution = caution(record, min_accuracy)
        if record is None:
            self.caution = f"{self.caution} ({self.path} has no {FILE})"

    def score(self, pairs: Sequence[Pair]) -> Tensor:
        """Probabilities [N, 3]; see `zoo.scorers.base.NliScorer`.

        Raises:
            UserError: the model gives numbers that are not finite.
        """
        parts = [self._score(pairs[first : first + AT_ONCE]) for first in range(0, len(pairs), AT_ONCE)]
        return torch.cat([no_scores(), *parts])

    def _score(self, pairs: Sequence[Pair]) -> Tensor:
        tokenizer, model = self._loaded
        encoded = tokenizer(
            [_encodable(premise) for premise, _ in pairs],
            [_encodable(hypothesis) for _, hypothesis in pairs],
            truncation="longest_first",
            max_length=self.max_length,
            padding=False,
        )
        lengths = [len(ids) for ids in encoded["input_ids"]]
        by_length = sorted(range(len(pairs)), key=lambda n: -lengths[n])  # the longest first: memory is known at once
        probabilities = torch.empty(len(pairs), 3, dtype=torch.float32)  # [N, 3]
        for first in range(0, len(pairs), self.batch_size):
            rows = by_length[first : first + self.batch_size]
            batch = tokenizer.pad({key: [encoded[key][n] for n in rows] for key in encoded}, return_tensors="pt")
            with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
                logits = model(**batch.to(self.device)).logits.float()  # [n, 3]
            if not logits.isfinite().all():
                raise UserError(f"The NLI model {self.path} gives numbers that are not finite; its weights are broken.")
            probabilities[rows] = logits[:, self.order].softmax(dim=-1).cpu()
        return probabilities

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Tokenizer and model."""
        from safetensors import SafetensorError
        from transformers import AutoModelForSequenceClassification

        try:
            tokenizer = load_tokenizer(self.folder)
            model, found = AutoModelForSequenceClassification.from_pretrained(
                self.folder, dtype=torch.float32, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise UserError(f"The NLI model {self.path} could not be loaded: {first_line(error)}") from error
        if missing := sorted(found["missing_keys"]):  # transformers fills them in at random
            raise UserError(
                f"{self.path} is no trained classifier: it lacks {', '.join(missing[:4])}. Train it first: python -m "
                f"zoo.scorers scorer.path={self.path}."
            )
        if tokenizer.pad_token is None:
            raise UserError(f"The tokenizer of {self.path} has no padding token; expected that of an encoder.")
        return tokenizer, model.to(self.device).eval()


def label_order(id2label: Mapping[int, str], labels: Sequence[str] | None, path: str) -> list[int]:
    """Which output of a model is entailment, which neutral, which contradiction: indices in the order of `LABELS`.

    Args:
        id2label: of the model's config.
        labels: names of outputs 0, 1, 2 that hold instead.
        path: for messages.

    Raises:
        UserError: not three labels, or names that do not say which is which.
    """
    if len(id2label) != 3:
        raise UserError(
            f"The NLI model {path} has {len(id2label)} labels ({', '.join(map(str, id2label.values()))}); expected "
            f"exactly three: {', '.join(LABELS)}."
        )
    names = [str(id2label[index]) for index in sorted(id2label)] if labels is None else [str(name) for name in labels]
    meanings = [next((key for key, known in _NAMES.items() if name.strip().lower() in known), None) for name in names]
    if sorted(map(str, meanings)) != sorted(LABELS):
        source = "labels=" if labels is not None else "its config's id2label, "
        raise UserError(
            f"What the three outputs of the NLI model {path} mean is not declared: {source}[{', '.join(names)}]. Say "
            "it in their order, for example scorer.labels=[contradiction,neutral,entailment]."
        )
    return [meanings.index(label) for label in LABELS]


def model_folder(path: str, revision: str | None = None, also: Sequence[str] = ()) -> Path:
    """The folder of a model: `path` itself, or where the hub's copy lies (fetched if need be).

    Args:
        path: a folder or a hub id.
        revision: of a hub id.
        also: patterns of files to fetch beside config, weights and tokenizer.

    Raises:
        UserError: there is neither.
    """
    if Path(path).is_dir():
        return Path(path)
    if Path(path).is_absolute():
        raise UserError(f"There is no model {path!r}: no such folder. Expected one in Hugging Face's format.")
    from huggingface_hub import snapshot_download

    patterns = ["config.json", FILE, "*.safetensors", "*.safetensors.index.json", *_TOKENIZER_FILES, *also]
    try:
        folder = Path(snapshot_download(path, revision=revision, allow_patterns=patterns))
        if not list(folder.glob("*.safetensors")):  # an older model
            folder = Path(snapshot_download(path, revision=revision, allow_patterns=[*patterns, OLD_WEIGHTS + "*"]))
        return folder
    except Exception as error:  # offline, misspelt, gated, malformed: the hub has a class for each
        raise UserError(
            f"There is no model {path!r}: no such folder, and the hub says {first_line(error)}. Expected a folder in "
            "Hugging Face's format or a hub id that is reachable or cached."
        ) from error


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


def _id2label(folder: Path) -> dict[int, str]:
    from transformers import AutoConfig

    try:
        return {int(index): str(name) for index, name in AutoConfig.from_pretrained(folder).id2label.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{folder} is no model in Hugging Face's format: {first_line(error)}") from error


def _file_hashes(folder: Path) -> list[str]:
    """Names and sha256 of weights, config and tokenizer."""
    weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob(OLD_WEIGHTS))
    if not weights:
        raise UserError(f"{folder} holds no weights; expected model.safetensors beside config.json.")
    others = {file for pattern in ("config.json", *_TOKENIZER_FILES) for file in folder.glob(pattern)}
    hashes = []
    for file in [*weights, *sorted(others)]:
        with file.open("rb") as stream:
            hashes += [file.name, hashlib.file_digest(stream, "sha256").hexdigest()]
    return hashes


def _encodable(text: str) -> str:
    """Without halves of surrogate pairs, which byte-level models write and tokenizers refuse."""
    return text.encode(errors="replace").decode()


def first_line(error: BaseException) -> str:
    """What an error says, without what follows on further lines."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
