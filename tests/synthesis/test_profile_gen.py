import doctest
import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import islice

import pytest

import zoo.synthesis.profiles.profile_prompts
from zoo.errors import UserError
from zoo.language_models.base import LanguageModel, Request
from zoo.synthesis.profiles.demonstrations import read_demonstrations
from zoo.synthesis.profiles.profile_gen import ProfileGen, RawLine
from zoo.synthesis.profiles.profile_prompts import ProfilePrompt
from zoo.synthesis.records import read_records, write_records
from zoo.synthesis.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()
DEMONSTRATIONS = read_demonstrations(TAXONOMY)
TRAVEL = (
    ("I have always wanted to travel to ireland or puerto rico.", "travel"),
    ("I hope to visit quebec, canada someday.", "travel"),
    ("One day I would really like to skydive.", "skydiving"),
    ("Before I die, I want to skydive.", "skydiving"),
    ("I hope to see the world with my husband.", "travel"),
)
CODE = """### User's persona: Want | Activity

Generate five profile sentences related to the given user's persona and the "activity" in each sentence:
1. I have always wanted to travel to ireland or puerto rico. (activity: travel)
2. I hope to visit quebec, canada someday. (activity: travel)
3. One day I would really like to skydive. (activity: skydiving)
4. Before I die, I want to skydive. (activity: skydiving)
5. I hope to see the world with my husband. (activity: travel)

### User's persona: Preference | Movie | Title

Generate five profile sentences related to the given user's persona and the "movie title" in each sentence:
1."""
PAPER = CODE.replace("### ", "").replace("\n\nGenerate", "\nGenerate")


class Copyist(LanguageModel):
    """Answers with facts of the request, the last request first."""

    identity = "copyist 1"

    def __init__(self, fails_after: int | None = None) -> None:
        self.batches: list[int] = []
        self.fails_after = fails_after

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, str]]:
        self.batches.append(len(requests))
        order = range(len(requests)) if self.fails_after is not None else reversed(range(len(requests)))
        for place in order:
            if self.fails_after == place:
                raise UserError("The endpoint is gone.")
            key = re.findall(r'the "(.*)" in', requests[place].prompt)[-1]
            seed = requests[place].seed
            yield place, f" I am {seed}. ({key}: {seed})\n2. Two. ({key}: b)\n3. No\n4. d\n5. e\n\n"


def test_docstrings():
    assert doctest.testmod(zoo.synthesis.profiles.profile_prompts).failed == 0


@pytest.mark.parametrize(("layout", "expected"), [("code", CODE), ("paper", PAPER)])
def test_the_prompt_of_table_13(layout, expected):
    target, shown = TAXONOMY.leaves["like_movie_title"], TAXONOMY.unused["want_activity"]
    assert ProfilePrompt(layout).text(target, shown, TRAVEL) == expected
    zero = ProfilePrompt(layout, shots=0).text(target)
    assert expected.endswith("\n\n" + zero)
    assert "1. I have" not in zero


def test_paths_of_one_to_three_levels_as_the_taxonomy_shows_them():
    for id, shown in (("has_age_number", "Age"), ("respiratory_disease", "Respiratory Disease")):
        assert ProfilePrompt(shots=0).text(TAXONOMY.leaves[id]).startswith(f"### User's persona: {shown}\n\nGenerate")


@pytest.mark.parametrize(("layout", "shots"), [("table", 1), ("code", 2)])
def test_prompts_that_are_none(layout, shots):
    with pytest.raises(UserError, match="expected the layout code or paper, and 1 or 0 shots"):
        ProfilePrompt(layout, shots)


def test_the_plan_is_every_leaf_with_every_demonstration():
    gen = ProfileGen(TAXONOMY, DEMONSTRATIONS, trials=2)
    planned = list(gen.plan())
    assert len(planned) == gen.n_requests == 51 * len(DEMONSTRATIONS) * 2
    assert len({item.request for item in planned}) == len(planned)
    named = [(item.leaf.id, item.demonstration.id, item.trial) for item in planned]
    assert named == [(leaf, shown, n) for leaf in TAXONOMY.leaves for shown in DEMONSTRATIONS for n in range(2)]
    request = planned[0].request
    assert (request.max_new_tokens, request.temperature, request.top_p, request.stop) == (128, 0.7, 1.0, ("###",))
    assert (request.frequency_penalty, request.presence_penalty) == (0.4, 0.4)
    assert request.prompt.count("User's persona:") == 2
    assert request.prompt.endswith(ProfilePrompt(shots=0).text(planned[0].leaf))


