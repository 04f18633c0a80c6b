"""Examples: history, the reference rule's published counts, subsets and order."""

import pytest

from zoo.data.convai2 import read_convai2
from zoo.data.examples import examples_from_dialogues, sorted_rows, subset_rows, user_of_persona
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError


def dialogue(name: str, turns: int, persona: tuple[str, ...] = ("i sing .",)) -> Dialogue:
    said = [Utterance(i % 2, f"{name} {'qr'[i % 2]}{i // 2 + 1}") for i in range(2 * turns)]
    said[-1] = Utterance(1, said[-1].text, (f"{name} other", said[-1].text))
    return Dialogue(name, (Speaker(), Speaker(persona)), tuple(said))


def test_last_k_keeps_the_newest_exchanges_and_the_query():
    *_, last = examples_from_dialogues([dialogue("d", 5)], max_exchanges=2)
    assert last.id == "d/9"
    assert last.history == ("d q3", "d r3", "d q4", "d r4", "d q5")
    assert last.history_by_responder == (False, True, False, True, False)
    assert last.response == "d r5"
    assert set(last.candidates) == {"d other", "d r5"}


def test_both_may_answer_and_openers_reply_to_nothing():
    both = Dialogue(
        "d",
        (Speaker(("i bake .",), user="ben"), Speaker(("i sing .",), user="anna", profile={"age": "30s"})),
        (Utterance(0, "a"), Utterance(1, "b"), Utterance(1, "c"), Utterance(0, "d")),
        responders=(0, 1),
    )
    first, second, third = examples_from_dialogues([both])
    assert (first.response, first.user, first.partner, first.persona) == ("b", "anna", "ben", ("i sing .",))
    assert first.profile == {"age": "30s"}
    assert second.history_by_responder == (False, True)
    assert (third.user, third.partner_persona, third.history_by_responder) == (
        "ben",
        ("i sing .",),
        (True, False, False),
    )


def test_reference_rule_joins_equal_personas_and_collapses_the_first_items():
    examples = examples_from_dialogues(
        [dialogue("a", 7), dialogue("x", 1, ("i bake .",)), dialogue("b", 5)], "reference"
    )
    joined = [example for example in examples if example.dialogue != "x"]
    assert len(examples) == 13  # as many as there are turns
    assert len({example.id for example in examples}) == 13
    # N = 12: exchanges 1 and 2 are dropped, items 1 to 3 become the third
    assert [e.response for e in joined[:4]] == ["a r3", "a r3", "a r3", "a r4"]
    assert [e.history for e in joined[:4]] == [("a q3",)] * 3 + [("a q3", "a r3", "a q4")]
    assert joined[-1].history[:2] == ("a q3", "a r3")
    assert len(joined[-1].history) == 19
    assert set(joined[0].candidates) == {"b other", "b r5", "a r3"}  # of the key's last turn, and the gold one


def test_reference_rule_gives_the_published_counts(convai2_valid):
    dialogues = read_convai2(convai2_valid)
    examples = examples_from_dialogues(dialogues, "reference")
    own = {example.id: example for example in examples_from_dialogues(dialogues, max_exchanges=1000)}
    lengths = [(len(example.history), len(own[example.id].history)) for example in examples]
    assert len(examples) == 7801
    assert len({(e.persona, e.history, e.response) for e in examples}) == 7751
    assert sum(found > expected for found, expected in lengths) == 62
    assert sum(e.history != own[e.id].history for e in examples) - 62 == 88
    assert len({e.persona for e in examples}) == 992


def test_last_k_on_the_official_file_is_the_reference_rule_where_dialogues_are_short(convai2_valid):
    short = [d for d in read_convai2(convai2_valid) if len(d.utterances) <= 20]
    personas = [d.speakers[1].persona for d in short]
    single = [d for d in short if personas.count(d.speakers[1].persona) == 1]
    assert examples_from_dialogues(single) == examples_from_dialogues(single, "reference")


def test_gold_is_not_always_in_one_place():
    examples = examples_from_dialogues([dialogue(f"d{i}", 1) for i in range(40)])
    places = {example.candidates.index(example.response) for example in examples}
    assert places == {0, 1}
    assert examples == examples_from_dialogues([dialogue(f"d{i}", 1) for i in range(40)])


def test_users_of_personas_do_not_depend_on_the_order():
    one, other = dialogue("a", 1, ("i sing .", "i bake .")), dialogue("b", 1, ("i bake .", "i sing ."))
    assert [e.user for e in examples_from_dialogues([one])] == [""]
    named = examples_from_dialogues([one, other, dialogue("c", 1, ("i sing .",))], users="persona")
    assert named[0].user == named[1].user != named[2].user
    assert named[0].partner == user_of_persona(()) == ""


def test_unknown_options():
    with pytest.raises(UserError, match="last_k"):
        examples_from_dialogues([], history="all")
    backwards = Dialogue("d", (Speaker(), Speaker()), (Utterance(1, "a"), Utterance(0, "b")))
    with pytest.raises(UserError, match=r"Dialogue d .* in turn"):
        examples_from_dialogues([backwards], "reference")
    for percent, rule in ((0, "random_examples"), (101, "random_examples"), (10, "first")):
        with pytest.raises(UserError, match="was given"):
            subset_rows(["d"], [1], percent, rule)


def test_sorted_rows_is_stable():
    assert sorted_rows([3, 9, 3, 10]) == [3, 1, 0, 2]


def test_subsets():
    examples = examples_from_dialogues([dialogue(f"d{i}", 1 + i % 5) for i in range(20)])  # 60 examples
    names, lengths = [e.dialogue for e in examples], [len(e.history) for e in examples]

    def subset(*options, **more) -> list[int]:
        return subset_rows(names, lengths, *options, **more)

    rows = subset(10, seed=1)
    assert len(rows) == 6
    assert rows == subset(10, seed=1) != subset(10, seed=2)
    whole = subset(10, "random_dialogues", seed=1)
    assert len(whole) >= 6
    kept = {names[row] for row in whole}
    assert whole == [row for row, name in enumerate(names) if name in kept]
    assert {lengths[row] for row in subset(10, "longest_first")} == {9, 7}  # four dialogues have five turns
    assert subset(100) == list(range(60))
    assert len(subset(0.001)) == 1
