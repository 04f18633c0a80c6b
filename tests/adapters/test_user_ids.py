import os

import pytest

from zoo.adapters.user_ids import folder_name, is_hashed, unknown_user, user_of
from zoo.errors import UserError

STRANGE = [
    *(
        "alice",
        "Alice",
        "ALICE",
        "../x",
        "..",
        ".",
        "/",
        "a/b",
        "a\\b",
        "a%2fb",
        "%",
        "=",
        "=0",
        " ",
        "a b",
        "new\nline",
    ),
    *("\0", "\t", ".new", ".lock", ".former", "-rf", "con", "~", "*", "日本語の利用者", "é", "e\u0301", "🙂", "\ud800"),
    *("x" * 200, "x" * 201, "x" * 300, "X" * 300, "日" * 300, "日" * 299 + "月", "/" * 5000),
]


@pytest.mark.parametrize("user", STRANGE, ids=ascii)
def test_names_are_safe_and_reversible(user, tmp_path):
    name = folder_name(user)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_%=")
    assert len(name) <= 200
    (tmp_path / name).mkdir()
    assert os.listdir(tmp_path) == [name]
    assert user_of(name) == (None if is_hashed(name) else user)


def test_names_differ_on_disks_that_know_no_case():
    assert len({folder_name(user).lower() for user in STRANGE}) == len(STRANGE)


@pytest.mark.parametrize("name", ["Alice", "a.b", "%2F", "%zz", "%", "%ff", "", "lost+found", "__pycache__x.py"])
def test_strangers_are_nobodys(name):
    assert user_of(name) is None


def test_no_id():
    with pytest.raises(UserError, match="id is empty"):
        folder_name("")


def test_unknown_users_among_few_and_many():
    message = str(unknown_user("alcie", ["bob", "alice", "carol"], "the store"))
    assert (
        "the store has no adapter of the user 'alcie'; it has those of 3 users, the closest of them 'alice'" in message
    )
    message = str(unknown_user("user-05000x", [f"user-{i:05d}" for i in range(50_000)], "the store"))
    assert "50,000 users" in message
    assert "'user-05000'" in message
    assert "Give one that it has" in str(unknown_user("zoe", ["bob"], "the store"))
    assert "those of 0 users" in str(unknown_user("zoe", [], "the store"))
