import mmap
import os
import struct

import pytest
import torch

from tests.adapters.conftest import KINDS, assert_same
from tests.adapters.test_user_ids import STRANGE
from zoo.adapters import packed
from zoo.adapters.adapter import PROMPT, Adapter
from zoo.adapters.packed import PackedAdapters, write_packed
from zoo.errors import UserError

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]


@pytest.mark.parametrize("kind", KINDS)
def test_ragged_users_of_all_types(tmp_path, make_adapter, kind):
    bank = {
        user: make_adapter(kind, "gpt2", seed=row, rank=1 + row % 5, tokens=1 + row % 7, dtype=DTYPES[row % 4])
        for row, user in enumerate(STRANGE)
    }
    write_packed(tmp_path / "bank", bank.items())
    bank_read = PackedAdapters(tmp_path / "bank")
    assert bank_read.users == list(bank)
    assert len(bank_read) == len(bank)
    assert all(user in bank_read for user in bank)
    assert not any(user in bank_read for user in ["", "alic", "alicf", "zzz", "\U0010ffff", None, 3])
    asked = [*reversed(STRANGE), STRANGE[3]]
    for user, adapter in zip(asked, bank_read.read(asked), strict=True):
        assert_same(adapter, bank[user])
    assert bank_read.config["peft_type"] == bank["alice"].config["peft_type"]
    assert ("r" if kind == "lora" else "num_virtual_tokens") not in bank_read.config
    assert os.listdir(tmp_path) == ["bank"]


def test_what_is_read_is_the_readers_own(tmp_path, make_adapter):
    write_packed(tmp_path / "bank", [("a", make_adapter("prompt", "t5"))])
    bank = PackedAdapters(tmp_path / "bank")
    bank.read(["a"])[0].tensors[PROMPT].zero_()
    bank.read(["a"])[0].config["token_dim"] = 0
    assert_same(bank.read(["a"])[0], make_adapter("prompt", "t5"))
    assert bank.config == make_adapter("prompt", "t5").config


def test_one_adapter_at_a_time_is_held(tmp_path, make_adapter):
    alive: list[int] = []

    class Counted(dict):
        def __init__(self, tensors):
            super().__init__(tensors)
            alive.append(1)

        def __del__(self):
            alive.pop()

    def bank():
        for row in range(20):
            assert len(alive) <= 2  # the one before is let go of when this one has come
            adapter = make_adapter("prompt", "gpt2", seed=row)
            yield str(row), Adapter(Counted(adapter.tensors), adapter.config)

    write_packed(tmp_path / "bank", bank())
    assert len(PackedAdapters(tmp_path / "bank")) == 20


def test_only_the_pages_of_the_asked_are_read(tmp_path, make_adapter, monkeypatch):
    touched: list[tuple[int, int]] = []

    class Watched(mmap.mmap):
        def __getitem__(self, place):
            touched.append((place.start, place.stop))
            return super().__getitem__(place)

    adapter = make_adapter("prompt", "gpt2")
    write_packed(tmp_path / "bank", ((f"user {row}", adapter) for row in range(1000)))
    monkeypatch.setattr(packed.mmap, "mmap", Watched)
    bank = PackedAdapters(tmp_path / "bank")
    each = adapter.tensors[PROMPT].nbytes
    data = packed.HEADER.size + 1000 * each
    assert not [place for place in touched if place[0] < data]
    bank.read(["user 700", "user 3"])
    starts = [packed.HEADER.size + row * each for row in (700, 3)]
    assert [place for place in touched if place[0] < data] == [(start, start + each) for start in starts]
    assert len(touched) < 40  # with the names that a binary search looks at


def test_nobody(tmp_path):
    write_packed(tmp_path / "bank", [])
    bank = PackedAdapters(tmp_path / "bank")
    assert (len(bank), bank.users, bank.config, "a" in bank, bank.read([])) == (0, [], {}, False, [])
    with pytest.raises(UserError, match="0 users"):
        bank.read(["a"])


def test_users_that_are_unknown_empty_or_there_twice(tmp_path, make_adapter):
    adapter = make_adapter("lora", "gpt2")
    write_packed(tmp_path / "bank", [("alice", adapter), ("bob", adapter)])
    with pytest.raises(UserError, match=r"'alcie'; it has those of 2 users, the closest of them 'alice'"):
        PackedAdapters(tmp_path / "bank").read(["bob", "alcie"])
    before = (tmp_path / "bank").read_bytes()
    with pytest.raises(UserError, match="'bob' comes twice"):
        write_packed(tmp_path / "bank", [("bob", adapter), ("alice", adapter), ("bob", adapter)])
    with pytest.raises(UserError, match="id is empty"):
        write_packed(tmp_path / "bank", [("", adapter)])
    with pytest.raises(UserError, match="'carol' holds other tensors"):
        write_packed(tmp_path / "bank", [("carol", Adapter({}, adapter.config))])
    assert (tmp_path / "bank").read_bytes() == before
    assert os.listdir(tmp_path) == ["bank"]


def test_files_that_are_not_whole_or_another_kind(tmp_path, make_adapter):
    path = tmp_path / "bank"
    with pytest.raises(UserError, match="cannot be opened"):
        PackedAdapters(path)
    write_packed(path, [("alice", make_adapter("prompt", "gpt2")), ("bob", make_adapter("prompt", "gpt2", tokens=2))])
    whole = path.read_bytes()
    for length in {*range(40), *range(40, len(whole), 61), *range(len(whole) - 60, len(whole))}:
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="holds no packed adapters" if length < 16 else "is not whole"):
            PackedAdapters(path)
    for changed in (whole + b"\n", whole[:100] + whole[200:], whole[:100] + whole[50:]):
        path.write_bytes(changed)
        with pytest.raises(UserError, match="is not whole"):
            PackedAdapters(path)
    path.write_bytes(b'{"model": "gpt2"}' * 100)
    with pytest.raises(UserError, match="holds no packed adapters"):
        PackedAdapters(path)
    path.write_bytes(whole[:8] + struct.pack("<I", 2) + whole[12:])
    with pytest.raises(UserError, match="of format 2; expected 1"):
        PackedAdapters(path)
    path.write_bytes(whole)
    assert len(PackedAdapters(path)) == 2
