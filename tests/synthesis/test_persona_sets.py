import json
import random
from collections import Counter

import pytest

from tests.synthesis.conl_tools import HashScorer, ListScorer, bad_pairs, sentence
from zoo.errors import UserError
from zoo.synthesis.personas.conl import Conl
from zoo.synthesis.personas.pair_scores import PairScores
from zoo.synthesis.personas.persona_sets import PersonaSets
from zoo.synthesis.taxonomy import GROUPS, read_taxonomy

TAXONOMY = read_taxonomy()
IDS = {group: [leaf.id for leaf in TAXONOMY.leaves.values() if leaf.group == group] for group in GROUPS}
WELLNESS = IDS["WELLNESS"]
SMALL = [leaf for group in GROUPS for leaf in IDS[group][:3]]


def some(leaves=tuple(TAXONOMY.leaves), n: int = 20):
    return [sentence(f"{leaf} {number}", leaf) for leaf in leaves for number in range(n)]


def make(sentences, rate: float = 0.03, mode: str = "greedy", **settings):
    scorer = HashScorer(rate)
    settings = {"n_sets": 10, "categories": 8} | settings
    sets, report = PersonaSets(TAXONOMY, Conl(PairScores(scorer), mode=mode), **settings).make(sentences)
    return sets, report, scorer


@pytest.mark.parametrize("mode", ["greedy", "paper_pairwise"])
@pytest.mark.parametrize(
    "settings",
    [
        {"rate": 0.03, "n_sets": 100},
        {"rate": 0.2, "n_sets": 50},
        {"rate": 0.1, "categories": None, "n_sets": 3},
        {"rate": 0.2, "n_sets": 200, "sets_per_pool": 50},
        {"rate": 0.1, "n_sets": 60, "max_uses": 1},
    ],
)
def test_sets_are_consistent_distinct_and_composed(mode, settings):
    sets, report, scorer = make(some(), mode=mode, **settings)
    assert len(sets) == report.made == settings["n_sets"]
    assert sum(bad_pairs(scorer, list(one.texts)) for one in sets) == report.contradictory_pairs == 0
    assert len({frozenset(one.texts) for one in sets}) == len({one.id for one in sets}) == len(sets)
    for one in sets:
        leaves = [sentence.leaf for sentence in one.sentences]
        assert len(set(leaves)) == 5
        groups = [TAXONOMY.leaves[leaf].group for leaf in leaves]
        assert groups == ["DEMOGRAPHICS"] * 2 + ["PSYCHOGRAPHICS"] * 2 + ["WELLNESS"]
    uses = Counter(text for one in sets for text in one.texts)
    assert report.uses == Counter(uses.values()) + Counter({0: 51 * 20 - len(uses)})
    assert max(uses.values()) <= settings.get("max_uses", 10**9)


def test_another_composition():
    sets, _, _ = make(some(), composition={"WELLNESS": 3, "DEMOGRAPHICS": 1, "PSYCHOGRAPHICS": 0})
    groups = {tuple(TAXONOMY.leaves[one.leaf].group for one in made.sentences) for made in sets}
    assert groups == {("WELLNESS", "WELLNESS", "WELLNESS", "DEMOGRAPHICS")}


def test_the_released_mode_leaves_contradictory_pairs_and_says_so():
    sets, report, scorer = make(some(), rate=0.1, mode="released", n_sets=40)
    assert report.contradictory_pairs == sum(bad_pairs(scorer, list(one.texts)) for one in sets) > 5
    assert not report.both_directions
    assert report.check_calls > 0  # the other direction was never asked for


def test_a_pool_of_few_categories_is_cheap():
    """Sets of sentences of their own category pools: no more scores than a dozen sentences have pairs."""
    few, all_ = make(some(), n_sets=4)[1], make(some(), n_sets=4, categories=None)[1]
    assert few.calls_per_set < 150 < 2_550 < all_.calls_per_set < 20_000
    assert few.pools == all_.pools == 4


