"""The block of PAA's decoder: GPT-2's, with two cross-attentions and a fusion between self-attention and MLP.

In training everything but attention itself is computed on tokens alone (`zoo.models.tokens_only`): a product over pads
costs as much as one over words.

Letters: B batch, P persona tokens, U context tokens, T decoder positions, S positions of a source, N decoder positions
that are computed (all B * T, or the valid ones), D hidden, L layers, H heads, E head width.
"""

from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GPT2Config
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention, GPT2Block

from zoo.models.fusion import Fusion
from zoo.models.tokens_only import TokensOnly


class PAAConfig(GPT2Config):
    """GPT-2's configuration and PAA's switches; their meaning and presets are in `zoo.models.paa.PAA`."""

    model_type = "paa"

    # Class attributes with annotations: transformers turns a configuration class into a dataclass.
    fusion: str = "paa"
    mask_rule: str = "keep_above"
    tau: str | float = "length_ratio"
    tau_numerator: str = "context"
    gate_input: str = "residual"
    encoder_layers: int = 4
    encoder_heads: int = 4
    encoder_max_positions: int = 512
    encoder_positions: str = "mask"
    encoder_embeddings: str = "own"
    encoder_pooler: bool = False
    encoder_dropout: float = 0.1
    encoder_pad_token_id: int | None = None
    share_encoders: bool = False
    cross_out_init_std: float = 0.02
    routing_alpha: float = 0.2
    condition_pool: str = "max"


@dataclass
class Sources:
    """What the decoder's blocks read beside their own states.

    Either the encoders' states (training: each block projects them) or keys and values for all layers (decoding).
    """

    persona_mask: Tensor  # [B, P] bool
    context_mask: Tensor  # [B, U] bool
    tau: Tensor  # [B, T, 1] float32, or [N, 1]
    decoder_mask: Tensor | None  # [B, T] bool over tokens; None: all are
    decoder_tokens: TokensOnly  # which decoder positions are computed
    persona_tokens: TokensOnly
    context_tokens: TokensOnly
    persona_states: Tensor | None = None  # [B, P, D], or [N, D]
    context_states: Tensor | None = None  # [B, U, D], or [N, D]
    persona_kv: Tensor | None = None  # [B, L, 2, H, P, E]
    context_kv: Tensor | None = None  # [B, L, 2, H, U, E]

    def keys_values(self, block: Any) -> tuple[Tensor, Tensor]:
        """What a block's two source attentions read: [B, 2, H, P, E] and [B, 2, H, U, E]."""
        if self.persona_kv is not None and self.context_kv is not None:
            return self.persona_kv[:, block.layer_idx], self.context_kv[:, block.layer_idx]
        return (
            block.persona_attention.keys_values(self.persona_states, self.persona_tokens, self.persona_mask),
            block.context_attention.keys_values(self.context_states, self.context_tokens, self.context_mask),
        )


class SourceAttention(GPT2Attention):
    """GPT-2's cross-attention through SDPA, with keys and values from states or from the decoding memory."""

    def __init__(self, config: PAAConfig, layer_idx: int) -> None:
        super().__init__(config, is_cross_attention=True, layer_idx=layer_idx)

    def keys_values(self, states: Tensor, tokens: TokensOnly, mask: Tensor) -> Tensor:
        """[B, S, D] (or the source's tokens [N, D]) -> [B, 2, H, S, E]: keys and values of one source.

        `mask` [B, S] says which positions hold tokens; attention applies it later.
        """
        both = tokens.put_back(self.c_attn(states))  # [B, S, 2D]
        kv = both.view(*both.shape[:2], 2, self.num_heads, self.head_dim)  # [B, S, 2, H, E]
        return kv.permute(0, 2, 3, 1, 4)  # [B, 2, H, S, E]

    def forward(self, x: Tensor, kv: Tensor, mask: Tensor, tokens: TokensOnly) -> Tensor:
        """Queries [B, T, D] or [N, D], keys and values [B, 2, H, S, E], mask [B, S] -> as x, after out-projection."""
        padded = tokens.put_back(self.q_attn(x))  # [B, T, D]
        query = padded.view(*padded.shape[:2], self.num_heads, self.head_dim).transpose(1, 2)  # [B, H, T, E]
        # A row whose source is empty reads zeros: SDPA gives 0, not NaN, where every key is masked.
        read = F.scaled_dot_product_attention(
            query,
            kv[:, 0].to(query.dtype),
            kv[:, 1].to(query.dtype),
            attn_mask=mask[:, None, None, :],  # [B, 1, 1, S]
            dropout_p=self.attn_dropout.p if self.training else 0.0,
            scale=self.scaling,
        )  # [B, H, T, E]
        return self.resid_dropout(self.c_proj(tokens.take(read.transpose(1, 2).reshape(padded.shape))))


class PAABlock(GPT2Block):
    """x -> h = x + SelfAttn(LN1 x); y = h + H(h, o_p, o_u); out = y + MLP(LN2 y)."""

    def __init__(self, config: PAAConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx=layer_idx)
        self.layer_idx = layer_idx
        self.gate_input = config.gate_input
        self.persona_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_epsilon)
        self.persona_attention = SourceAttention(config, layer_idx)
        self.context_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_epsilon)
        self.context_attention = SourceAttention(config, layer_idx)
        self.fusion = Fusion(
            config.fusion, config.hidden_size, mask_rule=config.mask_rule, routing_alpha=config.routing_alpha
        )

    def forward(
        self,
        hidden_states: Tensor,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        *,
        sources: Sources,
        use_cache: bool = False,
        **kwargs: Any,
    ) -> Tensor:
        """[B, T, D] -> [B, T, D]; the signature is GPT2Block's (GPT2Model calls it), with `sources` added."""
        tokens = sources.decoder_tokens
        attended, _ = self.attn(
            self.ln_1(hidden_states), past_key_values=past_key_values, attention_mask=attention_mask
        )  # [B, T, D]
        attended = tokens.take(attended)  # [B, T, D], or [N, D] from here to the last line
        h = tokens.take(hidden_states) + attended
        persona_kv, context_kv = sources.keys_values(self)  # [B, 2, H, P, E], [B, 2, H, U, E]
        normed_p, normed_u = self.persona_norm(h), self.context_norm(h)
        o_p = self.persona_attention(normed_p, persona_kv, sources.persona_mask, tokens)
        o_u = self.context_attention(normed_u, context_kv, sources.context_mask, tokens)
        gated = h if self.gate_input == "residual" else attended
        y = h + self.fusion(gated, o_p, o_u, sources.tau, normed=(normed_p, normed_u))
        return tokens.put_back(y + self.mlp(self.ln_2(y)))  # [B, T, D]
