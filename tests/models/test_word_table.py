"""A token table is nn.Embedding in everything but where its gradient lives."""

import pytest
import torch
from torch import nn

from zoo.models.word_table import WordTable


@pytest.fixture
def pair() -> tuple[nn.Embedding, WordTable]:
    torch.manual_seed(0)
    plain = nn.Embedding(50, 8, padding_idx=3)
    table = WordTable(50, 8, padding_idx=3)
    table.load_state_dict(plain.state_dict())
    return plain, table


IDS = [torch.tensor([[1, 2, 3], [2, 2, 9]]), torch.tensor([[4, 3], [3, 4]]), torch.tensor([[2, 1]])]


def step(table: nn.Embedding, *ids: torch.Tensor) -> torch.Tensor:
    """Backward through all lookups at once."""
    sum((table(i).sin() * (1 + n)).sum() for n, i in enumerate(ids)).backward()
    return table.weight.grad


def test_the_gradient_is_embeddings(pair: tuple[nn.Embedding, WordTable]) -> None:
    plain, table = pair
    places = []
    for ids in IDS:  # one after another in the same memory
        assert torch.equal(step(table, ids), step(plain, ids))
        places.append(table.weight.grad.data_ptr())
        plain.weight.grad = table.weight.grad = None
    assert len(set(places)) == 1


def test_two_lookups_of_one_step_and_accumulation(pair: tuple[nn.Embedding, WordTable]) -> None:
    plain, table = pair
    for _ in range(2):
        torch.testing.assert_close(step(table, *IDS), step(plain, *IDS))  # accumulated in the second round
    held = table.weight.grad
    before = held.clone()
    table.weight.grad = None
    step(table, IDS[0])
    assert torch.equal(held, before)  # somebody's gradient is not written over


def test_without_gradients(pair: tuple[nn.Embedding, WordTable]) -> None:
    plain, table = pair
    with torch.no_grad():
        assert torch.equal(table(IDS[0]), plain(IDS[0]))
    table.weight.requires_grad_(False)
    assert not table(IDS[0]).requires_grad
