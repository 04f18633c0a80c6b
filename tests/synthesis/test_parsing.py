import doctest
import random
import re
import time
from typing import get_args

import pytest

import zoo.synthesis.profiles.parsing
from zoo.errors import UserError
from zoo.synthesis.profiles.parsing import Mode, Parsed, check_mode, parse_line, split_profile

MODES = get_args(Mode)
PATTERN = r"(?P<utter>.*){}[\(|\[](?P<attr>.*): (?P<value>.*)[\)|\]]"  # Appendix J; the code has a blank before it
COMPLETION = (
    " I love pizza. (food: pizza)\n2. I often eat sushi. [food: sushi]\n3. Soup is the best.\n"
    "4. Give me tacos (food: tacos)\n\n5. I adore pie. (food: pie)"
)


def parsed(text: str, mode: Mode) -> list[Parsed | None]:
    """Every raw sentence of a completion."""
    return [parse_line(line, mode) for line in split_profile(text, mode)]


def test_docstrings():
    assert doctest.testmod(zoo.synthesis.profiles.parsing).failed == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_list_with_both_sorts_of_brackets(mode):
    assert parsed(COMPLETION, mode) == [
        Parsed("I love pizza.", "food", "pizza"),
        Parsed("I often eat sushi.", "food", "sushi"),
        None,
        Parsed("Give me tacos", "food", "tacos"),
        Parsed("I adore pie.", "food", "pie"),
    ]


STAR_WARS = "I saw it. (movie title: Star Wars: A New Hope)"


@pytest.mark.parametrize(
    ("line", "paper", "code", "strict"),
    [
        (STAR_WARS, *[Parsed("I saw it.", "movie title: Star Wars", "A New Hope")] * 2,
         Parsed("I saw it.", "movie title", "Star Wars: A New Hope")),
        ("I eat rice.(food: rice)", Parsed("I eat rice.", "food", "rice"), None, Parsed("I eat rice.", "food", "rice")),
        ("I eat rice. |food: rice|", *[Parsed("I eat rice.", "food", "rice")] * 2, None),
        ("I eat rice. (food: rice) Yum!", *[Parsed("I eat rice.", "food", "rice")] * 2, None),
        ("I eat rice. (food:rice)", None, None, None),
        ("I eat rice. (food: rice]", *[Parsed("I eat rice.", "food", "rice")] * 2, None),
        ("I saw it. (title: Alien (1979))", *[Parsed("I saw it.", "title", "Alien (1979)")] * 2,
         Parsed("I saw it.", "title", "Alien (1979)")),
        ("I eat rice. (food: )", *[Parsed("I eat rice.", "food", "")] * 2, None),
        ("I eat rice. (food: rice", None, None, None),
        ("I eat rice.", None, None, None),
    ],
)  # fmt: skip
def test_quirks_of_the_pattern(line, paper, code, strict):
    assert [parse_line(line, mode) for mode in ("paper", "code", "strict")] == [paper, code, strict]


@pytest.mark.parametrize(("mode", "blank"), [("paper", ""), ("code", " ")])
def test_the_same_as_the_pattern_itself(mode, blank):
    rng = random.Random(0)
    matches = 0
    for _ in range(20_000):
        line = "".join(
            rng.choice(["(", "[", "|", ")", "]", ": ", ":", " ", "a", "b", "\n"]) for _ in range(rng.randint(0, 14))
        )
        found = re.match(PATTERN.format(blank), line)
        parts = found and found.groups()
        expected = parts and Parsed(*(part if mode == "code" else part.strip() for part in parts))
        assert parse_line(line, mode) == expected, line
        matches += bool(found)
    assert matches > 300


def test_the_code_drops_the_first_character_and_keeps_blanks():
    assert split_profile("I run. (sport: run)", "code") == [" run. (sport: run)"]
    assert split_profile("I run. (sport: run)") == ["I run. (sport: run)"]


def test_no_more_than_five_and_only_their_numbers():
    text = " a\n2. b\n3. c\n4. d\n5. e\n6. f\n2. g"
    assert split_profile(text) == ["a", "b", "c", "d", "e\n6. f"]
    assert split_profile(text, "strict") == ["a", "b", "c", "d", "e"]
    assert split_profile(text, per_prompt=2) == ["a", "b"]
    assert split_profile("1. a\n\nMore:\n2) b\nBye.", "strict") == ["a", "b"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("", 0),
        (" \n \n", 0),
        (" I would rather not.", 1),
        (" I run. (sport: running)\n2. I like to swi", 2),
        (" x" * 5000, 1),
        (" " + "(: " * 3333, 1),
        (" I run. (sport: " + "a" * 10_000 + ")", 1),
        ("\x00\ud800(: )\n2. ]", 2),
    ],
)
def test_bad_replies_give_few_sentences_at_once(mode, text, raw):
    before = time.perf_counter()
    lines = parsed(text, mode)
    assert len(lines) == raw
    assert sum(line is not None for line in lines) <= 1
    assert time.perf_counter() - before < 1


def test_lines_can_be_written_whatever_the_model_says():
    assert split_profile("a \ud800") == ["a ?"]


def test_modes_that_are_none():
    with pytest.raises(UserError, match="loose was given; expected one of paper, code, strict"):
        check_mode("loose")
