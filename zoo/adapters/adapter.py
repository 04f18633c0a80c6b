"""One user's adapter in memory, under PEFT's names: what banks give and take, and what every file format holds.

M virtual tokens, D hidden width, L layers, r rank.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from zoo.errors import UserError

TaskType = Literal["CAUSAL_LM", "SEQ_2_SEQ_LM"]
PROMPT = "prompt_embeddings"
LORA_NAME = re.compile(r"base_model\.model\.(?P<path>.+)\.lora_(?P<side>[AB])\.weight")
DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
SIZES = {  # peft_type -> the settings that decide shapes
    "PROMPT_TUNING": ("num_virtual_tokens", "token_dim"),
    "PREFIX_TUNING": ("num_virtual_tokens", "token_dim", "num_layers", "num_attention_heads"),
    "LORA": ("r",),
}
BEYOND_PLAIN_LORA = (  # settings of PEFT's under which W + scale * B @ A is not, or not all of, what is computed
    *("alora_invocation_tokens", "alpha_pattern", "arrow_config", "kasa_config", "layer_replication", "lora_bias"),
    *("modules_to_save", "monteclora_config", "rank_pattern", "target_parameters", "trainable_token_indices"),
    *("use_bdlora", "use_dora", "use_qalora"),
)


@dataclass(frozen=True, eq=False)
class Adapter:
    """One user's adapter.

    Attributes:
        tensors: by PEFT's state-dict names. Prompt: "prompt_embeddings" [M, D]. Prefix: "prompt_embeddings"
            [M, L * 2 * D], for each token the key and the value of layer 0, then of layer 1, ...  LoRA, for every
            module it changes: "base_model.model.<path>.lora_A.weight" [r, in] and "....lora_B.weight" [out, r].
        config: the content of PEFT's adapter_config.json.
    """

    tensors: Mapping[str, Tensor]
    config: Mapping[str, Any]


def prompt_config(
    *,
    task_type: TaskType,
    base_model: str | None,
    revision: str | None,
    num_virtual_tokens: int,
    token_dim: int,
    num_layers: int,
    num_attention_heads: int,
) -> dict[str, Any]:
    """The config of a soft prompt.

    Args:
        task_type: what the backbone does.
        base_model, revision: the backbone's hub id and commit; a path of this machine is of no use to others.
        num_virtual_tokens, token_dim: M, D.
        num_layers, num_attention_heads: the backbone's; PEFT asks for them.
    """
    return {
        "peft_type": "PROMPT_TUNING",
        **_common(task_type, base_model, revision),
        "num_virtual_tokens": num_virtual_tokens,
        "token_dim": token_dim,
        "num_layers": num_layers,
        "num_attention_heads": num_attention_heads,
        # 2, PEFT's default for encoder-decoders, is a second prompt for the decoder that PEFT stores and never reads
        "num_transformer_submodules": 1,
        "prompt_tuning_init": "RANDOM",
    }


def prefix_config(
    *,
    task_type: TaskType,
    base_model: str | None,
    revision: str | None,
    num_virtual_tokens: int,
    token_dim: int,
    num_layers: int,
    num_attention_heads: int,
) -> dict[str, Any]:
    """The config of a prefix folded to keys and values.

    Args:
        task_type: what the backbone does.
        base_model, revision: the backbone's hub id and commit.
        num_virtual_tokens: M.
        token_dim: the width of all keys of a layer, heads times the size of one; D in most backbones.
        num_layers: of the decoder.
        num_attention_heads: heads of keys and values.
    """
    return {
        "peft_type": "PREFIX_TUNING",
        **_common(task_type, base_model, revision),
        "num_virtual_tokens": num_virtual_tokens,
        "token_dim": token_dim,
        "num_layers": num_layers,
        "num_attention_heads": num_attention_heads,
        # with 2 PEFT puts the prefix into the decoder's self-attention, as a cache of the right kind
        "num_transformer_submodules": 2 if task_type == "SEQ_2_SEQ_LM" else 1,
        "prefix_projection": False,
    }


def lora_config(
    *,
    task_type: TaskType,
    base_model: str | None,
    revision: str | None,
    r: int,
    lora_alpha: float,
    target_modules: Sequence[str],
    fan_in_fan_out: bool,
    lora_dropout: float = 0.0,
) -> dict[str, Any]:
    """The config of a LoRA.

    Args:
        task_type: what the backbone does.
        base_model, revision: the backbone's hub id and commit.
        r, lora_alpha: rank and alpha; the product B @ A counts lora_alpha / r times.
        target_modules: ends of the paths of all modules that have it ("c_attn"), or whole paths.
        fan_in_fan_out: True where the modules are GPT-2's Conv1D, whose weights are [in, out].
        lora_dropout: as it was in training.
    """
    return {
        "peft_type": "LORA",
        **_common(task_type, base_model, revision),
        "r": r,
        "lora_alpha": lora_alpha,
        "target_modules": list(target_modules),
        "fan_in_fan_out": fan_in_fan_out,
        "lora_dropout": lora_dropout,
        "bias": "none",
    }


def _common(task_type: TaskType, base_model: str | None, revision: str | None) -> dict[str, Any]:
    return {
        "task_type": task_type,
        "base_model_name_or_path": base_model,
        "revision": revision,
        "inference_mode": True,
    }


def lora_scale(config: Mapping[str, Any]) -> float:
    """The factor of B @ A."""
    rank: int = config["r"]
    return float(config["lora_alpha"]) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def lora_pairs(adapter: Adapter) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Every module's path with its A [r, in] and B [out, r]."""
    for name, A in adapter.tensors.items():
        match = LORA_NAME.fullmatch(name)
        if match and match["side"] == "A":
            yield match["path"], A, adapter.tensors[f"base_model.model.{match['path']}.lora_B.weight"]


