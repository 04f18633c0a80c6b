"""Detectors whose verdicts are drawn by a hash, and pools for them."""

import hashlib
import random
from collections.abc import Collection

import torch

from zoo.scorers.text_scorers import ContradictionScorer
from zoo.synthesis.personas.pair_scores import PairScores
from zoo.synthesis.records import ProfileSentence


class HashScorer(ContradictionScorer):
    """Of all directed pairs, each for itself, a share `rate` is above 0.9, evenly up to 1."""

    kind = "hash"

    def __init__(self, rate: float, seed: int = 0) -> None:
        self.rate, self.identity = rate, f"{rate} {seed}"
        self.batches: list[int] = []

    def score(self, pairs):
        self.batches.append(len(pairs))
        return torch.tensor([self.one(*pair) for pair in pairs])

    def one(self, premise: str, hypothesis: str) -> float:
        text = f"{premise}\n{hypothesis}\n{self.identity}".encode()
        drawn = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / 2**64
        return 1 - 0.1 * drawn / self.rate if drawn < self.rate else 0.9 * (1 - drawn)


class ListScorer(ContradictionScorer):
    """Contradictory are the listed directed pairs of texts, no others."""

    kind, identity = "list", "list"

    def __init__(self, contradictory: Collection[tuple[str, str]]) -> None:
        self.contradictory = set(contradictory)
        self.asked: list[tuple[str, str]] = []

    def score(self, pairs):
        self.asked += pairs
        return torch.tensor([float(pair in self.contradictory) for pair in pairs])


def sentence(text: str, leaf: str = "a") -> ProfileSentence:
    return ProfileSentence(text, leaf, "key", "value")


def pool(n_categories: int = 51, sizes: tuple[int, int] = (60, 530), seed: int = 0) -> dict[str, list[ProfileSentence]]:
    rng = random.Random(seed)
    names = [f"c{n:02d}" for n in range(n_categories)]
    return {name: [sentence(f"{name} {n}", name) for n in range(rng.randint(*sizes))] for name in names}


def bad_pairs(scorer: HashScorer | ListScorer, texts: list[str], both: bool = True) -> int:
    """Pairs above 0.9, asked of the detector itself; i < j only, or in either direction."""
    pairs = [(a, b) for n, a in enumerate(texts) for b in texts[n + 1 :]]
    forward, backward = scorer.score(pairs), scorer.score([(b, a) for a, b in pairs])
    return int(((forward > 0.9) | (backward > 0.9) if both else forward > 0.9).sum())


def scores(rate: float, seed: int = 0) -> PairScores:
    return PairScores(HashScorer(rate, seed))
