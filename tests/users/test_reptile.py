"""PPReptile: Equation 1 to the letter, users of a step as rows of one batch, any kind of adapter, resuming."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.users.conftest import KINDS
from zoo.data.datamodule import DialogueDataModule
from zoo.errors import UserError
from zoo.models.user_rows import UserRows
from zoo.users.reptile import Reptile

SETTINGS = {"users_per_step": 3, "inner_steps": 4, "batch_size": 2, "inner_lr": 1e-2, "lr": 0.3, "epochs": 2, "seed": 1}
SHARED: dict[str, dict[str, Any]] = {kind: {"shared": True} for kind in KINDS} | {
    "full": {"shared": True, "banked": True}
}


@pytest.fixture
def start(build: Callable[..., UserRows]) -> Callable[[str], UserRows]:
    return lambda kind: build(kind, users=["ann"], **SHARED[kind])


def train(model: UserRows, data: DialogueDataModule, steps: int | None = None, **settings: Any) -> Reptile:
    learner = Reptile(**SETTINGS | settings)
    learner.begin(data.users, data.table("train"), data.table("valid"))
    optimizer = learner.optimizer(model)
    for _ in learner.rounds():
        learner.step(model, optimizer.step, optimizer.forget)
        if learner.steps == steps:
            break
    return learner


def theta(model: UserRows) -> dict[str, Tensor]:
    return {name: table[0].detach().clone() for name, table in model.bank.tables.items()}


def adapted_by_hand(model: UserRows, data: DialogueDataModule, learner: Reptile) -> list[dict[str, Tensor]]:
    """The W_i of the coming step: torch's own SGD on the model's own parameters, one user after another."""
    before, found = theta(model), []
    for batches in learner.drawn():
        model.bank.restore(0, before)
        parameters = list(model.bank.tables.values())
        optimizer = torch.optim.SGD(parameters, lr=learner.inner_lr)
        for rows in batches:
            batch = data.table("train").__getitems__(rows.tolist())
            batch = replace(batch, user=torch.zeros(len(rows), dtype=torch.long))
            loss = F.cross_entropy(model(batch), batch.response[batch.response_mask])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found.append(theta(model))
    model.bank.restore(0, before)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_interpolation_is_equation_1(kind: str, start: Callable[[str], UserRows], data: DialogueDataModule) -> None:
    model = start(kind)
    learner = Reptile(**SETTINGS, outer="interpolate", schedule="constant")
    learner.begin(data.users, data.table("train"), data.table("valid"))
    before, adapted = theta(model), adapted_by_hand(model, data, learner)
    optimizer = learner.optimizer(model)
    learner.step(model, optimizer.step, optimizer.forget)
    for name, now in theta(model).items():
        mean = torch.stack([weights[name] for weights in adapted]).mean(0)
        torch.testing.assert_close(now, before[name] + 0.3 * (mean - before[name]), rtol=0, atol=1e-12)
        if mean.ne(before[name]).any():
            assert now.ne(before[name]).any()


def test_adamw_steps_by_the_scaled_difference(start: Callable[[str], UserRows], data: DialogueDataModule) -> None:
    model = start("prefix")
    learner = Reptile(**SETTINGS | {"lr": 1e-2}, steps_per_epoch=5, patience=None)
    learner.begin(data.users, data.table("train"), data.table("valid"))
    optimizer = learner.optimizer(model)
    expected = theta(model)["prefix"].requires_grad_()
    oracle = torch.optim.AdamW([expected], lr=1e-2, weight_decay=0.0)
    total = 2 * 5
    for number in range(4):
        adapted = adapted_by_hand(model, data, learner)
        mean = torch.stack([weights["prefix"] for weights in adapted]).mean(0)
        expected.grad = (expected.detach() - mean) / (learner.inner_lr * learner.inner_steps)
        oracle.param_groups[0]["lr"] = 1e-2 * (total - number) / total
        oracle.step()
        learner.step(model, optimizer.step, optimizer.forget)
        # AdamW makes whole steps of what two ways of rounding leave of a gradient that is all but zero
        torch.testing.assert_close(theta(model)["prefix"], expected.detach(), rtol=0, atol=1e-5)


def test_small_inner_steps_are_not_lost_in_float32(start: Callable[[str], UserRows], data: DialogueDataModule) -> None:
    """At the paper's alpha = 1e-4 an inner step is smaller than the spacing of float32 numbers around theta."""
    found = []
    for dtype in (torch.float32, torch.float64):
        model = start("reparametrised prefix").to(dtype)
        learner = Reptile(**SETTINGS | {"inner_lr": 1e-4})
        learner.begin(data.users, data.table("train"), data.table("valid"))
        found.append(learner._moved(model)[0])
    for single, double in zip(*found, strict=True):
        assert float((single - double).norm() / double.norm()) < 1e-2


@pytest.mark.parametrize(("kind", "inner"), [*((kind, "sgd") for kind in KINDS), ("prefix", "adamw")])
def test_rows_of_one_batch_are_one_after_another(
    kind: str, inner: str, start: Callable[[str], UserRows], data: DialogueDataModule
) -> None:
    outcomes = []
    for settings in ({}, {"one_by_one": True}, {"tokens_per_forward": 60}):
        model = start(kind)
        train(model, data, outer="interpolate", inner=inner, inner_lr=1e-3, **settings)
        outcomes.append(theta(model))
    for other in outcomes[1:]:
        for name, values in outcomes[0].items():
            torch.testing.assert_close(values, other[name], rtol=0, atol=1e-9)


def test_theta_learns_and_the_best_epoch_is_kept(start: Callable[[str], UserRows], data: DialogueDataModule) -> None:
    model = start("prompt")
    learner = train(model, data, outer="interpolate", lr=1.0, inner_lr=0.05, epochs=6, schedule="constant")
    assert learner.finished
    assert min(learner.losses) < learner.losses[0]
    assert learner.best == min(learner.losses)
    report = learner.reports()[0]
    assert report["best_epoch"] == learner.losses.index(min(learner.losses)) + 1
    again = train(start("prompt"), data, outer="interpolate", lr=1.0, inner_lr=0.05, epochs=6, schedule="constant")
    assert again.losses == learner.losses


def test_everybody_comes_up_and_nobody_twice_in_a_step(data: DialogueDataModule) -> None:
    learner = Reptile(**SETTINGS)
    learner.begin(data.users, data.table("train"), data.table("valid"))
    owners = data.table("train").user_rows
    seen = set()
    for learner.steps in range(30):
        users = []
        for batches in learner.drawn():
            assert [len(batch) for batch in batches] == [2] * 4
            of = {int(owners[row]) for batch in batches for row in batch}
            assert len(of) == 1
            users += of
        assert len(set(users)) == 3
        seen |= set(users)
    assert len(seen) == len(data.users)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"users_per_step": 9}, "draws 9 users a step"),
        ({"outer": "adam"}, "adamw or interpolate"),
        ({"inner_steps": 0}, "inner_steps=0"),
    ],
)
def test_mistakes_are_explained(settings: dict[str, Any], complaint: str, data: DialogueDataModule) -> None:
    with pytest.raises(UserError, match=complaint):
        Reptile(**SETTINGS | settings).begin(data.users, data.table("train"), data.table("valid"))


def test_a_model_without_a_bank_is_refused(build: Callable[..., UserRows]) -> None:
    with pytest.raises(UserError, match="in no bank"):
        Reptile(**SETTINGS).optimizer(build("full", users=["ann"], shared=True))
