"""Who meets whom, what is written, and what survives bad replies and a model that stops."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from zoo.backbones import Backbone
from zoo.errors import UserError
from zoo.language_models.base import LanguageModel, Request
from zoo.language_models.cache import CachedLanguageModel
from zoo.language_models.transformers_lm import TransformersLm
from zoo.synthesis.chat.chat_prompts import ChatPrompt
from zoo.synthesis.chat.dialogues import DialogueWriter
from zoo.synthesis.chat.persona_pairs import draw_pairs
from zoo.synthesis.chat.replies import ReplyRules, WritingReport
from zoo.synthesis.records import PersonaSet, ProfileSentence, SyntheticDialogue, read_records, write_records

WORDS = ("so", "we", "went out", "and saw", "cats", "dogs", "a river", "nothing", "new", "today", "maybe", "i", "do")


def persona_sets(n: int) -> list[PersonaSet]:
    """Sets of two sentences; no sentence is in two sets."""
    return [
        PersonaSet(f"s{k}", tuple(ProfileSentence(f"Set {k} says {w}.", "leaf", "key", w) for w in ("one", "two")))
        for k in range(n)
    ]


class Talker(LanguageModel):
    """Words drawn by (seed, prompt), answered last request first; `say` may put something in their place.

    Stops with an error after `limit` answers.
    """

    identity = "talker"

    def __init__(self, say: Callable[[Request, str], str] | None = None, limit: int | None = None) -> None:
        self.say, self.limit = say, limit
        self.requests: list[Request] = []
        self.calls = 0

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, str]]:
        self.calls += 1
        for place, request in reversed(list(enumerate(requests))):
            if self.limit is not None and len(self.requests) >= self.limit:
                raise UserError("The endpoint is gone.")
            self.requests.append(request)
            digest = hashlib.sha256(f"{request.seed} {request.prompt}".encode()).digest()
            text = " " + " ".join(WORDS[byte % len(WORDS)] for byte in digest[:5])
            yield place, text if self.say is None else self.say(request, text)


def write(writer: DialogueWriter, model: LanguageModel, n: int = 3, sets: int = 4) -> list[SyntheticDialogue]:
    return list(writer.write(model, draw_pairs(persona_sets(sets), n, seed=0)))


@pytest.mark.parametrize("k", [2, 3, 4, 5, 8, 9, 14, 21])
def test_pairs_are_distinct_and_uses_even(k):
    sets = persona_sets(k)
    every = k * (k - 1) // 2
    for n in range(1, every + 3):
        pairs = draw_pairs(sets, n, seed=n)
        assert len(pairs) == min(n, every)
        assert len({frozenset((a.id, b.id)) for a, b in pairs}) == len(pairs)
        assert all(a.id != b.id for a, b in pairs)
        uses = Counter(one.id for pair in pairs for one in pair)
        assert max(uses.values()) - min(uses.get(one.id, 0) for one in sets) <= 1


def test_blocks_meet_among_themselves():
    pairs = draw_pairs(persona_sets(20), 40, seed=1, blocks=4)
    assert len(pairs) == 40  # 10 in each block of 5
    neighbours: dict[str, set[str]] = {}
    for a, b in pairs:
        neighbours.setdefault(a.id, {a.id}).add(b.id)
        neighbours.setdefault(b.id, {b.id}).add(a.id)
    assert {len(block) for block in neighbours.values()} == {5}
    assert len(set(map(frozenset, neighbours.values()))) == 4


def test_pairs_follow_the_seed_and_equal_sets_count_once():
    sets = persona_sets(9)
    again = PersonaSet("copy", sets[0].sentences)
    assert draw_pairs(sets, 20, seed=3) == draw_pairs([*sets, again], 20, seed=3)
    assert draw_pairs(sets, 20, seed=3) != draw_pairs(sets, 20, seed=4)
    assert {a.id < b.id for a, b in draw_pairs(sets, 20, seed=3)} == {True, False}  # who begins is drawn
    for few in (sets[:1], [sets[0], again]):
        with pytest.raises(UserError, match="2 sets a block"):
            draw_pairs(few, 1, seed=0)


def test_sixteen_utterances_in_turns_each_prompted_with_its_own_persona():
    model = Talker()
    dialogues = write(DialogueWriter(in_flight=1), model, n=1)
    (dialogue,) = dialogues
    assert len(dialogue.utterances) == len(model.requests) == 16
    for turn, request in enumerate(model.requests):
        own, other = dialogue.personas[turn % 2], dialogue.personas[1 - turn % 2]
        assert all(sentence in request.prompt for sentence in own)
        assert not any(sentence in request.prompt for sentence in other)
        assert request.prompt.endswith("\nYou:")
        assert (request.max_new_tokens, request.temperature, request.top_p) == (128, 0.8, 1.0)
        assert (request.frequency_penalty, request.presence_penalty) == (0.4, 0.4)
        assert request.stop == ("You:", "Friend:", "\n")
        if turn:
            assert f"\nFriend: {dialogue.utterances[turn - 1]}\nYou:" in request.prompt
    assert len({request.seed for request in model.requests}) == 16
    assert not any(text != text.strip() for text in dialogue.utterances)


@pytest.mark.parametrize("turns", [1, 2, 7, 33])
def test_any_number_of_turns(turns):
    assert {len(dialogue.utterances) for dialogue in write(DialogueWriter(turns=turns), Talker())} == {turns}


def test_texts_are_the_same_whatever_is_in_flight_and_whoever_else_is_written():
    def say(request: Request, text: str) -> str:
        return "" if request.seed % 5 == 0 else text  # some are asked for again

    pairs = draw_pairs(persona_sets(9), 11, seed=2)
    runs = {}
    for in_flight in (1, 4, 11, 50):
        model = Talker(say)
        runs[in_flight] = list(DialogueWriter(in_flight=in_flight, turns=6).write(model, pairs))
        if in_flight == 50:
            assert model.calls <= 6 * 4
    assert all(run == runs[1] for run in runs.values())
    order = [f"{a.id}/{b.id}" for a, b in pairs]
    assert [dialogue.id for dialogue in runs[4]] == [id for id in order if id in {d.id for d in runs[4]}]
    last = next(DialogueWriter(turns=6).write(Talker(say), pairs[-1:]))
    assert last == runs[1][-1]
    other = next(DialogueWriter(turns=6, seed=1).write(Talker(say), pairs[-1:]))
    assert other.utterances != last.utterances


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory, zoo_cache: Path) -> Path:
    """A GPT-2 of width 32 with wide random weights, in float64."""
    folder = tmp_path_factory.mktemp("causal")
    shape = {"model_type": "gpt2", "n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 1024}
    backbone = Backbone(
        "causal", pretrained=False, tokenizer_path="demo", architecture=shape | {"initializer_range": 0.4}, dtype="fp64"
    )
    tokenizer = backbone.tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone.load(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_real_model_says_the_same_whatever_is_in_flight(causal):
    writers = [
        DialogueWriter(ChatPrompt(shots=0), turns=3, in_flight=in_flight, max_new_tokens=8, replies=ReplyRules("keep"))
        for in_flight in (1, 3)
    ]
    one, three = (write(writer, TransformersLm(causal, dtype="fp64"), n=3) for writer in writers)
    assert one == three
    assert any(text for dialogue in one for text in dialogue.utterances)
    for dialogue in one:
        assert not any(mark in text for text in dialogue.utterances for mark in ("You:", "Friend:", "\n"))


POSITIONS = 160


@pytest.fixture(scope="module")
def narrow(causal: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with 160 positions, which some personas and a few turns of a conversation fill."""
    folder = tmp_path_factory.mktemp("narrow")
    network = AutoModelForCausalLM.from_pretrained(causal, dtype=torch.float64)
    network.config.n_positions = POSITIONS
    network.transformer.wpe = torch.nn.Embedding.from_pretrained(network.transformer.wpe.weight[:POSITIONS])
    network.save_pretrained(folder)
    AutoTokenizer.from_pretrained(causal).save_pretrained(folder)
    return folder


