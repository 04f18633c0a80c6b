"""PAA: persona-adaptive attention.

Source: Huang, Zhang, Ko, Liu, Wu, Wang, Tang: "Personalized Dialogue Generation with Persona-Adaptive Attention",
AAAI 2023 (arXiv:2210.15088). Two randomly initialised encoders read persona and context; GPT-2 is prompted with the
persona and fuses both through a gate whose two halves are masked by a threshold tau that depends on the lengths.

The network is in `zoo.models.paa_network`, its blocks in `zoo.models.paa_blocks`, the gate and its masks in
`zoo.models.fusion`.
Letters: B batch, P persona, U context, R response, D hidden.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from zoo.backbones import Backbone
from zoo.data.batch import DialogueBatch
from zoo.errors import UserError
from zoo.models.base import DialogueModel
from zoo.models.condition_aware import CONDITION_AWARE, POOLS, warn_of_the_release
from zoo.models.fusion import FUSIONS, MASK_RULES
from zoo.models.paa_blocks import PAAConfig
from zoo.models.paa_network import PAAForDialogue

CHOICES: dict[str, tuple[Any, ...]] = {
    "fusion": FUSIONS + CONDITION_AWARE,
    "mask_rule": MASK_RULES,
    "tau_numerator": ("context", "persona"),
    "gate_input": ("residual", "attn_out"),
    "encoder_positions": ("mask", "arange"),
    "encoder_embeddings": ("own", "decoder_tied"),
    "decoder_positions": ("mask", "arange"),
    "condition_pool": POOLS,
}

NOT_INHERITED = ("model_type", "architectures", "dtype", "transformers_version")


class PAA(DialogueModel):
    """Persona-adaptive attention on a GPT-2 backbone.

    In every decoder layer, with h the residual stream after self-attention and o_p, o_u what the two cross-attentions
    read from persona and context:

        w   = sigmoid(W [h; o_p] + b)                                   Equation 4
        tau = |context| / (|context| + |persona|)                       a scalar per example, the same in all layers
        H   = w [w > tau] o_p + (1 - w) [w < 1 - tau] o_u               Equations 5-7; Listing 1 prints the complement
        y   = h + H;  out = y + MLP(LN(y))                              Listing 1

    For tau > 1/2 entries with 1 - tau <= w <= tau pass neither source, for tau < 1/2 a band passes both. The encoders
    have 4 layers, 4 heads and the decoder's width.

    Presets (`preset=paa_reference`, `preset=paa_paper`; the defaults are `fixed`; evidence in the card). `paper` equals
    `fixed` where the paper is silent:

    | switch                             | paper        | reference    | fixed        |
    |------------------------------------|--------------|--------------|--------------|
    | net.mask_rule                      | keep_above   | keep_above   | keep_above   |
    | net.tau                            | length_ratio | length_ratio | length_ratio |
    | net.tau_numerator                  | context      | context      | context      |
    | net.gate_input                     | attn_out     | residual     | residual     |
    | net.encoder_positions              | mask         | arange       | mask         |
    | net.decoder_positions              | mask         | arange       | mask         |
    | net.encoder_pooler                 | false        | true         | false        |
    | net.encoder_pad_token_id           | null         | 0            | null         |
    | net.encoder_embeddings             | own          | own          | own          |
    | net.share_encoders                 | false        | false        | false        |
    | net.persona_prompt                 | true         | true         | true         |
    | net.cross_out_init_std             | 0.02         | 0.02         | 0.02         |
    | template.lone_blanks               | false        | true         | false        |
    | template.target_end                | eos          | blank_eos    | eos          |
    | data.pad_left                      | []           | [persona, context] | []     |
    | data.history                       | last_k       | reference    | last_k       |
    | data.order                         | shuffled     | sorted_desc  | shuffled     |
    | data.batch_size                    | 32           | 8            | 32           |
    | optimizer.lr                       | 8.0e-6       | 1.0e-6       | 8.0e-6       |
    | trainer.precision                  | bf16-mixed   | 32-true      | bf16-mixed   |

    The authors' evaluation is `protocol=paa_reference`; `preset=paa_reference` selects it too.

    Args:
        backbone: a GPT-2; its weights become the decoder's, only the new names start at random.
        tokenizer: with the template's added tokens; gives the number of token rows and the ids of pad, [BOS] and [EOS].
        fusion: one of `zoo.models.fusion.FUSIONS` (Table 4, attention routing), or `condition_aware` (Table 6), in
            whose place `condition_aware_reference` computes what the release does, behind a warning.
        mask_rule: keep_above (Equation 6) or keep_below (Listing 1).
        tau: length_ratio (true lengths), padded_ratio (those of the padded batch), or a constant in [0, 1].
        tau_numerator: context (the paper) or persona (how the evaluated run of the release is labelled).
        gate_input: residual (h; the release and Listing 1) or attn_out (Equation 4 to the letter).
        encoder_layers, encoder_heads, encoder_max_positions: shape of the two encoders.
        encoder_positions: mask (from the first token, whatever the padding) or arange over the padded row.
        encoder_embeddings: own tables, or decoder_tied.
        encoder_pooler: keep BERT's unused pooler (1,181,184 parameters at width 768), as the release does.
        encoder_pad_token_id: id whose encoder embedding stays zero; null means `pad_token_id`. The release leaves
            BERT's 0, which is the token `!`.
        share_encoders: one encoder for both sources.
        persona_prompt: put the persona before the response in the decoder.
        decoder_positions: mask or arange, as for the encoders.
        cross_out_init_std: of both cross-attentions' out-projections.
        routing_alpha: the persona's weight in attention_routing.
        condition_pool: max or mean, how condition_aware makes a vector of a text.
        dropout: of attention, residual and embeddings everywhere; None keeps GPT-2's and BERT's 0.1.

    Raises:
        UserError: a switch has a value that does not exist; the existing ones are listed.
    """

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: PreTrainedTokenizerBase,
        *,
        fusion: str = "paa",
        mask_rule: str = "keep_above",
        tau: str | float = "length_ratio",
        tau_numerator: str = "context",
        gate_input: str = "residual",
        encoder_layers: int = 4,
        encoder_heads: int = 4,
        encoder_max_positions: int = 512,
        encoder_positions: str = "mask",
        encoder_embeddings: str = "own",
        encoder_pooler: bool = False,
        encoder_pad_token_id: int | None = None,
        share_encoders: bool = False,
        persona_prompt: bool = True,
        decoder_positions: str = "mask",
        cross_out_init_std: float = 0.02,
        routing_alpha: float = 0.2,
        condition_pool: str = "max",
        dropout: float | None = None,
    ) -> None:
        super().__init__()
        given = locals()
        for switch, choices in CHOICES.items():
            if given[switch] not in choices:
                raise UserError(f"model.net.{switch} is {given[switch]!r}; expected one of {', '.join(choices)}")
        if isinstance(tau, str) and tau not in ("length_ratio", "padded_ratio"):
            raise UserError(f"model.net.tau is {tau!r}; expected length_ratio, padded_ratio or a number in [0, 1]")
        if not isinstance(tau, str) and not 0 <= tau <= 1:
            raise UserError(f"model.net.tau is {tau}; a constant threshold for weights in (0, 1) lies in [0, 1]")
        check_gpt2(backbone, encoder_heads)
        if fusion == "condition_aware_reference":
            warn_of_the_release()
        self.persona_prompt = persona_prompt
        self.prompt_segments = ("persona",) if persona_prompt else ()
        self.decoder_positions = decoder_positions
        self.bos_token_id = tokenizer.bos_token_id

        published = backbone.load(tokenizer, dropout=dropout)
        gpt2 = published.config.to_dict()
        config = PAAConfig(
            **{key: value for key, value in gpt2.items() if key not in NOT_INHERITED}
            | {
                "vocab_size": published.get_input_embeddings().num_embeddings,
                "pad_token_id": tokenizer.pad_token_id,
                "bos_token_id": tokenizer.bos_token_id,
                "eos_token_id": tokenizer.eos_token_id,
                "fusion": fusion,
                "mask_rule": mask_rule,
                "tau": tau,
                "tau_numerator": tau_numerator,
                "gate_input": gate_input,
                "encoder_layers": encoder_layers,
                "encoder_heads": encoder_heads,
                "encoder_max_positions": encoder_max_positions,
                "encoder_positions": encoder_positions,
                "encoder_embeddings": encoder_embeddings,
                "encoder_pooler": encoder_pooler,
                "encoder_dropout": 0.1 if dropout is None else dropout,
                "encoder_pad_token_id": encoder_pad_token_id,
                "share_encoders": share_encoders,
                "cross_out_init_std": cross_out_init_std,
                "routing_alpha": routing_alpha,
                "condition_pool": condition_pool,
            },
            attn_implementation="sdpa",
        )
        self.lm = PAAForDialogue(config).to(published.dtype)
        load_decoder(self.lm, published)

    def condition(self, batch: DialogueBatch) -> dict[str, Any]:
        """Persona and [BOS] as the decoder's prompt [B, P + 1], and both sources for the encoders."""
        if self.persona_prompt:
            ids, mask = batch.join("persona", pad="left", end=self.bos_token_id)  # [B, P + 1]
        else:
            ids = batch.response.new_full((len(batch), 1), self.bos_token_id)  # [B, 1]
            mask = torch.ones_like(ids, dtype=torch.bool)
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "persona_ids": batch.persona,  # [B, P]
            "persona_mask": batch.persona_mask,
            "context_ids": batch.context,  # [B, U]
            "context_mask": batch.context_mask,
        }

    @property
    def takes_alternatives(self) -> bool:
        """As in the base class; pools over what was said so far would mix the responses."""
        return super().takes_alternatives and not self.lm.transformer.condition_aware

    def position_ids(self, mask: Tensor) -> Tensor:
        """As in the base class, or (`arange`, the release) counting the pads of a left-padded prompt too."""
        if self.decoder_positions == "arange":
            return torch.arange(mask.size(1), device=mask.device).expand_as(mask)  # [B, T]
        return super().position_ids(mask)


def check_gpt2(backbone: Backbone, encoder_heads: int) -> None:
    """Refuse decoders that are no GPT-2, and encoders that could not be as wide."""
    if (family := backbone.config().model_type) != "gpt2":
        raise UserError(
            f"backbone {backbone.name} is a {family}, but this model's decoder is made of GPT-2 blocks; choose "
            "backbone=gpt2, gpt2-medium, gpt2-large, gpt2-xl or tiny"
        )
    if backbone.config().hidden_size % encoder_heads:
        raise UserError(
            f"model.net.encoder_heads is {encoder_heads}, no divisor of the width {backbone.config().hidden_size}; "
            "the encoder is as wide as the decoder"
        )


def load_decoder(
    network: nn.Module, published: nn.Module, own: tuple[str, ...] = ("persona_", "context_", ".fusion.")
) -> None:
    """Copy a GPT-2 into `network`; every weight of it must find its place, and only what is `own` may be left over."""
    outcome = network.load_state_dict(published.state_dict(), strict=False)
    strangers = [name for name in outcome.missing_keys if not any(part in name for part in own)]
    if strangers or outcome.unexpected_keys:
        raise RuntimeError(f"GPT-2 weights without a source {strangers} or without a place {outcome.unexpected_keys}")
