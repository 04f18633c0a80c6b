"""Decoding settings as they are typed."""

import pytest

from zoo.errors import UserError
from zoo.people.chat.decoding import SETTINGS, changed, described, read_settings

GREEDY = {"do_sample": False, "num_beams": 1, "max_new_tokens": 64}


def test_settings_are_read_by_their_kind() -> None:
    found = read_settings(["temperature=1", "num_beams=2", "do_sample=yes"])
    assert found == {"temperature": 1.0, "num_beams": 2, "do_sample": True}
    assert described(found) == "temperature=1 num_beams=2 do_sample=true"


@pytest.mark.parametrize(
    "word", ["temperature", "heat=1", "temperature=warm", "num_beams=1.5", "do_sample=2", "top_p=0", "top_p=nan",
             "num_beams=0", "max_new_tokens=-3", "temperature=inf"]
)  # fmt: skip
def test_what_is_no_setting(word: str) -> None:
    with pytest.raises(UserError, match="expected"):
        read_settings([word])


def test_a_temperature_turns_sampling_on_over_the_whole_distribution() -> None:
    drawn = changed(GREEDY, {"temperature": 0.7}, SETTINGS)
    assert drawn == {
        "do_sample": True, "temperature": 0.7, "top_p": 1.0, "top_k": 0, "num_beams": 1, "max_new_tokens": 64
    }  # fmt: skip
    assert changed(drawn, {"top_p": 0.5}, SETTINGS) == drawn | {"top_p": 0.5}
    assert changed(drawn, {"temperature": 0.0}, SETTINGS) == GREEDY
    assert changed(drawn, {"do_sample": False}, SETTINGS) == GREEDY


def test_a_language_model_has_a_temperature_of_zero_instead() -> None:
    known = ("temperature", "top_p", "max_new_tokens")
    assert changed({"temperature": 0.5, "max_new_tokens": 4}, {"temperature": 0.0}, known)["temperature"] == 0
    with pytest.raises(UserError, match="num_beams was given, but this model decodes by temperature, top_p"):
        changed({}, {"num_beams": 2}, known)
