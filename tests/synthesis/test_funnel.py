import doctest
import json

import pytest

import zoo.synthesis.funnel
from zoo.errors import UserError
from zoo.synthesis.funnel import Funnel, Stage

TABLE1 = {"raw": 73902, "regex": 69290, "exact": 43753, "category": 35423, "duplicates": 16099}


def test_docstring():
    assert doctest.testmod(zoo.synthesis.funnel).failed == 0


def test_table_1_of_the_paper():
    rows = Funnel.from_dict(TABLE1).rows()
    assert [round(100 * row.cumulative, 2) for row in rows] == [100.0, 93.76, 59.2, 47.93, 21.78]
    assert [round(row.conditional, 3) for row in rows] == [1.0, 0.938, 0.631, 0.81, 0.454]
    assert rows[1] == Stage("regex", 69290, 69290 / 73902, 69290 / 73902)


def test_items_are_counted_when_they_pass_and_not_before():
    funnel = Funnel("raw")
    raw = funnel.count("raw", iter(range(10)))
    even = funnel.count("even", (n for n in raw if n % 2 == 0))
    assert funnel.to_dict() == {"raw": 0, "even": 0}
    assert [next(even), next(even)] == [0, 2]
    assert funnel.to_dict() == {"raw": 3, "even": 2}
    assert len(list(even)) == 3
    assert funnel.to_dict() == {"raw": 10, "even": 5}


def test_stages_keep_the_order_in_which_they_were_named_and_the_round_trip():
    funnel = Funnel("raw")
    funnel.count("z", [])
    funnel.count("a", [])
    funnel.add("raw", 3)
    funnel.add("z", 2)
    again = Funnel.from_dict(json.loads(json.dumps(funnel.to_dict())))
    assert again.rows() == funnel.rows()
    assert [row.name for row in again.rows()] == ["raw", "z", "a"]


def test_nothing_has_no_shares():
    assert [row.cumulative for row in Funnel.from_dict({"raw": 0, "regex": 0}).rows()] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"raw": 3, "regex": 4}, "4 were counted for the stage regex, but 3 for raw"),
        ({}, "expected whole numbers"),
        ({"raw": 1.5}, "expected whole numbers"),
        ({"raw": True}, "expected whole numbers"),
        ({"raw": -1}, "at least 0"),
    ],
)
def test_funnels_that_are_none(counts, said):
    with pytest.raises(UserError, match=said):
        Funnel.from_dict(counts)


def test_a_stage_that_makes_more_is_refused_while_it_does():
    funnel = Funnel("raw")
    doubled = funnel.count("twice", (n for n in funnel.count("raw", [1, 2]) for _ in range(2)))
    with pytest.raises(UserError, match="can only remove"):
        list(doubled)
