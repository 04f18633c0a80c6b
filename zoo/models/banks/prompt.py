"""Soft prompts: vectors in front of the token embeddings, a prompt for every user.

Source: Lester et al. 2021 (arXiv:2104.08691); started from a persona, Kasahara et al. 2022.

Letters: B batch rows, U users, M virtual tokens, D hidden, W words' tokens.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from zoo.errors import UserError
from zoo.models.banks.base import VirtualTokens, repeated

PromptStart = Literal["text", "vocabulary", "random"]
PROMPT_STARTS = ("text", "vocabulary", "random")


class PromptBank(VirtualTokens):
    """Prompts [U, M, D].

    Args:
        lm: the frozen backbone; its token embeddings give the starts.
        num_virtual_tokens: M.
        start: text (the embeddings of the user's sentences, repeated to M), vocabulary (M tokens drawn at random), or
            random (normal, with the embeddings' own standard deviation).
    """

    kind = "prompt"

    def __init__(self, lm: PreTrainedModel, num_virtual_tokens: int, start: PromptStart = "text") -> None:
        if start not in PROMPT_STARTS:
            raise UserError(f"model.net.start is {start!r}; expected one of {', '.join(PROMPT_STARTS)}.")
        embeddings = lm.get_input_embeddings().weight  # [V, D]
        super().__init__({"prompt": (num_virtual_tokens, embeddings.size(1))}, num_virtual_tokens, embeddings.dtype)
        self.start = start
        self._lm = [lm]  # in a list: its weights are not the bank's

    @torch.no_grad()
    def initialise(self, row: int, generator: torch.Generator, words: Tensor | None = None) -> None:
        """As in the base class."""
        embeddings: Tensor = self._lm[0].get_input_embeddings().weight  # type: ignore[assignment]  # [V, D]
        length, table = int(self.lengths[row]), self.tables["prompt"]
        if self.start == "random":
            noise = torch.randn(length, embeddings.size(1), generator=generator, dtype=torch.float64)
            vectors = noise.to(table) * embeddings.std().to(table)
        else:
            if self.start == "text" and words is not None and len(words):
                ids = repeated(words, length)  # [M]
            else:
                ids = torch.randint(len(embeddings), (length,), generator=generator)  # [M]
            vectors = embeddings[ids.to(embeddings.device)]  # [M, D]
        table[row] = 0
        table[row, -length:] = vectors.to(table)

    def forward(self, user: Tensor) -> Tensor:
        """[B] -> [B, M, D]."""
        return self.gather("prompt", user)

    def export(self, row: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """As in the base class: `prompt_embeddings` [M, D] without padding."""
        vectors = self.tables["prompt"][row, -int(self.lengths[row]) :].detach().cpu().contiguous()
        config = self._lm[0].config
        description = {
            "num_virtual_tokens": len(vectors),
            "token_dim": vectors.size(1),
            "num_layers": config.num_hidden_layers,
            "num_attention_heads": config.num_attention_heads,
        }
        return {"prompt_embeddings": vectors}, description

    @torch.no_grad()
    def load(self, row: int, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
        """As in the base class."""
        vectors, table = tensors["prompt_embeddings"], self.tables["prompt"]
        if vectors.size(1) != table.size(2):
            raise UserError(
                f"A prompt of width {vectors.size(1)} was given for a backbone of width {table.size(2)}; expected an "
                "adapter trained on this backbone."
            )
        self.set_length(row, len(vectors))
        table[row] = 0
        table[row, -len(vectors) :] = vectors.to(table)
