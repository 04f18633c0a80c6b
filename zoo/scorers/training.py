"""What is trained, and on what: an encoder with a new three-way head, its loss and schedule, and padded batches.

Recipe (PAML's defaults for the scorer behind PersonaPKT's C score, arXiv:2306.08126): batches of 32, AdamW, 5e-5,
linear with 10 % warm-up, 3 epochs; the response is the premise, the persona sentence the hypothesis.
Letters: B batch, T tokens of both texts.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from lightning import LightningModule
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    get_linear_schedule_with_warmup,
)

from zoo.errors import UserError
from zoo.scorers.balance import Batches
from zoo.scorers.base import LABELS
from zoo.scorers.measures import confusion, measures
from zoo.scorers.model_folders import load_tokenizer, model_folder
from zoo.scorers.pairs import NliPair
from zoo.scorers.sequence_classifier import AT_ONCE


class NliModule(LightningModule):
    """The classifier's loss, its optimizer, and validation by accuracy and macro-F1.

    Args:
        network: a sequence-classification model with three outputs in the order of `LABELS`.
        steps: optimizer steps of the whole training, for the schedule.
        lr, weight_decay: of AdamW.
        warmup: share of the steps over which the rate rises.
        weights: [3] of the classes in the loss; None counts examples alike.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        steps: int,
        lr: float = 5e-5,
        weight_decay: float = 0.01,
        warmup: float = 0.1,
        weights: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.steps, self.lr, self.weight_decay, self.warmup = steps, lr, weight_decay, warmup
        self.register_buffer("weights", weights, persistent=False)
        self._counts = torch.zeros(3, 3, dtype=torch.long)

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        """Cross-entropy of a batch."""
        inputs = dict(batch)
        labels = inputs.pop("labels")  # [B]
        loss = F.cross_entropy(self.network(**inputs).logits.float(), labels, weight=self.get_buffer("weights"))
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> None:
        """Count hits and misses."""
        inputs = dict(batch)
        labels = inputs.pop("labels")
        self._counts += confusion(labels, self.network(**inputs).logits.argmax(dim=-1))

    def on_validation_epoch_end(self) -> None:
        """Log `val/accuracy`, `val/macro_f1` and the recalls."""
        found = measures(self._counts)
        self.log_dict({f"val/{name}": value for name, value in found.items() if name != "majority_accuracy"})
        self._counts.zero_()

    def configure_optimizers(self) -> Any:
        """AdamW, without decay for biases and norms; the rate rises and falls in straight lines."""
        decayed = [p for p in self.parameters() if p.ndim > 1]
        others = [p for p in self.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": self.weight_decay}, {"params": others, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.lr)
        schedule = get_linear_schedule_with_warmup(optimizer, round(self.warmup * self.steps), self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class PaddedPairs:
    """Tokenised pairs, handed out batch by batch as {"input_ids": [B, T], ..., "labels": [B]}."""

    def __init__(self, pairs: Sequence[NliPair], tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
        self.tokenizer = tokenizer
        self.labels = [pair.label for pair in pairs]
        self.encoded: dict[str, list[NDArray[np.int32]]] = {}  # 310,110 pairs as Python's integers would fill memory
        for first in range(0, len(pairs), AT_ONCE):
            some = pairs[first : first + AT_ONCE]
            texts = ([pair.premise for pair in some], [pair.hypothesis for pair in some])
            for key, rows in tokenizer(*texts, truncation="longest_first", max_length=max_length).items():
                self.encoded.setdefault(key, []).extend(np.array(ids, dtype=np.int32) for ids in rows)
        self.lengths = [len(ids) for ids in self.encoded.get("input_ids", [])]
        self.batches: Batches | list[list[int]] = []

    def in_order(self, batch_size: int) -> "PaddedPairs":
        """Once over everything, the longest pairs first."""
        rows = sorted(range(len(self.lengths)), key=lambda n: -self.lengths[n])
        self.batches = [rows[first : first + batch_size] for first in range(0, len(rows), batch_size)]
        return self

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        for rows in self.batches:
            features = {key: [values[n].tolist() for n in rows] for key, values in self.encoded.items()}
            padded = self.tokenizer.pad(features, return_tensors="pt")
            yield {**padded, "labels": torch.tensor([self.labels[n] for n in rows])}


def new_classifier(path: str, dtype: torch.dtype = torch.float32) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """An encoder with a new head of three outputs, whatever head came with it, and its tokenizer.

    Raises:
        UserError: no such encoder, or one without a classifier in transformers.
    """
    folder = model_folder(path)
    names = dict(enumerate(LABELS))
    try:
        tokenizer = load_tokenizer(folder)
        encoder = AutoModel.from_pretrained(folder, dtype=dtype)
        config = encoder.config
        config.id2label, config.label2id = names, {name: index for index, name in names.items()}
        network = AutoModelForSequenceClassification.from_config(config, dtype=dtype)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"scorer.path={path} cannot be made an NLI scorer: {reason}") from error
    missing = network.base_model.load_state_dict(encoder.state_dict(), strict=False).missing_keys
    if missing:
        raise UserError(f"scorer.path={path} lacks weights of its encoder: {', '.join(missing[:4])}.")
    return network, tokenizer
