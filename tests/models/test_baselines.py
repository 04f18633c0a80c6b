"""Encoder-GPT2 and GPT-2 with a head of its own: published sizes, and what the release does otherwise."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from tests.conftest import TINY
from zoo.backbones import Backbone
from zoo.data.batch import DialogueBatch, collate
from zoo.data.records import DialogueExample
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError
from zoo.models.encoder_gpt2 import EncoderGPT2
from zoo.models.finetune import FineTune, give_head


class PublishedGPT2(Backbone):
    """GPT-2 small with PAA's added tokens, without weights."""

    def load(self, tokenizer: object, *, dropout: float | None = None) -> GPT2LMHeadModel:
        return GPT2LMHeadModel(GPT2Config(vocab_size=50265))


@pytest.mark.parametrize(("pooler", "total"), [(True, 220_754_688), (False, 220_164_096)])
def test_encoder_gpt2_has_the_published_size(template: DialogueTemplate, pooler: bool, total: int) -> None:
    shape = {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12}
    with torch.device("meta"):
        backbone = PublishedGPT2("gpt2", pretrained=False, tokenizer_path="demo", architecture=shape)
        model = EncoderGPT2(backbone, template.tokenizer, encoder_pooler=pooler)
    model.lm.tie_weights()
    assert sum(p.numel() for p in model.parameters()) == total
    table = model.lm.encoder.embeddings.word_embeddings.weight.numel()
    if pooler:
        assert total - table == 182_151_168  # the paper's 182 M


@pytest.mark.parametrize(
    ("size", "total"),
    [((768, 12), 163_049_472), ((1024, 24), 406_302_720), ((1280, 36), 838_379_520)],
)
def test_untied_gpt2_has_the_sizes_that_were_trained(size: tuple[int, int], total: int) -> None:
    width, depth = size
    with torch.device("meta"):
        network = GPT2LMHeadModel(GPT2Config(vocab_size=50265, n_embd=width, n_layer=depth, n_head=width // 64))
        tied = sum(p.numel() for p in network.parameters())
        give_head(network)
    assert sum(p.numel() for p in network.parameters()) == tied + 50265 * width == total


def test_a_head_of_its_own_is_trained_and_stays_apart(
    composed: Callable[..., DictConfig], examples: list[DialogueExample], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    module = instantiate(composed("model=finetune", "data=demo", "model.net.tie_lm_head=false", *TINY).model)
    net = module.net.double().eval()
    assert isinstance(net, FineTune)
    head, table = net.lm.get_output_embeddings().weight, net.lm.get_input_embeddings().weight
    assert head is not table
    assert head.std().item() == pytest.approx(net.lm.config.initializer_range, rel=0.05)
    batch = collate([module.template.encode(e) for e in examples], pad_id=module.template.pad_id)
    module.learner(net, batch).backward()
    assert head.grad is not None
    net.lm.save_pretrained(tmp_path)  # as zoo.export does
    again = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64)
    torch.testing.assert_close(again.get_output_embeddings().weight, head)
    torch.testing.assert_close(again.get_input_embeddings().weight, table)


def test_separator_stands_between_persona_and_context(
    composed: Callable[..., DictConfig], examples: list[DialogueExample]
) -> None:
    cfg = composed("model=finetune", "data=demo", "model.net.sep_before_context=true", *TINY)
    module = instantiate(cfg.model)
    batch = collate([module.template.encode(e) for e in examples], pad_id=module.template.pad_id)
    given = module.net.condition(batch)
    for b in range(len(batch)):
        persona, context = batch.persona[b][batch.persona_mask[b]], batch.context[b][batch.context_mask[b]]
        expected = [*persona.tolist(), module.template.sep_id, *context.tolist(), module.template.bos_id]
        assert given["input_ids"][b][given["attention_mask"][b].bool()].tolist() == expected


def test_encoder_positions_of_the_release_count_pads(
    tiny: Backbone, template: DialogueTemplate, batch: DialogueBatch, single: list[DialogueBatch]
) -> None:
    for positions, invariant in (("mask", True), ("arange", False)):
        torch.manual_seed(0)
        model = EncoderGPT2(tiny, template.tokenizer, encoder_layers=1, encoder_positions=positions).eval()
        alone = torch.cat([model(one) for one in single])
        assert torch.allclose(model(batch), alone, rtol=0, atol=1e-10) == invariant


def test_a_backbone_that_is_no_gpt2_is_refused(template: DialogueTemplate) -> None:
    t5 = Backbone("tiny-t5", pretrained=False, tokenizer_path="demo", architecture={"model_type": "t5"})
    with pytest.raises(UserError, match="made of GPT-2 blocks"):
        EncoderGPT2(t5, template.tokenizer)
