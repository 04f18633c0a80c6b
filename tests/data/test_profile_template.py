"""Prompts with profiles: their strings, their ids, and what is cut."""

import pytest
from transformers import AutoTokenizer

from zoo.data.demo_tokenizer import demo_tokenizer
from zoo.data.profile_template import ProfileTemplate
from zoo.data.records import DialogueExample
from zoo.errors import UserError

EXAMPLE = DialogueExample(
    id="d/3", dialogue="d", persona=("i sing .",), history=("hi !", "hello .", "where do you live ?"),
    history_by_responder=(False, True, False), response="in the north .", user="anna",
    profile={"location": "Kanto", "age": "20s", "hobby": "chess"}, partner_profile={"gender": "Male"},
)  # fmt: skip


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    demo_tokenizer(folder)
    return lambda **settings: ProfileTemplate(AutoTokenizer.from_pretrained(folder), **settings)


def words(template, ids):
    return template.tokenizer.decode(ids)


@pytest.mark.parametrize(
    ("settings", "persona"),
    [
        ({}, ""),
        ({"prompt": "psp"}, "[USER] 20s, Kanto, chess[SEP]"),
        ({"prompt": "ppp"}, "[USER1] 20s, Kanto, chess[USER2] Male[SEP]"),
        ({"prompt": "psp", "unknown": "literal"}, "[USER] 20s, unknown, unknown, unknown, Kanto, chess[SEP]"),
        ({"prompt": "psp", "with_keys": True}, "[USER] age: 20s, location: Kanto, hobby: chess[SEP]"),
        ({"prompt": "psp", "language": "ja"}, "[USER] 20代, 関東, chess[SEP]"),
    ],
)
def test_prompts_are_the_papers(make, settings, persona):
    template = make(**settings)
    encoded = template.encode(EXAMPLE)
    assert words(template, encoded.persona) == persona
    assert words(template, encoded.context) == "[SPK2] hi ![SPK1] hello .[SPK2] where do you live ?"
    assert template.decode(encoded.response) == "in the north ."
    with_id = make(one_id=True, **settings)
    string = with_id.id_of("anna")
    assert len(string) == 4
    assert words(with_id, with_id.encode(EXAMPLE).persona) == f" {string}{persona}"


def test_nothing_known_leaves_an_empty_profile_in_its_place(make):
    template = make(prompt="ppp")
    unknown = DialogueExample("x", "x", (), ("hi",), (False,), "yes")
    assert words(template, template.encode(unknown).persona) == "[USER1][USER2][SEP]"


def test_what_is_left_blank_is_not_known(make):
    blank = {"gender": "", "age": "20s"}
    assert make(prompt="psp").profile_text(blank) == "20s"
    assert make(prompt="psp", unknown="literal").profile_text(blank).startswith("20s, unknown, ")


def test_marks_are_single_ids_and_words_of_users_are_none(make):
    template = make(prompt="psp")
    spoof = DialogueExample("x", "x", (), ("say [SEP] now",), (False,), "yes", profile={"age": "[USER]"})
    encoded = template.encode(spoof)
    marks = template.tokenizer.convert_tokens_to_ids(["[USER]", "[SEP]", "[SPK2]"])
    assert [token for token in encoded.persona if token in marks] == marks[:2]
    assert [token for token in encoded.context if token in marks] == marks[2:]


@pytest.mark.parametrize("prompt", ["psp", "ppp"])
def test_room_is_made_by_the_oldest_turns_and_never_by_profiles(make, prompt):
    whole = make(prompt=prompt, one_id=True).encode(EXAMPLE)
    room = len(whole.persona) + len(whole.context) - 1
    cut = make(prompt=prompt, one_id=True, max_source_tokens=room).encode(EXAMPLE)
    assert cut.persona == whole.persona
    assert whole.context[-len(cut.context) :] == cut.context
    assert 0 < len(cut.context) < len(whole.context)
    assert cut.truncated
    with pytest.raises(UserError, match=r"profiles of example d/3 take \d+ of template.max_source_tokens"):
        make(prompt=prompt, one_id=True, max_source_tokens=len(whole.persona) + 2).encode(EXAMPLE)


def test_ids_that_collide_are_said(make):
    template = make(one_id=True, id_length=1)
    with pytest.raises(UserError, match=r"The users 'user-\d+' and 'user-\d+' would both be called '.' in the prompt"):
        [template.id_of(f"user-{number}") for number in range(37)]
    assert make(one_id=True).id_of("anna") == make(one_id=True, prompt="psp").id_of("anna")
    assert make(one_id=True).id_of("anna") != make(one_id=True, seed=1).id_of("anna")


@pytest.mark.parametrize("settings", [{"prompt": "pps"}, {"unknown": "no"}, {"language": "de"}, {"id_length": 0}])
def test_wrong_settings_are_said(make, settings):
    with pytest.raises(UserError, match=f"template.{next(iter(settings))}="):
        make(**settings)
