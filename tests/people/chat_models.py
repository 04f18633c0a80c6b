"""Tiny models of every kind to talk to: random weights wide enough that replies are long and follow from the prompt."""

from collections.abc import Sequence

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from tests.conftest import ROOT
from zoo.module import DialogueModule

SIZES = ("backbone.width=32", "backbone.depth=2", "backbone.heads=4", "decoding.max_new_tokens=12")
TINY, T5, BLENDER = (("backbone=" + name, *SIZES) for name in ("tiny", "tiny-t5", "tiny-blenderbot"))
KINDS: dict[str, Sequence[str]] = {
    "finetune": ("model=finetune", *TINY),
    "paa": ("model=paa", *TINY, "model.net.encoder_layers=1"),
    "paa_gated": ("model=paa", *TINY, "model.net.encoder_layers=1", "model.net.fusion=condition_aware"),
    "encoder_gpt2": ("model=encoder_gpt2", *TINY, "model.net.encoder_layers=1"),
    "t5": ("model=finetune", *T5),
    "blenderbot": ("model=finetune", *BLENDER),
    "prompt_tuning": ("model=prompt_tuning", "users=each", *TINY),
    "prefix_tuning": ("model=prefix_tuning", "users=each", *TINY),
    "personapkt": ("model=personapkt", "users=each", *TINY),
    "lora": ("model=lora", "users=each", *TINY),
    "lora_id": ("model=lora", "users=each", "template.persona=id", *TINY),
    "t5_lora": ("model=lora", "users=each", *T5),
    "copies": ("model=user_finetune", "users=each", "template.prompt=psp", *T5),
}
USERS = ("anna", "bo", "c d")


def tiny_module(kind: str) -> DialogueModule:
    """A model of `KINDS` that nobody trained; where it has rows of users, each row is another."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("config", ["run_dir=.", *KINDS[kind]])
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module: DialogueModule = instantiate(config.model)
        if module.net.has_user_rows:
            module.net.set_users(USERS, [module.template.ids(user) for user in USERS])
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.4)
    return module.eval()