def check_adapter(adapter: Adapter, where: str) -> None:
    """Refuse an adapter whose tensors are not what its config says.

    Args:
        adapter: any.
        where: what holds it, for the message.

    Raises:
        UserError: names the setting, or the tensors.
    """
    config, tensors = adapter.config, adapter.tensors
    kind = config.get("peft_type")
    if kind not in SIZES:
        raise UserError(
            f"{where} has an adapter of peft_type {kind!r}; expected one of {', '.join(SIZES)}. Use an adapter of one "
            "of these kinds."
        )
    for setting in SIZES[kind]:
        value = config.get(setting)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UserError(
                f"{where} says {setting}={value!r} in adapter_config.json; expected a positive whole number. Write "
                "the adapter again, or correct the file."
            )
    found = {name: list(tensor.shape) for name, tensor in tensors.items()}
    expected = _lora_shapes(config, found, where) if kind == "LORA" else {PROMPT: _prompt_shape(config)}
    faults = [f"{name} is missing" for name in expected if name not in found]
    faults += [f"{name} is unexpected" for name in found if name not in expected]
    faults += [
        f"{name} is {found[name]}, not {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    faults += [f"{name} is of {tensor.dtype}" for name, tensor in tensors.items() if tensor.dtype not in DTYPES]
    if faults:
        more = f"; and {len(faults) - 8} more" if len(faults) > 8 else ""
        raise UserError(
            f"{where} holds other tensors than its {kind} config asks for: {'; '.join(faults[:8])}{more}. Expected "
            "the names and shapes under which PEFT saves such an adapter, in a floating type. Write the adapter again."
        )


def _prompt_shape(config: Mapping[str, Any]) -> list[int]:
    M, D = config["num_virtual_tokens"], config["token_dim"]
    return [M, D * 2 * config["num_layers"]] if config["peft_type"] == "PREFIX_TUNING" else [M, D]


def _lora_shapes(config: Mapping[str, Any], found: Mapping[str, list[int]], where: str) -> dict[str, list[int]]:
    """The shapes that a LoRA's tensors should have, given the sides that only a model knows (in, out)."""
    special = [setting for setting in BEYOND_PLAIN_LORA if config.get(setting)]
    special += ["bias"] if config.get("bias", "none") != "none" else []
    if special or not isinstance(config.get("lora_alpha"), int | float):
        raise UserError(
            f"{where} is not a plain LoRA: its config sets {', '.join(special) or 'no lora_alpha'}. Expected A and B "
            "matrices with one r and one lora_alpha for all; train the adapter without these settings."
        )
    paths = {match["path"] for name in found if (match := LORA_NAME.fullmatch(name))}
    targets = config.get("target_modules")
    if isinstance(targets, list):
        ends = [path for path in paths if any(path == t or path.endswith(f".{t}") for t in targets)]
        paths = set(ends) | {t for t in targets if not any(path == t or path.endswith(f".{t}") for path in paths)}
    expected = {}
    for path in sorted(paths or {"<path>"}):
        A, B = (f"base_model.model.{path}.lora_{side}.weight" for side in "AB")
        expected[A] = [config["r"], _side(found.get(A), 1)]
        expected[B] = [_side(found.get(B), 0), config["r"]]
    return expected


def _side(shape: list[int] | None, axis: int) -> int:
    """A side of a matrix; 1 where there is no matrix or nothing in it, so that the comparison fails."""
    return max(1, shape[axis]) if shape is not None and len(shape) == 2 else 1
