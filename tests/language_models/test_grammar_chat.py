"""The grammar talks as one of two friends: its own persona, the turns so far, and nothing from elsewhere."""

import re
from collections.abc import Sequence
from itertools import chain

import pytest

from zoo.data.persona_lexicon import RUDE_WORDS, read_lexicon
from zoo.language_models.base import Request
from zoo.language_models.grammar.chat_prompt import read_chat
from zoo.language_models.grammar.lm import GrammarLm
from zoo.language_models.grammar.phrases import read_phrases
from zoo.language_models.grammar.sentences import negated, overlap, says
from zoo.synthesis.chat.chat_demonstrations import ChatDemonstration
from zoo.synthesis.chat.chat_prompts import STOP, ChatPrompt

QUIET = {"copy": 0, "copy_implicitly": 0, "contradiction": 0, "rude": 0, "blank": 0, "leak": 0}


def sentence(leaf: str, value: str) -> str:
    words = read_lexicon().leaves[leaf]
    assert value in words.values
    return words.templates[0].replace("{value}", value)


ONE = (
    sentence("place_origin_citystate", "Boston"),
    sentence("have_pet_animal", "gecko"),
    sentence("like_food", "ramen"),
    sentence("like_color", "teal"),
    "I sleep on the left side of the bed.",  # not in the lexicon
)
OTHER = (
    sentence("live_in_citystatecountry_country", "Norway"),
    sentence("has_profession_profession", "plumber"),
    sentence("misc_attribute_personality_trait", "shy"),
    sentence("like_hobby", "origami"),
    sentence("like_activity_show", "Seinfeld"),
)
SHOWN = ("I collect stamps.", "My favorite food is sushi."), ("I am a pilot.", "I like fishing.")
DEMONSTRATION = ChatDemonstration("0", SHOWN, ("Hi, how are you?", "Good, I was fishing.", "I ate sushi.", "Nice."))


def talk(
    model: GrammarLm,
    turns: int = 16,
    seed: int = 0,
    prompt: ChatPrompt | None = None,
    personas: tuple[Sequence[str], Sequence[str]] = (ONE, OTHER),
) -> list[str]:
    """A dialogue between two prompts, or of one prompt that knows both."""
    prompt = prompt or ChatPrompt()
    beginnings = prompt.beginnings(personas, DEMONSTRATION)
    said: list[str] = []
    for _ in range(turns):
        (answer,) = model.complete([Request(prompt.prompt(beginnings, said), 128, stop=STOP, seed=seed)])
        assert answer == "" or answer.startswith(" ")
        said.append(answer.strip())
    return said


def told(sentences: Sequence[str], utterances: Sequence[str]) -> int:
    """How many of the sentences have their value in an utterance."""
    facts = [GrammarLm().chats.sentences.fact(text) for text in sentences]
    return sum(any(says(text, fact.value) for text in utterances) for fact in facts)


@pytest.mark.parametrize("shots", [0, 1])
@pytest.mark.parametrize("layout", ["code", "paper"])
@pytest.mark.parametrize("knowledge", ["own", "both"])
def test_prompts_are_read(shots: int, layout: str, knowledge: str) -> None:
    for implicit in (True, False):
        prompt = ChatPrompt(implicit, shots, layout, knowledge)  # type: ignore[arg-type]
        beginnings = prompt.beginnings((ONE, OTHER), DEMONSTRATION)
        for said in ([], ["Hello."], ["Hello.", "", "You there?"]):
            chat = read_chat(prompt.prompt(beginnings, said))
            assert chat is not None
            assert chat.implicitly is implicit
            assert [text for _, text in chat.turns] == said
            assert not chat.spaced
            if knowledge == "both":
                assert chat.personas == {"You": ONE, "Friend": OTHER}
                assert chat.speaker == ("Friend" if len(said) % 2 else "You")
            else:
                assert chat.personas == {"You": OTHER if len(said) % 2 else ONE}
                assert chat.speaker == "You"
            assert chat.said_by(chat.partner) == said[(len(said) + 1) % 2 :: 2]


def test_no_chat() -> None:
    for prompt in ("", "You", "You: hello", "### Persona:\nI ski.\n", "You:\n"):
        assert read_chat(prompt) is None
    chat = read_chat("You: hello\nFriend: ")
    assert chat is not None
    assert (chat.personas, chat.turns, chat.spaced) == ({}, (("You", "hello"),), True)


@pytest.mark.parametrize("knowledge", ["own", "both"])
@pytest.mark.parametrize("seed", range(10))
def test_a_dialogue_is_greeting_persona_and_goodbye(seed: int, knowledge: str) -> None:
    phrases = read_phrases()
    said = talk(GrammarLm(**QUIET, telling=1), seed=seed, prompt=ChatPrompt(knowledge=knowledge))  # type: ignore[arg-type]
    assert said[0] in phrases.greetings
    assert said[1] in phrases.greeting_answers
    assert set(said[14:]) <= set(phrases.goodbyes)
    assert not set(said[:14]) & set(phrases.goodbyes)
    assert told(ONE, said[::2]) == told(OTHER, said[1::2]) == 5
    assert told(ONE, said[1::2]) == told(OTHER, said[::2]) == 0  # nobody tells the other's
    assert not any(says(text, word) for text in said for word in ("stamps", "sushi", "pilot", "fishing"))
    for text in said:
        assert 6 <= len(text.split()) <= 14, text
        assert "\n" not in text
        assert all(overlap(text, known) < 0.8 for known in (*ONE, *OTHER)), text


