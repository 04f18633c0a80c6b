"""CoNL: scores that each mode asks for and contradictions it leaves; batches of scores against one pair at a time.

    python experiments/benchmarks/conl.py [--case calls] [--seeds 6]
    python experiments/benchmarks/conl.py --case speed [--width 128] [--layers 2] [--categories 16]

`calls`: pools of 51 categories with 60 to 530 sentences each, and a detector that a hash decides: each directed pair
is contradictory with the given probability, for itself. Asked: greedy at 3 % with at most 15,000 scores.

`speed`: a BERT of random weights, made on the spot, reads pairs of sentences of 3 to 20 words, with a threshold that
3 % of pairs are above. CoNL makes 64 pools together, as for persona sets, against the same pairs in calls of one; then
a single pool, and the zero-shot category filter's pairs likewise. One thread, processor seconds, the ways take turns.
Asked: 3x.
"""

import argparse
import hashlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import torch
import transformers
from torch import Tensor
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

from zoo.scorers.text_scorers import ContradictionScorer
from zoo.scorers.transformers_text import TransformersContradiction, ZeroShotCategory
from zoo.synthesis.personas.conl import MODES, Conl
from zoo.synthesis.personas.pair_scores import Pair, PairScores
from zoo.synthesis.personas.persona_sets import POOLS_AT_ONCE
from zoo.synthesis.records import ProfileSentence

CATEGORIES = 51
SHEET = {
    0.005: "1,691 / 1.0 / 0",
    0.01: "2,414 / 4.3 / 0",
    0.03: "278,443 / 8.3 / 13.7",
}  # the released code, simulated


class HashScorer(ContradictionScorer):
    """A share `rate` of directed pairs has 1, the others 0."""

    kind = "hash"

    def __init__(self, rate: float, seed: int) -> None:
        self.rate, self.identity = rate, f"{rate} {seed}"

    def score(self, pairs: Sequence[Pair]) -> Tensor:
        """As the hash says."""
        return torch.tensor([float(self._drawn(pair) < self.rate) for pair in pairs])

    def _drawn(self, pair: Pair) -> float:
        text = "\n".join((*pair, self.identity)).encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / 2**64


class OneAtATime(ContradictionScorer):
    """The same scorer, a call for each pair."""

    kind = identity = "one at a time"

    def __init__(self, scorer: ContradictionScorer) -> None:
        self.scorer = scorer

    def score(self, pairs: Sequence[Pair]) -> Tensor:
        """As the scorer says."""
        return torch.cat([self.scorer.score([pair]) for pair in pairs]) if pairs else torch.empty(0)


def pool(
    seed: int, text: Callable[[random.Random], str] | None = None, n_categories: int = CATEGORIES
) -> dict[str, list[ProfileSentence]]:
    """Categories and sentences of their own."""
    rng = random.Random(seed)
    made = {}
    for name in (f"c{n:02d}" for n in range(n_categories)):
        texts = [text(rng) if text else f"{name} {n}" for n in range(rng.randint(60, 530))]
        made[name] = [ProfileSentence(one, name, "key", "value") for one in texts]
    return made


def calls(seeds: int) -> None:
    """The table of costs."""
    print(f"{'rate':>6s}  {'mode':15s}{'scores':>9s}{'most':>9s}{'left, i<j':>11s}{'left, either':>14s}{'dropped':>9s}")
    for rate, published in SHEET.items():
        for mode in MODES:
            rows = [one_pool(rate, mode, seed) for seed in range(seeds)]
            scores, forward, either, dropped = (statistics.mean(column) for column in zip(*rows, strict=True))
            most = max(row[0] for row in rows)
            print(
                f"{rate:6.1%}  {mode:15s}{scores:9,.0f}{most:9,d}{forward:11.1f}{either:14.1f}{dropped:9.1f}"
                + (f"   (the sheet: {published})" if mode == "released" else ""),
                flush=True,
            )
            if mode != "released":
                assert either == 0, "contradictory pairs are left"
            if (rate, mode) == (0.03, "greedy"):
                assert most <= 15_000, f"{most:,d} scores at 3 %"