class Watched(LanguageModel):
    """A real model; what it answered is remembered."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.identity = model, model.identity
        self.requests: list[Request] = []

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, str]]:
        for place, answer in self.model.answers(requests):
            self.requests.append(requests[place])
            yield place, answer


def long_talk(too_long: str, in_flight: int = 3) -> DialogueWriter:
    rules = ReplyRules("keep")
    return DialogueWriter(
        ChatPrompt(shots=0), turns=12, in_flight=in_flight, max_new_tokens=8, replies=rules, too_long=too_long
    )


def test_the_oldest_turns_leave_a_prompt_that_is_too_long(narrow: Path, tmp_path: Path):
    tokenizer = AutoTokenizer.from_pretrained(narrow)
    pairs = draw_pairs(persona_sets(4), 4, seed=0)
    model, report = Watched(TransformersLm(narrow, dtype="fp64", batch_size=2)), WritingReport()
    dialogues = list(long_talk("cut").write(model, pairs, report))
    assert [len(dialogue.utterances) for dialogue in dialogues] == [12] * 4
    assert (report.too_long, report.dropped) == (0, 0)
    cut = 0
    prompts = {request.prompt for request in model.requests}
    for (a, b), dialogue in zip(pairs, dialogues, strict=True):
        beginnings = ChatPrompt(shots=0).beginnings((a.texts, b.texts))
        leaves = [0, 0]
        for turn in range(12):
            whole = [ChatPrompt(shots=0).prompt(beginnings, dialogue.utterances[:turn], out) for out in range(turn + 1)]
            fits = [out for out, text in enumerate(whole) if len(tokenizer(text)["input_ids"]) + 8 <= POSITIONS]
            assert whole[fits[0]] in prompts  # as many turns as there is room for
            assert all(sentence in whole[-1] for sentence in (a, b)[turn % 2].texts)
            leaves[turn % 2] = fits[0]
            cut += fits[0] > 0
        assert dialogue.source["turns_cut"] == leaves
    assert 0 < cut == report.cut < report.replies == 48
    cached = CachedLanguageModel(TransformersLm(narrow, dtype="fp64"), tmp_path)
    for in_flight in (1, 4):  # the second time from the cache
        assert list(long_talk("cut", in_flight).write(cached, pairs)) == dialogues


def test_dialogues_that_are_too_long_leave_the_others_alone(narrow: Path):
    sets = persona_sets(4)
    endless = PersonaSet("endless", (ProfileSentence("I talk and talk. " * 60, "leaf", "key", "w"),))
    pairs = [(sets[0], sets[1]), (sets[2], endless), (sets[2], sets[3]), (endless, sets[3])]
    model = TransformersLm(narrow, dtype="fp64")
    report = WritingReport()
    kept = list(long_talk("cut", 4).write(model, pairs, report))
    assert [dialogue.id for dialogue in kept] == ["s0/s1", "s2/s3"]
    assert (report.begun, report.finished, report.dropped, report.too_long) == (4, 2, 2, 2)
    assert kept == list(long_talk("cut", 1).write(model, [pairs[0], pairs[2]]))
    report = WritingReport()
    assert list(long_talk("drop", 4).write(model, pairs, report)) == []  # twelve turns fit nobody here
    assert (report.too_long, report.dropped, report.cut) == (4, 4, 0)
    assert report.replies > 4


@pytest.mark.parametrize("limit", [0, 12, 19, 29])
def test_a_model_that_stops_loses_nothing(limit, tmp_path):
    writer = DialogueWriter(turns=6, in_flight=2)
    pairs = draw_pairs(persona_sets(5), 5, seed=0)
    whole = list(writer.write(Talker(), pairs))
    before: list[SyntheticDialogue] = []
    dialogues = writer.write(CachedLanguageModel(Talker(limit=limit), tmp_path), pairs)
    with pytest.raises(UserError, match="The endpoint is gone"):
        before.extend(dialogue for dialogue in dialogues)
    assert all(dialogue in whole for dialogue in before)
    assert len(before) >= 2 * (limit // 12)
    model = Talker()
    assert list(writer.write(CachedLanguageModel(model, tmp_path), pairs)) == whole
    assert len(model.requests) == 5 * 6 - limit


def test_what_is_whole_is_given_before_an_error_of_the_last_turn():
    pairs = draw_pairs(persona_sets(5), 4, seed=0)
    dialogues = DialogueWriter(turns=4).write(Talker(limit=14), pairs)
    given = [next(dialogues), next(dialogues)]
    with pytest.raises(UserError, match="The endpoint is gone"):
        next(dialogues)
    assert [dialogue.id for dialogue in given] == [f"{a.id}/{b.id}" for a, b in pairs[2:]]  # answered last first


def test_pairs_are_read_as_dialogues_begin():
    read = []
    pairs = draw_pairs(persona_sets(6), 9, seed=0)
    dialogues = DialogueWriter(turns=2, in_flight=2).write(Talker(), (read.append(pair) or pair for pair in pairs))
    assert read == []
    for expected in (2, 2, 4, 4, 6):
        next(dialogues)
        assert len(read) == expected


def first_reply(text: str) -> Callable[[Request, str], str]:
    """Everyone's first reply is `text`, whatever the attempt."""
    return lambda request, other: text if request.prompt.endswith("persona.\nYou:") else other


