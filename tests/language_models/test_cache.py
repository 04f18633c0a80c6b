"""The cache: every request once, over instances, failures, kills and processes."""

import multiprocessing
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from zoo.errors import UserError
from zoo.language_models import cache
from zoo.language_models.base import LanguageModel, Request
from zoo.language_models.cache import CachedLanguageModel

REQUESTS = [Request("a"), Request("b", stop=("\n",)), Request("a", seed=1), Request("a")]


class Counting(LanguageModel):
    """Answers, last request first, with the number of the answer; fails or dies after `last` of them."""

    def __init__(self, identity: str = "counting", last: int = 10**9, end: BaseException | None = None) -> None:
        self.identity, self.last, self.end = identity, last, end
        self.asked: list[Request] = []

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, str]]:
        for place in reversed(range(len(requests))):
            if len(self.asked) == self.last and self.end is not None:
                raise self.end
            self.asked.append(requests[place])
            yield place, f"{requests[place].prompt} {len(self.asked)} \udc80\u2028\x00"


def test_each_request_is_asked_once(tmp_path: Path) -> None:
    inner = Counting()
    first = CachedLanguageModel(inner, tmp_path / "made" / "here")
    answers = first.complete(REQUESTS)
    assert [answer.split()[0] for answer in answers] == ["a", "b", "a", "a"]
    assert answers[0] == answers[3] != answers[2]
    assert (first.asked, first.replayed, len(inner.asked)) == (3, 0, 3)
    assert first.complete(REQUESTS[::-1]) == answers[::-1]
    other = CachedLanguageModel(Counting(last=0, end=AssertionError()), tmp_path / "made" / "here")
    assert other.complete(REQUESTS) == answers  # also half a surrogate pair, and what ends lines
    assert (other.asked, other.replayed) == (0, 3)
    assert other.complete([]) == []


def test_what_decides_an_answer_is_in_the_key(tmp_path: Path) -> None:
    different = [
        Request("a", 9),
        Request("a", temperature=1),
        Request("a", top_p=0.5),
        Request("a", stop=("x",)),
        Request("a", frequency_penalty=1),
        Request("a", presence_penalty=1),
        Request("a", seed=2),
        Request("a\udc80"),
    ]
    for identity in ("one", "two"):
        inner = Counting(identity)
        CachedLanguageModel(inner, tmp_path).complete(different)
        assert len(inner.asked) == len(different)
    inner = Counting("one")
    CachedLanguageModel(inner, tmp_path).complete([Request("a", temperature=1.0), Request("a", frequency_penalty=1.0)])
    assert not inner.asked  # 1 and 1.0 are one value


@pytest.mark.parametrize("end", [KeyboardInterrupt(), UserError("the endpoint is down.")])
def test_what_was_paid_for_is_kept(tmp_path: Path, end: BaseException) -> None:
    requests = [Request(f"prompt {n}") for n in range(10)]
    broken = Counting(last=4, end=end)
    with pytest.raises(type(end)) as caught:
        CachedLanguageModel(broken, tmp_path).complete(requests)
    if isinstance(end, UserError):
        assert "down. 4 of 10 answers are kept" in str(caught.value)
    inner = Counting()
    again = CachedLanguageModel(inner, tmp_path)
    answers = again.complete(requests)
    assert (again.asked, again.replayed) == (6, 4)
    assert not set(inner.asked) & set(broken.asked)
    assert CachedLanguageModel(Counting(last=0), tmp_path).complete(requests) == answers


def test_the_first_answer_stays(tmp_path: Path) -> None:
    """Two processes that ask the same at once both give what a replay gives."""

    class Slow(Counting):
        def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, str]]:
            CachedLanguageModel(Quick(), tmp_path).complete(requests)
            yield from super().answers(requests)

    class Quick(Counting):
        def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, str]]:
            yield from ((place, "quick") for place in range(len(requests)))

    assert CachedLanguageModel(Slow(), tmp_path).complete(REQUESTS[:2]) == ["quick", "quick"]


@pytest.mark.parametrize("together", [1, 2, 100])
def test_what_came_in_before_a_failure_is_kept(tmp_path: Path, together: int) -> None:
    failing = Counting(last=3, end=UserError("gone"))
    failing.together = together
    model = CachedLanguageModel(failing, tmp_path)
    given = []
    with pytest.raises(UserError, match="3 of 5 answers are kept"):
        given.extend(model.answers([Request(letter) for letter in "abcde"]))
    with sqlite3.connect(tmp_path / cache.FILE) as database:
        assert database.execute("SELECT COUNT(*) FROM answers").fetchone() == (3,)
    assert len(given) == model.asked == 3


def test_people_can_read_it(tmp_path: Path) -> None:
    CachedLanguageModel(Counting(), tmp_path).complete([Request("say 日本")])
    with sqlite3.connect(tmp_path / cache.FILE) as database:
        ((model, request, answer),) = database.execute("SELECT model, request, answer FROM answers").fetchall()
    assert model == "counting"
    assert '"prompt": "say ' in request
    assert answer.startswith('"say ')


def test_a_file_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / cache.FILE).write_text("something else entirely, and long enough to have a header" * 9)
    with pytest.raises(UserError, match=r"cannot be used .*not a database"):
        CachedLanguageModel(Counting(), tmp_path).complete(REQUESTS)
    (tmp_path / cache.FILE).unlink()
    CachedLanguageModel(Counting(), tmp_path).complete(REQUESTS[:1])
    monkeypatch.setattr(cache, "WAIT", 0.05)
    other = sqlite3.connect(tmp_path / cache.FILE)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UserError, match="database is locked"):
        CachedLanguageModel(Counting(), tmp_path).complete(REQUESTS)
    other.rollback()
    other.close()


def ask_a_part(folder: Path, first: int) -> None:
    """Overlapping parts."""
    requests = [Request(f"prompt {n}") for n in range(first, first + 40)]
    answers = CachedLanguageModel(Counting(), folder).complete(requests)
    assert answers == CachedLanguageModel(Counting(last=0), folder).complete(requests)


@pytest.mark.slow
def test_several_processes_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=ask_a_part, args=(tmp_path, first)) for first in (0, 20, 20)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with sqlite3.connect(tmp_path / cache.FILE) as database:
        assert database.execute("SELECT COUNT(*) FROM answers").fetchone() == (60,)
