"""Fine-tuning: a causal language model reads persona and context as text and answers; all its weights are trained.

Source: the GPT-2 baselines of Huang et al. 2023 (arXiv:2210.15088, Table 1), after Wolf et al. 2019 (TransferTransfo,
arXiv:1901.08149). The joined text is persona, context, [BOS], response.

Letters: B batch, C prompt.
"""

from typing import Any

from transformers import PreTrainedTokenizerBase

from zoo.backbones import Backbone
from zoo.data.batch import DialogueBatch
from zoo.models.base import DialogueModel


class FineTune(DialogueModel):
    """A pretrained decoder-only language model, trained whole.

    Args:
        backbone: any causal language model.
        tokenizer: with the template's added tokens.
        dropout: of attention, residual and embeddings where the architecture is GPT-2's; None keeps the backbone's.
    """

    def __init__(self, backbone: Backbone, tokenizer: PreTrainedTokenizerBase, *, dropout: float | None = None) -> None:
        super().__init__()
        self.lm = backbone.load(tokenizer, dropout=dropout)
        self.bos_token_id = tokenizer.bos_token_id

    def condition(self, batch: DialogueBatch) -> dict[str, Any]:
        """Persona, context and [BOS] as one left-padded text, [B, C]."""
        ids, mask = batch.join("persona", "context", pad="left", end=self.bos_token_id)  # [B, C]
        return {"input_ids": ids, "attention_mask": mask}
