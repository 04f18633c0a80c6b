"""The property that the zoo stands on: users trained together end as if each had been trained alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.users.conftest import KINDS
from zoo.data.datamodule import DialogueDataModule
from zoo.models.adapted import AdaptedModel
from zoo.users.learner import PerUser
from zoo.users.losses import by_user, row_gradients
from zoo.users.run import UserRun

SETTINGS = {"lr": 1e-2, "batch_size": 4, "epochs": 3, "patience": 2, "weight_decay": 0.01}
OVERRIDES = {  # nobody is trained as another
    "ben": {"batch_size": 2, "lr": 3e-3},
    "cem": {"schedule": "constant", "epochs": 5, "patience": 1, "min_improvement": 2.0},  # stops early
    "dot": {"epochs": 2, "warmup_steps": 1, "batch_size": 1},
    "eve": {"clip": 0.05, "batch_size": 3},
}


def train(model: AdaptedModel, data: DialogueDataModule, **settings: Any) -> PerUser:
    """All users of the data, in this process, without a Trainer."""
    learner = PerUser(**SETTINGS | {"overrides": OVERRIDES} | settings)
    learner.begin(data.users, data.table("train"), data.table("valid"))
    optimizer = learner.optimizer(model)
    for _ in learner.rounds():
        learner.step(model, optimizer.step, optimizer.forget)
    return learner


def train_alone(model: AdaptedModel, data: DialogueDataModule, user: str) -> tuple[dict[str, Tensor], UserRun]:
    """One user in a bank of one, by torch's own AdamW, scheduler and clipping: an independent account."""
    number = data.users.index(user)
    learner = PerUser(**SETTINGS | {"overrides": OVERRIDES})  # for the settings and the order of batches only
    learner.begin(data.users, data.table("train"), data.table("valid"))
    run = learner.runs[number]
    settings, parameters = run.settings, list(model.bank.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=0.01)

    def factor(step: int) -> float:
        if step < settings.warmup_steps:
            return step / settings.warmup_steps
        total = settings.epochs * run.batches_per_epoch
        return 1.0 if settings.schedule == "constant" else (total - step) / (total - settings.warmup_steps)

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    def mean_loss(table: Any, rows: np.ndarray) -> Tensor:
        batch = table.__getitems__(rows.tolist())
        batch = replace(batch, user=torch.zeros(len(rows), dtype=torch.long))
        return F.cross_entropy(model(batch), batch.response[batch.response_mask])

    best: dict[str, Tensor] = {}
    while not run.finished:
        loss = mean_loss(data.table("train"), run.next_batch())
        optimizer.zero_grad()
        loss.backward()
        if settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, settings.clip)
        optimizer.step()
        scheduler.step()
        if run.stepped():
            with torch.no_grad():
                valid = mean_loss(data.table("valid"), run.valid).item() if len(run.valid) else None
            if run.validated(valid):
                best = {name: table.detach()[0].clone() for name, table in model.bank.tables.items()}
    return best, run


@pytest.mark.parametrize("kind", KINDS)
def test_together_is_alone(kind: str, build: Callable[..., AdaptedModel], data: DialogueDataModule) -> None:
    together = build(kind)
    learner = train(together, data, slots=3, tokens_per_forward=400)
    stopped_early = 0
    for row, user in enumerate(data.users):
        alone, run = train_alone(build(kind, [user]), data, user)
        assert learner.runs[row].epoch == run.epoch
        assert learner.runs[row].best_epoch == run.best_epoch
        stopped_early += run.epoch < run.settings.epochs
        for name, table in together.bank.tables.items():
            torch.testing.assert_close(table[row], alone[name], rtol=0, atol=1e-10, msg=f"{user} {name}")
    assert stopped_early, "the fixture is to have a user that stops early"


@pytest.mark.parametrize("kind", KINDS)
def test_a_round_of_nobody_is_no_error(kind: str, build: Callable[..., AdaptedModel], data: DialogueDataModule) -> None:
    """A process whose users have all finished goes on with the others' rounds."""
    losses, gradients = row_gradients(build(kind), data.table("train"), torch.empty(0, dtype=torch.long), [])
    assert len(losses) == 0
    assert all(len(gradient) == 0 for gradient in gradients)


@pytest.mark.parametrize("kind", ["prefix", "reparametrised prefix", "lora"])
def test_slots_and_chunks_change_nothing(
    kind: str, build: Callable[..., AdaptedModel], data: DialogueDataModule
) -> None:
    banks = []
    for slots, tokens in ((1, 100), (2, 10_000), (5, 300)):
        model = build(kind)
        train(model, data, slots=slots, tokens_per_forward=tokens)
        banks.append(model.bank.tables)
    for other in banks[1:]:
        for name, table in banks[0].items():
            torch.testing.assert_close(table, other[name], rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_one_user_is_untouched_by_anothers_words(
    kind: str, build: Callable[..., AdaptedModel], data: DialogueDataModule
) -> None:
    """The others' words change, their lengths do not: bit for bit. (Fresh tables: the fixture's stay as they are.)"""

    class Changed:
        def __init__(self, table: Any) -> None:
            self.table, self.lengths, self.user_rows = table, table.lengths, table.user_rows

        def __getitems__(self, rows: list[int]) -> Any:
            batch = self.table.__getitems__(rows)
            others = torch.from_numpy(self.user_rows[rows]) != 0
            changed = (batch.response + 3) % 200
            return replace(batch, response=torch.where(others[:, None], changed, batch.response))

    outcomes = []
    for wrap in (lambda table: table, Changed):
        model = build(kind)
        learner = PerUser(**SETTINGS, slots=5, tokens_per_forward=10_000)
        learner.begin(data.users, wrap(data.table("train")), wrap(data.table("valid")))
        optimizer = learner.optimizer(model)
        for _ in range(4):
            learner.step(model, optimizer.step, optimizer.forget)
        learner.gather(model)  # those who still train
        outcomes.append({name: table.detach().clone() for name, table in model.bank.tables.items()})
    for name, before in outcomes[0].items():
        assert torch.equal(before[0], outcomes[1][name][0])
        assert not torch.equal(before[1], outcomes[1][name][1])


def test_a_user_who_pauses_does_not_drift(build: Callable[..., AdaptedModel], data: DialogueDataModule) -> None:
    model = build("prompt")
    learner = PerUser(**SETTINGS, slots=5)
    learner.begin(data.users, data.table("train"), data.table("valid"))
    optimizer = learner.optimizer(model)
    learner.step(model, optimizer.step, optimizer.forget)
    before = learner.working["prompt"].clone()
    learner.in_slot[1:] = [None] * 4  # only the first goes on
    learner.waiting = []
    learner.step(model, optimizer.step, optimizer.forget)
    moved = (learner.working["prompt"] != before).flatten(1).any(1)
    assert moved.tolist() == [True, False, False, False, False]


def test_every_user_has_the_examples_that_are_its_own(data: DialogueDataModule) -> None:
    table = data.table("train")
    for row, rows in enumerate(by_user(table, len(data.users))):
        assert {table.example(int(number)).user for number in rows} == {data.users[row]}
    assert sum(map(len, by_user(table, len(data.users)))) == len(table)
