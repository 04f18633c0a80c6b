"""What a network reads at each step of transformers' generate(): prompts of vectors, prefixes of keys and values.

transformers 5 slices a prompt of vectors by the length of a prefix, loses the prompt without a cache, and copies no
given cache for beams. So the inputs of every step are made here; generate() keeps what it is good at: the loop, beams,
sampling and stopping.

Letters: B batch, W rows of a step (B times the beams), M prefix, C prompt, G tokens generated so far.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel


@contextmanager
def stepping(lm: PreTrainedModel, given: dict[str, Any], prompt: int) -> Iterator[dict[str, Any]]:
    """Within it, `lm.generate(**started)` continues `given`, what `DialogueModel.condition` gave, whatever it is.

    Args:
        lm: decoder-only or encoder-decoder.
        given: the conditioning.
        prompt: columns of the ids that generate() starts from, C or 1.

    Yields:
        The arguments of generate().
    """
    taken = ["past_key_values", "decoder_attention_mask"]
    if not lm.config.is_encoder_decoder:
        taken += ["inputs_embeds", "attention_mask", "position_ids"]
    fixed = {name: given[name] for name in taken if name in given}
    started = {name: value for name, value in given.items() if name not in taken}
    if not lm.config.is_encoder_decoder:
        started["attention_mask"] = torch.ones_like(given["input_ids"])  # generate() counts its columns

    def inputs(input_ids: Tensor, past_key_values: Any = None, use_cache: bool = True, **kwargs: Any) -> dict[str, Any]:
        written = input_ids[:, prompt:]  # [W, G]
        beams = input_ids.size(0) // given["attention_mask"].size(0)
        first = written.size(1) == 0
        if use_cache and not first:
            step: dict[str, Any] = {"past_key_values": past_key_values}
        else:
            step = {"past_key_values": prefix_of(fixed, beams)} if "past_key_values" in fixed else {}
            step.setdefault("past_key_values", past_key_values if use_cache else None)
        fed = written[:, -1:] if use_cache and not first else written  # [W, 1] or [W, G]
        step["use_cache"] = use_cache or "past_key_values" in fixed
        if lm.config.is_encoder_decoder:
            step["decoder_input_ids"] = fed if use_cache and not first else input_ids
            step |= {name: kwargs[name] for name in ("encoder_outputs", "attention_mask")}
            if "decoder_attention_mask" in fixed:
                step["decoder_attention_mask"] = followed(fixed["decoder_attention_mask"], beams, input_ids)
            return step
        step["attention_mask"] = mask = followed(fixed["attention_mask"], beams, written)  # [W, (M +) C + G]
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        if use_cache and not first:
            return step | {"input_ids": fed, "position_ids": positions[:, -1:]}
        if "inputs_embeds" in fixed:
            vectors = fixed["inputs_embeds"].repeat_interleave(beams, dim=0)  # [W, C, D]
            vectors = torch.cat([vectors, lm.get_input_embeddings()(fed).to(vectors.dtype)], dim=1)  # [W, C + G, D]
            return step | {"inputs_embeds": vectors, "position_ids": positions[:, -vectors.size(1) :]}
        return step | {"input_ids": input_ids, "position_ids": positions[:, -input_ids.size(1) :]}

    lm.prepare_inputs_for_generation = inputs  # type: ignore[assignment]
    try:
        yield started
    finally:
        del lm.prepare_inputs_for_generation  # the class's own again


def prefix_of(fixed: dict[str, Any], beams: int) -> Any:
    """A copy of the prefix with every row once for each beam."""
    cache = copy.deepcopy(fixed["past_key_values"])
    cache.batch_repeat_interleave(beams)
    return cache


def followed(mask: Tensor, beams: int, written: Tensor) -> Tensor:
    """The mask of the conditioning [B, C] with ones for what was written [W, G]: [W, C + G]."""
    return torch.cat([mask.repeat_interleave(beams, dim=0), torch.ones_like(written)], dim=1)
