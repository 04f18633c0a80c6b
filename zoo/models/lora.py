"""LoRA: low-rank updates of the attention's projections; the language model stays as it is.

Source: Hu et al. 2021 (arXiv:2106.09685): rank and alpha after its GPT-2 experiments (Table 11: r = 4, alpha = 32,
query and value projections); GPT-2 has query, key and value in one module, c_attn.

Letters: B batch, C text before the response.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import GenerationConfig, PreTrainedTokenizerBase

from zoo.adapters.adapter import Adapter
from zoo.backbones import Backbone
from zoo.data.batch import DialogueBatch
from zoo.errors import UserError
from zoo.models.adapted import AdaptedModel
from zoo.models.banks.lora import LoRABank
from zoo.models.start import TrainedRow


class LoRA(AdaptedModel):
    """A low-rank update for every user, or one for all.

    Args:
        backbone, tokenizer, shared, seed, start_from: see `AdaptedModel`.
        rank, alpha, targets: see `LoRABank`.
    """

    num_extra_positions = 0

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: PreTrainedTokenizerBase,
        *,
        rank: int = 8,
        alpha: float = 32,
        targets: Sequence[str] = ("c_attn", "q", "v", "q_proj", "v_proj"),
        shared: bool = False,
        seed: int = 0,
        start_from: Path | str | None = None,
    ) -> None:
        super().__init__(backbone, tokenizer, shared=shared, seed=seed, start_from=start_from)
        self.bank: LoRABank = LoRABank(self.lm, rank, alpha, targets)
        self.set_users([""])

    def take(self, row: int, given: Adapter | TrainedRow) -> None:
        """As in the base class; the update must count as often as it did."""
        if isinstance(given, TrainedRow) and "alpha" in given.net:
            scale = given.net["alpha"] / given.net["rank"]
            if scale != self.bank.scale:
                raise UserError(
                    f"What {given.folder} trained counts {scale:g} times, but this run's LoRA counts "
                    f"{self.bank.scale:g} times; set model.net.alpha={scale * self.bank.rank:g}."
                )
        super().take(row, given)

    def condition(self, batch: DialogueBatch) -> dict[str, Any]:
        """Text as ids [B, C]; the bank is told whose update each row gets."""
        self.bank.select(self.rows(batch))
        ids, mask = self.text(batch)  # [B, C]
        return {"input_ids": ids, "attention_mask": mask}

    def forward(self, batch: DialogueBatch, positions: Tensor | None = None) -> Tensor:
        """As in the base class; afterwards the network is itself again."""
        with self.bank.afterwards_nobody():
            return super().forward(batch, positions)

    def response_nll(self, batch: DialogueBatch) -> Tensor:
        """As in the base class; afterwards the network is itself again."""
        with self.bank.afterwards_nobody():
            return super().response_nll(batch)

    def continued(self, batch: DialogueBatch, decoding: GenerationConfig, **options: Any) -> Any:
        """As in the base class; afterwards the network is itself again."""
        with self.bank.afterwards_nobody():
            return super().continued(batch, decoding, **options)
