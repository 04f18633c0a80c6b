"""Prefix-tuning: trained keys and values stand before the text in every layer; the language model stays as it is.

Source: Li & Liang 2021 (arXiv:2101.00190); a prefix per persona, Han et al. 2023 (PersonaPKT, arXiv:2306.08126), whose
"less than 0.1 % of the parameters" allows 7 virtual tokens on GPT-2 medium.

Letters: B batch, M virtual tokens, C text before the response.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from zoo.backbones import Backbone
from zoo.data.batch import DialogueBatch
from zoo.errors import UserError
from zoo.models.adapted import AdaptedModel
from zoo.models.banks.prefix import PrefixBank, PrefixStart


class PrefixTuning(AdaptedModel):
    """A prefix for every user, or one for all.

    Args:
        backbone, tokenizer, shared, seed, start_from: see `AdaptedModel`.
        num_virtual_tokens: M; 7 is the most that PersonaPKT's parameter count allows.
        reparametrised, mlp_width, frozen_mlp, start: see `PrefixBank`.
    """

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: PreTrainedTokenizerBase,
        *,
        num_virtual_tokens: int = 7,
        reparametrised: bool = False,
        mlp_width: int = 512,
        frozen_mlp: bool = False,
        start: PrefixStart = "random",
        shared: bool = False,
        seed: int = 0,
        start_from: Path | str | None = None,
    ) -> None:
        super().__init__(backbone, tokenizer, shared=shared, seed=seed, start_from=start_from)
        self.bank: PrefixBank = PrefixBank(
            self.lm,
            num_virtual_tokens,
            reparametrised=reparametrised,
            mlp_width=mlp_width,
            frozen_mlp=frozen_mlp,
            start=start,
        )
        self.set_users([""])

    @property
    def num_extra_positions(self) -> int:
        """Positions that the adapter takes before the text."""
        return self.bank.num_virtual_tokens

    @property
    def takes_alternatives(self) -> bool:
        """As in the base class, but T5 measures distances: its prefix would be nearer to the first of them."""
        return super().takes_alternatives and not self.lm.config.is_encoder_decoder

    def condition(self, batch: DialogueBatch) -> dict[str, Any]:
        """Text as ids [B, C], and a new cache with each row's prefix."""
        if any(getattr(module, "gradient_checkpointing", False) for module in self.lm.modules()):
            raise UserError(
                "Gradient checkpointing was switched on for prefix-tuning, but a checkpointed layer keeps no keys and "
                "values, so the prefix would be lost. Switch it off, or use model=prompt_tuning or model=lora."
            )
        ids, mask = self.text(batch)  # [B, C]
        rows = self.rows(batch)
        prefix_mask = self.bank.mask(rows)  # [B, M]
        given: dict[str, Any] = {"input_ids": ids, "past_key_values": self.bank.cache(rows, self.lm.dtype)}
        if self.lm.config.is_encoder_decoder:
            return given | {"attention_mask": mask, "decoder_attention_mask": prefix_mask.long()}
        return given | {"attention_mask": torch.cat([prefix_mask, mask], dim=1)}  # [B, M + C]