@pytest.mark.parametrize("turns", [3, 40])
def test_any_number_of_turns(turns: int) -> None:
    said = talk(GrammarLm(**QUIET), turns)
    assert len(said) == turns
    assert all(6 <= len(text.split()) <= 14 for text in said)
    if turns == 40:  # everything is told in the end, once
        assert told(ONE, said[::2]) == told(OTHER, said[1::2]) == 5
        assert sum(says(text, "Boston") for text in said) == 1
    late = talk(GrammarLm(**QUIET, closing=38), 40)
    assert set(late[38:]) <= set(read_phrases().goodbyes)
    assert not set(late[:38]) & set(read_phrases().goodbyes)


def test_a_question_is_answered() -> None:
    model = GrammarLm(**QUIET, telling=1)
    (own, _) = ChatPrompt(shots=0).beginnings((ONE, OTHER))
    prompts = [f"{own}You: Hi.\nFriend: Good to know. {read_phrases().questions['color']}\nYou:"] * 20
    answers = model.complete([Request(prompt, seed=seed) for seed, prompt in enumerate(prompts)])
    assert all(says(answer, "teal") for answer in answers)


def test_a_prompt_that_knows_both_asks_for_what_the_partner_has() -> None:
    model = GrammarLm(**QUIET, telling=0)
    fact = model.chats.sentences.fact
    wanted = {read_phrases().questions[leaf.key] for text in OTHER if (leaf := fact(text).leaf)}
    beginnings = ChatPrompt(knowledge="both", shots=0).beginnings((ONE, OTHER))
    prompt = ChatPrompt(knowledge="both", shots=0).prompt(beginnings, ["Hi.", "Hello."])
    answers = model.complete([Request(prompt, seed=seed) for seed in range(30)])
    assert {question for question in wanted if any(text.endswith(question) for text in answers)} == wanted
    assert all(any(text.endswith(question) for question in wanted) for text in answers)


def test_raw_copies_more_than_raw_plus() -> None:
    model = GrammarLm(**(QUIET | {"copy": 0.4, "copy_implicitly": 0.138}))

    def copies(implicit: bool) -> int:
        dialogues = [talk(model, seed=seed, prompt=ChatPrompt(implicit)) for seed in range(40)]
        return sum(text in (*ONE, *OTHER) for text in chain.from_iterable(dialogues))

    raw, raw_plus = copies(False), copies(True)
    assert 110 < raw < 210  # 0.4 of some 390 tellings, within four standard errors
    assert 28 < raw_plus < 82
    assert all(text in ONE for text in talk(GrammarLm(**(QUIET | {"copy_implicitly": 1, "telling": 1})))[2:12:2])


def test_contradictions() -> None:
    model = GrammarLm(**(QUIET | {"contradiction": 1, "telling": 1, "closing": 100}))
    lexicon, fact = read_lexicon(), model.chats.sentences.fact
    places = {value for value in lexicon.leaves["place_origin_citystate"].values if value != "Boston"}
    for seed in range(5):
        own = talk(model, seed=seed)[::2]
        assert any(says(text, place) for text in own for place in places)  # one is born in one place: another value
        assert not any(says(text, "Boston") for text in own)
        for known in ONE[1:4]:  # of others there are several: the opposite
            (text,) = [text for text in own if says(text, fact(known).value)]
            assert re.search(r"\b(not|never|no)\b", text), text


@pytest.mark.parametrize(
    ("statement", "opposite"),
    [
        ("I am a nurse.", "I am not a nurse."),
        ("I love tea.", "I do not love tea."),
        ("I grew up in Rome.", "I never grew up in Rome."),
        ("My dog is old.", "My dog is not old."),
        ("I have been ill.", "I have not been ill."),
        ("I have a cat.", "I do not have a cat."),
        ("I never sleep.", "It is not true that I never sleep."),
        ("Dogs bark.", "It is not true that dogs bark."),
        ("I'm Italian.", "I'm not Italian."),
    ],
)
def test_negation(statement: str, opposite: str) -> None:
    assert negated(statement) == opposite


def test_rude_blank_and_leaking_utterances() -> None:
    prompt = ChatPrompt(shots=0).beginnings((ONE, OTHER))[0] + "You: Hi.\nFriend: Hello.\nYou:"
    requests = [Request(prompt, seed=seed) for seed in range(200)]
    rude = GrammarLm(**(QUIET | {"rude": 1})).complete(requests)
    assert {word for word in RUDE_WORDS for text in rude if says(text, word)} == set(RUDE_WORDS)
    assert all(6 <= len(text.split()) <= 14 for text in rude)
    assert not any(says(text, word) for text in GrammarLm(**QUIET).complete(requests) for word in RUDE_WORDS)
    assert set(GrammarLm(**(QUIET | {"blank": 1})).complete(requests)) == {""}
    leaking = GrammarLm(**(QUIET | {"leak": 1}))
    answers = leaking.complete(requests)
    assert all(re.fullmatch(r" [^\n]+[\n ]Friend: [^\n]+\?", text) for text in answers)
    stopped = leaking.complete([Request(prompt, stop=STOP, seed=seed) for seed in range(200)])
    assert [text.rstrip() for text in stopped] == [re.split(r"[\n ]Friend:", text)[0] for text in answers]
    assert leaking.complete([Request(prompt + " ")])[0][0] != " "


def test_phrases_have_the_promised_lengths() -> None:
    phrases = read_phrases()
    for few, many, texts in (
        (6, 14, (*phrases.greetings, *phrases.greeting_answers, *phrases.goodbyes, *phrases.rude, *phrases.unknown)),
        (3, 4, phrases.acknowledgements),
        (3, 9, (*phrases.follow_ups, *phrases.questions.values())),
    ):
        assert all(few <= len(text.split()) <= many for text in texts), texts
    assert set(phrases.questions) == {leaf.key for leaf in read_lexicon().leaves.values()}
    assert len(set(phrases.questions.values())) == len(phrases.questions)
