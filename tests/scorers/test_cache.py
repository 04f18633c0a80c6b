"""The cache: every pair once, over instances, kills and processes."""

import copy
import sqlite3
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.processes import functions
from zoo.errors import UserError
from zoo.scorers import cache
from zoo.scorers.base import Pair
from zoo.scorers.cache import CachedNli, nli
from zoo.scorers.lexical import LexicalNli
from zoo.scorers.transformers_nli import TransformersNli

PAIRS = [(f"i like {n} dogs", "i like two dogs") for n in ("two", "three", "many", "two")]


class Killed(LexicalNli):
    """Dies when asked a second time."""

    asked = 0

    def score(self, pairs: list[Pair]) -> Tensor:
        self.asked += 1
        if self.asked == 2:
            raise KeyboardInterrupt
        return super().score(pairs)


def test_only_distinct_new_pairs_are_scored(tmp_path: Path) -> None:
    first = CachedNli(LexicalNli(), tmp_path / "made" / "here")
    expected = LexicalNli().score(PAIRS)
    assert torch.equal(first.score(PAIRS), expected)
    assert first.n_scored == 3
    assert torch.equal(first.score(PAIRS[::-1]), expected.flip(0))
    second = CachedNli(LexicalNli(), tmp_path / "made" / "here")
    assert torch.equal(second.score([*PAIRS, ("a", "b")])[:4], expected)
    assert (first.n_scored, second.n_scored) == (3, 1)
    assert first.score([]).shape == (0, 3)


def test_real_scores_come_back_bit_by_bit(tmp_path: Path, classifier: Path) -> None:
    first = nli(classifier, cache=tmp_path)
    scores = first.score(PAIRS)
    again = nli(classifier, cache=tmp_path)
    assert torch.equal(again.score(PAIRS[:1]), scores[:1])
    assert again.n_scored == 0
    plain = TransformersNli(classifier)
    assert (first.identity, first.caution, first.accuracy) == (plain.identity, plain.caution, plain.accuracy)
    assert torch.allclose(scores, plain.score(PAIRS), atol=1e-6)


def test_scorers_do_not_read_each_others_scores(tmp_path: Path, classifier: Path) -> None:
    CachedNli(LexicalNli(), tmp_path).score(PAIRS)
    for max_length in (64, 128):
        other = nli(classifier, max_length=max_length, cache=tmp_path)
        other.score(PAIRS)
        assert other.n_scored == 3


def test_premise_and_hypothesis_are_told_apart(tmp_path: Path) -> None:
    scorer = CachedNli(LexicalNli(), tmp_path)
    pairs = [("i like dogs", ""), ("", "i like dogs"), ("i like", " dogs"), ("i like d", "ogs"), ("\udc80", "x")]
    assert torch.equal(scorer.score(pairs), LexicalNli().score(pairs))
    assert scorer.n_scored == 5
    again = CachedNli(LexicalNli(), tmp_path)
    assert torch.equal(again.score(pairs), LexicalNli().score(pairs))
    assert again.n_scored == 0


def test_a_killed_run_keeps_what_was_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WRITTEN_AT_ONCE", 4)
    pairs = [(f"i like {n} dogs", "i like two dogs") for n in range(10)]
    with pytest.raises(KeyboardInterrupt):
        CachedNli(Killed(), tmp_path).score(pairs)
    again = CachedNli(LexicalNli(), tmp_path)
    assert torch.equal(again.score(pairs), LexicalNli().score(pairs))
    assert again.n_scored == 6


def test_copies_share_it(tmp_path: Path) -> None:
    scorer = CachedNli(LexicalNli())
    scorer.score(PAIRS)
    assert copy.deepcopy({"scorer": scorer})["scorer"] is scorer
    assert scorer.file is None
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "nli.sqlite").write_text("something else entirely, and long enough to have a header" * 9)
    with pytest.raises(UserError, match=r"cannot be used .*not a database"):
        CachedNli(LexicalNli(), tmp_path).score(PAIRS)
    with pytest.raises(UserError, match="cannot be used"):
        CachedNli(LexicalNli(), tmp_path / "nli.sqlite" / "below").score(PAIRS)


def test_a_locked_file_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WAIT", 0.05)
    CachedNli(LexicalNli(), tmp_path).score(PAIRS[:1])
    other = sqlite3.connect(tmp_path / "nli.sqlite")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UserError, match="database is locked"):
        CachedNli(LexicalNli(), tmp_path).score(PAIRS)
    other.rollback()
    other.close()
    assert len(CachedNli(LexicalNli(), tmp_path).score(PAIRS)) == 4


def score_a_part(folder: Path, first: int) -> None:
    """Overlapping parts, written in small pieces."""
    cache.WRITTEN_AT_ONCE = 5
    scorer = CachedNli(LexicalNli(), folder)
    for start in range(first, first + 100, 10):
        scorer.score([(f"i like {n} dogs", "i like two dogs") for n in range(start, start + 10)])


@pytest.mark.slow
def test_several_processes_at_once(tmp_path: Path) -> None:
    processes = [functions.Process(target=score_a_part, args=(tmp_path, first)) for first in (0, 50, 50)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    pairs = [(f"i like {n} dogs", "i like two dogs") for n in range(150)]
    scorer = CachedNli(LexicalNli(), tmp_path)
    assert torch.equal(scorer.score(pairs), LexicalNli().score(pairs))
    assert scorer.n_scored == 0
    with sqlite3.connect(tmp_path / "nli.sqlite") as database:
        assert database.execute("SELECT COUNT(*) FROM scores").fetchone() == (150,)
