"""Ranking of candidates and the loss that trains for it, over every model of the zoo."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain

import pytest
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from omegaconf import DictConfig

from tests.conftest import TINY
from tests.models.test_contract import MODELS, T5
from zoo.data.batch import DialogueBatch, collate
from zoo.data.records import DialogueExample
from zoo.errors import UserError
from zoo.learners import DoubleHeads
from zoo.models.base import DialogueModel
from zoo.module import DialogueModule
from zoo.ranking import candidate_scores

ROWS = [*((model, ()) for model in MODELS), ("prefix_tuning", T5), ("paa", ("model.net.fusion=condition_aware",))]


@pytest.fixture(params=ROWS, ids=[f"{model}{'-' if more else ''}{len(more) or ''}" for model, more in ROWS])
def module(request: pytest.FixtureRequest, composed: Callable[..., DictConfig]) -> DialogueModule:
    """Every model of the zoo with a choice head, at width 32 in float64; T5 with a prefix, a PAA that pools."""
    torch.manual_seed(0)
    model, more = request.param
    small = T5 if model.startswith("user_") else TINY
    cfg = composed(f"model={model}", "data=demo", "users=one", "learner=double_heads", *small, *more)
    return instantiate(cfg.model).double().eval()


@pytest.fixture
def offered(examples: list[DialogueExample]) -> list[DialogueExample]:
    """The ragged examples, with two to five candidates of ragged lengths."""
    others = ("no .", "i have three cats and a very old horse .", "what ?", "maybe on sunday , if it rains .")
    return [replace(e, candidates=(*others[: 1 + i], e.response)) for i, e in enumerate(examples)]


def batched(module: DialogueModule, examples: list[DialogueExample]) -> DialogueBatch:
    """In the module's own template."""
    encoded = [module.template.encode(example) for example in examples]
    gold = [example.candidates.index(example.response) for example in examples]
    return collate(encoded, pad_id=module.template.pad_id, gold=gold)


def alone(net: DialogueModel, batch: DialogueBatch, row: int, k: int) -> DialogueBatch:
    """One candidate as the response of a batch of one, without any padding of responses."""
    mask = batch.candidates_mask[row, k]
    one = batch.rows(torch.tensor([row]))
    return replace(one, response=batch.candidates[row, k][mask][None], response_mask=mask[mask][None])


def test_candidates_side_by_side_score_as_each_alone(module: DialogueModule, offered: list[DialogueExample]) -> None:
    batch = batched(module, offered)
    found = candidate_scores(module.net, batch, "likelihood")
    means = candidate_scores(module.net, batch, "likelihood_per_token")
    apart = candidate_scores(module.net, batch, "likelihood", together=False)
    assert [len(row) for row in found] == [2, 3, 4, 5]
    for b, row in enumerate(found):
        for k, score in enumerate(row):
            nll = module.net.response_nll(alone(module.net, batch, b, k))
            assert score == pytest.approx(-nll.sum().item(), abs=1e-9)
            assert means[b][k] == pytest.approx(-nll.mean().item(), abs=1e-9)
            assert apart[b][k] == pytest.approx(score, abs=1e-9)


def test_rows_with_few_candidates_need_no_positions_for_the_others(
    composed: Callable[..., DictConfig], examples: list[DialogueExample]
) -> None:
    cfg = composed("model=finetune", "data=demo", *TINY, "backbone.architecture.n_positions=64")
    module = instantiate(cfg.model).double().eval()
    many = tuple(f"i have {n} cats and {n} dogs ." for n in range(20))
    lists = [(examples[1].response,), (*many, examples[0].response)]
    offered = [replace(e, candidates=c) for e, c in zip((examples[1], examples[0]), lists, strict=True)]
    found = candidate_scores(module.net, batched(module, offered), "likelihood")
    assert [len(row) for row in found] == [1, 21]


@pytest.mark.parametrize("position", ["last_token", "appended_cls"])
def test_choice_head_reads_the_state_behind_each_candidate(
    module: DialogueModule, offered: list[DialogueExample], position: str
) -> None:
    learner = DoubleHeads(cls_position=position)
    if position == "appended_cls" and module.template.cls_id is None:
        with pytest.raises(UserError, match="cls_position"):
            learner.prepare(module.net, module.template.eos_id, module.template.cls_id)
        return
    learner.prepare(module.net, module.template.eos_id, module.template.cls_id)
    module.net.double()
    batch = batched(module, offered)
    found = candidate_scores(module.net, batch, "choice_head", suffix=learner.choice_suffix)
    behind = [module.template.cls_id] if position == "appended_cls" else []
    for b, row in enumerate(found):
        for k, score in enumerate(row):
            one = alone(module.net, batch, b, k)
            # one more token, whatever it is: its state is the one that has read all before it
            ids = torch.cat([one.response, torch.tensor([[*behind, 3]])], dim=1)
            one = replace(one, response=ids, response_mask=torch.ones_like(ids).bool())
            logits = module.net.choice_head(module.net.response_states(one)[0, -1])
            assert score == pytest.approx((logits[1] - logits[0]).item(), abs=1e-9)


