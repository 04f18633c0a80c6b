"""PAA's network as a Hugging Face model: GPT-2 whose blocks also read two BERT-shaped encoders.

Source: Huang et al. 2023 (arXiv:2210.15088). Built from transformers' own parts: a block is a `GPT2Block` with two
cross-attentions and a fusion between self-attention and MLP, so GPT-2 weights load by name, and greedy, beam and
sampled decoding, key-value caching, `save_pretrained` and the hub work as for any other model. Decoding caches the
self-attention as GPT-2 does; the keys and values of both cross-attentions are computed once, before the first token.

Letters: B batch, P persona tokens, U context tokens, T decoder positions, D hidden, L layers, H heads, E head width.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertModel, GenerationMixin, GPT2Model, GPT2PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithCrossAttentions

from zoo.models.condition_aware import CONDITION_AWARE, ConditionAwareBlock
from zoo.models.paa_blocks import PAABlock, PAAConfig, SourceAttention, Sources
from zoo.models.tokens_only import TokensOnly
from zoo.models.word_table import WordTable


class PAAPreTrainedModel(GPT2PreTrainedModel):
    """GPT-2's initialisation, except for the new out-projections."""

    config: PAAConfig
    config_class = PAAConfig
    _no_split_modules = ["PAABlock", "ConditionAwareBlock"]  # noqa: RUF012  (a list in the base class)
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

    skips_pads = True  # in training; False computes them as the release does, for comparisons

    def __init__(self, config: PAAConfig) -> None:
        super().__init__(config)
        self.condition_aware = config.fusion in CONDITION_AWARE
        if config.fusion == "condition_aware_reference":
            self.skips_pads = False  # it pools them
        block = ConditionAwareBlock if self.condition_aware else PAABlock
        self.h = nn.ModuleList([block(config, layer) for layer in range(config.num_hidden_layers)])
        self.persona_encoder = self._encoder()
        self.context_encoder = None if config.share_encoders else self._encoder()
        encoders = [encoder for encoder in (self.persona_encoder, self.context_encoder) if encoder is not None]
        for table in (self.wte, *(encoder.embeddings.word_embeddings for encoder in encoders)):
            table.__class__ = WordTable  # as it stands: transformers made and filled it
        self.post_init()
        for encoder in encoders:
            if encoder.pooler is not None:
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
        every = TokensOnly(None)
        return {
            "persona_kv": torch.stack(
                [b.persona_attention.keys_values(persona, every, persona_mask) for b in self.h], dim=1
            ),
            "context_kv": torch.stack(
                [b.context_attention.keys_values(context, every, context_mask) for b in self.h], dim=1
            ),
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
        """GPT-2's forward; the sources come as ids [B, S] or, from `memory`, as keys and values.

        In training the states of pads come out as zeros, uncomputed; evaluated as the release does, they are scored.
        """
        if persona_kv is None:
            persona_ids, persona_mask = self.never_empty(persona_ids, persona_mask)
            context_ids, context_mask = self.never_empty(context_ids, context_mask)
        persona_mask, context_mask = persona_mask.bool(), context_mask.bool()
        decoder_mask = attention_mask.bool() if attention_mask is not None and attention_mask.ndim == 2 else None
        skip_pads = self.skips_pads and self.training and past_key_values is None and decoder_mask is not None
        decoder_tokens, persona_tokens, context_tokens = (
            TokensOnly(mask if skip_pads else None) for mask in (decoder_mask, persona_mask, context_mask)
        )
        tau = self.tau(persona_mask, context_mask)  # [B, 1, 1]
        if skip_pads and decoder_mask is not None:
            tau = decoder_tokens.take(tau.expand(*decoder_mask.shape, 1))  # [N, 1]
        sources = Sources(
            persona_mask=persona_mask,
            context_mask=context_mask,
            tau=tau,
            decoder_mask=decoder_mask,
            decoder_tokens=decoder_tokens,
            persona_tokens=persona_tokens,
            context_tokens=context_tokens,
            persona_kv=persona_kv,
            context_kv=context_kv,
        )
        if persona_kv is None:
            persona = self.encode(self.persona_encoder, persona_ids, persona_mask)  # [B, P, D]
            context = self.encode(self.context_encoder, context_ids, context_mask)  # [B, U, D]
            sources.persona_states, sources.context_states = persona_tokens.take(persona), context_tokens.take(context)
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
        if self.transformer.condition_aware:
            options["use_cache"] = False
        return super().generate(input_ids, **memory, **options)
