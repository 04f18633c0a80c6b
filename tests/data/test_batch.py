"""Batches: padding, joining against a plain loop, candidates, rows."""

import random

import pytest
import torch

from zoo.data.batch import SEGMENTS, collate
from zoo.data.template import EncodedExample

PAD, END = 0, 99


def encoded(lengths: tuple[int, int, int], candidates: tuple[int, ...] = (), seed: int = 0) -> EncodedExample:
    draw = random.Random(seed)
    ids = [[draw.randint(1, 90) for _ in range(length)] for length in (*lengths, *candidates)]
    return EncodedExample(
        ids[0], ids[1], ids[2], ids[3:], num_words=lengths[2], num_characters=5 * lengths[2], truncated=False
    )


RAGGED = [encoded(lengths, seed=seed) for seed, lengths in enumerate([(3, 5, 2), (0, 7, 4), (6, 1, 1), (2, 0, 5)])]


@pytest.mark.parametrize("pad_left", [(), ("persona", "context"), SEGMENTS])
def test_padding(pad_left):
    batch = collate(RAGGED, PAD, pad_left=pad_left)
    assert len(batch) == 4
    for segment in SEGMENTS:
        ids, mask = getattr(batch, segment), getattr(batch, f"{segment}_mask")
        rows = [getattr(example, segment) for example in RAGGED]
        width = max(map(len, rows))
        for row, expected in enumerate(rows):
            gap = [PAD] * (width - len(expected))
            assert ids[row].tolist() == (gap + expected if segment in pad_left else expected + gap)
            assert ids[row][mask[row]].tolist() == expected
        assert ids.dtype == torch.long
        assert mask.dtype == torch.bool
    assert batch.example_id.tolist() == [0, 1, 2, 3]
    assert (batch.num_words.tolist(), batch.num_characters.tolist()) == ([2, 4, 1, 5], [10, 20, 5, 25])
    assert batch.num_words.dtype == batch.num_characters.dtype == torch.long
    assert batch.candidates is batch.gold is None


@pytest.mark.parametrize("stored", [(), ("persona",), SEGMENTS])
@pytest.mark.parametrize("pad", ["right", "left"])
@pytest.mark.parametrize("end", [None, END])
@pytest.mark.parametrize("segments", [("persona", "context"), ("context",), ("context", "response", "persona")])
def test_join_equals_a_plain_loop(stored, pad, end, segments):
    ids, mask = collate(RAGGED, PAD, pad_left=stored).join(*segments, pad=pad, end=end)
    rows = [[token for s in segments for token in getattr(e, s)] + ([end] if end else []) for e in RAGGED]
    width = max(map(len, rows))
    assert ids.shape == mask.shape == (4, width)
    for row, expected in enumerate(rows):
        gap = width - len(expected)
        assert ids[row].tolist() == ([PAD] * gap + expected if pad == "left" else expected + [PAD] * gap)
        assert mask[row].tolist() == ([False] * gap + [True] * len(expected))[:: 1 if pad == "left" else -1]


def test_join_of_nothing():
    ids, mask = collate([encoded((0, 0, 1))], PAD).join("persona", "context")
    assert ids.shape == mask.shape == (1, 0)


def test_join_keeps_a_token_that_equals_the_pad_id():
    example = EncodedExample([5, PAD], [PAD, 7], [1], [], 1, 1, False)
    ids, mask = collate([example, RAGGED[0]], PAD).join("persona", "context")
    assert ids[0][mask[0]].tolist() == [5, PAD, PAD, 7]


def test_candidates_are_ragged_in_both_directions():
    rows = [encoded((1, 2, 3), (2, 4)), encoded((1, 2, 3)), encoded((1, 2, 3), (1, 5, 3))]
    batch = collate(rows, PAD, gold=[1, -1, 0], users=[4, 0, 2], example_ids=[7, 8, 9], tokens_per_step=2.5)
    assert batch.candidates.shape == (3, 3, 5)
    for row, example in enumerate(rows):
        for k in range(3):
            expected = example.candidates[k] if k < len(example.candidates) else []
            assert batch.candidates[row, k][batch.candidates_mask[row, k]].tolist() == expected
    assert batch.candidates[~batch.candidates_mask].eq(PAD).all()
    assert (batch.gold.tolist(), batch.user.tolist(), batch.example_id.tolist()) == ([1, -1, 0], [4, 0, 2], [7, 8, 9])


def test_rows_and_to_touch_every_tensor():
    batch = collate([encoded((1, 2, 3), (2,), seed) for seed in range(3)], PAD, gold=[0, 0, 0], tokens_per_step=2.5)
    part = batch.rows(torch.tensor([2, 0]))
    assert part.example_id.tolist() == [2, 0]
    assert part.num_words.tolist() == [3, 3]
    assert part.candidates.equal(batch.candidates[[2, 0]])
    assert part.response_mask.equal(batch.response_mask[[2, 0]])
    assert (len(part), part.tokens_per_step, part.pad_id) == (2, 2.5, PAD)
    assert batch.rows(torch.tensor([True, False, False])).example_id.tolist() == [0]
    moved = batch.to("meta")
    assert moved.persona.device.type == moved.gold.device.type == "meta"
    assert batch.persona.device.type == "cpu"
