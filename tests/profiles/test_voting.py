"""Units of posts and the majority vote over them."""

import pytest

from zoo.errors import UserError
from zoo.profiles.base import ProfileInferer, decide
from zoo.profiles.voting import Decision, cut_into_units, infer_profile, profile_of, vote


@pytest.mark.parametrize(
    ("posts", "lengths"),
    [(0, []), (1, [1]), (149, [149]), (150, [150]), (151, [150]), (299, [150]), (300, [150, 150]), (450, [150] * 3)],
)
def test_the_remainder_is_kept_only_where_it_is_all_there_is(posts, lengths):
    texts = [str(number) for number in range(posts)]
    units = cut_into_units(texts)
    assert [len(unit) for unit in units] == lengths
    assert [text for unit in units for text in unit] == texts[: sum(lengths)]


def test_units_of_no_posts():
    with pytest.raises(UserError, match="Units of 0"):
        cut_into_units(["a"], 0)


def test_majority_beats_confidence():
    units = [{"age": ("20s", 0.25)}, {"age": ("30s", 0.99)}, {"age": ("20s", 0.25)}]
    assert vote(units) == {"age": Decision("20s", 2, 3, 0.25)}


def test_a_unit_that_abstains_does_not_vote():
    units = [{"age": ("20s", 0.9)}, {}, {"gender": ("Male", 0.5)}, {}, {}]
    assert vote(units) == {"age": Decision("20s", 1, 1, 0.9), "gender": Decision("Male", 1, 1, 0.5)}
    assert vote([{}, {}]) == vote([]) == {}


def test_a_tie_goes_to_the_higher_summed_confidence():
    units = [{"age": ("20s", 0.9)}, {"age": ("30s", 0.6)}, {"age": ("30s", 0.6)}, {"age": ("20s", 0.4)}]
    assert vote(units)["age"].value == "20s"


def test_a_full_tie_goes_to_the_most_recent_unit():
    tied = [{"age": ("20s", 0.1)}, {"age": ("30s", 0.3)}, {"age": ("30s", 0.3)}, {"age": ("20s", 0.5)}]
    assert vote(tied)["age"].value == "20s"
    assert vote([{"age": ("20s", 0.7)}, {"age": ("30s", 0.7)}])["age"].value == "30s"
    thirds = [{"age": (value, share)} for share in (0.1, 0.2, 0.3) for value in ("20s", "30s")]
    reversed_sums = [{"age": ("20s", 0.3)}, {"age": ("20s", 0.2)}, {"age": ("20s", 0.1)}]
    assert vote(thirds)["age"].value == "30s"
    assert vote([*thirds[1::2], *reversed_sums])["age"].value == "20s"  # 0.1+0.2+0.3 is 0.3+0.2+0.1


def test_attributes_come_in_the_fixed_order():
    votes = vote([{"location": ("Kanto", 0.5)}, {"age": ("20s", 0.5), "gender": ("Male", 0.5)}])
    assert list(profile_of(votes).items()) == [("age", "20s"), ("gender", "Male"), ("location", "Kanto")]


def test_units_are_judged_apart():
    class First(ProfileInferer):
        """Believes the first post."""

        def infer(self, posts):
            return {"age": (posts[0], 0.5)}

    posts = ["20s", "x", "30s", "x", "30s", "x", "40s"]
    assert infer_profile(posts, First(), unit=2) == {"age": Decision("30s", 2, 3, 0.5)}
    assert infer_profile(posts, First(), unit=100)["age"].value == "20s"
    assert infer_profile([], First()) == {}


def test_decide():
    assert decide({"a": 1, "b": 0}, 0.5) == ("a", 0.5)
    assert decide({"a": 3, "b": 1}, 0.5) == ("a", 0.6)
    assert decide({"a": 3, "b": 3}, 0.0) is None
    assert decide({"a": 0, "b": 0}, 0.0) is None
    assert decide({}, 0.0) is None
    assert decide({"a": 2, "b": 1}, 0.51) is None
