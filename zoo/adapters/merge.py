"""A LoRA written into the weights of its backbone, for programs that know nothing of adapters."""

import copy
from typing import TypeVar

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from zoo.adapters.adapter import Adapter, check_adapter, lora_pairs, lora_scale
from zoo.errors import UserError

Model = TypeVar("Model", bound=nn.Module)


def merge_lora(model: Model, adapter: Adapter) -> Model:
    """A copy of `model` with W + scale * B @ A in place of every W that the adapter changes.

    Args:
        model: a Hugging Face model; not changed.
        adapter: a LoRA; its paths are those of `model`.

    Raises:
        UserError: another kind of adapter; a module that `model` lacks, that is no Linear or Conv1D, that has another
            shape, or whose weight is tied to another module's.
    """
    check_adapter(adapter, "What should be merged")
    if adapter.config["peft_type"] != "LORA":
        raise UserError(
            f"A {adapter.config['peft_type']} adapter cannot be merged into weights; expected a LoRA. Keep it beside "
            "the backbone, as a PEFT folder."
        )
    merged = copy.deepcopy(model)
    modules = dict(merged.named_modules())
    owners: dict[int, list[str]] = {}
    for name, parameter in merged.named_parameters(remove_duplicate=False):
        owners.setdefault(id(parameter), []).append(name)
    for path, A, B in lora_pairs(adapter):
        module = modules.get(path)
        if not isinstance(module, nn.Linear | Conv1D):
            what = f"a {type(module).__name__}" if module else "not there"
            raise UserError(
                f"The adapter changes {path}, which in a {type(model).__name__} is {what}; expected a Linear or a "
                f"Conv1D. Give the backbone it was trained on ({adapter.config.get('base_model_name_or_path')})."
            )
        if len(owners[id(module.weight)]) > 1:
            raise UserError(
                f"{' and '.join(owners[id(module.weight)])} are one tensor: merging into {path} would change all of "
                "them. Untie them first, or keep the adapter beside the backbone."
            )
        module._forward_hooks.clear()  # a bank's own update would come on top
        _add(path, module, lora_scale(adapter.config), A, B)
    return merged


@torch.no_grad()
def _add(path: str, module: nn.Linear | Conv1D, scale: float, A: torch.Tensor, B: torch.Tensor) -> None:
    weight = module.weight
    wide = torch.promote_types(torch.promote_types(weight.dtype, A.dtype), torch.float32)  # rounded once, at the end
    change = scale * (B.to(weight.device, wide) @ A.to(weight.device, wide))  # [out, in]
    if isinstance(module, Conv1D):
        change = change.T  # [in, out]
    if change.shape != weight.shape:
        raise UserError(
            f"The adapter's change of {path} is {list(change.shape)}, its weight {list(weight.shape)}; expected the "
            "same. Give the backbone that the adapter was trained on."
        )
    weight.copy_(weight.to(wide) + change)
