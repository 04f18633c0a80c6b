"""Closed attributes: order, values, renderings, and what is none of them."""

import pytest

from zoo.data.profiles import ATTRIBUTES, JAPANESE, VALUES, checked_profile, rendered_profile
from zoo.errors import UserError


def test_attributes_of_table_1():
    assert ATTRIBUTES == ("age", "gender", "marriage", "occupation", "location")
    assert {name: len(values) for name, values in VALUES.items()} == {
        "age": 6,
        "gender": 2,
        "marriage": 2,
        "occupation": 9,
        "location": 7,
    }
    renderings = [shown for values in JAPANESE.values() for shown in values.values()]
    assert len(set(renderings)) == len(renderings) == 26


def test_partial_profiles_come_in_the_fixed_order():
    checked = checked_profile({"location": "Kanto", "age": "20s"})
    assert list(checked.items()) == [("age", "20s"), ("location", "Kanto")]
    assert checked_profile({}) == {}


def test_japanese_names_are_understood_and_rendered():
    assert checked_profile({"gender": "女性", "location": "九州・沖縄"}) == {
        "gender": "Female",
        "location": "Kyushu/Okinawa",
    }
    assert rendered_profile({"gender": "Female", "pet": "a dog"}, "ja") == {"gender": "女性", "pet": "a dog"}
    assert rendered_profile({"gender": "Female"}, "en") == {"gender": "Female"}
    with pytest.raises(UserError, match="language='de'"):
        rendered_profile({"gender": "Female"}, "de")


def test_unknown_value_is_named_with_place_and_allowed_ones():
    with pytest.raises(UserError, match=r"d1, speakers\[0\].*location='Mars'.*Kanto, Kinki") as raised:
        checked_profile({"location": "Mars"}, where="d1, speakers[0]")
    assert "unknown_values=keep" in str(raised.value)


def test_unknown_attribute_is_named():
    with pytest.raises(UserError, match=r"'shoe_size'.*age, gender, marriage, occupation, location"):
        checked_profile({"age": "20s", "shoe_size": "42"})


def test_free_text_is_kept_where_asked_for():
    given = {"shoe_size": "42", "location": "a ship", "age": "30代"}
    assert list(checked_profile(given, "keep").items()) == [("age", "30s"), ("location", "a ship"), ("shoe_size", "42")]


@pytest.mark.parametrize("value", ["", "  ", 30, None])
@pytest.mark.parametrize("unknown_values", ["refuse", "keep"])
def test_a_value_is_a_text(value, unknown_values):
    with pytest.raises(UserError, match="expected a text"):
        checked_profile({"age": value}, unknown_values)


def test_unknown_setting():
    with pytest.raises(UserError, match="'drop'"):
        checked_profile({}, "drop")
