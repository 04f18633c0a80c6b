"""PAA's network as a Hugging Face model: GPT-2 whose blocks also read two BERT-shaped encoders.

Source: Huang et al. 2023 (arXiv:2210.15088). Built from transformers' own parts: a block is a `GPT2Block` with two
cross-attentions and a fusion between self-attention and MLP, so GPT-2 weights load by name, and greedy, beam and
sampled decoding, key-value caching, `save_pretrained` and the hub work as for any other model. Decoding caches the
self-attention as GPT-2 does; the keys and values of both cross-attentions are computed once, before the first token.

Letters: B batch, P persona tokens, U context tokens, T decoder positions, D hidden, L layers, H heads, E head width.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertModel, GenerationMixin, GPT2Config, GPT2Model, GPT2PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithCrossAttentions
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention, GPT2Block

from zoo.models.fusion import Fusion


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


@dataclass
class Sources:
    """What the decoder's blocks read beside their own states.

    Either encoder states (training: each block projects them) or keys and values for all layers (decoding).
    """

    persona_mask: Tensor  # [B, P] bool
    context_mask: Tensor  # [B, U] bool
    tau: Tensor  # [B, 1, 1] float32
    persona_states: Tensor | None = None  # [B, P, D]
    context_states: Tensor | None = None  # [B, U, D]
    persona_kv: Tensor | None = None  # [B, L, 2, H, P, E]
    context_kv: Tensor | None = None  # [B, L, 2, H, U, E]


class SourceAttention(GPT2Attention):
    """GPT-2's cross-attention through SDPA, with keys and values from states or from the decoding memory."""

    def __init__(self, config: PAAConfig, layer_idx: int) -> None:
        super().__init__(config, is_cross_attention=True, layer_idx=layer_idx)

    def keys_values(self, states: Tensor) -> Tensor:
        """[B, S, D] -> [B, 2, H, S, E]: keys and values of one source."""
        B, S, _ = states.shape
        kv = self.c_attn(states).view(B, S, 2, self.num_heads, self.head_dim)  # [B, S, 2, H, E]
        return kv.permute(0, 2, 3, 1, 4)  # [B, 2, H, S, E]

    def forward(self, x: Tensor, kv: Tensor, mask: Tensor) -> Tensor:
        """Queries [B, T, D], keys and values [B, 2, H, S, E], mask [B, S] -> [B, T, D], after out-projection."""
        B, T, D = x.shape
        query = self.q_attn(x).view(B, T, self.num_heads, self.head_dim).transpose(1, 2)  # [B, H, T, E]
        # A row whose source is empty reads zeros: SDPA gives 0, not NaN, where every key is masked.
        read = F.scaled_dot_product_attention(
            query,
            kv[:, 0].to(query.dtype),
            kv[:, 1].to(query.dtype),
            attn_mask=mask[:, None, None, :],  # [B, 1, 1, S]
            dropout_p=self.attn_dropout.p if self.training else 0.0,
            scale=self.scaling,
        )  # [B, H, T, E]
        return self.resid_dropout(self.c_proj(read.transpose(1, 2).reshape(B, T, D)))  # [B, T, D]


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
        self.fusion = Fusion(config.fusion, config.hidden_size, mask_rule=config.mask_rule)

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
        attended, _ = self.attn(
            self.ln_1(hidden_states), past_key_values=past_key_values, attention_mask=attention_mask
        )  # [B, T, D]
        h = hidden_states + attended
        persona_kv = (
            sources.persona_kv[:, self.layer_idx]
            if sources.persona_kv is not None
            else self.persona_attention.keys_values(sources.persona_states)
        )  # [B, 2, H, P, E]
        context_kv = (
            sources.context_kv[:, self.layer_idx]
            if sources.context_kv is not None
            else self.context_attention.keys_values(sources.context_states)
        )  # [B, 2, H, U, E]
        o_p = self.persona_attention(self.persona_norm(h), persona_kv, sources.persona_mask)  # [B, T, D]
        o_u = self.context_attention(self.context_norm(h), context_kv, sources.context_mask)  # [B, T, D]
        gate_input = h if self.gate_input == "residual" else attended
        y = h + self.fusion(gate_input, o_p, o_u, sources.tau)  # [B, T, D]
        return y + self.mlp(self.ln_2(y))