def test_same_seed_same_sets_in_any_order_of_input():
    sentences = some()
    sets, report, _ = make(sentences)
    random.Random(0).shuffle(sentences)
    again, report_again, _ = make(iter([*sentences, *sentences[:100]]))  # duplicates make no difference either
    assert again == sets
    assert report_again == report
    assert make(sentences, seed=1)[0] != sets
    single = some(n=1)  # CoNL has no choice: the draws of categories and sets are seeded too
    assert make(single, rate=1e-9, seed=1)[0] != make(single, rate=1e-9)[0]


def test_draws_reach_all_sentences():
    """A wellness sentence of the published 200 sets a pool is in some 50 of them."""
    spread, published = (
        make(some(n=50), n_sets=200)[1],
        make(some(n=50), n_sets=200, sets_per_pool=200, categories=None)[1],
    )
    assert spread.sentences - spread.uses[0] > 500
    assert max(spread.uses) <= 10
    assert published.pools == 1
    assert max(published.uses) >= 50


def test_the_reuse_cap_ends_it_with_a_word():
    sets, report, _ = make(some(n=5), rate=0.001, n_sets=100, max_uses=2)
    assert len(sets) == report.made == 40  # 4 x 5 wellness sentences, twice each
    assert report.wanted == 100
    assert "At most" not in report.shortfall
    assert "With at most 2 uses of a sentence 0 categories of WELLNESS" in report.shortfall
    assert report.uses[2] >= 20
    assert max(report.uses) == 2


def test_no_more_sets_than_combinations():
    sets, report, _ = make(some(SMALL[:2] + SMALL[3:5] + SMALL[6:8], n=1), rate=1e-9, n_sets=9, categories=None)
    assert len(sets) == 2  # either wellness sentence
    assert "no set that is new" in report.shortfall
    assert report.fruitless_pools >= 64


def test_one_pool_gives_all_its_combinations():
    sets, report, _ = make(some(SMALL, n=1), rate=1e-9, n_sets=27, sets_per_pool=27, categories=None)
    assert len(sets) == 27  # 3 x 3 x 3
    assert report.pools <= 2


def test_dropped_and_empty_categories_are_told():
    odd, sentences = WELLNESS[0], some(SMALL, n=3)
    against = {(a.text, b.text) for a in sentences for b in sentences if (a.leaf == odd) != (b.leaf == odd)}
    conl = Conl(PairScores(ListScorer(against)))
    sets, report = PersonaSets(TAXONOMY, conl, n_sets=20).make(sentences)
    assert len(sets) == 20
    assert report.dropped[odd] > 10  # unless it is visited first: then all others are
    assert report.dropped[SMALL[0]] == report.pools - report.dropped[odd] == report.fruitless_pools
    assert len(report.empty) == 51 - len(SMALL)
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["dropped"][odd] == report.dropped[odd]
    assert sum(plain["uses"].values()) == plain["sentences"] == 3 * len(SMALL)


@pytest.mark.parametrize(
    ("sentences", "said"),
    [
        ([], "0 sentences were given for persona sets, but 0 categories of DEMOGRAPHICS"),
        (some(SMALL[:6]), "0 categories of WELLNESS have some, where a set needs 1"),
        (some(SMALL[2:]), "1 categories of DEMOGRAPHICS have some, where a set needs 2"),
        ([sentence("x", "hats")], "hats"),
    ],
)
def test_bad_pools(sentences, said):
    with pytest.raises(UserError, match=said):
        make(sentences)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_sets": 0},
        {"sets_per_pool": 0},
        {"max_uses": 0},
        {"categories": 4},
        {"composition": {}},
        {"composition": {"HEALTH": 1}},
        {"composition": {"WELLNESS": -1}},
    ],
)
def test_bad_settings(settings):
    with pytest.raises(UserError, match="expected"):
        make(some(), **settings)
