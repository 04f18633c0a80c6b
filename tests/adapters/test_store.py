import json
import os
import random
import signal
import time

import peft
import pytest

from tests.adapters.conftest import assert_same
from tests.adapters.test_user_ids import STRANGE
from tests.adapters.victims import constant, die_before_change, save_for_ever
from tests.processes import functions
from zoo.adapters.adapter import PROMPT, Adapter
from zoo.adapters.packed import PackedAdapters
from zoo.adapters.peft_folder import CONFIG, WEIGHTS, read_peft_folder, write_peft_folder
from zoo.adapters.store import AdapterStore
from zoo.errors import UserError

LONG = "日" * 300


def version(adapter: Adapter) -> float:
    values = set(adapter.tensors[PROMPT].flatten().tolist())
    assert len(values) == 1
    value = values.pop()
    assert adapter.config["base_model_name_or_path"] == f"version {value:g}"
    return value


def test_every_id_is_a_user(tmp_path):
    store = AdapterStore(tmp_path / "deep" / "store")
    assert store.users() == []
    for number, user in enumerate(STRANGE):
        store.save(user, constant(number))
    assert os.listdir(tmp_path) == ["deep"]
    assert os.listdir(tmp_path / "deep") == ["store"]
    again = AdapterStore(tmp_path / "deep" / "store")
    assert again.users() == sorted(STRANGE)
    assert [version(adapter) for adapter in again.load(STRANGE)] == list(range(len(STRANGE)))
    assert all(user in again for user in STRANGE)
    assert not any(user in again for user in ["", "nobody", "x" * 400, None, 3])
    for user in STRANGE:
        again.delete(user)
        assert user not in again
    assert again.users() == []
    assert [entry for entry in os.listdir(again.folder) if not entry.startswith(".")] == []


@pytest.mark.parametrize("user", ["Ann B.", LONG])
def test_each_folder_is_pefts(tmp_path, backbones, make_adapter, user):
    store, adapter = AdapterStore(tmp_path), make_adapter("lora", "t5")
    store.save(user, adapter)
    assert_same(read_peft_folder(store.path(user)), adapter)
    loaded = peft.PeftModel.from_pretrained(backbones["t5"], store.path(user))
    assert loaded.peft_config["default"].r == 3
    loaded.unload()


def test_saving_again_replaces_whole(tmp_path, make_adapter):
    store = AdapterStore(tmp_path)
    store.save("a", make_adapter("lora", "t5"))
    store.save("a", constant(2))
    assert version(store.load(["a"])[0]) == 2
    assert sorted(os.listdir(tmp_path / "a")) == [CONFIG, WEIGHTS]


def test_unknown_and_empty_ids(tmp_path):
    store = AdapterStore(tmp_path / "store")
    with pytest.raises(UserError, match="those of 0 users"):
        store.load(["alice"])
    with pytest.raises(UserError, match="those of 0 users"):
        store.delete("alice")
    assert not (tmp_path / "store").exists()
    store.save("alice", constant(1))
    for ask in (lambda: store.load(["alice", "Alcie"]), lambda: store.delete("Alcie")):
        with pytest.raises(UserError, match=r"'Alcie'; it has those of 1 users, the closest of them 'alice'"):
            ask()
    for ask in (lambda: store.save("", constant(1)), lambda: store.load([""]), lambda: store.delete("")):
        with pytest.raises(UserError, match="id is empty"):
            ask()
    assert store.users() == ["alice"]


def test_deleting_leaves_nothing(tmp_path):
    store = AdapterStore(tmp_path)
    for user in ("alice", LONG):
        store.save(user, constant(123456))
        store.save(user, constant(654321))
        store.delete(user)
        assert {path.name for path in tmp_path.rglob("*")} == {".lock", ".former"}
    store.save("bob", constant(2))
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == {"bob", CONFIG, WEIGHTS, ".lock", ".former"}
    assert not list((tmp_path / ".former").iterdir())
    assert version(store.load(["bob"])[0]) == 2


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years of work")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "=short").mkdir()
    store = AdapterStore(tmp_path)
    for ask in (lambda: store.save("thesis", constant(1)), lambda: store.delete("thesis")):
        with pytest.raises(UserError, match=r"thesis\.tex"):
            ask()
    store.save("a", constant(1))
    assert store.users() == ["a"]
    assert "thesis" not in store
    assert (tmp_path / "thesis" / "thesis.tex").read_text() == "years of work"


def test_damage_of_one_user_is_named_and_mended_by_saving(tmp_path):
    store = AdapterStore(tmp_path)
    for user in "ab":
        store.save(user, constant(1))
    (tmp_path / "a" / CONFIG).unlink()
    with pytest.raises(UserError, match=CONFIG):
        store.load(["a"])
    assert store.users() == ["b"]
    assert version(store.load(["b"])[0]) == 1
    store.save("a", constant(2))
    assert version(store.load(["a"])[0]) == 2


def test_a_refused_adapter_changes_nothing(tmp_path):
    store = AdapterStore(tmp_path)
    store.save("a", constant(1))
    with pytest.raises(UserError, match="'a' holds other tensors"):
        store.save("a", Adapter(constant(2).tensors, constant(2, tokens=3).config))
    assert not (tmp_path / ".new").exists()
    assert version(store.load(["a"])[0]) == 1


