"""Models with a frozen backbone and a bank of adapters: what prompt-tuning, prefix-tuning and LoRA share.

Letters: U users.
"""

from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from zoo.adapters.adapter import Adapter, TaskType, lora_config, prefix_config, prompt_config
from zoo.backbones import Backbone
from zoo.errors import UserError
from zoo.models.start import TrainedRow
from zoo.models.user_rows import UserRows


class AdaptedModel(UserRows):
    """A frozen language model and a bank with an adapter a user, or with one for everybody.

    Args:
        backbone: any decoder-only or encoder-decoder language model.
        tokenizer: the backbone's own; a frozen embedding cannot learn added tokens.
        shared: one adapter for everybody (a bank of one row) instead of one a user.
        seed: of random starts; a user's start depends on it and on the user's id alone.
        start_from: a PEFT folder, or the directory of a run with one state for everybody, that every row starts as.
    """

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: PreTrainedTokenizerBase,
        *,
        shared: bool,
        seed: int,
        start_from: Path | str | None = None,
    ) -> None:
        super().__init__(backbone, tokenizer, shared=shared, seed=seed, start_from=start_from)
        self.lm = backbone.load(tokenizer, dropout=0.0).requires_grad_(False).eval()
        choose_attention(self.lm)
        known = len(backbone.tokenizer())
        if added := [token for token, number in tokenizer.get_added_vocab().items() if number >= known]:
            raise UserError(
                f"The template adds tokens ({', '.join(added)}) to a backbone whose embeddings stay frozen, so their "
                "vectors would stay random. Train the whole network on this template first (source=adaptation, or "
                "backbone.path= of a run that was exported), or use template=plain."
            )

    def train(self, mode: bool = True) -> "AdaptedModel":
        """The backbone stays in evaluation mode (Li & Liang): dropout would make users' updates depend on the batch."""
        super().train(mode)
        self.lm.eval()
        return self

    def adapter(self, user: str = "") -> Adapter:
        """A user's adapter, as PEFT stores it; a prefix folded."""
        tensors, description = self.bank.export(self.row_of(user))
        task: TaskType = "SEQ_2_SEQ_LM" if self.lm.config.is_encoder_decoder else "CAUSAL_LM"
        make = {"prompt": prompt_config, "prefix": prefix_config, "lora": lora_config}[self.bank.kind]
        config = make(task_type=task, base_model=self.base_model, revision=self.revision, **description)
        return Adapter(tensors, config)

    def take(self, row: int, given: Adapter | TrainedRow) -> None:
        """As in the base class, of stored adapters too."""
        if isinstance(given, TrainedRow):
            super().take(row, given)
            return
        kind = {"PROMPT_TUNING": "prompt", "PREFIX_TUNING": "prefix", "LORA": "lora"}[given.config["peft_type"]]
        if kind != self.bank.kind:
            raise UserError(
                f"A {kind} adapter was given to a bank of {self.bank.kind} adapters; expected the same kind."
            )
        self.check_backbone(f"The {kind} adapter", *map(given.config.get, ("base_model_name_or_path", "revision")))
        self.bank.load(row, given.tensors, given.config)


def choose_attention(lm: PreTrainedModel) -> None:
    """Plain products for bf16 on a CPU, where the backward pass of SDPA's kernel takes a third of a step."""
    if lm.dtype == torch.bfloat16 and not torch.cuda.is_available():
        lm.set_attn_implementation("eager")