def test_double_head_loss_is_the_sum_of_its_parts(module: DialogueModule, offered: list[DialogueExample]) -> None:
    batch = batched(module, offered)
    learner = module.learner
    learner.lm_coef, learner.choice_coef = 0.7, 1.3
    torch.manual_seed(5)
    found = learner(module.net, batch)
    torch.manual_seed(5)
    _, chosen = learner.draw(batch)
    assert (chosen[:, 0] == batch.gold).all()
    assert (chosen >= 0).sum(1).tolist() == [2, 3, 3, 3]  # the first has only one other
    choice = []
    for b, row in enumerate(chosen.tolist()):
        losses = []
        for place, k in enumerate(row):
            if k < 0:
                continue
            one = alone(module.net, batch, b, k)
            ids = torch.cat([one.response, torch.tensor([[3]])], dim=1)
            one = replace(one, response=ids, response_mask=torch.ones_like(ids).bool())
            logits = module.net.choice_head(module.net.response_states(one)[0, -1])
            losses.append(F.cross_entropy(logits[None], torch.tensor([int(place == 0)])))
        choice.append(torch.stack(losses).mean())
    nll = module.net.response_nll(batch)
    expected = 0.7 * nll.mean() + 1.3 * torch.stack(choice).mean()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    found.backward()
    assert all(p.grad is not None for p in module.parameters() if p.requires_grad), "DDP waits for every gradient"


def test_half_precision_ranks_without_nan(module: DialogueModule, offered: list[DialogueExample]) -> None:
    """Pads before a prompt read nothing; under autocast they must not spoil who reads them."""
    module.float()
    batch = batched(module, offered)
    expected = candidate_scores(module.net, batch, "likelihood_per_token")
    with torch.autocast("cpu", torch.bfloat16):
        found = candidate_scores(module.net, batch, "likelihood_per_token")
        loss = module.learner(module.net, batch)
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters() if p.requires_grad)
    assert [*chain(*found)] == pytest.approx([*chain(*expected)], abs=0.1)


def test_micro_batches_sum_to_the_global_batch(composed: Callable[..., DictConfig], offered: list) -> None:
    """Gradient accumulation and DDP's mean: parts divided by tokens and rows of a step give the whole."""
    torch.manual_seed(0)
    cfg = composed("model=finetune", "data=demo", "learner=double_heads", "learner.negatives=4", *TINY)
    module = instantiate(cfg.model).double().eval()
    batch = batched(module, offered)
    whole = module.learner(module.net, batch)
    parts = []
    for rows in (torch.tensor([0, 2]), torch.tensor([1, 3])):
        part = replace(batch.rows(rows), tokens_per_step=batch.response_mask.sum().item() / 2, rows_per_step=2.0)
        parts.append(module.learner(module.net, part))
    torch.testing.assert_close(sum(parts) / 2, whole, rtol=0, atol=1e-10)


def test_others_of_the_batch_take_the_place_of_candidates(
    composed: Callable[..., DictConfig], examples: list[DialogueExample]
) -> None:
    torch.manual_seed(0)
    cfg = composed("model=finetune", "data=demo", "learner=double_heads", "learner.negatives_from=batch", *TINY)
    module = instantiate(cfg.model).double().eval()
    twice = [*examples, examples[0]]  # whose reply is no negative of the other's
    batch = collate([module.template.encode(e) for e in twice], pad_id=module.template.pad_id)
    drawn = {tuple(row) for _ in range(50) for row in module.learner.draw(batch)[1].tolist()}
    assert {row[0] for row in drawn} == {0, 1, 2, 3, 4}
    assert not any({0, 4} <= set(row) for row in drawn if row[0] in (0, 4))
    assert {k for row in drawn if row[0] == 1 for k in row[1:]} == {0, 2, 3, 4}  # drawn anew each time
    module.learner(module.net, batch).backward()
    with pytest.raises(UserError, match="negatives_from=batch"):
        DoubleHeads().draw(batch)
