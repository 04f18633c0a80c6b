"""BlenderbotSmall: the published size, and parity of what it does here with transformers' own network."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    BlenderbotSmallConfig,
    BlenderbotSmallForConditionalGeneration,
    GenerationConfig,
)

from zoo.backbones import Backbone, dialogue_tokenizer
from zoo.data.batch import DialogueBatch, collate
from zoo.data.records import DialogueExample
from zoo.errors import UserError
from zoo.models.finetune import FineTune
from zoo.module import DialogueModule
from zoo.running import run

SMALL = ("model=finetune", "data=demo", "backbone=tiny-blenderbot", "backbone.width=32", "backbone.heads=4")


@pytest.fixture
def module(composed: Callable[..., DictConfig]) -> DialogueModule:
    """Fine-tuning at width 32 in float64."""
    torch.manual_seed(0)
    return instantiate(composed(*SMALL).model).double().eval()  # type: ignore[no-any-return]


@pytest.fixture
def ragged(module: DialogueModule, examples: list[DialogueExample]) -> DialogueBatch:
    """The ragged examples in the module's own template."""
    return collate([module.template.encode(example) for example in examples], pad_id=module.template.pad_id)


def raw(module: DialogueModule) -> BlenderbotSmallForConditionalGeneration:
    """transformers' network with the same weights, built from the same configuration."""
    network = BlenderbotSmallForConditionalGeneration(module.net.lm.config).double().eval()
    network.load_state_dict(module.net.lm.state_dict())
    return network


def read(module: DialogueModule, batch: DialogueBatch, row: int) -> Tensor:
    """Persona, context and [BOS] of one row as its encoder is to read them, [1, C]."""
    parts = [batch.persona[row][batch.persona_mask[row]], batch.context[row][batch.context_mask[row]]]
    return torch.cat([*parts, torch.tensor([module.template.bos_id])])[None]


def test_the_published_size(composed: Callable[..., DictConfig]) -> None:
    """87,508,992 with the vocabulary of 54,944; the class's own default configuration has 85,113,344."""
    cfg = composed("backbone=blenderbot_small-90M").backbone
    architecture = dict(cfg.architecture)
    assert cfg.path == "facebook/blenderbot_small-90M"
    config = AutoConfig.for_model(architecture.pop("model_type"), **architecture)
    with torch.device("meta"):
        published = AutoModelForSeq2SeqLM.from_config(config)
        default = BlenderbotSmallForConditionalGeneration(BlenderbotSmallConfig())
    assert config.vocab_size == 54_944
    assert sum(parameter.numel() for parameter in published.parameters()) == 87_508_992
    assert sum(parameter.numel() for parameter in default.parameters()) == 85_113_344


def test_width_depth_and_heads_size_both_halves(composed: Callable[..., DictConfig]) -> None:
    cfg = composed("backbone=tiny-blenderbot", "backbone.width=48", "backbone.depth=3", "backbone.heads=6")
    config = instantiate(cfg.backbone).config()
    assert (config.d_model, config.encoder_layers, config.decoder_layers) == (48, 3, 3)
    assert (config.encoder_attention_heads, config.decoder_attention_heads) == (6, 6)
    assert (config.encoder_ffn_dim, config.decoder_ffn_dim) == (192, 192)


def test_teacher_forcing_is_that_of_transformers(module: DialogueModule, ragged: DialogueBatch) -> None:
    network = raw(module)
    own = module.net(ragged).split(ragged.response_mask.sum(1).tolist())
    losses = module.net.response_nll(ragged).split(ragged.response_mask.sum(1).tolist())
    for row, (logits, nll) in enumerate(zip(own, losses, strict=True)):
        labels = ragged.response[row][ragged.response_mask[row]][None]  # [1, R]
        expected = network(input_ids=read(module, ragged, row), labels=labels)
        torch.testing.assert_close(logits, expected.logits[0], rtol=0, atol=1e-12)
        torch.testing.assert_close(nll.mean(), expected.loss, rtol=0, atol=1e-12)


@pytest.mark.parametrize("beams", [1, 4])
def test_generation_is_that_of_transformers(module: DialogueModule, ragged: DialogueBatch, beams: int) -> None:
    network = raw(module)
    ends = {"pad_token_id": module.template.pad_id, "eos_token_id": module.template.eos_id}
    decoding = GenerationConfig(max_new_tokens=9, min_new_tokens=4, num_beams=beams, do_sample=False, **ends)
    own = module.net.generate(ragged, decoding)
    for row in range(len(ragged)):
        start = torch.tensor([[module.template.bos_id]])
        given = {"input_ids": read(module, ragged, row), "decoder_input_ids": start}
        expected = network.generate(**given, generation_config=decoding)[0, 1:]
        assert own[row, : len(expected)].tolist() == expected.tolist()
        assert (own[row, len(expected) :] == module.template.pad_id).all()


def test_the_final_bias_is_part_of_the_likelihood(module: DialogueModule, ragged: DialogueBatch) -> None:
    before = module.net.response_nll(ragged)
    module.net.lm.final_logits_bias[0, module.template.eos_id] = 5.0
    logits = module.net(ragged)
    expected = F.cross_entropy(logits, ragged.response[ragged.response_mask], reduction="none")
    torch.testing.assert_close(module.net.response_nll(ragged), expected, rtol=0, atol=1e-12)
    assert not torch.allclose(before, expected)


