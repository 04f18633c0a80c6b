"""`SequenceClassifier`: a sequence-classification model's folder, loaded and asked in batches of similar lengths.

What scorers with transformers share; each reads the logits in its own way. Letters: N texts or pairs, L labels.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.hub import first_line
from zoo.scorers.model_folders import load_tokenizer, model_folder

AT_ONCE = 16_384  # texts or pairs tokenised together


class SequenceClassifier:
    """Logits of a model of `AutoModelForSequenceClassification`, in fp32.

    Reads config and files when made, so that mistakes show at once; weights load with the first text. Autocast and the
    caller's default dtype do not reach it.

    Args:
        path: a folder in Hugging Face's format, or a hub id.
        what: the model in messages, such as "NLI model".
        max_length: tokens of a text, or of both texts of a pair together; of the longer one the end is cut off.
        batch_size: texts or pairs in one forward, of similar lengths.
        device: "auto" (the current GPU where there is one) or torch's name of one.
        revision: of a hub id.
        split_special_tokens: read special tokens that are written out in a text ("</s>") as its words, which models
            that look for their own end token need.

    Raises:
        UserError: no model there, or impossible settings.
    """

    def __init__(
        self,
        path: str,
        what: str,
        max_length: int = 128,
        batch_size: int = 64,
        device: str = "auto",
        revision: str | None = None,
        split_special_tokens: bool = False,
    ) -> None:
        if max_length < 8 or batch_size < 1:
            raise UserError(f"max_length={max_length}, batch_size={batch_size}: expected at least 8 tokens and 1 pair.")
        self.path, self.what = path, what
        self.max_length, self.batch_size = max_length, batch_size
        self.split_special_tokens = split_special_tokens
        self.folder = model_folder(path, revision)
        self.config = _config(self.folder)
        self.id2label = {int(index): str(name) for index, name in self.config.id2label.items()}
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)

    def names(self, labels: Sequence[str] | None = None) -> list[str]:
        """What the outputs are called, in their order, lower-case: by the model's config, or by `labels` instead.

        Raises:
            UserError: not as many `labels` as the model has outputs.
        """
        if labels is not None and len(labels) != len(self.id2label):
            raise UserError(
                f"labels=[{', '.join(map(str, labels))}] was given for the {self.what} {self.path}, which has "
                f"{len(self.id2label)} outputs; expected a name for each of them, in their order."
            )
        names = [self.id2label[index] for index in sorted(self.id2label)] if labels is None else labels
        return [str(name).strip().lower() for name in names]

    def logits(self, *texts: Sequence[str]) -> Tensor:
        """Logits [N, L] on the CPU.

        Args:
            texts: N texts, or N first texts and N second texts of pairs.

        Raises:
            UserError: the model cannot be loaded, or gives numbers that are not finite.
        """
        n_texts = len(texts[0])
        parts = [
            self._logits([some[first : first + AT_ONCE] for some in texts]) for first in range(0, n_texts, AT_ONCE)
        ]
        return torch.cat([torch.empty(0, len(self.id2label), dtype=torch.float32), *parts])

    def _logits(self, texts: Sequence[Sequence[str]]) -> Tensor:
        tokenizer, model = self._loaded
        encoded = tokenizer(
            *([_encodable(text) for text in some] for some in texts),
            truncation="longest_first",
            max_length=self.max_length,
            padding=False,
            split_special_tokens=self.split_special_tokens,
        )
        lengths = [len(ids) for ids in encoded["input_ids"]]
        by_length = sorted(range(len(lengths)), key=lambda n: -lengths[n])  # the longest first: memory is known at once
        found = torch.empty(len(lengths), len(self.id2label), dtype=torch.float32)  # [N, L]
        for first in range(0, len(lengths), self.batch_size):
            rows = by_length[first : first + self.batch_size]
            batch = tokenizer.pad({key: [encoded[key][n] for n in rows] for key in encoded}, return_tensors="pt")
            with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
                logits = model(**batch.to(self.device)).logits.float()  # [n, L]
            if not logits.isfinite().all():
                raise UserError(
                    f"The {self.what} {self.path} gives numbers that are not finite; its weights are broken."
                )
            found[rows] = logits.cpu()
        return found

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
            raise UserError(f"The {self.what} {self.path} could not be loaded: {first_line(error)}") from error
        if missing := sorted(found["missing_keys"]):  # transformers fills them in at random
            raise UserError(
                f"{self.path} is no trained classifier: it lacks {', '.join(missing[:4])}. Name a model that was "
                f"trained to classify; an NLI scorer is trained by python -m zoo.scorers scorer.path={self.path}."
            )
        if tokenizer.pad_token is None:
            raise UserError(f"The tokenizer of {self.path} has no padding token; expected that of an encoder.")
        return tokenizer, model.to(self.device).eval()


def _config(folder: Path) -> Any:
    """The config beside a model; it has labels."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder)
        dict(config.id2label)
        return config
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{folder} is no model in Hugging Face's format: {first_line(error)}") from error


def _encodable(text: str) -> str:
    """Without halves of surrogate pairs, which byte-level models write and tokenizers refuse."""
    return text.encode(errors="replace").decode()