CODE = ReplyRules(empty="keep", leak="keep", long="keep", trim="first_character")  # conf/replies/released.yaml
LEAK = " Sure. ### Persona:\tI am"


@pytest.mark.parametrize(
    ("text", "rules", "expected", "counted"),
    [
        ("", ReplyRules(), None, {"empty": 4, "retried": 3, "dropped": 1}),
        (" \u2028 ", ReplyRules(retries=0), None, {"empty": 1, "dropped": 1}),
        ("", ReplyRules(empty="keep"), "", {"empty": 1}),
        ("", ReplyRules(empty="drop"), None, {"empty": 1, "dropped": 1}),
        ("", CODE, "", {"empty": 1}),
        ("Hi.", CODE, "i.", {}),
        (" Hi.", CODE, "Hi.", {}),
        (" Hi.\nFriend: no", ReplyRules(), "Hi.", {}),
        ("Hi. Friend: no", ReplyRules(), "Hi.", {}),
        (LEAK, ReplyRules(), "Sure.", {"leaking": 1}),
        (LEAK, CODE, "Sure. ### Persona:\tI am", {"leaking": 1}),
        (LEAK, ReplyRules(leak="keep"), "Sure. ### Persona: I am", {"leaking": 1}),
        (LEAK, ReplyRules(leak="drop"), None, {"leaking": 1, "dropped": 1}),
        (LEAK, ReplyRules(leak="retry"), None, {"leaking": 4, "retried": 3, "dropped": 1}),
        ("### Persona:", ReplyRules(), None, {"leaking": 4, "empty": 4, "retried": 3, "dropped": 1}),
        ("abc " * 2500, ReplyRules(), " ".join(["abc"] * 250), {"long": 1}),
        ("a" * 10_000, ReplyRules(), "a" * 1000, {"long": 1}),
        ("a" * 10_000, ReplyRules(long="keep"), "a" * 10_000, {"long": 1}),
        ("a" * 10_000, ReplyRules(long="drop"), None, {"long": 1, "dropped": 1}),
        ("Smile \ud83d\ttoo", ReplyRules(), "Smile \ufffd too", {}),
    ],
)
def test_bad_replies(text, rules, expected, counted, tmp_path):
    report = WritingReport()
    pairs = draw_pairs(persona_sets(2), 1, seed=0)
    writer = DialogueWriter(ChatPrompt(shots=0), turns=3, replies=rules)
    dialogues = list(writer.write(Talker(first_reply(text)), pairs, report))
    assert [dialogue.utterances[0] for dialogue in dialogues] == ([] if expected is None else [expected])
    asked = (0 if expected is None else 3) + report.retried + report.dropped
    fixed = {"begun": 1, "finished": len(dialogues), "replies": asked}
    assert {name: n for name, n in report.to_dict().items() if n} == {k: n for k, n in (fixed | counted).items() if n}
    write_records(tmp_path / "dialogues.jsonl", dialogues)
    assert list(read_records(tmp_path / "dialogues.jsonl", SyntheticDialogue)) == dialogues


