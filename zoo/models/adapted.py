"""Models with a frozen backbone and a bank of adapters: what prompt-tuning, prefix-tuning and LoRA share.

Letters: U users.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from zoo.adapters.adapter import Adapter, TaskType, lora_config, prefix_config, prompt_config
from zoo.adapters.peft_folder import read_peft_folder
from zoo.backbones import Backbone
from zoo.errors import UserError
from zoo.models.user_rows import UserRows


class AdaptedModel(UserRows):
    """A frozen language model and a bank with an adapter a user, or with one for everybody.

    Args:
        backbone: any decoder-only or encoder-decoder language model.
        tokenizer: the backbone's own; a frozen embedding cannot learn added tokens.
        shared: one adapter for everybody (a bank of one row) instead of one a user.
        seed: of random starts; a user's start depends on it and on the user's id alone.
        start_from: a PEFT folder that every row starts as, instead of `start`.
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
        super().__init__(tokenizer, shared=shared, seed=seed)
        self.base_model, self.revision = backbone.path or backbone.name, backbone.revision
        self.start_from = None if start_from is None else read_peft_folder(start_from)
        self.lm = backbone.load(tokenizer, dropout=0.0).requires_grad_(False).eval()
        choose_attention(self.lm)
        published = self.lm.config.vocab_size
        if len(added := tokenizer.get_added_vocab()) and max(added.values()) >= len(backbone.tokenizer()):
            raise UserError(
                f"The template adds tokens ({', '.join(added)}) to a backbone whose embeddings stay frozen, so their "
                f"vectors would stay random (it knows {published} tokens). Use template=plain, or one without "
                "added_tokens."
            )

    def train(self, mode: bool = True) -> "AdaptedModel":
        """The backbone stays in evaluation mode (Li & Liang): dropout would make users' updates depend on the batch."""
        super().train(mode)
        self.lm.eval()
        return self

    def set_users(self, users: Sequence[str], words: Sequence[Sequence[int]] | None = None) -> None:
        """As in the base class; a stored adapter to start from takes the place of random numbers."""
        super().set_users(users, words)
        if self.start_from is not None:
            for row in range(self.bank.num_users):
                self.take(row, self.start_from)

    def adapter(self, user: str = "") -> Adapter:
        """A user's adapter, as PEFT stores it; a prefix folded."""
        tensors, description = self.bank.export(self.row_of(user))
        task: TaskType = "SEQ_2_SEQ_LM" if self.lm.config.is_encoder_decoder else "CAUSAL_LM"
        make = {"prompt": prompt_config, "prefix": prefix_config, "lora": lora_config}[self.bank.kind]
        config = make(task_type=task, base_model=self.base_model, revision=self.revision, **description)
        return Adapter(tensors, config)

    def take(self, row: int, adapter: Adapter) -> None:
        """Let a row be a stored adapter, trainable like any other.

        Raises:
            UserError: it is of another kind, backbone, length or rank.
        """
        kind = {"PROMPT_TUNING": "prompt", "PREFIX_TUNING": "prefix", "LORA": "lora"}[adapter.config["peft_type"]]
        base, revision = (adapter.config.get(name) for name in ("base_model_name_or_path", "revision"))
        other = revision is not None and self.revision is not None and revision != self.revision
        if kind != self.bank.kind or base not in (None, self.base_model) or other:
            raise UserError(
                f"A {kind} adapter of {base} (revision {revision}) was given, but this is a bank of {self.bank.kind} "
                f"adapters of {self.base_model} (revision {self.revision}); expected the same kind, trained on the "
                "same backbone."
            )
        self.bank.load(row, adapter.tensors, adapter.config)


def choose_attention(lm: PreTrainedModel) -> None:
    """Plain products for bf16 on a CPU, where the backward pass of SDPA's kernel takes a third of a step."""
    if lm.dtype == torch.bfloat16 and not torch.cuda.is_available():
        lm.set_attn_implementation("eager")
