"""The file of judgements: nothing lost, nothing doubled, nobody let in."""

import errno
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zoo.errors import UserError
from zoo.people.records import Decision, Item
from zoo.people.store import StudyStore

ITEMS = [
    Item(f"i{n}", "reply", ("a",), ("hi",), (("B", "hello"),), (("i ski",),), expected={"fluency": (1,)}, group="g")
    for n in range(4)
]


@pytest.fixture
def store(tmp_path: Path) -> StudyStore:
    found = StudyStore(tmp_path / "deep" / "study.sqlite")
    found.begin("first", ITEMS, {"judge-1": "judge", "judge-2": "judge"})
    return found


def test_items_come_back_as_they_went_in(store: StudyStore) -> None:
    assert list(store.items().values()) == ITEMS
    assert store.judges() == {"judge-1": "judge", "judge-2": "judge"}


def test_only_the_owner_can_read_the_file(store: StudyStore) -> None:
    assert stat.S_IMODE(store.file.stat().st_mode) == 0o600


def test_tokens_stay_and_differ(store: StudyStore) -> None:
    tokens = {who: store.token(who) for who in ("judge-1", "judge-2", "owner")}
    assert len(set(tokens.values())) == 3
    assert all(len(token) >= 32 for token in tokens.values())
    again = StudyStore(store.file)
    assert {who: again.token(who) for who in tokens} == tokens
    assert StudyStore(store.file.with_name("other.sqlite")).token("owner") != tokens["owner"]


def test_a_double_click_counts_once_and_a_correction_is_kept_aside(store: StudyStore) -> None:
    for _ in range(2):
        store.save("judge-1", "i0", {"fluency": 4})
    store.save("judge-1", "i0", {"fluency": 2})
    assert [(one.value, one.role) for one in store.judgements()] == [(2, "judge")]
    with sqlite3.connect(store.file) as connection:
        assert connection.execute("SELECT value FROM former").fetchall() == [(4,)]


def test_many_at_once_lose_nothing(store: StudyStore) -> None:
    store.begin("first", ITEMS, {f"judge-{n}": "judge" for n in range(20)})
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: store.save(f"judge-{n % 20}", f"i{n // 20}", {"fluency": n % 5}), range(80)))
    assert sorted((one.judge, one.item, one.value) for one in store.judgements()) == sorted(
        (f"judge-{n % 20}", f"i{n // 20}", n % 5) for n in range(80)
    )


def test_another_study_is_refused(store: StudyStore) -> None:
    with pytest.raises(UserError, match="of another study"):
        store.begin("second", ITEMS[:1], {})
    assert len(store.items()) == 4


def test_a_failed_write_leaves_nothing_of_it(store: StudyStore) -> None:
    with pytest.raises(UserError, match="cannot be read or written"):
        store.save("judge-1", "no such item", {"fluency": 1})
    assert store.judgements() == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to look like a file of something else" * 20)
    with pytest.raises(UserError, match=r"cannot be read or written.*name another with --database") as refused:
        StudyStore(tmp_path / "notes.txt")
    assert "is whole" not in str(refused.value), "nobody saved anything there"


def test_decisions_replace_each_other(store: StudyStore) -> None:
    store.decide(Decision("i1", "fluency", 3.0, "discussion"))
    store.decide(Decision("i1", "fluency", 2.5, "average"))
    assert store.decisions() == [Decision("i1", "fluency", 2.5, "average")]


def test_what_was_judged_can_be_read_on_a_read_only_disk(store: StudyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save("judge-1", "i1", {"fluency": 3})

    def closed(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("zoo.people.store.os.open", closed)
    (one,) = StudyStore(store.file).judgements()
    assert one.value == 3
    with pytest.raises(UserError, match=r"cannot be kept in.*Read-only"):
        StudyStore(store.file.with_name("new.sqlite"))
