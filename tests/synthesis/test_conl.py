import random
from collections import Counter

import pytest
import torch

from tests.synthesis.conl_tools import HashScorer, ListScorer, bad_pairs, pool, scores, sentence
from zoo.errors import UserError
from zoo.scorers.text_scorers import ContradictionScorer
from zoo.synthesis.personas.conl import Conl
from zoo.synthesis.personas.conl_steps import Pace
from zoo.synthesis.personas.pair_scores import PairScores
from zoo.synthesis.personas.pool import SentencePool, shuffled
from zoo.synthesis.taxonomy import read_taxonomy


def texts(result) -> list[str]:
    return [one.text for one in result.taken.values()]


@pytest.mark.parametrize("mode", ["greedy", "paper_pairwise"])
@pytest.mark.parametrize("seed", range(24))
def test_no_pair_is_left_above_the_threshold_in_either_direction(mode, seed):
    rng = random.Random(seed)
    scorer = HashScorer(rng.choice([0.01, 0.05, 0.2, 0.5]), seed)
    candidates = pool(rng.randint(2, 20), (1, 12), seed)
    result = Conl(PairScores(scorer), mode=mode).consistent(candidates, seed)
    assert bad_pairs(scorer, texts(result)) == 0
    assert {*result.taken} | {*result.dropped} == {*candidates}
    assert not {*result.taken} & {*result.dropped}
    assert all(one in candidates[category] for category, one in result.taken.items())


@pytest.mark.parametrize("seed", range(8))
def test_greedy_drops_a_category_only_if_none_of_its_sentences_fits(seed):
    scorer, candidates = HashScorer(0.15, seed), pool(12, (1, 5), seed)
    result = Conl(PairScores(scorer)).consistent(candidates, seed)
    for category in result.dropped:
        assert all(bad_pairs(scorer, [one.text, *texts(result)]) for one in candidates[category])


def test_some_category_was_dropped_there():
    assert any(Conl(scores(0.15, seed)).consistent(pool(12, (1, 5), seed), seed).dropped for seed in range(8))


@pytest.mark.parametrize("mode", ["greedy", "paper_pairwise"])
def test_one_direction_leaves_contradictions_in_the_other(mode):
    left = Counter()
    for seed in range(6):
        scorer, candidates = HashScorer(0.1, seed), pool(15, (20, 40), seed)
        result = Conl(PairScores(scorer), mode=mode, both_directions=False).consistent(candidates, seed)
        assert len(result.taken) >= 12
        left["either"] += bad_pairs(scorer, texts(result))
        if mode == "paper_pairwise":  # the earlier category's sentence is the premise
            left["forward"] += bad_pairs(scorer, texts(result), both=False)
    assert left["either"] > 6
    assert left["forward"] == 0


@pytest.mark.parametrize("rate", [0.005, 0.01, 0.03])
def test_cost_at_the_published_size(rate):
    """51 categories of 60 to 530 sentences; at 3 % the published code needs some 278,000 scores."""
    calls = []
    for seed in range(6):
        counted = scores(rate, seed)
        result = Conl(counted).consistent(pool(seed=seed), seed)
        assert not result.dropped
        calls.append(counted.calls)
    assert max(calls) <= 15_000
    # 2,550 for 51 sentences that fit at once; the rest for candidates that do not
    low, high = {0.005: (2_900, 3_600), 0.01: (3_300, 4_500), 0.03: (8_000, 12_500)}[rate]
    assert low < sum(calls) / len(calls) < high


def test_the_modes_differ_in_cost_and_the_released_one_leaves_contradictions():
    total, left = Counter(), Counter()
    for seed in range(3):
        for mode in ("greedy", "paper_pairwise", "released"):
            scorer = HashScorer(0.02, seed)
            counted = PairScores(scorer)
            result = Conl(counted, mode=mode).consistent(pool(30, (30, 60), seed), seed)
            total[mode] += counted.lookups
            left[mode] += bad_pairs(scorer, texts(result))
            left[f"{mode}, forward"] += bad_pairs(scorer, texts(result), both=False)
    assert left["greedy"] == left["paper_pairwise"] == 0
    assert left["released"] > left["released, forward"] > 0
    assert total["greedy"] < total["paper_pairwise"]