class PAAPreTrainedModel(GPT2PreTrainedModel):
    """GPT-2's initialisation, except for the new out-projections."""

    config: PAAConfig
    config_class = PAAConfig
    _no_split_modules = ["PAABlock"]  # noqa: RUF012  (a list in the base class)
    # Flash attention takes no mask for the sources.
    _supports_flash_attn = False

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, SourceAttention):
            # transformers 5 shrinks every attention's out-projection by sqrt(2 x layers), the release does not.
            nn.init.normal_(module.c_proj.weight, std=self.config.cross_out_init_std)


class PAADecoder(PAAPreTrainedModel, GPT2Model):
    """GPT-2's body with PAA blocks, and the two encoders."""

    def __init__(self, config: PAAConfig) -> None:
        super().__init__(config)
        self.h = nn.ModuleList([PAABlock(config, layer) for layer in range(config.num_hidden_layers)])
        self.persona_encoder = self._encoder()
        self.context_encoder = None if config.share_encoders else self._encoder()
        self.post_init()
        for encoder in (self.persona_encoder, self.context_encoder):
            if encoder is not None and encoder.pooler is not None:
                encoder.pooler.requires_grad_(False)  # nothing reads it: no gradient would ever come, and DDP waits

    def _encoder(self) -> BertModel:
        config = self.config
        pad = config.encoder_pad_token_id if config.encoder_pad_token_id is not None else config.pad_token_id
        return BertModel(
            BertConfig(
                vocab_size=config.vocab_size,
                hidden_size=config.hidden_size,
                num_hidden_layers=config.encoder_layers,
                num_attention_heads=config.encoder_heads,
                intermediate_size=4 * config.hidden_size,
                max_position_embeddings=config.encoder_max_positions,
                pad_token_id=pad or 0,
                initializer_range=config.initializer_range,  # GPT-2 and BERT publish the same, 0.02
                hidden_dropout_prob=config.encoder_dropout,
                attention_probs_dropout_prob=config.encoder_dropout,
            ),
            add_pooling_layer=config.encoder_pooler,
        )

    def encode(self, encoder: BertModel | None, ids: Tensor, mask: Tensor) -> Tensor:
        """Encoder states before the pooler: ids and mask [B, S] -> [B, S, D]."""
        encoder = encoder if encoder is not None else self.persona_encoder
        if self.config.encoder_positions == "mask":
            positions = (mask.long().cumsum(1) - 1).clamp(min=0)  # [B, S]
        else:
            positions = torch.arange(ids.size(1), device=ids.device).expand_as(ids)
        return encoder(input_ids=ids, attention_mask=mask.long(), position_ids=positions).last_hidden_state

    def never_empty(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """A source that the template leaves out becomes one masked token, so that all weights stay in the graph.

        DDP waits for the gradient of every weight; these are exact zeros. [B, 0] -> [B, 1], other shapes unchanged.
        """
        if ids.size(1):
            return ids, mask
        return F.pad(ids, (0, 1), value=self.config.pad_token_id or 0), F.pad(mask, (0, 1))

    def tau(self, persona_mask: Tensor, context_mask: Tensor) -> Tensor:
        """The threshold of each row, [B, 1, 1] float32: |numerator| / (|persona| + |context|), or a constant.

        A row without a persona, or without a context, has nothing to balance: its tau is 0 and the other source passes.
        """
        B = persona_mask.size(0)
        if not isinstance(self.config.tau, str):
            return torch.full((B, 1, 1), float(self.config.tau), device=persona_mask.device)
        if self.config.tau == "padded_ratio":
            p, u = (mask.new_full((B,), mask.size(1), dtype=torch.float32) for mask in (persona_mask, context_mask))
        else:
            p, u = persona_mask.sum(1).float(), context_mask.sum(1).float()  # [B]
        numerator = u if self.config.tau_numerator == "context" else p
        ratio = numerator / (p + u).clamp(min=1)
        return torch.where((p > 0) & (u > 0), ratio, torch.zeros_like(ratio))[:, None, None]  # [B, 1, 1]

    def memory(self, persona_ids: Tensor, persona_mask: Tensor, context_ids: Tensor, context_mask: Tensor) -> dict:
        """Keys and values of both sources for every layer, as arguments of `forward`: [B, L, 2, H, S, E] each."""
        persona_ids, persona_mask = self.never_empty(persona_ids, persona_mask)
        context_ids, context_mask = self.never_empty(context_ids, context_mask)
        persona = self.encode(self.persona_encoder, persona_ids, persona_mask)  # [B, P, D]
        context = self.encode(self.context_encoder, context_ids, context_mask)  # [B, U, D]
        return {
            "persona_kv": torch.stack([b.persona_attention.keys_values(persona) for b in self.h], dim=1),
            "context_kv": torch.stack([b.context_attention.keys_values(context) for b in self.h], dim=1),
            "persona_mask": persona_mask,
            "context_mask": context_mask,
        }

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        persona_ids: Tensor | None = None,
        persona_mask: Tensor | None = None,
        context_ids: Tensor | None = None,
        context_mask: Tensor | None = None,
        persona_kv: Tensor | None = None,
        context_kv: Tensor | None = None,
    ) -> Any:
        """GPT-2's forward; the sources come as ids [B, S] or, from `memory`, as keys and values."""
        if persona_kv is None:
            persona_ids, persona_mask = self.never_empty(persona_ids, persona_mask)
            context_ids, context_mask = self.never_empty(context_ids, context_mask)
        sources = Sources(
            persona_mask=persona_mask.bool(),
            context_mask=context_mask.bool(),
            tau=self.tau(persona_mask, context_mask),
            persona_kv=persona_kv,
            context_kv=context_kv,
        )
        if persona_kv is None:
            sources.persona_states = self.encode(self.persona_encoder, persona_ids, persona_mask)
            sources.context_states = self.encode(self.context_encoder, context_ids, context_mask)
        return super().forward(
            input_ids=input_ids,
            past_key_values=past_key_values,
            attention_mask=attention_mask,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            sources=sources,
        )