def test_published_generation_settings_do_not_enter(tmp_path: Path, composed: Callable[..., DictConfig]) -> None:
    """The published folder asks for ten beams, at least twenty tokens and an end at the last place."""
    backbone = instantiate(composed("backbone=tiny-blenderbot", "backbone.width=32", "backbone.heads=4").backbone)
    tokenizer = dialogue_tokenizer(backbone, [])
    network = backbone.load(tokenizer)
    theirs = {"num_beams": 10, "min_length": 20, "forced_eos_token_id": 2, "length_penalty": 0.65, "max_length": 128}
    network.generation_config.update(**theirs)
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = Backbone("published", path=str(tmp_path)).load(tokenizer)
    assert loaded.config.decoder_start_token_id == tokenizer.bos_token_id
    assert not {name for name in theirs if getattr(loaded.generation_config, name) is not None}


def test_the_pad_has_a_row_that_is_learned_where_it_is_the_end(module: DialogueModule, ragged: DialogueBatch) -> None:
    """transformers starts a pad's row at zero and keeps it there: with a pad that is the end token too, a loss."""
    assert module.net.lm.get_input_embeddings().padding_idx is None
    assert module.net.lm.config.pad_token_id == module.template.pad_id


def test_an_exported_network_is_a_backbone(module: DialogueModule, ragged: DialogueBatch, tmp_path: Path) -> None:
    module.net.lm.save_pretrained(tmp_path)  # as zoo.export does
    module.template.tokenizer.save_pretrained(tmp_path)
    backbone = Backbone("again", path=str(tmp_path), dtype="fp64")
    again = FineTune(backbone, dialogue_tokenizer(backbone, module.template.added_tokens)).eval()
    torch.testing.assert_close(again(ragged), module.net(ragged), rtol=0, atol=1e-12)
    assert again.lm.config.decoder_start_token_id == module.template.bos_id


def test_dropout_is_what_was_asked_for(composed: Callable[..., DictConfig]) -> None:
    for dropout, expected in ((None, 0.1), (0.0, 0.0)):
        cfg = composed(*SMALL, f"model.net.dropout={'null' if dropout is None else dropout}")
        lm = instantiate(cfg.model).net.lm
        assert {layer.dropout for layer in [*lm.model.encoder.layers, *lm.model.decoder.layers]} == {expected}
        assert lm.model.encoder.dropout == expected


def test_encoder_and_decoder_count_positions_apart(module: DialogueModule, ragged: DialogueBatch) -> None:
    """512 in each: 511 tokens and [BOS] fit the encoder, 512 the decoder, and one more neither."""
    assert module.net.positions_needed(511, 512) == (512, 512)
    assert module.net.positions_needed(512, 1)[0] == 513
    assert module.net.positions_needed(1, 513)[0] == 513
    longest = {"context": torch.ones(len(ragged), 511 - ragged.persona.size(1), dtype=torch.long)}
    full = replace(ragged, **longest, context_mask=torch.ones_like(longest["context"], dtype=torch.bool))
    assert module.net(full).isfinite().all()


def test_data_that_are_too_long_are_refused(
    composed: Callable[..., DictConfig], run_small: list[str], tmp_path: Path
) -> None:
    data = [word for word in run_small if word.startswith(("data", "trainer"))]
    cfg = composed(*data, *SMALL[:1], *SMALL[2:], "backbone.architecture.max_position_embeddings=24")
    with pytest.raises(UserError, match=r"positions .* but the network has 24"):
        run(cfg)


def test_without_a_mark_the_encoder_reads_persona_and_context_alone(
    composed: Callable[..., DictConfig], examples: list[DialogueExample]
) -> None:
    torch.manual_seed(0)
    module = instantiate(composed(*SMALL, "template=parlai", "model.net.mark_response=false").model).double().eval()
    nothing = replace(examples[0], persona=(), history=(), history_by_responder=())
    batch = collate(
        [module.template.encode(example) for example in [*examples, nothing]], pad_id=module.template.pad_id
    )
    given = module.net.condition(batch)
    for row in range(len(examples)):
        parts = [batch.persona[row][batch.persona_mask[row]], batch.context[row][batch.context_mask[row]]]
        assert given["input_ids"][row][given["attention_mask"][row]].tolist() == torch.cat(parts).tolist()
    assert given["input_ids"][-1][given["attention_mask"][-1]].tolist() == [module.template.bos_id]
    assert given["input_ids"].size(1) == int((batch.persona_mask.sum(1) + batch.context_mask.sum(1)).max())
    alone = [
        module.net(collate([module.template.encode(example)], pad_id=module.template.pad_id))
        for example in [*examples, nothing]
    ]
    torch.testing.assert_close(module.net(batch), torch.cat(alone), rtol=0, atol=1e-10)
    assert module.net.positions_needed(512, 512) == (512, 512)
    assert isinstance(module.reply([], persona=[]), str)


def test_a_decoder_needs_the_mark(composed: Callable[..., DictConfig]) -> None:
    cfg = composed("model=finetune", "data=demo", "backbone=tiny", "model.net.mark_response=false")
    with pytest.raises(InstantiationException, match="expected an encoder-decoder") as refused:
        instantiate(cfg.model)
    assert isinstance(refused.value.__cause__, UserError)