def test_the_released_mode_runs_away_where_greedy_does_not():
    candidates = pool(51, (100, 100))
    counted, clean = scores(0.04), scores(0.04)
    result = Conl(counted, mode="released", limit=60_000).consistent(candidates)
    assert counted.lookups == 60_000
    assert not result.complete
    assert Conl(clean).consistent(candidates).complete
    assert clean.calls < 30_000


def test_the_released_mode_goes_as_deep_as_a_pool():
    """Two categories, all pairs contradictory: every replacement is compared and replaced, 3,000 deep."""
    candidates = {"a": [sentence("a")], "b": [sentence(f"b{n}", "b") for n in range(3_000)]}
    result = Conl(scores(1), mode="released").consistent(candidates)
    assert result.dropped == ("b",)
    assert result.complete


def test_the_released_mode_overwrites_a_newer_replacement_with_its_own():
    """b1 is replaced by b2, which c refuses; b3 then fits all, but the loop goes on with b2, which d accepts."""
    candidates = {name: [sentence(name, name)] for name in "abcd"}
    candidates["b"] = [sentence(f"b{n}", "b") for n in (1, 2, 3)]
    scorer = ListScorer([("a", "b1"), ("c", "b2"), ("b2", "c")])
    found = {
        mode: {tuple(texts(Conl(PairScores(scorer), mode=mode).consistent(candidates, seed))) for seed in range(40)}
        for mode in ("greedy", "released")
    }
    assert ("a", "b2", "c", "d") in found["released"]
    assert found["greedy"] == {("a", "b3", "c", "d"), ("a", "b2", "d"), ("b1", "c", "d")}  # by visits


def test_the_released_mode_goes_back_to_the_sentences_drawn_first():
    """b1 and c1 are replaced; the row of b still holds b1 against c1, while replacements meet what is current."""
    candidates = {"a": [sentence("a")]}
    candidates |= {name: [sentence(f"{name}{n}", name) for n in (1, 2)] for name in "bc"}
    seen = 0
    for seed in range(20):
        scorer = ListScorer([("a", "b1"), ("a", "c1")])
        taken = texts(Conl(PairScores(scorer), mode="released").consistent(candidates, seed))
        if ("a", "b1") in scorer.asked and ("a", "c1") in scorer.asked:
            seen += 1
            assert ("b1", "c1") in scorer.asked
            assert ("b2", "c2") in scorer.asked
            assert ("b1", "c2") not in scorer.asked
            assert taken == ["a", "b2", "c2"]
    assert seen > 2


def test_exhaustion_drops_a_category():
    """Whatever b says contradicts a; c has one sentence that fits."""
    candidates = {
        "a": [sentence("a")],
        "b": [sentence("b1", "b"), sentence("b2", "b")],
        "c": [sentence("c1", "c"), sentence("c2", "c")],
    }
    scorer = ListScorer([("a", "b1"), ("b2", "a"), ("c1", "a"), ("c1", "b1"), ("b2", "c1")])
    found = {
        mode: {tuple(texts(Conl(PairScores(scorer), mode=mode).consistent(candidates, seed))) for seed in range(20)}
        for mode in ("greedy", "paper_pairwise")
    }
    assert found["greedy"] == {("a", "c2"), ("b1", "c2"), ("b2", "c2"), ("c1",)}  # by the order of visits
    assert found["paper_pairwise"] == {("b1", "c2"), ("b2", "c2"), ("c1",)}  # p_i goes, i < j: a is exhausted


@pytest.mark.parametrize("mode", ["greedy", "paper_pairwise"])
def test_a_sentence_of_two_categories_is_taken_once(mode):
    candidates = {"a": [sentence("I like dogs")], "b": [sentence("I like dogs", "b"), sentence("I like cats", "b")]}
    for seed in range(8):
        result = Conl(PairScores(ListScorer([])), mode=mode).consistent(candidates, seed)
        assert len(set(texts(result))) == len(texts(result)) > 0


