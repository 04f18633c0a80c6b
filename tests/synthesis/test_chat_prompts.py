"""The texts of prompts, letter by letter, and who knows what."""

import itertools
from pathlib import Path

import pytest

from zoo.errors import UserError
from zoo.synthesis.chat.chat_demonstrations import ChatDemonstration, read_chat_demonstrations
from zoo.synthesis.chat.chat_prompts import ChatPrompt

A = ("I sing in a choir.", "I own a red bike.")
B = ("I am a baker.", "I have hay fever.")
SHOWN = ChatDemonstration("shown", (("I ski.",), ("I fish.",)), ("Hi!", "Hello.", "Snow?", "No, a lake."))

PROMPT_A = """\
### Persona:
I ski.

The following is a daily conversation with your friend implicitly containing the given persona.
You: Hi!
Friend: Hello.
You: Snow?
Friend: No, a lake.

### Persona:
I sing in a choir.
I own a red bike.

The following is a daily conversation with your friend implicitly containing the given persona.
You: Morning.
Friend: Good morning!
You:"""

PROMPT_B = """\
### Persona:
I fish.

The following is a daily conversation with your friend implicitly containing the given persona.
Friend: Hi!
You: Hello.
Friend: Snow?
You: No, a lake.

### Persona:
I am a baker.
I have hay fever.

The following is a daily conversation with your friend implicitly containing the given persona.
Friend: Morning.
You:"""

BOTH_B = """\
Persona of You:
I sing in a choir.
I own a red bike.

Persona of Friend:
I am a baker.
I have hay fever.

The following is a daily conversation with your friend containing the given personas.
You: Morning.
Friend:"""


def test_the_published_template():
    prompt = ChatPrompt()
    beginnings = prompt.beginnings((A, B), SHOWN)
    assert prompt.prompt(beginnings, ["Morning.", "Good morning!"]) == PROMPT_A
    assert prompt.prompt(beginnings, ["Morning."]) == PROMPT_B


def test_one_prompt_that_knows_both():
    prompt = ChatPrompt(implicit=False, shots=0, layout="paper", knowledge="both")
    beginnings = prompt.beginnings((A, B))
    assert beginnings[0] == beginnings[1]
    assert prompt.prompt(beginnings, ["Morning."]) == BOTH_B
    assert prompt.prompt(beginnings, []) == BOTH_B.replace("You: Morning.\nFriend:", "You:")


def test_raw_lacks_a_word_and_the_paper_the_signs():
    raw, plus = (ChatPrompt(implicit=implicit).beginnings((A, B), SHOWN) for implicit in (False, True))
    assert [text.replace("implicitly ", "") for text in plus] == list(raw)
    printed = ChatPrompt(layout="paper").beginnings((A, B), SHOWN)
    assert [text.replace("### ", "") for text in plus] == list(printed)
    assert plus[0].count("### Persona:") == 2
    assert ChatPrompt(shots=0).beginnings((A, B))[0] == plus[0][plus[0].rindex("###") :]


@pytest.mark.parametrize(
    "prompt", [ChatPrompt(*setting) for setting in itertools.product((True, False), (1, 0), ("code", "paper"))]
)
def test_each_knows_its_own_persona_only_and_roles_are_mirrored(prompt):
    said = [f"Line {t}." for t in range(15)]
    beginnings = prompt.beginnings((A, B), SHOWN)
    for turn in range(len(said) + 1):
        speaker = turn % 2
        text = prompt.prompt(beginnings, said[:turn])
        own, other = ((A, B), (B, A))[speaker]
        assert all(sentence in text for sentence in own)
        assert not any(sentence in text for sentence in other)
        for t, line in enumerate(said[:turn]):
            assert f"\n{'You:' if t % 2 == speaker else 'Friend:'} {line}\n" in text
        assert text.endswith("\nYou:")


def test_own_demonstrations_are_shaped_like_persona_chat():
    demonstrations = read_chat_demonstrations()
    assert 3 <= len(demonstrations) <= 5
    for shown in demonstrations:
        assert [len(persona) for persona in shown.personas] == [5, 5]
        assert 8 <= len(shown.utterances) <= 16
        assert max(len(text.split()) for text in shown.utterances) <= 16
        said = {text.lower().strip(".!? ") for text in shown.utterances}
        assert not said & {text.lower().strip(".!? ") for persona in shown.personas for text in persona}


def test_demonstrations_of_convai2(tmp_path):
    both = tmp_path / "train_both_original_no_cands.txt"
    lines = [f"your persona: b {n}." for n in range(5)] + [f"partner's persona: a {n}." for n in range(5)]
    side = [f"{n} {line}\n" for n, line in enumerate([*lines, "hi .\thello .", "bye .\tbye ."], start=1)]
    other = [line.replace("hi .", "__SILENCE__") for line in side]
    both.write_text("".join([*side, *other]))
    (shown,) = read_chat_demonstrations(both)
    assert shown.personas[0][0] == "a 0."
    assert shown.utterances == ("hi .", "hello .", "bye .", "bye .")
    both.write_text("".join(line for line in other))
    with pytest.raises(UserError, match="no dialogue with 5 sentences"):
        read_chat_demonstrations(both)


OWN = "- {id: x, a: [I ski.], b: [I fish.], utterances: [Hi!]}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OWN * 2, "have x twice"),
        ("- {id: x, a: [I ski.]}", "expected a list of entries"),
        (OWN.replace("[Hi!]", "[]"), "none of them empty"),
        (OWN.replace("[Hi!]", '["a\\nb"]'), "one line each"),
        ("{}", "are none"),
        ("- [", "cannot be read"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, said: str):
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(UserError, match=said):
        read_chat_demonstrations(tmp_path / "own.yaml")


def test_settings_that_are_none():
    for settings in ({"shots": 2}, {"layout": "book"}, {"knowledge": "none"}):
        with pytest.raises(UserError, match="for the chat prompt; expected"):
            ChatPrompt(**settings)
    with pytest.raises(UserError, match="without a demonstration"):
        ChatPrompt().beginnings((A, B))