def test_a_bad_dialogue_leaves_the_others_alone():
    def say(request: Request, text: str) -> str:
        return "" if "Set 1 says" in request.prompt else text

    pairs = draw_pairs(persona_sets(6), 9, seed=0)
    good = [d for d in DialogueWriter().write(Talker(), pairs) if "s1" not in d.id.split("/")]
    assert list(DialogueWriter(in_flight=4).write(Talker(say), pairs)) == good


def test_source_says_what_a_dialogue_is_from():
    one, two = write(DialogueWriter(seed=7), Talker(), n=2)
    assert one.source["model"] == "talker"
    assert one.source["prompt"] == "RAW+, 1-shot, code layout, own persona only"
    assert one.source["seed"] == 7
    assert "/".join(one.source["persona_sets"]) == one.id
    hashes = [*one.source["prompt_sha256"], *two.source["prompt_sha256"]]
    assert len(set(hashes)) == 4
    shown = {d.source["demonstration"] for d in write(DialogueWriter(turns=1), Talker(), n=30, sets=9)}
    assert len(shown) == 4
    (bare,) = write(DialogueWriter(ChatPrompt(shots=0), turns=1), Talker(), n=1)
    assert bare.source["demonstration"] is None


def test_settings_that_are_none():
    for settings in ({"turns": 0}, {"in_flight": 0}, {"demonstrations": []}, {"too_long": "keep"}):
        with pytest.raises(UserError, match=r"expected at least|with no|expected one of cut, drop"):
            DialogueWriter(**settings)
    for settings in ({"empty": "cut"}, {"leak": "clip"}, {"long": "cut"}, {"trim": "none"}, {"retries": -1}):
        with pytest.raises(UserError, match="expected"):
            ReplyRules(**settings)
