"""`LexicalNli`: entailment by shared words, contradiction by negation, antonyms and numbers. For tests and the demo."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.scorers.base import CONTRADICTION, ENTAILMENT, NEUTRAL, NliScorer, Pair, fingerprint, no_scores

COVERAGE = 0.6  # share of the hypothesis' content words that one clause of the premise must speak about
_WORD = re.compile(r"[a-z]+|[0-9]+")
_CLAUSE = re.compile(r"[^.,;!?]+[.,;!?]*")
FUNCTION_WORDS = """
a an the i me my mine myself you your yours we us our he she it its they them their this that these those is am are was
were be been being do does did don doesn didn isn wasn won can has had have having will would could should may might
must of in on at to for from by with about as and or but so if than then too very really just also there here what who
which when where how why own s m re ve ll d t get got go going lot lots some any all much many well oh yes yeah no not
never none nothing nobody neither nor without cannot hardly
"""
NEGATIONS = "no not never none nothing nobody neither nor without cannot hardly t"  # don't: don, t
OPPOSITES = """
love hate, like hate, enjoy hate, like dislike, love dislike, enjoy dislike, single married, married divorced,
tall short, old young, big small, large small, rich poor, happy sad, hot cold, hard easy, early late, male female,
man woman, boy girl, brother sister, son daughter, employed unemployed, vegan meat, vegetarian meat, atheist christian,
winter summer, morning night, city country, introvert extrovert
"""
NUMBERS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty
"""
_FUNCTION_WORDS, _NEGATIONS = frozenset(FUNCTION_WORDS.split()), frozenset(NEGATIONS.split())
_NUMBERS = {word: str(number) for number, word in enumerate(NUMBERS.split())}


class _Statement(NamedTuple):
    content: frozenset[str]
    numbers: frozenset[str]
    negated: bool


class LexicalNli(NliScorer):
    """Rules over words, the same on every machine.

    A premise is read clause by clause, its questions left out. The clause that speaks about most of the hypothesis'
    content words (the same word, or its opposite) decides, if it covers `COVERAGE` of them: contradiction where one of
    the two is negated, or they hold opposite words, or different numbers; two of these cancel out, except numbers.
    Everything else is neutral. The verdict's probability is 0.6 to 0.9 by coverage, the others share the rest.

    It knows no world: "i am a vegan" says nothing of "i eat no meat". Its scores always carry a caution.
    """

    kind = "lexical"
    caution = "the lexical NLI scorer is a set of word rules for tests and demonstrations"

    def __init__(self) -> None:
        self.identity = fingerprint(Path(__file__).read_bytes())  # the rules are this file

    def score(self, pairs: Sequence[Pair]) -> Tensor:
        """Probabilities [N, 3]; see `zoo.scorers.base.NliScorer`."""
        return torch.stack([_probabilities(*pair) for pair in pairs]) if pairs else no_scores()


def _probabilities(premise: str, hypothesis: str) -> Tensor:
    """[3]"""
    claim = _statement(hypothesis)
    verdict, confidence = NEUTRAL, 0.9
    clauses = [_statement(clause) for clause in _CLAUSE.findall(premise.lower()) if "?" not in clause]
    coverage, said = max(((_coverage(said, claim), said) for said in clauses), default=(0.0, claim), key=lambda x: x[0])
    if coverage >= COVERAGE:
        opposite = any(frozenset((a, b)) in _OPPOSITES for a in said.content for b in claim.content - said.content)
        flipped = (said.negated != claim.negated) != opposite
        other_number = bool(said.numbers and claim.numbers and not said.numbers & claim.numbers)
        verdict = CONTRADICTION if flipped or other_number else ENTAILMENT
        confidence = 0.6 + 0.3 * coverage
    probabilities = torch.full((3,), (1 - confidence) / 2, dtype=torch.float32)
    probabilities[verdict] = confidence
    return probabilities


def _coverage(said: _Statement, claim: _Statement) -> float:
    """Share of the claim's content words that the clause has, or has the opposite of; 0 for a claim without any."""
    met = [
        word in said.content or any(frozenset((word, other)) in _OPPOSITES for other in said.content)
        for word in claim.content
    ]
    return sum(met) / len(met) if met else 0.0


def _statement(text: str) -> _Statement:
    words = [_NUMBERS.get(word, word) for word in _WORD.findall(text.lower())]
    numbers = frozenset(word for word in words if word.isdigit())
    content = frozenset(_stem(word) for word in words if word not in _FUNCTION_WORDS) - numbers
    return _Statement(content, numbers, negated=sum(word in _NEGATIONS for word in words) % 2 == 1)


def _stem(word: str) -> str:
    """Plurals and verb endings off, crudely: dogs, loves, working, hated -> dog, love, work, hate."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            stem = word.removesuffix(ending)
            return stem + "e" if ending != "s" and stem[-1] in "vtzcg" and stem not in ("eat", "visit") else stem
    return word


_OPPOSITES = frozenset(frozenset(map(_stem, pair.split())) for pair in OPPOSITES.split(","))  # met as stems
