"""Encoder-GPT2: a randomly initialised encoder reads persona and context, GPT-2 answers through cross-attention.

Source: the baseline of that name of Huang et al. 2023 (arXiv:2210.15088, Table 1): PAA without its second encoder, its
prompt and its gate. transformers' `EncoderDecoderModel` of a BERT and a GPT-2.

Letters: B batch, C persona and context, R response, D hidden.
"""

from typing import Any

from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerBase,
)

from zoo.backbones import Backbone
from zoo.data.batch import DialogueBatch
from zoo.errors import UserError
from zoo.models.base import DialogueModel
from zoo.models.paa import NOT_INHERITED, check_gpt2, load_decoder
from zoo.models.user_rows import check_separator


class EncoderGPT2(DialogueModel):
    """One encoder over `persona [SEP] context`, and a GPT-2 decoder that begins with [BOS].

    Args:
        backbone: a GPT-2; its weights become the decoder's.
        tokenizer: with the template's added tokens; [SEP], [BOS], [EOS] and pad are its own.
        encoder_layers, encoder_heads, encoder_max_positions: the encoder's shape; it is as wide as the decoder.
        encoder_positions: `mask` (from the first token) or `arange` over rows that are padded on the left, as the
            release does, which makes an answer depend on its batch.
        encoder_pooler: keep BERT's pooler (590,592 parameters at width 768), which nothing reads; so the release's
            220,754,688.
        encoder_pad_token_id: id whose encoder embedding stays zero; null means the pad token. The release leaves 0.
        cross_out_init_std: of the cross-attentions' out-projections; the release has 0.02, transformers 5 less.
        dropout: of attention, residual and embeddings everywhere; None keeps GPT-2's and BERT's 0.1.

    Raises:
        UserError: the backbone is no GPT-2, or a switch has a value that does not exist.
    """

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: PreTrainedTokenizerBase,
        *,
        encoder_layers: int = 4,
        encoder_heads: int = 4,
        encoder_max_positions: int = 512,
        encoder_positions: str = "mask",
        encoder_pooler: bool = False,
        encoder_pad_token_id: int | None = None,
        cross_out_init_std: float = 0.02,
        dropout: float | None = None,
    ) -> None:
        super().__init__()
        if encoder_positions not in ("mask", "arange"):
            raise UserError(f"model.net.encoder_positions is {encoder_positions!r}; expected mask or arange")
        check_gpt2(backbone, encoder_heads)
        self.side: Any = "right" if encoder_positions == "mask" else "left"
        self.separator = check_separator(tokenizer)
        published = backbone.load(tokenizer, dropout=dropout)
        vocab_size = published.get_input_embeddings().num_embeddings
        ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
        gpt2 = {key: value for key, value in published.config.to_dict().items() if key not in NOT_INHERITED}
        decoder_config = GPT2Config(
            **gpt2
            | {"vocab_size": vocab_size, "add_cross_attention": True, "is_decoder": True}
            | {"bos_token_id": tokenizer.bos_token_id, **ids}
        )
        encoder_dropout = 0.1 if dropout is None else dropout
        pad = tokenizer.pad_token_id if encoder_pad_token_id is None else encoder_pad_token_id
        encoder_config = BertConfig(
            vocab_size=vocab_size,
            hidden_size=decoder_config.hidden_size,
            num_hidden_layers=encoder_layers,
            num_attention_heads=encoder_heads,
            intermediate_size=4 * decoder_config.hidden_size,
            max_position_embeddings=encoder_max_positions,
            pad_token_id=pad or 0,
            hidden_dropout_prob=encoder_dropout,
            attention_probs_dropout_prob=encoder_dropout,
        )
        self.lm = EncoderDecoderModel(
            EncoderDecoderConfig.from_encoder_decoder_configs(
                encoder_config, decoder_config, decoder_start_token_id=tokenizer.bos_token_id, **ids
            ),
            encoder=BertModel(encoder_config, add_pooling_layer=encoder_pooler),
            decoder=GPT2LMHeadModel(decoder_config),
        ).to(published.dtype)
        if encoder_pooler:
            self.lm.encoder.pooler.requires_grad_(False)  # nothing reads it: DDP would wait for its gradient
        load_decoder(self.lm.decoder, published, own=(".crossattention.", ".ln_cross_attn."))
        for block in self.lm.decoder.transformer.h:
            nn.init.normal_(block.crossattention.c_proj.weight, std=cross_out_init_std)

    def condition(self, batch: DialogueBatch) -> dict[str, Any]:
        """Persona, [SEP] and context for the encoder, [B, C]."""
        ids, mask = batch.join("persona", "context", pad=self.side, between=self.separator)
        return {"input_ids": ids, "attention_mask": mask.long()}

    def positions_needed(self, prompt: int, answer: int) -> tuple[int, int | None]:
        """The encoder's, for persona, [SEP] and context; the decoder's, for [BOS] and the answer, where those lack."""
        if answer + 1 > (limit := self.lm.config.decoder.max_position_embeddings):
            return answer + 1, limit
        return prompt + 1, self.lm.config.encoder.max_position_embeddings
