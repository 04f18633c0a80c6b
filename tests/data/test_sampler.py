"""Samplers: every example once, equal parts, exact token means, little padding, resuming inside an epoch."""

import itertools

import numpy as np
import pytest
from torch.utils.data import Dataset

from zoo.data.sampler import GlobalBatches, MicroBatch, ResumableLoader, ShardSampler
from zoo.errors import UserError


def ragged(total: int, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.stack([draw.integers(3, 60, total), draw.gamma(2, 60, total).astype(int), draw.integers(2, 30, total)], 1)


def ranks(total: int, batch_size: int, world: int, accumulate: int, **options) -> list[GlobalBatches]:
    return [
        GlobalBatches(ragged(total), batch_size, rank=rank, world_size=world, accumulate=accumulate, **options)
        for rank in range(world)
    ]


@pytest.mark.parametrize(("total", "steps", "last"), [(131, 17, 3), (128, 16, 8), (129, 16, 9), (5, 1, 5)])
@pytest.mark.parametrize(("world", "accumulate"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("order", ["shuffled", "sorted_desc"])
def test_every_example_once_an_epoch(total, steps, last, world, accumulate, order):
    if world * accumulate == 1 and total == 129:
        steps, last = 17, 1  # one example is enough for one part
    samplers = ranks(total, 8, world, accumulate, order=order)
    for epoch in range(3):
        epochs = []
        for sampler in samplers:
            sampler.set_epoch(epoch)
            epochs.append(list(sampler))
            assert len(epochs[-1]) == len(sampler) == steps * accumulate
        assert sorted(row for batches in epochs for batch in batches for row in batch) == list(range(total))
        sizes = [
            sum(len(batches[step * accumulate + a]) for batches in epochs for a in range(accumulate))
            for step in range(steps)
        ]
        assert sorted(sizes) == sorted([8] * (steps - 1) + [last])
        assert max(map(len, itertools.chain(*epochs))) - min(len(b) for e in epochs for b in e if sum(sizes)) <= 8


def test_the_official_train_split_has_4108_steps():
    assert len(GlobalBatches(np.ones((131_438, 3), dtype=int), 32)) == 4108


def test_the_global_batches_do_not_depend_on_the_number_of_devices():
    def steps(world: int, accumulate: int) -> list[set[int]]:
        parts = [list(sampler) for sampler in ranks(100, 12, world, accumulate, seed=3)]
        return [
            {row for part in parts for a in range(accumulate) for row in part[step * accumulate + a]}
            for step in range(len(parts[0]) // accumulate)
        ]

    assert steps(1, 1) == steps(2, 1) == steps(2, 2) == steps(1, 4)


@pytest.mark.parametrize(("world", "accumulate"), [(1, 1), (2, 1), (1, 3), (2, 3)])
def test_tokens_per_step_makes_the_loss_the_token_mean_of_the_global_batch(world, accumulate):
    lengths = ragged(50)
    nll = [np.random.default_rng(row).random(length) for row, length in enumerate(lengths[:, -1])]
    samplers = ranks(50, 12, world, accumulate)
    batches = [list(sampler) for sampler in samplers]
    for step, rows in enumerate(samplers[0].global_batches()):
        losses = [
            sum(nll[row].sum() for row in part) / part.tokens_per_step
            for own in batches
            for part in own[step * accumulate : (step + 1) * accumulate]
        ]
        mean = np.concatenate([nll[row] for row in rows]).mean()
        assert np.mean(losses) == pytest.approx(mean, rel=1e-12)  # DDP and accumulation both average


def test_parts_have_equal_work():
    lengths = ragged(4000)
    batches = [list(sampler) for sampler in ranks(4000, 32, 4, 1)]
    work = np.array([[lengths[batch].sum() for batch in own] for own in batches])
    assert {len(batch) for own in batches for batch in own} == {8}
    assert np.ptp(work.sum(axis=1)) / work.sum() < 0.02


def test_epochs_and_seeds_differ_and_repeat():
    def batches(epoch: int, **options) -> list[list[int]]:
        sampler = GlobalBatches(ragged(640), 16, **options)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert batches(1, seed=5) == batches(1, seed=5)
    together = [{frozenset(batch) for batch in batches(epoch, seed=5)} for epoch in range(3)]
    assert all(len(one & other) < 10 for one, other in itertools.combinations(together, 2))  # of 40 batches
    assert batches(1, seed=5) != batches(1, seed=6)
    assert batches(1, reshuffle=False) == batches(0, reshuffle=False)


def test_sorted_desc_takes_rows_in_the_given_order():
    rows = [9, 3, 7, 1, 5]
    sampler = GlobalBatches(ragged(10), 2, order="sorted_desc", rows=rows)
    assert [sorted(batch) for batch in sampler] == [[3, 9], [1, 7], [5]]
    sampler.set_epoch(1)
    assert [sorted(batch) for batch in sampler] == [[3, 9], [1, 7], [5]]


@pytest.mark.parametrize(("batch_size", "world", "accumulate", "words"), [(10, 4, 1, "8 or"), (2, 2, 2, "=4 or")])
def test_batches_that_cannot_be_dealt(batch_size, world, accumulate, words):
    with pytest.raises(UserError, match=words):
        GlobalBatches(ragged(50), batch_size, world_size=world, accumulate=accumulate)
    with pytest.raises(UserError, match="at least 4"):
        GlobalBatches(ragged(3), 4, world_size=4)
    with pytest.raises(UserError, match=r"data\.eval_batch_size=0"):
        ShardSampler(0, 1, 3, 0)


@pytest.mark.parametrize(("total", "world"), [(103, 4), (3, 4), (8, 1)])
@pytest.mark.parametrize("sort", [True, False])
def test_evaluation_repeats_and_drops_nothing(total, world, sort):
    lengths = ragged(total)
    samplers = [ShardSampler(rank, world, total, 5, lengths=lengths if sort else None) for rank in range(world)]
    dealt = [[row for batch in sampler for row in batch] for sampler in samplers]
    assert sorted(row for own in dealt for row in own) == list(range(total))
    for rank, (own, sampler) in enumerate(zip(dealt, samplers, strict=True)):
        assert sorted(own) == list(range(total))[rank::world]
        assert len(sampler) == len(list(sampler)) == -(-len(own) // 5)
    some = ShardSampler(1, 2, total, 2, rows=[0, 2, 1])
    assert list(some) == [[2]]


@pytest.mark.parametrize(("total", "world"), [(103, 4), (3, 4), (8, 1)])
def test_whole_batches_are_the_same_on_any_number_of_ranks(total, world):
    rows = np.random.default_rng(0).permutation(total).tolist()
    samplers = [ShardSampler(rank, world, total, 5, rows=rows, whole_batches=True) for rank in range(world)]
    batches = [rows[first : first + 5] for first in range(0, total, 5)]
    assert [list(sampler) for sampler in samplers] == [batches[rank::world] for rank in range(world)]


class Echo(Dataset):
    """Answers with the rows it was asked for and the tokens that came along."""

    def __getitems__(self, rows: MicroBatch) -> tuple[list[int], float]:
        return list(rows), rows.tokens_per_step


def loader(workers: int, **options) -> ResumableLoader:
    batches = GlobalBatches(ragged(70), 8, seed=2, **options)
    return ResumableLoader(Echo(), batch_sampler=batches, num_workers=workers, collate_fn=lambda batch: batch)


@pytest.mark.parametrize("workers", [0, 2])
def test_resumes_after_the_batch_handed_out_last(workers):
    whole = loader(workers)
    whole.batch_sampler.set_epoch(4)
    expected = list(whole)
    assert len(expected) == len(whole) == 9

    stopped = loader(workers)
    stopped.batch_sampler.set_epoch(4)
    iterator = iter(stopped)
    first = [next(iterator) for _ in range(3)]  # workers have sampled further ahead
    state = stopped.state_dict()
    assert (state["epoch"], state["position"]) == (4, 3)

    resumed = loader(workers)
    resumed.load_state_dict(state)
    iterator = iter(resumed)  # Lightning calls iter first and set_epoch then
    resumed.batch_sampler.set_epoch(4)
    assert resumed.state_dict() == state
    assert first + list(iterator) == expected
    assert resumed.state_dict()["position"] == 9
    assert list(resumed) == expected  # the next iteration is a whole one
    resumed.batch_sampler.set_epoch(5)
    assert resumed.state_dict()["position"] == 0
    assert len(list(resumed)) == 9


def test_resumes_on_other_devices_but_not_on_other_data():
    state = GlobalBatches(ragged(70), 8, accumulate=4).state_dict() | {"position": 12, "epoch": 1}
    other = GlobalBatches(ragged(70), 8, world_size=2, accumulate=2)
    other.load_state_dict(state)
    assert (other.start, other.epoch) == (6, 1)
    for changed, words in (
        (GlobalBatches(ragged(71), 8), r"over 70 training examples, but this run has 71.*data\.train_percent"),
        (GlobalBatches(ragged(70), 16), r"with data\.batch_size=8, but this run has data\.batch_size=16"),
        (GlobalBatches(ragged(70), 8, seed=1), "with seed=0, but this run has seed=1"),
    ):
        with pytest.raises(UserError, match=f"middle of an epoch {words}"):
            changed.load_state_dict(state)


def test_padding_fraction_counts_pads():
    lengths = np.array([[1, 2, 3], [3, 2, 1], [4, 4, 4], [4, 4, 4]])
    sampler = GlobalBatches(lengths, 2, order="sorted_desc")
    assert sampler.padding_fraction == pytest.approx(1 - 36 / (2 * 8 + 2 * 12))


def test_buckets_pad_little():
    lengths = ragged(4000)
    shuffled = GlobalBatches(lengths, 16)
    plain = GlobalBatches(lengths, 16, order="sorted_desc", rows=np.random.default_rng(0).permutation(4000).tolist())
    by_context = GlobalBatches(lengths, 16, order="sorted_desc", rows=np.argsort(lengths[:, 1]).tolist())
    assert shuffled.padding_fraction < 0.13 < by_context.padding_fraction < 0.25 < plain.padding_fraction
