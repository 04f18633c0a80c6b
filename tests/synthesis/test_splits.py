"""No persona, or no pair of personas, is in two splits."""

from collections.abc import Sequence
from itertools import combinations

import pytest

from zoo.errors import UserError
from zoo.synthesis.chat.splits import Splits, split_dialogues
from zoo.synthesis.records import SyntheticDialogue


def dialogue(a: int, b: int, n: int = 0) -> SyntheticDialogue:
    return SyntheticDialogue(f"{a}/{b}/{n}", ((f"I am {a}.",), (f"I am {b}.",)), ("Hi.", "Hello."))


def blocks(n: int, size: int) -> list[SyntheticDialogue]:
    """All pairs within each block, blocks interleaved."""
    pairs = list(combinations(range(size), 2))
    return [dialogue(block * size + a, block * size + b) for a, b in pairs for block in range(n)]


def shared(splits: Splits, pairs: bool) -> int:
    """How many personas, or pairs, are in more than one split."""
    seen = [
        {frozenset(row.personas) for row in rows} if pairs else {one for row in rows for one in row.personas}
        for rows in splits.dialogues.values()
    ]
    return sum(len(one & other) for one, other in combinations(seen, 2))


def test_blocks_are_split_by_persona():
    rows = blocks(10, 5)
    splits = split_dialogues(rows)
    assert splits.by == "persona"
    assert splits.sizes == {"train": 80, "valid": 10, "test": 10}
    assert shared(splits, pairs=False) == 0
    for some in splits.dialogues.values():
        assert some == [row for row in rows if row in some]  # all once, in order
    assert sorted(row.id for some in splits.dialogues.values() for row in some) == sorted(row.id for row in rows)
    other = split_dialogues(rows, seed=1)
    assert other.sizes == splits.sizes
    assert other != splits
    assert split_dialogues(rows) == splits


def test_chains_count_as_connected():
    """1-2, 2-3, 3-4 ... is one group, and the only way to keep personas apart is not to cut it."""
    chain = [dialogue(k, k + 1) for k in range(30)]
    others = [dialogue(100 + 2 * k, 101 + 2 * k) for k in range(8)]
    splits = split_dialogues([*others, *chain])
    assert splits.by == "persona"
    assert shared(splits, pairs=False) == 0
    assert {row.id for row in chain} <= {row.id for row in splits.dialogues["train"]}
    assert splits.sizes == {"train": 30, "valid": 4, "test": 4}


def test_where_everybody_is_connected_pairs_are_kept_apart():
    rows = [dialogue(a, b, n) for a, b in combinations(range(10), 2) for n in range(2)]
    rows += [dialogue(b, a, 2) for a, b in combinations(range(10), 2)]  # the other way round is the same pair
    splits = split_dialogues(rows)
    assert splits.by == "pair"
    assert max(abs(size - share) for size, share in zip(splits.sizes.values(), (108, 13.5, 13.5), strict=True)) <= 1.5
    assert shared(splits, pairs=True) == 0
    assert shared(splits, pairs=False) > 0
    with pytest.raises(UserError, match="draw the pairs of personas in blocks"):
        split_dialogues(rows, by="persona")


@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.1), (0.9, 0.1, 0.0), (0.34, 0.33, 0.33)])
def test_no_split_is_empty_but_those_that_should_be(fractions: Sequence[float]):
    for n in range(3, 25):
        sizes = split_dialogues([dialogue(2 * k, 2 * k + 1) for k in range(n)], fractions).sizes
        assert sum(sizes.values()) == n
        for size, fraction in zip(sizes.values(), fractions, strict=True):
            assert (size > 0) == (fraction > 0)
            assert abs(size - fraction * n) < 2


def test_settings_that_are_none():
    rows = blocks(2, 2)
    with pytest.raises(UserError, match="sum to 1"):
        split_dialogues(rows, (0.8, 0.1, 0.2))
    with pytest.raises(UserError, match="expected auto, persona or pair"):
        split_dialogues(rows, by="sentence")
    with pytest.raises(UserError, match="set a fraction to 0"):
        split_dialogues(rows, by="pair")
    assert split_dialogues(rows).sizes == {"train": 1, "valid": 1, "test": 0}
    assert split_dialogues([]).sizes == {"train": 0, "valid": 0, "test": 0}
    assert split_dialogues(rows, (0.5, 0.0, 0.5)).sizes == {"train": 1, "valid": 0, "test": 1}
