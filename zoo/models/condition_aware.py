"""The condition-aware block: persona and context, each pooled to one vector, bias the states after self-attention.

Source: Zeng and Nie 2021, "A Simple and Efficient Multi-Task Learning Approach for Conditioned Dialogue Generation"
(arXiv:2010.11140), as Huang et al. 2023 (arXiv:2210.15088, Table 6) put it into their decoder. Their release is broken
in five ways (`condition_aware_reference`), so that the perplexities of 88 and 120 in Table 6 say nothing of the method;
`condition_aware` is the repair.

Letters: B batch, S positions of a source, T decoder positions, N of them that are computed, D hidden.
"""

import math
import warnings
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers.models.gpt2.modeling_gpt2 import GPT2Block

from zoo.models.paa_blocks import PAAConfig, Sources
from zoo.models.tokens_only import TokensOnly

CONDITION_AWARE = ("condition_aware", "condition_aware_reference")
POOLS = ("max", "mean")
Pool = Literal["max", "mean"]


class PooledSource(nn.Module):
    """Key and value of one source, from its states pooled over the tokens; over pads too as the release does."""

    def __init__(self, width: int, pool: Pool, *, over_pads: bool = False) -> None:
        super().__init__()
        self.key, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.pool, self.over_pads = pool, over_pads

    def keys_values(self, states: Tensor, tokens: TokensOnly, mask: Tensor) -> Tensor:
        """[B, S, D] (or the source's tokens [N, D]) and mask [B, S] -> [B, 2, 1, 1, D]; an empty source pools to 0."""
        states = tokens.put_back(states)  # [B, S, D]
        seen = torch.ones_like(mask) if self.over_pads else mask  # [B, S]
        return self.of_pooled(pooled(states, seen, self.pool))[:, :, None, None]

    def of_pooled(self, pooled: Tensor) -> Tensor:
        """[B, D] or [B, T, D] -> [B, 2, (T,) D]."""
        return torch.stack([self.key(pooled), self.value(pooled)], dim=1)


def pooled(states: Tensor, mask: Tensor, pool: Pool) -> Tensor:
    """The pool over the tokens: [B, S, D], mask [B, S] -> [B, D], 0 where there are none."""
    tokens = mask[..., None]  # [B, S, 1]
    if pool == "mean":
        return (states * tokens).sum(1) / tokens.sum(1).clamp(min=1)
    lowest = torch.finfo(states.dtype).min
    return states.masked_fill(~tokens, lowest).max(1).values.masked_fill(~tokens.any(1), 0.0)


def running_pool(states: Tensor, mask: Tensor, pool: Pool) -> Tensor:
    """At every position `pooled` over the tokens up to it: [B, T, D], mask [B, T] -> [B, T, D]."""
    tokens = mask[..., None]  # [B, T, 1]
    if pool == "mean":  # a product and no cumulative sum, which CUDA refuses when algorithms are to be deterministic
        up_to = states.new_ones(mask.size(1), mask.size(1)).tril()  # [T, T]
        return up_to @ (states * tokens) / tokens.cumsum(1).clamp(min=1)
    lowest = torch.finfo(states.dtype).min
    return states.masked_fill(~tokens, lowest).cummax(1).values.masked_fill(~tokens.cumsum(1).bool(), 0.0)


class ConditionAwareBlock(GPT2Block):
    """x -> h = x + SelfAttn(LN1 x); y = h + bias; out = y + MLP(LN2 y), with

        bias_t = W [softmax over 3 of (q_t . k_p, q_t . k_u, q_t . k_t) / sqrt(D)] (v_p, v_u, v_t)

    where q_t reads h_t, (k_p, v_p) and (k_u, v_u) the pooled persona and context, (k_t, v_t) the pool of h_1 .. h_t.

    `condition_aware_reference` is the release, for its numbers alone: the three keys become one key of 3D, the softmax
    runs over the positions of the query, h is pooled over all positions, so that every token sees what comes after it,
    pads are pooled, and out = LN2(y + MLP(y)) on weights that were trained the other way round.

    Whole texts are pooled, so decoding goes through the whole text for every token, without a cache.
    """

    def __init__(self, config: PAAConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx=layer_idx)
        width, self.layer_idx = config.hidden_size, layer_idx
        self.pool: Any = config.condition_pool
        self.broken = config.fusion == "condition_aware_reference"
        self.persona_attention = PooledSource(width, self.pool, over_pads=self.broken)
        self.context_attention = PooledSource(width, self.pool, over_pads=self.broken)
        joined = 3 * width if self.broken else width
        self.fusion = nn.ModuleDict(
            {
                "own": PooledSource(width, self.pool, over_pads=self.broken),
                "query": nn.Linear(width, joined),
                "out": nn.Linear(joined, width),
            }
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
        """[B, T, D] -> [B, T, D], as `PAABlock`'s."""
        attended, _ = self.attn(self.ln_1(hidden_states), attention_mask=attention_mask)  # [B, T, D]
        h = hidden_states + attended
        persona_kv, context_kv = sources.keys_values(self)  # [B, 2, 1, 1, D] each
        mask = sources.decoder_mask  # [B, T]
        mask = torch.ones_like(h[..., 0], dtype=torch.bool) if mask is None else mask
        if self.broken:
            y = h + self.bias_of_the_release(h, persona_kv, context_kv, mask)
            return self.ln_2(y + self.mlp(y))
        own = self.fusion["own"].of_pooled(running_pool(h, mask, self.pool))  # [B, 2, T, D]
        sourced = torch.stack([persona_kv, context_kv], dim=4).squeeze(2).squeeze(2)  # [B, 2, 2, D]
        keys, values = sourced[:, 0], sourced[:, 1]  # [B, 2, D] each
        query = self.fusion["query"](h)  # [B, T, D]
        scores = torch.cat([query @ keys.transpose(1, 2), (query * own[:, 0]).sum(-1, keepdim=True)], dim=-1)
        weights = (scores / math.sqrt(h.size(-1))).softmax(-1)  # [B, T, 3]
        bias = self.fusion["out"](weights[..., :2] @ values + weights[..., 2:] * own[:, 1])  # [B, T, D]
        y = h + bias
        return y + self.mlp(self.ln_2(y))

    def bias_of_the_release(self, h: Tensor, persona_kv: Tensor, context_kv: Tensor, mask: Tensor) -> Tensor:
        """One key of 3D, weighed against the other positions: [B, T, D] -> [B, T, D]."""
        own_kv = self.fusion["own"].keys_values(h, TokensOnly(None), mask)  # [B, 2, 1, 1, D], over all positions
        joined = torch.cat([persona_kv, context_kv, own_kv], dim=-1).flatten(1, 3)  # [B, 2, 3D]
        key, value = joined[:, 0], joined[:, 1]  # [B, 3D]
        scores = (self.fusion["query"](h) @ key[..., None]) / math.sqrt(h.size(-1))  # [B, T, 1]
        return self.fusion["out"](scores.softmax(dim=1) * value[:, None])


def warn_of_the_release() -> None:
    """Say once a run that `condition_aware_reference` measures a bug."""
    warnings.warn(
        "model.net.fusion=condition_aware_reference computes what the PAA release does, where every token sees the "
        "tokens after it and the softmax runs over positions: its perplexity is no likelihood and it cannot decode "
        "what it learnt. Use it to reproduce Table 6 alone; the method is fusion=condition_aware.",
        stacklevel=2,
    )