@pytest.mark.parametrize("mode", ["greedy", "paper_pairwise", "released"])
def test_empty_pools(mode):
    conl = Conl(scores(0.1), mode=mode)
    assert conl.together([]) == []
    assert conl.consistent({}).taken == {}
    assert conl.consistent({"a": [], "b": [sentence("b", "b")]}).dropped == ("a",)


@pytest.mark.parametrize("mode", ["greedy", "paper_pairwise", "released"])
def test_pools_beside_each_other_give_what_they_give_alone(mode):
    pools = [(pool(12, (5, 30), seed), seed) for seed in range(5)]
    together, alone = scores(0.05), [scores(0.05) for _ in pools]
    results = Conl(together, mode=mode).together(pools)
    assert results == [Conl(one, mode=mode).consistent(*of) for one, of in zip(alone, pools, strict=True)]
    n_batches = len(together.scorer.batches)
    assert n_batches <= max(len(one.scorer.batches) for one in alone)  # side by side, one batch for all
    assert len({tuple(texts(Conl(together, mode=mode).consistent(pools[0][0], seed))) for seed in range(5)}) > 1


def test_batches_follow_the_rate_of_contradictions():
    rare, often = Pace(), Pace()
    for n in range(400):
        rare.count(10, bad=n % 100 == 99)
        often.count(10, bad=n % 4 == 3)
    assert rare.batch == pytest.approx(1000 / 8, rel=0.25)
    assert often.batch == 5


@pytest.mark.parametrize(
    ("settings", "said"), [({"mode": "fast"}, "greedy, paper_pairwise"), ({"threshold": 1}, "0.9")]
)
def test_bad_settings(settings, said):
    with pytest.raises(UserError, match=said):
        Conl(scores(0.1), **settings)


def test_pair_scores_ask_once_and_are_symmetric():
    scorer = HashScorer(0.5)
    counted = PairScores(scorer)
    assert counted([("x", "y"), ("y", "x"), ("x", "y")]) == [max(scorer.score([("x", "y"), ("y", "x")]).tolist())] * 3
    assert (counted.calls, counted.lookups) == (2, 6)
    assert counted.directed([("y", "x"), ("x", "z")]) == scorer.score([("y", "x"), ("x", "z")]).tolist()
    assert counted.calls == 3
    assert counted.directed([]) == []


def test_pair_scores_forget_the_oldest():
    counted = PairScores(HashScorer(0.5), keep=2)
    first = counted.directed([("a", "b"), ("c", "d"), ("e", "f")])
    assert counted.directed([("c", "d"), ("e", "f")]) == first[1:]
    assert counted.calls == 3
    assert counted.directed([("a", "b"), ("c", "d"), ("e", "f")]) == first
    assert counted.calls == 4


@pytest.mark.parametrize("numbers", [[0.1], [0.1, float("nan")]])
def test_a_scorer_that_gives_no_probabilities(numbers):
    class Broken(ContradictionScorer):
        kind = identity = "broken"

        def score(self, pairs):
            return torch.tensor(numbers)

    with pytest.raises(UserError, match="Broken gave"):
        PairScores(Broken())([("a", "b")])


def test_shuffled_is_a_random_order():
    orders = Counter(tuple(shuffled("abc", random.Random(seed))) for seed in range(1_200))
    assert len(orders) == 6
    assert min(orders.values()) > 150


def test_a_pool_sorts_and_counts():
    leaf, other = list(read_taxonomy().leaves)[:2]
    given = [sentence(text, name) for text, name in [("b", leaf), ("a", leaf), ("b", leaf), ("b", other)]]
    made = SentencePool(given, read_taxonomy(), max_uses=1)
    assert made.leaves == {leaf: [given[1], given[0]], other: [given[3]]}
    assert (made.size, len(made.empty)) == (2, 49)
    made.use(given[3])
    assert made.usable_leaves() == {leaf: [given[1]]}  # the same text, whatever its category
    with pytest.raises(UserError, match="hats"):
        SentencePool([sentence("a", "hats")], read_taxonomy())
