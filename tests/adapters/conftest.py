"""Tiny random backbones in float64, and adapters of every kind for them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel, T5Config, T5ForConditionalGeneration
from transformers.pytorch_utils import Conv1D

from zoo.adapters.adapter import PROMPT, Adapter, lora_config, prefix_config, prompt_config

M, D, L, H, RANK = 5, 32, 2, 4, 3
KINDS = ["prompt", "prefix", "lora"]
TARGETS = {"gpt2": ["c_attn", "mlp.c_fc"], "t5": ["q", "v"]}
TASKS: dict[str, Any] = {"gpt2": "CAUSAL_LM", "t5": "SEQ_2_SEQ_LM"}


@pytest.fixture(scope="session")
def backbones() -> dict[str, PreTrainedModel]:
    """A GPT-2 and a T5 in which no two sizes agree that could be mixed up, except widths."""
    torch.manual_seed(0)
    special = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
    gpt2 = GPT2LMHeadModel(GPT2Config(n_embd=D, n_layer=L, n_head=H, n_positions=64, vocab_size=50, **special))
    t5 = T5ForConditionalGeneration(
        T5Config(d_model=D, d_kv=D // H, num_heads=H, num_layers=L, d_ff=64, vocab_size=50, decoder_start_token_id=0)
    )
    return {"gpt2": gpt2.double().eval(), "t5": t5.double().eval()}


@pytest.fixture
def make_adapter(backbones: dict[str, PreTrainedModel]) -> Callable[..., Adapter]:
    """`make_adapter("lora", "gpt2", seed=1, rank=3, tokens=5, dtype=...)`, random."""

    def make(
        kind: str, backbone: str, seed: int = 0, rank: int = RANK, tokens: int = M, dtype: torch.dtype = torch.float64
    ) -> Adapter:
        generator = torch.Generator().manual_seed(seed)
        base: dict[str, Any] = {"task_type": TASKS[backbone], "base_model": f"tiny/{backbone}", "revision": "main"}
        sizes = {"num_virtual_tokens": tokens, "token_dim": D, "num_layers": L, "num_attention_heads": H}
        if kind == "prompt":
            shapes, config = {PROMPT: (tokens, D)}, prompt_config(**base, **sizes)
        elif kind == "prefix":
            shapes, config = {PROMPT: (tokens, L * 2 * D)}, prefix_config(**base, **sizes)
        else:
            shapes = lora_shapes(backbones[backbone], TARGETS[backbone], rank)
            config = lora_config(
                **base, r=rank, lora_alpha=7, target_modules=TARGETS[backbone], fan_in_fan_out=backbone == "gpt2"
            )
        tensors = {
            name: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
            for name, shape in shapes.items()
        }
        return Adapter(tensors, config)

    return make


def lora_shapes(model: nn.Module, targets: list[str], rank: int) -> dict[str, tuple[int, int]]:
    """The names and shapes of a LoRA on all modules whose paths end so."""
    shapes = {}
    for path, module in model.named_modules():
        if any(path.endswith(f".{target}") for target in targets):
            width_in, width_out = module.weight.shape if isinstance(module, Conv1D) else module.weight.shape[::-1]
            shapes[f"base_model.model.{path}.lora_A.weight"] = (rank, width_in)
            shapes[f"base_model.model.{path}.lora_B.weight"] = (width_out, rank)
    return shapes


def assert_same(ours: Adapter, theirs: Adapter) -> None:
    """Equal to the bit, types included."""
    assert dict(ours.config) == dict(theirs.config)
    assert ours.tensors.keys() == theirs.tensors.keys()
    for name, tensor in ours.tensors.items():
        assert tensor.dtype == theirs.tensors[name].dtype
        assert torch.equal(tensor, theirs.tensors[name])
