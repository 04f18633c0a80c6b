"""Prompts: the paper's parts in its order, what is unknown left out, and replies out of answers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from tests.conftest import ROOT
from zoo.data.records import DialogueExample
from zoo.errors import UserError
from zoo.prompted.prompts import PARTS, PromptMaker

EXAMPLE = DialogueExample(
    id="d/3",
    dialogue="d",
    persona=("I sing.", "I own a {boat}."),
    history=("Hi!", "Hello.", "What do you do?"),
    history_by_responder=(False, True, False),
    response="I bake.",
    profile={"hobby": "chess", "gender": "", "age": "30s", "occupation": "unknown"},
    partner_profile={"location": "Kanto"},
)
ENGLISH_CHAT = """\
You are playing the role of A, who is talking with B. Stay in this role, and speak as A does.
Profile of A: age: 30s; hobby: chess
Profile of B: place of residence: Kanto
A says about themselves: I sing. I own a {boat}.
Dialogue so far:
B: Hi!
A: Hello.
B: What do you do?
Write what A says next. Answer with this one utterance only."""
JAPANESE_COMPLETIONS = """\
以下は話者Aと話者Bの会話です。
話者Aのプロフィール
年代：30代、職業：会社員
話者Bのプロフィール
居住地：関東
話者Aの自己紹介
歌います。猫が好きです。
会話
話者B：こんにちは。
話者A："""


@pytest.fixture
def make() -> Callable[..., PromptMaker]:
    """`make("prompt=japanese", "prompt.mode=chat")`: what a composed configuration gives."""

    def made(*overrides: str) -> PromptMaker:
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            maker: PromptMaker = instantiate(compose("prompted", list(overrides)).prompt)
        return maker

    return made


def test_english_chat(make: Callable[..., PromptMaker]) -> None:
    maker = make("prompt.mode=chat")
    assert maker.prompt(EXAMPLE) == ENGLISH_CHAT
    assert maker.stop == ()


def test_japanese_completions(make: Callable[..., PromptMaker]) -> None:
    example = DialogueExample(
        id="d/1",
        dialogue="d",
        persona=("歌います。", "猫が好きです。"),
        history=("こんにちは。",),
        history_by_responder=(False,),
        response="",
        profile={"occupation": "Office worker", "age": "30s", "marriage": "不明"},  # as `checked_profile` leaves them
        partner_profile={"location": "Kanto"},
    )
    maker = make("prompt=japanese", "prompt.mode=completions")
    assert maker.prompt(example) == JAPANESE_COMPLETIONS
    assert maker.stop == ("\n",)


@pytest.mark.parametrize("language", ["english", "japanese"])
@pytest.mark.parametrize("mode", ["chat", "completions"])
def test_parts_stand_in_the_papers_order(make: Callable[..., PromptMaker], language: str, mode: str) -> None:
    maker = make(f"prompt={language}", f"prompt.mode={mode}")
    text = maker.prompt(EXAMPLE)
    values = {"english": ["30s", "Kanto"], "japanese": ["30代", "関東"]}[language]
    marks = [maker.speaker, *values, "I sing.", "Hi!", "What do you do?"]
    assert [text.index(mark) for mark in marks] == sorted(text.index(mark) for mark in marks)
    assert text.endswith(maker.wording["instruction"].format(speaker=maker.speaker))


def test_the_mode_is_the_language_models(make: Callable[..., PromptMaker]) -> None:
    assert make("language_model=openai", "language_model.model=m").prompt(EXAMPLE) == ENGLISH_CHAT
    assert make("language_model=transformers").prompt(EXAMPLE).endswith("\nA:")


def test_what_is_unknown_is_left_out(make: Callable[..., PromptMaker]) -> None:
    bare = replace(EXAMPLE, persona=(), profile={"age": " "}, partner_profile={})
    text = make("prompt.mode=chat").prompt(bare)
    assert "Profile" not in text
    assert "themselves" not in text
    assert len(text.splitlines()) == 6


def test_the_last_turns_stay(make: Callable[..., PromptMaker]) -> None:
    history = tuple(f"turn {n}." for n in range(25))
    long = replace(EXAMPLE, history=history, history_by_responder=tuple(n % 2 == 1 for n in range(25)))
    turns = [line for line in make().prompt(long).splitlines() if "turn " in line]
    assert turns == [f"{'BA'[n % 2]}: turn {n}." for n in range(15, 25)]
    assert len([line for line in make("prompt.max_turns=3").prompt(long).splitlines() if "turn " in line]) == 3


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (" i bake . ", "i bake ."),
        ("\n\n A: I bake.\nB: Oh?", "I bake."),
        ("A：焼きます。", "焼きます。"),
        ("A baker: me.", "A baker: me."),
        ("B: So?", "B: So?"),  # whatever it is, it is what the model said
        (" \n ", ""),
        ("", ""),
    ],
)
def test_replies(make: Callable[..., PromptMaker], answer: str, reply: str) -> None:
    assert make().reply(answer) == reply


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("prompt.mode=edit", "wordings for chat, completions"),
        ("~prompt.wordings.completions.persona", "persona; expected role"),
        ("+prompt.wordings.completions.mood=sad", "mood; expected role"),
        ("prompt.wordings.completions.history='So far: {lines}'", "cannot be filled"),
        ("prompt.turn='{0}'", "cannot be filled"),
        ("prompt.max_turns=0", "at least 1"),
    ],
)
def test_bad_wordings(make: Callable[..., PromptMaker], override: str, said: str) -> None:
    with pytest.raises(Exception, match="Error in call") as caught:
        make(override)
    assert isinstance(caught.value.__cause__, UserError)
    assert said in str(caught.value.__cause__)


def test_all_parts_have_a_place() -> None:
    assert PARTS == ("role", "profile", "partner_profile", "persona", "history", "instruction")
