"""What every model must do, whatever it is: a new file in conf/model is tested here without a line written."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from transformers import GenerationConfig

from tests.conftest import ROOT, TINY
from zoo.data.batch import DialogueBatch, collate
from zoo.data.records import DialogueExample
from zoo.module import DialogueModule

MODELS = sorted(path.stem for path in (ROOT / "conf" / "model").glob("[!_]*.yaml"))
assert MODELS
BLENDERBOT = "finetune on blenderbot"  # an encoder-decoder that counts positions
SIZE = ("backbone.width=32", "backbone.depth=2", "backbone.heads=4")
T5 = ("backbone=tiny-t5", *SIZE, "template.added_tokens=[]")


@pytest.fixture(params=[*MODELS, BLENDERBOT])
def module(request: pytest.FixtureRequest, composed: Callable[..., DictConfig]) -> DialogueModule:
    """`instantiate(cfg.model)` at width 32 in float64."""
    torch.manual_seed(0)
    small = T5 if request.param.startswith("user_") else TINY
    if request.param == BLENDERBOT:
        small = ("backbone=tiny-blenderbot", *SIZE)
    cfg = composed(f"model={request.param.split()[0]}", "data=demo", "users=one", *small)
    return instantiate(cfg.model).double().eval()


@pytest.fixture
def ragged(module: DialogueModule, examples: list[DialogueExample]) -> DialogueBatch:
    """The ragged examples in the module's own template."""
    return collate([module.template.encode(example) for example in examples], pad_id=module.template.pad_id)


def test_one_row_of_logits_for_every_response_token(module: DialogueModule, ragged: DialogueBatch) -> None:
    logits = module.net(ragged)
    assert logits.shape == (int(ragged.response_mask.sum()), len(module.template.tokenizer))
    everywhere = module.net(ragged, positions=torch.ones_like(ragged.response_mask))
    assert everywhere.shape == (ragged.response.numel(), len(module.template.tokenizer))
    torch.testing.assert_close(everywhere[ragged.response_mask.flatten()], logits)


def test_batch_mates_change_nothing(
    module: DialogueModule, ragged: DialogueBatch, examples: list[DialogueExample]
) -> None:
    alone = [
        module.net(collate([module.template.encode(example)], pad_id=module.template.pad_id)) for example in examples
    ]
    torch.testing.assert_close(module.net(ragged), torch.cat(alone), rtol=0, atol=1e-10)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_generation_predicts_what_teacher_forcing_does(
    module: DialogueModule, ragged: DialogueBatch, num_beams: int
) -> None:
    """Logits of the tokens that generate() chose, fed back as a response: positions, masks and caches agree."""
    new = 7
    decoding = GenerationConfig(
        max_new_tokens=new,
        min_new_tokens=new,
        num_beams=num_beams,
        pad_token_id=module.template.pad_id,
        eos_token_id=module.template.eos_id,
        return_dict_in_generate=True,
        output_logits=True,
        output_scores=True,
    )
    output = module.net.continued(ragged, decoding)
    tokens = module.net.generate(ragged, decoding)  # [B, new]
    assert tokens.shape == (len(ragged), new)
    forced = replace(ragged, response=tokens, response_mask=torch.ones_like(tokens, dtype=torch.bool))
    logits = module.net(forced).view(len(ragged), new, -1)
    if num_beams == 1:
        stepwise = torch.stack(output.logits, dim=1)  # [B, new, V], float32
        torch.testing.assert_close(logits, stepwise.double(), rtol=0, atol=1e-5)
    else:
        picked = torch.log_softmax(logits, -1).gather(-1, tokens[..., None]).sum((1, 2))  # [B]
        torch.testing.assert_close(picked / new, output.sequences_scores.double(), rtol=0, atol=1e-5)


def test_batched_beam_search_equals_one_by_one(
    module: DialogueModule, ragged: DialogueBatch, examples: list[DialogueExample]
) -> None:
    decoding = GenerationConfig(
        max_new_tokens=6,
        min_new_tokens=6,
        num_beams=3,
        pad_token_id=module.template.pad_id,
        eos_token_id=module.template.eos_id,
    )
    together = module.net.generate(ragged, decoding)
    for row, example in enumerate(examples):
        alone = collate([module.template.encode(example)], pad_id=module.template.pad_id)
        assert module.net.generate(alone, decoding)[0].tolist() == together[row].tolist()


def test_one_step_lowers_the_loss(module: DialogueModule, ragged: DialogueBatch) -> None:
    trainable = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trainable, lr=1e-2)
    before = module.learner(module.net, ragged)
    before.backward()
    assert all(p.grad is not None for p in trainable), "a trainable weight that nothing reads stops DDP"
    optimizer.step()
    assert module.learner(module.net, ragged) < before


def test_every_weight_has_a_gradient_without_a_persona(module: DialogueModule, ragged: DialogueBatch) -> None:
    """template.persona=none: DDP would wait for ever for the gradient of an encoder that nobody asked."""
    nobody = replace(ragged, persona=ragged.persona[:, :0], persona_mask=ragged.persona_mask[:, :0])
    module.learner(module.net, nobody).backward()
    assert all(p.grad is not None for p in module.parameters() if p.requires_grad)


def test_state_survives_a_checkpoint(
    module: DialogueModule, ragged: DialogueBatch, composed: Callable[..., DictConfig], tmp_path: Path
) -> None:
    from lightning import Trainer

    trainer = Trainer(logger=False, barebones=True)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(tmp_path / "state.ckpt")
    saved = torch.load(tmp_path / "state.ckpt", weights_only=True)
    before = module.net(ragged)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.mul_(-1.5).add_(1.0)  # a layer norm would undo a shift alone
    assert not torch.allclose(module.net(ragged), before)
    module.on_load_checkpoint(saved)
    module.load_state_dict(saved["state_dict"])
    torch.testing.assert_close(module.net(ragged), before, rtol=0, atol=0)


def test_reply_answers_in_words(module: DialogueModule) -> None:
    assert isinstance(module.reply(["hi .", "hello .", "do you have a pet ?"], persona=["i have two dogs ."]), str)
    assert isinstance(module.reply([], persona=[]), str)
