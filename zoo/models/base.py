"""What every model in the zoo is: something that puts words, vectors or states before a response.

A model answers one question, `condition(batch)`: what stands before the response, in the words of a Hugging Face
language model? Teacher forcing and generation follow from the answer and are written once, here.

Letters: B batch, C prompt (all that stands before the response), R response, N response tokens of the batch,
V vocabulary, D hidden.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationConfig

from zoo.data.batch import DialogueBatch


class DialogueModel(nn.Module, ABC):
    """A Hugging Face language model `lm` and the rule by which a batch becomes its conditioning."""

    prompt_segments: tuple[str, ...] = ("persona", "context")  # what takes positions before the response
    lm: Any  # a Hugging Face PreTrainedModel with GenerationMixin: typed loosely, as its attributes are dynamic

    @abstractmethod
    def condition(self, batch: DialogueBatch) -> dict[str, Any]:
        """Everything before the response, as keyword arguments of `self.lm`.

        Decoder-only: `input_ids` [B, C] or `inputs_embeds` [B, C, D], left-padded so that the last column is valid in
        every row, and `attention_mask` (over a given `past_key_values` too). Encoder-decoder: `input_ids` or
        `inputs_embeds` of the encoder with its `attention_mask`. Further arguments are passed on unchanged.
        """

    def position_ids(self, mask: Tensor) -> Tensor:
        """Positions of a padded row: pads take none, as in Hugging Face's generate(). [B, T] -> [B, T]."""
        return (mask.long().cumsum(1) - 1).clamp(min=0)

    def forward(self, batch: DialogueBatch, positions: Tensor | None = None) -> Tensor:
        """Teacher forcing: logits of response tokens.

        Args:
            batch: the responses and what precedes them.
            positions: bool [B, R], the response positions to predict; by default those that hold a token.

        Returns:
            [N, V], the rows in the order of `batch.response[positions]`. Flat, because the head over a strided
            [B, R, D] slice copies the head's weights for every row (6 to 40 times slower on CPU).
        """
        keep = batch.response_mask if positions is None else positions  # [B, R]
        given = self.condition(batch)
        if self.lm.config.is_encoder_decoder:
            shifted = self.lm.prepare_decoder_input_ids_from_labels(batch.response)  # [B, R]
            return self.lm(decoder_input_ids=shifted, use_cache=False, **given).logits[keep]  # [N, V]
        hidden = self._response_states(batch, given)  # [B, R, D]
        return self.lm.get_output_embeddings()(hidden[keep])  # [N, V]

    def _response_states(self, batch: DialogueBatch, given: dict[str, Any]) -> Tensor:
        """Last hidden states from which each response token is predicted: [B, R, D]."""
        mask = torch.cat([given.pop("attention_mask"), batch.response_mask], dim=1)  # [B, (M +) C + R]
        if "inputs_embeds" in given:
            response = self.lm.get_input_embeddings()(batch.response)  # [B, R, D]
            given["inputs_embeds"] = torch.cat([given["inputs_embeds"], response], dim=1)  # [B, C + R, D]
            joined = given["inputs_embeds"].size(1)
        else:
            given["input_ids"] = torch.cat([given["input_ids"], batch.response], dim=1)  # [B, C + R]
            joined = given["input_ids"].size(1)
        positions = self.position_ids(mask)[:, -joined:]  # [B, C + R]
        output = self.lm.base_model(
            attention_mask=mask.long(), position_ids=positions, use_cache="past_key_values" in given, **given
        )
        # Token t is predicted from the state before it: the last prompt column predicts the first response token.
        return output.last_hidden_state[:, joined - batch.response.size(1) - 1 : -1]  # [B, R, D]

    @torch.no_grad()
    def generate(self, batch: DialogueBatch, decoding: GenerationConfig, **options: Any) -> Tensor:
        """Decode responses, [B, <= max_new_tokens]: the only decoding call in the repository.

        Rows end with the end token and are padded behind it. `options` go to transformers' generate() (a streamer,
        stopping criteria).
        """
        given = self.condition(batch)
        prompt = given["input_ids"].size(1) if "input_ids" in given and not self.lm.config.is_encoder_decoder else 0
        given["attention_mask"] = given["attention_mask"].long()
        if not self.lm.config.is_encoder_decoder and "position_ids" not in given:
            positions = self.position_ids(given["attention_mask"])  # [B, (M +) C]
            given["position_ids"] = positions
        output = self.lm.generate(generation_config=decoding, **given, **options)
        tokens = output if isinstance(output, Tensor) else output.sequences  # [B, C + R] or [B, R]
        if self.lm.config.is_encoder_decoder:
            prompt = 1  # the decoder's start token
        return tokens[:, prompt:]