class PAAForDialogue(PAAPreTrainedModel, GenerationMixin):
    """PAA with its language-model head, tied to the decoder's token embeddings."""

    base_model_prefix = "transformer"

    def __init__(self, config: PAAConfig) -> None:
        super().__init__(config)
        self._tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}
        if config.encoder_embeddings == "decoder_tied":
            for encoder in ("persona_encoder",) if config.share_encoders else ("persona_encoder", "context_encoder"):
                key = f"transformer.{encoder}.embeddings.word_embeddings.weight"
                self._tied_weights_keys[key] = "transformer.wte.weight"
        self.transformer = PAADecoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        persona_ids: Tensor | None = None,
        persona_mask: Tensor | None = None,
        context_ids: Tensor | None = None,
        context_mask: Tensor | None = None,
        persona_kv: Tensor | None = None,
        context_kv: Tensor | None = None,
        logits_to_keep: int = 0,
        return_dict: bool = True,  # generate() passes it; the answer is always a dictionary
    ) -> CausalLMOutputWithCrossAttentions:
        """Logits [B, T, V], or those of the last `logits_to_keep` positions."""
        output = self.transformer(
            input_ids=input_ids,
            past_key_values=past_key_values,
            attention_mask=attention_mask,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            persona_ids=persona_ids,
            persona_mask=persona_mask,
            context_ids=context_ids,
            context_mask=context_mask,
            persona_kv=persona_kv,
            context_kv=context_kv,
        )
        hidden = output.last_hidden_state[:, -logits_to_keep:].contiguous()  # [B, T, D]
        return CausalLMOutputWithCrossAttentions(logits=self.lm_head(hidden), past_key_values=output.past_key_values)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        *,
        persona_ids: Tensor,
        persona_mask: Tensor,
        context_ids: Tensor,
        context_mask: Tensor,
        **options: Any,
    ) -> Any:
        """Generate as transformers does; encoders and cross-attention keys and values are computed here, once."""
        memory = self.transformer.memory(persona_ids, persona_mask, context_ids, context_mask)
        return super().generate(input_ids, **memory, **options)
