"""A conversation with every kind of model says what the model says, in pieces, again and again."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.people.chat_models import KINDS, USERS, tiny_module
from zoo.errors import UserError
from zoo.module import DialogueModule
from zoo.people.chat.conversation import Conversation
from zoo.people.chat.models import TrainedModel
from zoo.people.chat.runs import Runs

Modules = Callable[[str], DialogueModule]
PERSONA = ("i sing .", "i have two dogs .")


@pytest.fixture(scope="module")
def modules(zoo_cache: Path) -> Modules:
    """`modules("paa")`, made once."""
    made: dict[str, DialogueModule] = {}

    def module(kind: str) -> DialogueModule:
        if kind not in made:
            made[kind] = tiny_module(kind)
        return made[kind]

    return module


def conversation(module: DialogueModule, **options: object) -> Conversation:
    """With a persona, and with the second user of those that the model knows."""
    model = TrainedModel(module, "run")
    return Conversation(model, PERSONA, USERS[1] if model.needs_user else "", **options)  # type: ignore[arg-type]


def own_reply(talk: Conversation, module: DialogueModule, history: list[str]) -> str:
    """What `module.reply` says, decoding as the conversation does."""
    before, module.decoding = module.decoding, TrainedModel(module, "run").decoding(talk.settings)
    try:
        return module.reply(history, persona=talk.persona, user=talk.user, profile=talk.profile, seed=talk.seed)
    finally:
        module.decoding = before


@pytest.mark.parametrize("decoding", ["greedy", "sampled", "beams"])
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_add_up_to_the_models_own_reply(kind: str, decoding: str, modules: Modules) -> None:
    module = modules(kind)
    settings = {"greedy": {}, "sampled": {"temperature": 1.5}, "beams": {"num_beams": 3}}[decoding]
    talk = conversation(module, seed=5, settings=settings)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for message in ("hello there .", "do you sing ?"):
        pieces = list(talk.say(message))
        assert "".join(pieces) == own_reply(talk, module, [*talk.history[:-1]]) == talk.history[-1]
        if decoding == "beams":
            assert len(pieces) <= 1
    assert any(talk.history[1::2]), "replies are words"
    if decoding == "sampled":
        assert max(map(len, talk.history[1::2])) > 10
        torch.set_rng_state(before)
        again = conversation(module, seed=5, settings=settings)
        torch.rand(7)  # what was drawn before does not matter
        drawn = torch.get_rng_state()
        for message in talk.history[::2]:
            list(again.say(message))
        assert again.history == talk.history
        assert torch.equal(torch.get_rng_state(), drawn), "nobody else's numbers are drawn"
        other = conversation(module, seed=6, settings=settings)
        list(other.say(talk.history[0]))
        assert other.history[1] != talk.history[1]


def test_a_reply_comes_as_it_is_written(modules: Modules) -> None:
    talk = conversation(modules("finetune"), settings={"temperature": 2.0, "max_new_tokens": 40})
    pieces = list(talk.say("hello ."))
    assert len(pieces) > 10


@pytest.mark.parametrize("kind", ["finetune", "t5", "blenderbot"])
def test_a_word_is_certain_before_it_is_given(kind: str, modules: Modules) -> None:
    """Any ids at all: half characters, marks of word pieces, added tokens, an end in the middle."""
    from zoo.people.chat.streaming import Pieces

    template = modules(kind).template
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        ids = torch.randint(template.vocab_size, (30,), generator=generator)
        given: list[str] = []
        pieces = Pieces(template.decode, given.append, prompt=1)
        pieces.put(torch.tensor([[0, 1]]))
        for token in ids:
            pieces.put(token[None])
        text = template.decode(ids.tolist())
        pieces.finish(text)
        assert "".join(given) == text


def test_a_mark_of_a_word_that_goes_on_is_never_given() -> None:
    """As BlenderbotSmall writes word pieces: "hel@@", then "lo"."""
    from zoo.people.chat.streaming import Pieces

    words = ["hel@@", "lo", "the@@", "re@@", "fore", "."]
    given: list[str] = []

    def decode(ids: list[int]) -> str:
        return " ".join(words[number] for number in ids).replace("@@ ", "")

    pieces = Pieces(decode, given.append, prompt=0)
    for number in range(len(words)):
        pieces.put(torch.tensor([number]))
    pieces.finish(decode(list(range(len(words)))))
    assert given == ["hel", "lo", " the", "re", "fore", " ."]


def test_another_user_another_reply(modules: Modules) -> None:
    talk = conversation(modules("lora"))
    replies = set()
    for user in USERS:
        talk.reset()
        talk.become(user)
        list(talk.say("hello ."))
        replies.add(talk.history[-1])
    assert len(replies) == len(USERS)
    with pytest.raises(UserError, match=r"no such user: it knows 3 \(anna, bo, c d"):
        talk.become("nobody")
    assert talk.user == "c d"
    assert Conversation(talk.model).user == "anna", "a model that needs a user takes its first"


def test_a_stopped_reply_stays_as_far_as_it_came(modules: Modules) -> None:
    talk = conversation(modules("finetune"), settings={"temperature": 2.0, "max_new_tokens": 60})
    whole = conversation(modules("finetune"), settings={"temperature": 2.0, "max_new_tokens": 60})
    list(whole.say("hello ."))
    reply = talk.say("hello .")
    said = next(reply) + next(reply)
    reply.close()
    assert talk.history == ["hello .", said]
    assert [turn.stopped for turn in talk.turns] == [False, True]
    assert whole.history[-1].startswith(said)
    assert len(said) < len(whole.history[-1])
    stop = threading.Event()
    stop.set()
    assert list(talk.say("again .", stop)) == []
    assert len(talk.turns) == 2, "a message without a reply is taken back"
    assert "".join(talk.say("again .")) == talk.history[-1], "and the next one is answered"


def test_a_conversation_is_saved_with_all_that_replies_depend_on(modules: Modules, tmp_path: Path) -> None:
    talk = conversation(modules("paa"), seed=3, settings={"temperature": 0.7})
    with pytest.raises(UserError, match="Nothing was said yet"):
        talk.save(tmp_path / "chat.jsonl")
    list(talk.say("hello , <b>you</b> ."))
    talk.become("", ["i swim ."])
    list(talk.say("مرحبا \ud800"))
    talk.save(tmp_path / "new" / "chat.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "new" / "chat.jsonl").read_text().splitlines()]
    assert [line["text"] for line in lines] == talk.history
    assert [line["speaker"] for line in lines] == ["partner", "responder"] * 2
    assert [line["persona"] for line in lines] == [list(PERSONA)] * 2 + [["i swim ."]] * 2
    assert lines[1]["decoding"]["temperature"] == 0.7
    assert (lines[1]["seed"], lines[1]["run"], lines[1]["user"]) == (3, "run", "")
    assert lines[2]["text"] == "مرحبا ?"
    with pytest.raises(UserError, match="is a folder"):
        talk.save(tmp_path)
    talk.reset()
    assert talk.history == []


def test_what_cannot_be_answered_changes_nothing(modules: Modules) -> None:
    talk = conversation(modules("paa"))
    for message in ("", "  \n"):
        with pytest.raises(UserError, match="An empty message"):
            list(talk.say(message))
    with pytest.raises(UserError, match=r"800 sentences.*reads at most 512 tokens"):
        talk.become("", ["i have two dogs ."] * 800)
    with pytest.raises(UserError, match=r"1024 positions|positions\. Set a lower max_new_tokens"):
        talk.decode({"max_new_tokens": 4000})
    for changes in ({"frequency_penalty": 1.0}, {"top_p": 2.0}, {"temperature": float("nan")}, {"num_beams": 0}):
        with pytest.raises(UserError):
            talk.decode(changes)
    with pytest.raises(UserError, match="seed -1"):
        talk.seed = -1
    assert (talk.persona, talk.history, talk.seed, talk.settings) == (PERSONA, [], 0, talk.model.settings)
    assert "".join(talk.say("word " * 3000)) == talk.history[-1], "of what was said, the oldest words go"


def test_two_listeners_at_once_do_not_mix(modules: Modules) -> None:
    """Sampled replies of several threads over one network of users: each as if alone."""
    module = modules("lora")

    def held(number: int) -> Conversation:
        talk = Conversation(TrainedModel(module, "run"), (), USERS[number % 3], number, {"temperature": 1.5})
        for message in ("hello .", "so ?"):
            list(talk.say(f"{message} {number}"))
        return talk

    alone = [held(number).history for number in range(6)]
    found: dict[int, list[str]] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: held(n).history}))  # type: ignore[misc]
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(6)] == alone


def test_a_run_that_is_read_meanwhile_changes_no_reply(
    modules: Modules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading seeds the process's random numbers."""

    def load(folder: Path) -> DialogueModule:
        torch.manual_seed(36)
        return modules("finetune")

    monkeypatch.setattr("zoo.loading.load", load)
    (tmp_path / "config.yaml").write_text("model: {}\n")
    talk = conversation(modules("finetune"), seed=5, settings={"temperature": 2.0, "max_new_tokens": 60})
    alone = "".join(talk.say("hello ."))
    talk.reset()
    pieces = talk.say("hello .")
    first = next(pieces)
    Runs([tmp_path]).model(str(tmp_path))
    assert first + "".join(pieces) == alone


