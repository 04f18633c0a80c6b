"""Users with different amounts of data, and small decoder-only and encoder-decoder networks for them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers.models.t5.modeling_t5 import T5LayerNorm

from zoo.backbones import Backbone, dialogue_tokenizer
from zoo.data.corpora import JsonlCorpus
from zoo.data.datamodule import DialogueDataModule
from zoo.data.demo import demo_dialogues
from zoo.data.jsonl import write_jsonl
from zoo.data.records import Dialogue
from zoo.data.template import DialogueTemplate
from zoo.models.finetune import FineTune
from zoo.models.lora import LoRA
from zoo.models.prefix_tuning import PrefixTuning
from zoo.models.prompt_tuning import PromptTuning
from zoo.models.user_rows import UserRows

GPT2 = {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512, "initializer_range": 0.2}
T5 = {
    "model_type": "t5", "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4,
    "decoder_start_token_id": 0,
}  # fmt: skip
KINDS = {
    "prompt": (PromptTuning, {"num_virtual_tokens": 5}),
    "prefix": (PrefixTuning, {"num_virtual_tokens": 3}),
    "reparametrised prefix": (PrefixTuning, {"num_virtual_tokens": 3, "reparametrised": True, "mlp_width": 8}),
    "lora": (LoRA, {"rank": 2, "alpha": 8}),
    "full": (FineTune, {"shared": False}),
}
EXAMPLES = {"ann": 4, "ben": 2, "cem": 3, "dot": 1, "eve": 2}  # dialogues to train on
VALID = {"ann": 1, "ben": 1, "cem": 2, "dot": 1, "eve": 0}


@pytest.fixture(autouse=True)
def t5_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """T5 takes the variance of its layer norms in float32, and Adam turns such rounding into whole steps."""

    def forward(self: T5LayerNorm, x: Tensor) -> Tensor:
        return self.weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.variance_epsilon)

    monkeypatch.setattr(T5LayerNorm, "forward", forward)


def said_by(dialogue: Dialogue, user: str, number: int) -> Dialogue:
    """The same words, the replies being `user`'s, and fewer of them: users' lengths differ."""
    partner, responder = dialogue.speakers
    kept = dialogue.utterances[: 2 * (1 + number % 3)]
    kept = tuple(replace(utterance, candidates=()) for utterance in kept)
    return replace(dialogue, id=f"{user} {number}", speakers=(partner, replace(responder, user=user)), utterances=kept)


@pytest.fixture(scope="session", params=["gpt2", "t5"])
def backbone(request: pytest.FixtureRequest, zoo_cache: Path) -> Backbone:
    """Random weights in float64."""
    shape = GPT2 if request.param == "gpt2" else T5
    return Backbone(request.param, pretrained=False, tokenizer_path="demo", architecture=shape, dtype="fp64")


@pytest.fixture(scope="session")
def data(zoo_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> DialogueDataModule:
    """Five users of different sizes; the last has nothing to validate on."""
    folder = tmp_path_factory.mktemp("users")
    for split, counts, name in (("train", EXAMPLES, "train"), ("valid", VALID, "valid")):
        source = iter(demo_dialogues(split))
        dialogues = [said_by(next(source), user, number) for user, n in counts.items() for number in range(n)]
        write_jsonl(dialogues, folder / f"{name}.jsonl")
    shape = Backbone("gpt2", pretrained=False, tokenizer_path="demo", architecture=GPT2)
    template = DialogueTemplate(
        dialogue_tokenizer(shape, []), [], persona_mark="", partner_mark="", responder_mark="", separator="<eos>",
        persona="none",
    )  # fmt: skip
    data = DialogueDataModule(JsonlCorpus(folder), template, cache_dir=tmp_path_factory.mktemp("tables"))
    data.setup()
    return data


@pytest.fixture
def build(backbone: Backbone, data: DialogueDataModule) -> Callable[..., UserRows]:
    """`build("prefix", users=[...])`: a model whose bank is filled; equal calls give equal models."""

    def build_model(kind: str, users: list[str] | None = None, **settings: object) -> UserRows:
        cls, sizes = KINDS[kind]
        torch.manual_seed(0)  # of the backbone's random weights
        model = cls(backbone, dialogue_tokenizer(backbone, []), **sizes | settings)
        users = data.users if users is None else users
        personas = data.personas()
        model.set_users(users, [data.template.ids(" " + " ".join(personas[user])) for user in users])
        return model

    return build_model