def one_pool(rate: float, mode: str, seed: int) -> tuple[int, int, int, int]:
    """Scores asked for, contradictory pairs left in the order i < j and in either direction, categories dropped."""
    scorer = HashScorer(rate, seed)
    counted = PairScores(scorer)
    result = Conl(counted, mode=mode).consistent(pool(seed), seed)
    pairs = list(combinations([sentence.text for sentence in result.taken.values()], 2))
    forward, backward = scorer.score(pairs) > 0.9, scorer.score([(b, a) for a, b in pairs]) > 0.9
    asked = counted.lookups if mode == "released" else counted.calls  # the released code remembers nothing
    return asked, int(forward.sum()), int((forward | backward).sum()), len(result.dropped)


def save_bert(folder: Path, width: int, layers: int) -> list[str]:
    """An NLI model of random weights; its words."""
    words = [f"w{n}" for n in range(2_000)]
    folder.joinpath("vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=5 + len(words),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        intermediate_size=4 * width,
        initializer_range=0.2,  # wide: pairs differ in their scores
        id2label={0: "contradiction", 1: "neutral", 2: "entailment"},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return words


def speed(width: int, layers: int, n_categories: int, runs: int) -> None:
    """Batches against one pair at a time."""
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        words = save_bert(Path(folder), width, layers)
        detector, category = TransformersContradiction(folder), ZeroShotCategory(folder)

        def text(rng: random.Random) -> str:
            return " ".join(rng.choices(words, k=rng.randint(3, 20)))

        pools = [pool(seed, text, n_categories) for seed in range(POOLS_AT_ONCE)]
        rng = random.Random(0)
        sample = [(text(rng), text(rng)) for _ in range(4_000)]
        threshold = detector.score(sample).quantile(0.97).item()

        def conl(pools: list[dict[str, list[ProfileSentence]]]) -> Callable[[ContradictionScorer], int]:
            def work(scorer: ContradictionScorer) -> int:
                scores = PairScores(scorer)
                Conl(scores, threshold).together([(candidates, seed) for seed, candidates in enumerate(pools)])
                return scores.calls

            return work

        print(f"BERT of width {width}, {layers} layers; pools of {n_categories} categories, threshold {threshold:.3f}")
        compare(f"CoNL, {len(pools)} pools", conl(pools), detector, runs)
        compare("CoNL, one pool", conl(pools[:1]), detector, 5 * runs)
        labelled = [(sentence, rng.choice(words)) for sentence, _ in sample[:2_000]]

        def filtered(scorer: ContradictionScorer) -> int:
            return len(scorer.score(labelled))

        compare("category filter", filtered, category, runs)


def compare(name: str, work: Callable[[ContradictionScorer], int], scorer: ContradictionScorer, runs: int) -> None:
    """Both ways in turns."""
    seconds: dict[str, list[float]] = {"batches": [], "one": []}
    counts = set()
    for _ in range(runs):
        for way, of in (("batches", scorer), ("one", OneAtATime(scorer))):
            started = time.process_time()
            counts.add(work(of))
            seconds[way].append(time.process_time() - started)
    batches, one = (statistics.median(seconds[way]) for way in ("batches", "one"))
    pairs = " or ".join(f"{count:,d}" for count in sorted(counts))  # last digits may turn a verdict
    print(
        f"{name:18s}{pairs:>16s} pairs{batches:8.2f} s batched{one:8.2f} s one at a time{one / batches:7.2f}x",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=("calls", "speed"), default="calls")
    parser.add_argument("--seeds", type=int, default=6, help="calls: pools to average over")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--categories", type=int, default=16, help="speed: of a pool")
    parser.add_argument("--runs", type=int, default=3, help="speed: turns of each way; the median counts")
    options = parser.parse_args()
    if options.case == "calls":
        calls(options.seeds)
    else:
        speed(options.width, options.layers, options.categories, options.runs)


if __name__ == "__main__":
    main()