def test_what_is_asked_for_a_leaf_does_not_depend_on_the_others():
    full = ProfileGen(TAXONOMY, DEMONSTRATIONS, trials=1, max_demonstrations=3)
    some = ProfileGen(TAXONOMY, DEMONSTRATIONS, trials=1, max_demonstrations=3, leaves=["like_food"])
    assert some.n_requests == 3
    assert list(some.plan()) == [item for item in full.plan() if item.leaf.id == "like_food"]
    again = ProfileGen(TAXONOMY, DEMONSTRATIONS, trials=1, max_demonstrations=3, leaves=["like_food"])
    assert list(again.plan()) == list(some.plan())
    other = ProfileGen(TAXONOMY, DEMONSTRATIONS, trials=1, max_demonstrations=3, leaves=["like_food"], seed=1)
    assert {item.request.prompt for item in other.plan()}.isdisjoint(item.request.prompt for item in some.plan())


def test_zero_shot_asks_without_demonstrations():
    gen = ProfileGen(TAXONOMY, {}, ProfilePrompt(shots=0), trials=3, leaves=["like_food", "has_age_number"])
    planned = list(gen.plan())
    assert [(item.leaf.id, item.demonstration) for item in planned] == [
        *[("has_age_number", None)] * 3,
        *[("like_food", None)] * 3,
    ]
    assert len({item.request.seed for item in planned}) == gen.n_requests == 6
    assert len({item.request.prompt for item in planned}) == 2


def test_completions_stream_in_the_plans_order():
    model = Copyist()
    gen = ProfileGen(TAXONOMY, DEMONSTRATIONS, trials=1, max_demonstrations=2, requests_at_once=4)
    first = list(islice(gen.completions(model), 6))
    assert model.batches == [4, 4]
    for planned, text in first:
        assert text.startswith(f" I am {planned.request.seed}. ({planned.leaf.key}: ")
    assert [planned for planned, _ in first] == list(islice(gen.plan(), 6))


def test_raw_lines_say_where_they_are_from(tmp_path):
    gen = ProfileGen(TAXONOMY, DEMONSTRATIONS, trials=2, leaves=["like_food"], max_demonstrations=1, per_prompt=4)
    lines = list(gen.raw_lines(Copyist()))
    assert [line.text for line in lines[1:4]] == ["Two. (food: b)", "No", "d"]
    assert len(lines) == 2 * 4
    for planned, line in zip(gen.plan(), lines[::4], strict=True):
        assert line == RawLine(
            f"I am {planned.request.seed}. (food: {planned.request.seed})",
            "like_food",
            {
                "model": "copyist 1",
                "demonstration": planned.demonstration.id,
                "trial": planned.trial,
                "seed": planned.request.seed,
                "prompt": hashlib.sha256(planned.request.prompt.encode()).hexdigest(),
            },
        )
    write_records(tmp_path / "raw.jsonl", lines)
    assert list(read_records(tmp_path / "raw.jsonl", RawLine)) == lines


def test_a_model_that_stops_in_the_middle_has_given_what_came_before():
    lines = ProfileGen(TAXONOMY, DEMONSTRATIONS, trials=1).raw_lines(Copyist(fails_after=3))
    assert [line.text[0] for line in islice(lines, 15)] == list("ITNde") * 3
    with pytest.raises(UserError, match="endpoint is gone"):
        next(lines)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"leaves": ["like_flood"]}, "leaves=like_flood"),
        ({"trials": 0}, "trials=0"),
        ({"max_demonstrations": 0, "requests_at_once": 0}, "requests_at_once=0, max_demonstrations=0"),
        ({"temperature": -1}, "temperature=-1.0"),
        ({"demonstrations": {}}, "no demonstrations"),
    ],
)
def test_settings_that_are_none(settings, said):
    with pytest.raises(UserError, match=said):
        ProfileGen(TAXONOMY, **{"demonstrations": DEMONSTRATIONS} | settings)
    with pytest.raises(UserError, match="regex mode loose"):
        next(ProfileGen(TAXONOMY, DEMONSTRATIONS).raw_lines(Copyist(), "loose"))
