"""The cache around scorers of one number, and their configuration."""

import copy
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor

from tests.conftest import ROOT
from tests.scorers.conftest import THINGS, save_bert
from zoo.errors import UserError
from zoo.scorers.base import fingerprint
from zoo.scorers.cached_text import CachedCategories, CachedContradictions, CachedToxicity, contradiction
from zoo.scorers.text_scorers import CategoryScorer, ContradictionScorer, TextScorer, ToxicityScorer

TEXTS = [f"i like {thing}" for thing in THINGS]
PAIRS = [(text, f"i hate {thing}") for text in TEXTS[:4] for thing in THINGS[:3]]


class Letters(ToxicityScorer):
    """The share of the letter a, and what it was asked."""

    kind = "letters"

    def __init__(self) -> None:
        self.identity = fingerprint("letters")
        self.asked: list[str] = []

    def score(self, texts: Sequence[str], /) -> Tensor:
        self.asked += texts
        return torch.tensor([text.count("a") / (1 + len(text)) for text in texts])


def test_nothing_is_scored_twice(tmp_path: Path) -> None:
    inside = Letters()
    scorer = CachedToxicity(inside, tmp_path)
    expected = Letters().score(TEXTS)
    assert torch.equal(scorer.score([*TEXTS, *TEXTS]), torch.cat([expected, expected]))
    assert sorted(inside.asked) == sorted(TEXTS)
    assert torch.equal(scorer.score(TEXTS[::-1]), expected.flip(0))
    again = CachedToxicity(Letters(), tmp_path)
    assert torch.equal(again.score([*TEXTS, "new"])[:-1], expected)
    assert (scorer.n_scored, again.n_scored) == (len(TEXTS), 1)
    assert scorer.score([]).shape == (0,)
    assert copy.deepcopy(scorer) is scorer


def test_both_directions_are_two_rows_and_scorers_share_a_file(tmp_path: Path, classifier: Path) -> None:
    scorer = contradiction(classifier, cache=tmp_path)
    assert isinstance(scorer, ContradictionScorer)
    forth, back = scorer.score(PAIRS), scorer.score([(b, a) for a, b in PAIRS])
    assert scorer.n_scored == 2 * len(PAIRS)
    assert not torch.equal(forth, back)
    shorter = contradiction(classifier, max_length=64, cache=tmp_path)
    assert torch.allclose(shorter.score(PAIRS), forth, atol=1e-5)
    CachedToxicity(Letters(), tmp_path).score(TEXTS)
    with sqlite3.connect(tmp_path / "texts.sqlite") as database:
        rows = dict(database.execute("SELECT scorer, COUNT(*) FROM scores GROUP BY scorer").fetchall())
    letters = fingerprint("letters")
    assert rows == {scorer.identity: 2 * len(PAIRS), shorter.identity: len(PAIRS), letters: len(TEXTS)}


@pytest.mark.slow
def test_another_process_finds_them(tmp_path: Path, classifier: Path) -> None:
    scores = contradiction(classifier, cache=tmp_path).score(PAIRS)
    code = (
        "from zoo.scorers.cached_text import contradiction; "
        f"scorer = contradiction({str(classifier)!r}, cache={str(tmp_path)!r}); "
        f"print(scorer.score({PAIRS!r}).tolist()); print(scorer.n_scored)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(scores.tolist()), "0"]


@pytest.mark.parametrize("in_memory", [0, 3, 10])
def test_memory_is_bounded(tmp_path: Path, in_memory: int) -> None:
    expected = Letters().score(TEXTS)
    on_disk = CachedToxicity(Letters(), tmp_path, in_memory)
    alone = CachedToxicity(Letters(), None, in_memory)
    for _ in range(2):
        for start in range(0, len(TEXTS), 5):
            part = slice(start, start + 5)
            assert torch.equal(on_disk.score(TEXTS[part]), expected[part])
            assert torch.equal(alone.score(TEXTS[part]), expected[part])
            assert len(on_disk._cache._memory) <= in_memory
    assert on_disk.n_scored == len(TEXTS)
    assert alone.n_scored == len(TEXTS) * (1 if in_memory >= len(TEXTS) else 2)
    with pytest.raises(UserError, match="in_memory=-1"):
        CachedToxicity(Letters(), tmp_path, -1)


def test_the_last_met_stay_in_memory() -> None:
    scorer = CachedToxicity(Letters(), None, 2)
    for text in ("a", "b", "a", "c", "a"):
        scorer.score([text])
    assert scorer.n_scored == 3
    scorer.score(["b"])
    assert scorer.n_scored == 4


def composed(group: str, choice: str, *overrides: str) -> TextScorer:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return instantiate(compose(f"{group}/{choice}", list(overrides))[group])


def test_the_files_of_conf(tmp_path: Path, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    two = save_bert(tmp_path / "two", ("LABEL_0", "LABEL_1"))
    toxic = save_bert(tmp_path / "toxic", ("insult", "toxic"))
    chosen = [
        ("category_scorer", "bart_mnli", classifier, CachedCategories, CategoryScorer, PAIRS),
        ("contradiction_scorer", "nli", classifier, CachedContradictions, ContradictionScorer, PAIRS),
        ("contradiction_scorer", "decode", two, CachedContradictions, ContradictionScorer, PAIRS),
        ("toxicity_scorer", "toxic_bert", toxic, CachedToxicity, ToxicityScorer, TEXTS),
    ]
    for group, choice, folder, made, interface, asked in chosen:
        scorer = composed(group, choice, f"{group}.path={folder}", f"{group}.batch_size=5")
        assert isinstance(scorer, made)
        assert isinstance(scorer, interface)
        assert scorer.file == tmp_path / "scores" / "texts.sqlite"
        assert torch.allclose(scorer.score(asked), scorer.scorer.score(asked), atol=1e-5)


def test_the_lexical_files_of_conf() -> None:
    category, toxicity = composed("category_scorer", "lexical"), composed("toxicity_scorer", "lexical")
    assert isinstance(category, CategoryScorer)
    assert category.score([("My favorite food is pizza.", "food"), ("I am 25 years old.", "food")]).gt(
        0.9
    ).tolist() == [
        True,
        False,
    ]
    assert isinstance(toxicity, ToxicityScorer)
    assert toxicity.score(["You idiot.", "You friend."]).gt(0.7).tolist() == [True, False]