def test_a_line_tells_what_its_reply_was_asked_with(modules: Modules) -> None:
    """Whatever is chosen while it is written is of the next one."""
    talk = conversation(modules("finetune"), settings={"temperature": 2.0})
    pieces = talk.say("hello .")
    next(pieces)
    talk.become("", ["i swim ."])
    talk.seed = 7
    list(pieces)
    assert [(turn.persona, turn.seed) for turn in talk.turns] == [(list(PERSONA), 0)] * 2


def test_a_reply_that_nothing_can_be_drawn_of_is_told(modules: Modules) -> None:
    talk = conversation(modules("finetune"), settings={"temperature": 1e-45})
    with pytest.raises(UserError, match=r"could not be written \(probability"):
        list(talk.say("hello ."))
    talk.decode({"temperature": 0})
    assert "".join(talk.say("hello .")) == talk.history[-1]
    assert len(talk.turns) == 2


def test_a_model_of_users_with_ids_in_the_prompt_takes_its_first(zoo_cache: Path) -> None:
    module = tiny_module("lora_id")
    talk = Conversation(TrainedModel(module, "run"))
    assert talk.user == "anna"
    with pytest.raises(UserError, match="no such user"):
        talk.become("nobody")


def test_another_model_goes_on_with_what_was_said(modules: Modules) -> None:
    talk = conversation(modules("paa"))
    list(talk.say("hello ."))
    talk.speak_with(TrainedModel(modules("lora"), "other"))
    assert (talk.user, talk.persona) == ("anna", ()), "nobody in particular is no user of it"
    list(talk.say("and you ?"))
    assert [turn.run for turn in talk.turns] == ["run", "run", "other", "other"]