def test_packing(tmp_path):
    store = AdapterStore(tmp_path / "store")
    for number, user in enumerate(STRANGE):
        store.save(user, constant(number, tokens=1 + number % 3))
    store.pack(tmp_path / "bank")
    bank = PackedAdapters(tmp_path / "bank")
    assert bank.users == sorted(STRANGE)
    for ours, theirs in zip(bank.read(STRANGE), store.load(STRANGE), strict=True):
        assert_same(ours, theirs)


def killed_at(number: int, action: str, *arguments: object) -> bool:
    """Whether the action was killed, and did not come to its end before."""
    process = functions.Process(target=die_before_change, args=(number, action, *arguments))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


@pytest.mark.parametrize("user", ["a", pytest.param(LONG, marks=pytest.mark.slow)])
def test_killed_anywhere_in_a_save(tmp_path, user):
    number, outcomes, alive = 0, set(), True
    while alive:
        number += 1
        folder = tmp_path / str(number)
        AdapterStore(folder).save("b", constant(1))
        AdapterStore(folder).save(user, constant(1))
        alive = killed_at(number, "save", folder, user, constant(2))
        store = AdapterStore(folder)
        assert store.users() == sorted([user, "b"])
        assert version(store.load(["b"])[0]) == 1
        outcomes.add(version(store.load([user])[0]))
        assert {path.name for path in folder.iterdir()} <= {"b", store.path(user).name, ".lock", ".former"}
        assert not list((folder / ".former").iterdir())
        store.save(user, constant(3))
        assert version(store.load([user])[0]) == 3
    assert number > 15
    assert outcomes == {1, 2}


def test_killed_anywhere_in_the_first_save(tmp_path):
    number, alive, outcomes = 0, True, set()
    while alive:
        number += 1
        folder = tmp_path / str(number)
        alive = killed_at(number, "save", folder, "a", constant(1))
        users = AdapterStore(folder).users()
        outcomes.add(len(users))
        assert [version(adapter) for adapter in AdapterStore(folder).load(users)] == [1] * len(users)
    assert outcomes == {0, 1}


def test_killed_anywhere_in_a_deletion(tmp_path):
    number, alive, outcomes = 0, True, set()
    while alive:
        number += 1
        folder = tmp_path / str(number)
        for user in "ab":
            AdapterStore(folder).save(user, constant(1))
        alive = killed_at(number, "delete", folder, "a")
        users = AdapterStore(folder).users()
        outcomes.add(len(users))
        assert [version(adapter) for adapter in AdapterStore(folder).load(users)] == [1] * len(users)
        if users == ["b"]:
            assert {path.name for path in folder.rglob("*")} == {"b", CONFIG, WEIGHTS, ".lock", ".former"}
    assert outcomes == {1, 2}


def test_killed_anywhere_in_writing_a_folder(tmp_path):
    number, alive, outcomes = 0, True, set()
    while alive:
        number += 1
        folder = tmp_path / str(number) / "adapter"
        write_peft_folder(folder, constant(1))
        alive = killed_at(number, "write", folder, constant(2))
        outcomes.add(version(read_peft_folder(folder)) if folder.exists() else None)
        write_peft_folder(folder, constant(3))
        assert version(read_peft_folder(folder)) == 3
    assert outcomes == {1, 2, None}  # None: between the two renames; the former one is beside it


@pytest.mark.slow
def test_killed_at_random_among_several_savers_and_a_loader(tmp_path):
    store = AdapterStore(tmp_path)
    for user in "abc":
        store.save(user, constant(0))
    draws = random.Random(0)
    for attempt in range(8):
        savers = [functions.Process(target=save_for_ever, args=(tmp_path, seed)) for seed in (attempt, attempt + 100)]
        for saver in savers:
            saver.start()
        seen: set[float] = set()
        patience = time.monotonic() + 60
        while len(seen) < draws.randrange(5, 15) and time.monotonic() < patience:
            assert store.users() == ["a", "b", "c"]
            seen |= {version(adapter) for adapter in store.load("abc")}
        assert len(seen) >= 5
        for saver in savers:
            os.kill(saver.pid, signal.SIGKILL)
            saver.join()
        again = AdapterStore(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "c", ".lock", ".former"}
        assert not list((tmp_path / ".former").iterdir())
        assert len([version(adapter) for adapter in again.load("abc")]) == 3


def test_a_store_that_may_only_be_read(tmp_path, monkeypatch):
    store = AdapterStore(tmp_path)
    store.save("a", constant(1))
    opened = os.open

    def read_only(path, flags, *more, **named):
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(30, "Read-only file system", str(path))
        return opened(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", read_only)
    store = AdapterStore(tmp_path)
    assert version(store.load(store.users())[0]) == 1
    with pytest.raises(OSError, match="Read-only"):
        store.save("a", constant(2))


def test_the_config_is_json_that_people_can_read(tmp_path):
    store = AdapterStore(tmp_path)
    store.save("a", constant(1))
    text = (tmp_path / "a" / CONFIG).read_text()
    assert text.count("\n") > 5
    assert json.loads(text) == constant(1).config
