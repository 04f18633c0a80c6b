import math

import pytest

from zoo.errors import UserError
from zoo.metrics import Hits


def test_by_hand(generation, measure):
    scores = [-2.0] * 20
    rows = [
        generation("a", candidate_scores=[*scores[:-1], -1.0], gold=19),  # first
        generation("b", candidate_scores=[-1.0, *scores[:-1]], gold=1),  # not first
        generation("c", candidate_scores=scores, gold=19),  # all alike: a miss, wherever the gold one stands
        generation("d", candidate_scores=scores, gold=0),
        generation("e", candidate_scores=[*scores[:-1], math.nan], gold=19),
    ]
    assert measure(Hits(), rows) == {"hits_1_of_20": 20.0}


def test_fewer_candidates_are_another_task(generation, measure):
    rows = [
        generation("a", candidate_scores=[0.0] * 20, gold=0),
        generation("b", candidate_scores=[0.1, 0.0], gold=0),
        generation("c", candidate_scores=[0.1, 0.0], gold=1),
    ]
    assert measure(Hits(), rows) == {"hits_1_of_2": 50.0, "hits_1_of_20": 0.0}


@pytest.mark.parametrize("gold", [2, -1])
def test_gold_that_is_no_candidate(generation, gold):
    with pytest.raises(UserError, match=f"'a': gold is {gold}, expected an index below 2"):
        Hits().update([generation("a", candidate_scores=[0.1, 0.2], gold=gold)])
