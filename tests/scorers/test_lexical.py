"""The word rules."""

import subprocess
import sys

import pytest
import torch

from tests.conftest import ROOT
from zoo.scorers.base import CONTRADICTION, ENTAILMENT, LABELS, NEUTRAL, hypothesis
from zoo.scorers.lexical import LexicalNli


@pytest.mark.parametrize(
    ("premise", "said_of_oneself", "verdict"),
    [
        ("i have two dogs .", "i have two dogs", ENTAILMENT),
        ("oh yes , i loved my big dogs !", "i love dogs", ENTAILMENT),
        ("i have 2 dogs .", "i have two dogs", ENTAILMENT),
        ("i have three dogs .", "i have two dogs", CONTRADICTION),
        ("i hate cats .", "i like cats", CONTRADICTION),
        ("i am single .", "i am married", CONTRADICTION),  # opposites are compared as stems, like all words
        ("i work in the morning", "i work at night", CONTRADICTION),
        ("i don't like cats .", "i like cats", CONTRADICTION),
        ("i never eat meat .", "i do not eat meat", ENTAILMENT),
        ("i do not hate cats .", "i like cats", ENTAILMENT),
        ("it does not rain , i like cats .", "i like cats", ENTAILMENT),  # another clause is negated
        ("do you like cats ?", "i like cats", NEUTRAL),
        ("it rains .", "i like cats", NEUTRAL),
        ("", "i like cats", NEUTRAL),
        ("i like cats .", "", NEUTRAL),
        ("i am .", "i am", NEUTRAL),  # nothing but function words
    ],
)
def test_verdicts(premise: str, said_of_oneself: str, verdict: int) -> None:
    found = LexicalNli().score([(premise, said_of_oneself)])[0]
    assert LABELS[found.argmax()] == LABELS[verdict]


def test_probabilities_are_some_and_of_no_pairs_none() -> None:
    scorer = LexicalNli()
    found = scorer.score([("i like cats and boats", "i like cats , boats , trees"), ("a", "b")])
    assert found.dtype == torch.float32
    assert torch.allclose(found.sum(dim=1), torch.ones(2))
    assert scorer.score([]).shape == (0, 3)


def test_it_never_compares_and_is_always_the_same() -> None:
    assert "word rules" in LexicalNli().caution
    assert LexicalNli().accuracy is None
    assert LexicalNli().identity == LexicalNli().identity
    assert LexicalNli().short.startswith("lexical ")


@pytest.mark.parametrize(
    ("sentence", "strip_period", "read"),
    [
        (" i have two dogs.", True, "i have two dogs"),
        ("i have two dogs . ", True, "i have two dogs"),
        (" i have two dogs . ", False, "i have two dogs ."),
        ("really ?", True, "really ?"),
    ],
)
def test_persona_sentences_as_they_are_read(sentence: str, strip_period: bool, read: str) -> None:
    assert hypothesis(sentence, strip_period) == read


def test_it_needs_no_transformers() -> None:
    code = "import sys, zoo.scorers; print('torch' in sys.modules); import zoo.scorers.lexical, zoo.scorers.cache; "
    code += "print({'transformers', 'lightning', 'hydra', 'datasets', 'huggingface_hub'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["False", "set()"]
