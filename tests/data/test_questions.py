"""Seventy questions in two languages."""

import pytest

from zoo.data.questions import personal_questions
from zoo.errors import UserError


def test_seventy_each():
    english, japanese = personal_questions("en"), personal_questions("ja")
    assert len(set(english)) == len(set(japanese)) == len(english) == len(japanese) == 70
    assert all(question.endswith("?") and question.isascii() for question in english)
    assert all(question.endswith("？") for question in japanese)


def test_same_order():
    pairs = dict(zip(personal_questions("en"), personal_questions("ja"), strict=True))
    assert pairs["Do you prefer dogs or cats?"] == "犬派ですか、猫派ですか？"
    assert pairs["What will you do tomorrow?"] == "明日は何をする予定ですか？"


def test_other_language():
    with pytest.raises(UserError, match="'fr'"):
        personal_questions("fr")
