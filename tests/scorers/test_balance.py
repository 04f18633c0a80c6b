"""What training steps see, and how a classifier is measured."""

import math
from collections import Counter

import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, recall_score

from zoo.errors import UserError
from zoo.scorers.balance import Batches, class_shares, class_weights
from zoo.scorers.base import LABELS
from zoo.scorers.measures import confusion, measures

LABELS_OF_PAIRS = [1] * 80 + [0] * 15 + [2] * 5
LENGTHS = [7 + n % 13 for n in range(100)]


def flat(batches: list[list[int]]) -> list[int]:
    return [row for batch in batches for row in batch]


@pytest.mark.parametrize(("strength", "expected"), [(0.0, [0.15, 0.8, 0.05]), (1.0, [1 / 3] * 3)])
def test_shares_and_weights(strength: float, expected: list[float]) -> None:
    shares = class_shares(LABELS_OF_PAIRS, strength)
    assert shares.tolist() == pytest.approx(expected)
    weights = class_weights(LABELS_OF_PAIRS, strength)
    assert weights[torch.tensor(LABELS_OF_PAIRS)].mean() == pytest.approx(1)
    counts = torch.tensor([15, 80, 5])
    assert (weights * counts / 100).tolist() == pytest.approx(expected)


def test_shares_between_and_of_absent_classes() -> None:
    between = class_shares(LABELS_OF_PAIRS, 0.5)
    assert (between[1] / between[2]).item() == pytest.approx(4)  # the root of 80 / 5
    assert class_shares([0, 1, 1], 1.0).tolist() == [0.5, 0.5, 0]
    assert class_weights([0, 1, 1], 1.0)[2] == 0
    with pytest.raises(UserError, match=r"balance_strength=1.5"):
        class_shares([0], 1.5)


def test_an_epoch_is_everything_once_in_a_new_order() -> None:
    batches = Batches(LABELS_OF_PAIRS, LENGTHS, batch_size=16, epochs=2, seed=3)
    all_batches = list(batches)
    assert len(all_batches) == len(batches) == 14
    first, second = flat(all_batches[:7]), flat(all_batches[7:])
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
    assert list(Batches(LABELS_OF_PAIRS, LENGTHS, 16, 2, seed=3)) == all_batches
    assert list(Batches(LABELS_OF_PAIRS, LENGTHS, 16, 2, seed=4)) != all_batches
    widths = [max(LENGTHS[n] for n in batch) - min(LENGTHS[n] for n in batch) for batch in all_batches]
    assert max(widths) <= 3  # of 13


@pytest.mark.parametrize("start", [0, 3, 7, 9, 14])
def test_it_goes_on_where_it_stopped(start: int) -> None:
    batches = Batches(LABELS_OF_PAIRS, LENGTHS, 16, 2, seed=3, balance="sampling")
    expected = list(batches)[start:]
    batches.start = start
    assert list(batches) == expected


def test_sampling_evens_out_the_classes() -> None:
    batches = Batches(LABELS_OF_PAIRS, LENGTHS, 16, 1, seed=3, balance="sampling", pairs_per_epoch=61)
    rows = flat(list(batches))
    counts = Counter(LABELS_OF_PAIRS[row] for row in rows)
    assert len(rows) == 61
    assert sorted(counts.values()) == [20, 20, 21]
    seen = Counter(rows)
    for label in range(3):
        times = [seen[row] for row in range(100) if LABELS_OF_PAIRS[row] == label]
        assert max(times) - min(times) <= 1  # no pair of a class is preferred
    kept = Batches(LABELS_OF_PAIRS, LENGTHS, 16, 1, seed=3, balance="sampling", strength=0.0)
    assert Counter(LABELS_OF_PAIRS[row] for row in flat(list(kept))) == {1: 80, 0: 15, 2: 5}


def test_a_part_of_the_pairs() -> None:
    rows = flat(list(Batches(LABELS_OF_PAIRS, LENGTHS, 16, 1, seed=3, pairs_per_epoch=30)))
    assert len(rows) == len(set(rows)) == 30
    assert len(Batches(LABELS_OF_PAIRS, LENGTHS, 16, 1, seed=3, pairs_per_epoch=300)) == 7  # there are no more


@pytest.mark.parametrize(
    "settings", [{"balance": "some"}, {"batch_size": 0}, {"epochs": 0}, {"pairs_per_epoch": -1}, {"labels": []}]
)
def test_settings_that_are_none(settings: dict) -> None:
    good = {"labels": [0, 1], "lengths": [1, 1], "batch_size": 1, "epochs": 1, "seed": 0}
    with pytest.raises(UserError):
        Batches(**{**good, **settings})


def test_measures_are_scikit_learns() -> None:
    draw = torch.Generator().manual_seed(0)
    gold = torch.multinomial(torch.tensor([0.2, 0.7, 0.1]), 200, replacement=True, generator=draw)
    predicted = torch.where(torch.rand(200, generator=draw) < 0.6, gold, torch.randint(3, (200,), generator=draw))
    found = measures(confusion(gold, predicted))
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    assert found["macro_f1"] == pytest.approx(f1_score(gold, predicted, average="macro"))
    assert [found[f"recall_{label}"] for label in LABELS] == pytest.approx(recall_score(gold, predicted, average=None))
    assert found["majority_accuracy"] == pytest.approx((gold == 1).double().mean().item())


def test_rows_are_the_true_classes_and_absent_ones_are_not_numbers() -> None:
    counts = confusion([0, 0, 1], [0, 1, 1])
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    found = measures(counts)
    assert math.isnan(found["recall_contradiction"])
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert math.isnan(measures(torch.zeros(3, 3))["accuracy"])
