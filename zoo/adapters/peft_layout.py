"""PEFT's layout for encoder-decoders (0.21), where it is not the obvious one: to it in writing, from it in reading.

Prompt: PEFT stores [2 * M, D], a second prompt for the decoder, and never reads the second half.

Prefix: PEFT repeats the L (key, value) pairs and deals them out to self-attention, cross-attention, self-attention and
so on, and throws away what cross-attention was dealt. So layer l gets pair 2 * l modulo L: with even L every second
pair counts, twice. Each layer gets its own where the folder says 2 * L layers and the pairs stand in the even places.

M virtual tokens, L layers, D width of a layer's keys.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo.adapters.adapter import PROMPT, Adapter, check_adapter

SPREAD = {"pairs": "in even places"}  # in the weights' metadata: the layers were doubled by `to_peft`


def to_peft(adapter: Adapter) -> tuple[Adapter, dict[str, str]]:
    """The adapter as PEFT should find it, and what the weights' metadata should say."""
    if not _has_prefix(adapter.config):
        return adapter, {}
    pairs = _pairs(adapter.tensors[PROMPT], adapter.config)  # [M, L, 2 * D]
    M, L, width = pairs.shape
    spread = pairs.new_zeros(M, 2 * L, width)
    spread[:, ::2] = pairs
    return Adapter({PROMPT: spread.flatten(1)}, dict(adapter.config) | {"num_layers": 2 * L}), SPREAD


def from_peft(adapter: Adapter, metadata: Mapping[str, str], where: str) -> Adapter:
    """The inverse of `to_peft`; of a folder that PEFT itself wrote, what PEFT computes with.

    Args:
        adapter: what the folder holds.
        metadata: the weights'.
        where: what holds it, for messages.

    Raises:
        UserError: a prefix is not what its config says.
    """
    tensors, config = adapter.tensors, dict(adapter.config)
    M = config.get("num_virtual_tokens")
    if config.get("peft_type") == "PROMPT_TUNING" and config.get("num_transformer_submodules") == 2:
        doubled = PROMPT in tensors and isinstance(M, int) and len(tensors[PROMPT]) == 2 * M
        kept = {PROMPT: tensors[PROMPT][:M].clone()} if doubled else {}
        return Adapter({**tensors, **kept}, config | {"num_transformer_submodules": 1})
    if not _has_prefix(config):
        return adapter
    check_adapter(adapter, where)
    pairs = _pairs(tensors[PROMPT], config)  # [M, places, 2 * D]
    places = pairs.shape[1]
    layers = range(0, places, 2) if metadata.items() >= SPREAD.items() else [2 * i % places for i in range(places)]
    return Adapter({PROMPT: pairs[:, list(layers)].flatten(1)}, config | {"num_layers": len(layers)})


def _has_prefix(config: Mapping[str, Any]) -> bool:
    return config.get("peft_type") == "PREFIX_TUNING" and config.get("num_transformer_submodules") == 2


def _pairs(prefix: Tensor, config: Mapping[str, Any]) -> Tensor:
    return prefix.reshape(len(prefix), config["num_layers"], 2 * config["token_dim"])
