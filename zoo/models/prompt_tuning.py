"""Prompt-tuning: trained vectors stand before the text; the language model stays as it is.

Source: Kasahara et al. 2022, "Building a Personalized Dialogue System with Prompt-Tuning" (NAACL SRW): 200 vectors that
start from the persona's sentences, after Lester et al. 2021 (arXiv:2104.08691). The input is prompt, utterance,
response; the loss is on the response. What the paper leaves open: a separator stands before the response, and one ends
it.

Letters: B batch, M virtual tokens, C text before the response, D hidden.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from zoo.backbones import Backbone
from zoo.data.batch import DialogueBatch
from zoo.models.adapted import AdaptedModel
from zoo.models.banks.prompt import PromptBank, PromptStart


class PromptTuning(AdaptedModel):
    """A soft prompt for every user, or one for all.

    Args:
        backbone, tokenizer, shared, seed, start_from: see `AdaptedModel`.
        num_virtual_tokens: M; 200 in the paper.
        start: text (the paper: the persona's sentences repeated to M), vocabulary or random.
    """

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: PreTrainedTokenizerBase,
        *,
        num_virtual_tokens: int = 200,
        start: PromptStart = "text",
        shared: bool = False,
        seed: int = 0,
        start_from: Path | str | None = None,
    ) -> None:
        super().__init__(backbone, tokenizer, shared=shared, seed=seed, start_from=start_from)
        self.bank: PromptBank = PromptBank(self.lm, num_virtual_tokens, start)
        self.set_users([""])

    @property
    def num_extra_positions(self) -> int:
        """Positions that the adapter takes before the text."""
        return self.bank.num_virtual_tokens

    def condition(self, batch: DialogueBatch) -> dict[str, Any]:
        """Prompt and text as vectors [B, M + C, D]."""
        ids, mask = self.text(batch)  # [B, C]
        rows = self.rows(batch)
        text = self.lm.get_input_embeddings()(ids)  # [B, C, D]
        return {
            "inputs_embeds": torch.cat([self.bank(rows).to(text.dtype), text], dim=1),  # [B, M + C, D]
            "attention_mask": torch.cat([self.bank.mask(rows), mask], dim=1),  # [B, M + C]
        }
