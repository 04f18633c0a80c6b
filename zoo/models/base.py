"""What every model in the zoo is: something that puts words, vectors or states before a response.

A model answers one question, `condition(batch)`: what stands before the response, in the words of a Hugging Face
language model? Teacher forcing and generation follow from the answer and are written once, here.

Letters: B batch, C prompt (all that stands before the response), R response, N response tokens of the batch,
V vocabulary, D hidden.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GenerationConfig

from zoo.data.batch import DialogueBatch
from zoo.models.alternatives import Alternatives
from zoo.models.context_ngrams import with_context_blocked
from zoo.models.frozen_head import FrozenHeadNLL, is_frozen_head, what_enters
from zoo.models.stepping import stepping


class DialogueModel(nn.Module, ABC):
    """A Hugging Face language model `lm` and the rule by which a batch becomes its conditioning."""

    prompt_segments: tuple[str, ...] = ("persona", "context")  # what takes positions before the response
    num_extra_positions: int = 0  # that stand before the prompt: a prefix, a soft prompt
    has_user_rows: bool = False  # a row of parameters for each user, which only learner=per_user trains
    users: Sequence[str] = ()  # whose state the model has, by row of `batch.user`; empty for models without any
    choice_head: nn.Linear | None  # of `add_choice_head`
    lm: Any  # a Hugging Face PreTrainedModel with GenerationMixin: typed loosely, as its attributes are dynamic

    def __init__(self) -> None:
        super().__init__()
        self.choice_head = None

    def set_users(self, users: Sequence[str], words: Sequence[Sequence[int]] | None = None) -> None:
        """Learn who the data speak of, before training or loading. Models without a state per user have no use for it.

        Args:
            users: ids, by row of `batch.user`.
            words: token ids of each user's persona.
        """

    def row_of(self, user: str) -> int:
        """The row of a user id; 0 where the model keeps no state per user."""
        return 0

    @abstractmethod
    def condition(self, batch: DialogueBatch) -> dict[str, Any]:
        """Everything before the response, as keyword arguments of `self.lm`.

        Decoder-only: `input_ids` [B, C] or `inputs_embeds` [B, C, D], left-padded so that the last column is valid in
        every row, and `attention_mask` (over a given `past_key_values` too). Encoder-decoder: `input_ids` or
        `inputs_embeds` of the encoder with its `attention_mask`; a prefix of the decoder is `past_key_values` with
        `decoder_attention_mask` [B, M]. A cache is new at every call: the network writes into it. Further arguments
        are passed on unchanged.
        """

    def position_ids(self, mask: Tensor) -> Tensor:
        """Positions of a padded row: pads take none, as in Hugging Face's generate(). [B, T] -> [B, T]."""
        return (mask.long().cumsum(1) - 1).clamp(min=0)

    def positions_needed(self, prompt: int, answer: int) -> tuple[int, int | None]:
        """Positions for a prompt and an answer of so many tokens, and how many the network has; None: no limit.

        An encoder and a decoder count theirs each for itself: the longer of the two.
        """
        limit = getattr(self.lm.config, "max_position_embeddings", None)
        read = prompt + self.num_extra_positions + 1
        if self.lm.config.is_encoder_decoder:
            return max(read, self.num_extra_positions + answer), limit
        return read + answer, limit

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
        return self.head(self.response_states(batch)[keep])  # [N, V]

    def head(self, states: Tensor) -> Tensor:
        """Logits of states that enter the language-model head: [N, D] -> [N, V]."""
        logits: Tensor = self.lm.get_output_embeddings()(states)
        return logits + getattr(self.lm, "final_logits_bias", 0)  # BART's

    def response_nll(self, batch: DialogueBatch) -> Tensor:
        """Teacher forcing: negative log-likelihood of each response token, [N], nats, in float32 or better.

        The order is that of `batch.response[batch.response_mask]`.
        """
        keep, head = batch.response_mask, self.lm.get_output_embeddings()
        if is_frozen_head(head) and getattr(self.lm, "final_logits_bias", None) is None:  # which BART adds
            hidden = self.response_states(batch)[keep]  # [N, D]
            return FrozenHeadNLL.apply(hidden, head.weight, batch.response[keep])
        logits = self(batch)  # [N, V]
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return F.cross_entropy(logits, batch.response[keep], reduction="none")

    def response_states(self, batch: DialogueBatch) -> Tensor:
        """States that enter the head, from which each response token is predicted: [B, R, D]."""
        given = self.condition(batch)
        if self.lm.config.is_encoder_decoder:
            with what_enters(self.lm.get_output_embeddings()) as states:
                self._decode(batch, given)
            return states[0]
        before = given.pop("attention_mask").bool()  # [B, (M +) C]
        if "inputs_embeds" in given:
            response = self.lm.get_input_embeddings()(batch.response)  # [B, R, D]
            given["inputs_embeds"] = torch.cat([given["inputs_embeds"], response], dim=1)  # [B, C + R, D]
            joined = given["inputs_embeds"].size(1)
        else:
            given["input_ids"] = torch.cat([given["input_ids"], batch.response], dim=1)  # [B, C + R]
            joined = given["input_ids"].size(1)
        prompt = joined - batch.response.size(1)
        if batch.alternative is None:
            seen = torch.cat([before, batch.response_mask], dim=1)  # [B, (M +) C + R]
            mask, positions = seen.long(), self.position_ids(seen)[:, -joined:]  # [B, C + R]
        else:
            several = Alternatives(batch.alternative, batch.response_mask)
            mask = several.mask(before, prompt, self.lm.dtype)  # [B, 1, C + R, (M +) C + R]
            positions = self.position_ids(before)[:, -prompt:]  # [B, C]
            positions = torch.cat([positions, positions[:, -1:] + 1 + several.offset], dim=1)  # [B, C + R]
        states = self.lm.base_model(
            attention_mask=mask, position_ids=positions, use_cache="past_key_values" in given, **given
        ).last_hidden_state  # [B, C + R, D]
        if batch.alternative is not None:
            return several.before(states, prompt)
        # Token t is predicted from the state before it: the last prompt column predicts the first response token.
        return states[:, prompt - 1 : -1]

    def _decode(self, batch: DialogueBatch, given: dict[str, Any]) -> None:
        """One pass of encoder and decoder over the responses, each one place to the right."""
        start = self.lm.config.decoder_start_token_id
        shifted = batch.response.roll(1, dims=1)  # [B, R]
        shifted[:, 0] = start
        before = given.pop("decoder_attention_mask", None)  # [B, M]
        if batch.alternative is not None:
            several = Alternatives(batch.alternative, batch.response_mask)
            shifted = several.shifted(batch.response, start)
            before = shifted.new_ones(len(batch), 0) if before is None else before
            given["decoder_attention_mask"] = several.mask(before.bool(), 0, self.lm.dtype)  # [B, 1, R, M + R]
            if self.lm.config.model_type == "encoder-decoder":  # T5 counts from key to query, whatever the positions
                given["decoder_position_ids"] = several.offset
        elif before is not None:
            given["decoder_attention_mask"] = torch.cat([before, torch.ones_like(shifted)], dim=1)  # [B, M + R]
        self.lm(decoder_input_ids=shifted, use_cache="past_key_values" in given, **given)

    @property
    def takes_alternatives(self) -> bool:
        """Can several responses of a row stand side by side, or does each need a row (`DialogueBatch.side_by_side`)?

        They can where the network goes by the masks and positions that it is given.
        """
        return self.lm.config.model_type in ("gpt2", "gptj", "paa", "t5", "mt5", "encoder-decoder")

    def add_choice_head(self) -> None:
        """Two more weights a channel that tell the true response from others, in PyTorch's default start."""
        config = self.lm.config.decoder if self.lm.config.model_type == "encoder-decoder" else self.lm.config
        self.choice_head = nn.Linear(config.hidden_size, 2, dtype=self.lm.dtype)

    def generate(self, batch: DialogueBatch, decoding: GenerationConfig, **options: Any) -> Tensor:
        """Decode responses, [B, <= max_new_tokens]: the only decoding call in the repository.

        Rows end with the end token and are padded behind it. `options` go to transformers' generate() (a streamer,
        stopping criteria).
        """
        output = self.continued(batch, decoding, **options)
        return output if isinstance(output, Tensor) else output.sequences

    @torch.no_grad()
    def continued(self, batch: DialogueBatch, decoding: GenerationConfig, **options: Any) -> Any:
        """What transformers' generate() answers, with the prompt cut off its sequences (scores, logits, ... stay)."""
        given = self.condition(batch)
        given["attention_mask"] = given["attention_mask"].long()
        if self.lm.config.is_encoder_decoder:
            prompt = 1  # the decoder's start token
            ours = "past_key_values" in given
        else:
            given.setdefault("position_ids", self.position_ids(given["attention_mask"]))  # [B, (M +) C]
            # transformers slices a prompt given as vectors by a prefix's length, and forgets it without a cache
            ours = "past_key_values" in given or "inputs_embeds" in given
            if "inputs_embeds" in given:  # ids stand in, for processors that read what was written
                given["input_ids"] = given["attention_mask"].new_full((len(batch), 1), batch.pad_id)
            prompt = given["input_ids"].size(1)
        decoding, options = with_context_blocked(batch, decoding, prompt, options)
        if ours:
            with stepping(self.lm, given, prompt) as started:
                output = self.lm.generate(generation_config=decoding, **started, **options)
        else:
            output = self.lm.generate(generation_config=decoding, **given, **options)
        if isinstance(output, Tensor):
            return output[:, prompt:]  # [B, C + R] -> [B, R]
        output.sequences = output.sequences[:, prompt:]
        return output
