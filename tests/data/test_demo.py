"""The demo corpus: its size, its truth, its candidates and its tokenizer."""

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from transformers import AutoTokenizer, GPT2TokenizerFast, PreTrainedTokenizerFast

from zoo.data.demo import Verdict, check_reply, claims, demo_dialogues
from zoo.data.demo_lexicon import SLOT_OF, TOPICS, VALUES
from zoo.data.demo_tokenizer import demo_tokenizer
from zoo.errors import UserError

SIZES = {"train": 1600, "valid": 200, "test": 200}
# sha256 of the first ten train dialogues: a change here changes every number measured on the demo
FROZEN = "3d14463d766a1e3e1164f99ddcd80a7c2b57b94b622da065dbecba68db4a43ea"


@pytest.fixture(scope="module")
def corpus():
    return {split: demo_dialogues(split) for split in SIZES}


@pytest.fixture(scope="module")
def turns(corpus):
    """Every reply of valid and test: persona, history, reply, candidates."""
    return [
        (
            dialogue.speakers[1].persona,
            [said.text for said in dialogue.utterances[:index]],
            reply.text,
            reply.candidates,
        )
        for split in ("valid", "test")
        for dialogue in corpus[split]
        for index, reply in enumerate(dialogue.utterances)
        if reply.speaker in dialogue.responders
    ]


def personas(dialogues):
    return {speaker.user: speaker.persona for dialogue in dialogues for speaker in dialogue.speakers}


def facts(sentences):
    return frozenset((claim.slot, claim.value) for sentence in sentences for claim in claims(sentence))


def test_sizes(corpus):
    assert {split: len(dialogues) for split, dialogues in corpus.items()} == SIZES
    assert len({dialogue.id for dialogues in corpus.values() for dialogue in dialogues}) == sum(SIZES.values())
    everyone = {user: persona for dialogues in corpus.values() for user, persona in personas(dialogues).items()}
    assert len(everyone) == 400
    assert {len(persona) for persona in everyone.values()} == {4, 5}
    lengths = Counter(len(dialogue.utterances) for dialogue in corpus["train"])
    assert set(lengths) == {6, 8, 10, 12, 14}


def test_shape_of_a_dialogue(corpus):
    for dialogue in corpus["train"]:
        assert [said.speaker for said in dialogue.utterances] == [0, 1] * (len(dialogue.utterances) // 2)
        assert dialogue.responders == (1,)
        assert dialogue.speakers[0].user != dialogue.speakers[1].user
        for said in dialogue.utterances:
            assert said.text == " ".join(said.text.lower().split())
            assert all(word.isalpha() or word in {".", ",", "?"} for word in said.text.split()), said.text


def test_same_seed_same_corpus_and_other_seed_another(corpus):
    assert demo_dialogues("valid") == corpus["valid"]
    assert demo_dialogues("valid", seed=1) != corpus["valid"]


def test_first_dialogues_are_frozen(corpus):
    assert hashlib.sha256(repr(corpus["train"][:10]).encode()).hexdigest() == FROZEN


def test_unknown_split():
    with pytest.raises(UserError, match=r"'dev'.*train, valid, test"):
        demo_dialogues("dev")


def test_candidates(turns):
    places = Counter()
    for _, _, reply, candidates in turns:
        assert len(candidates) == len(set(candidates)) == 20
        assert candidates.count(reply) == 1
        places[candidates.index(reply)] += 1
    assert set(places) == set(range(20))
    assert max(places.values()) < 3 * len(turns) / 20


def test_no_distractor_is_right_too(turns):
    """A distractor that is true of the responder says nothing that the gold reply says."""
    near_misses = 0
    for persona, history, reply, candidates in turns:
        gold = set(claims(reply))
        for other in candidates:
            check = check_reply(persona, history, other)
            slots = {claim.slot for claim in claims(other)}
            near_misses += check.verdict is Verdict.CONTRADICTS and slots == {claim.slot for claim in gold}
            if gold and other != reply and check.verdict is not Verdict.CONTRADICTS:
                assert not set(claims(other)) & gold, (persona, history, reply, other)
    assert near_misses > 5 * len(turns)


def test_nobody_is_in_two_splits(corpus):
    of_split = {split: {facts(persona) for persona in personas(corpus[split]).values()} for split in SIZES}
    users = {split: set(personas(corpus[split])) for split in SIZES}
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        assert not of_split[one] & of_split[other]
        assert not users[one] & users[other]


def test_train_has_every_value(corpus):
    met = {value for persona in personas(corpus["train"]).values() for _, value in facts(persona)}
    assert met == {value for values in VALUES.values() for value in values}
    assert len(SLOT_OF) == sum(map(len, VALUES.values()))  # no value in two slots


def test_every_stated_fact_follows_from_persona_and_history(turns):
    seen = Counter()
    for persona, history, reply, _ in turns:
        check = check_reply(persona, history, reply)
        assert not check.false, (persona, history, reply)
        assert not check.unknown, (persona, history, reply)
        about_me = any(claim.of_speaker for claim in check.true)
        assert check.verdict is (Verdict.CONSISTENT if about_me else Verdict.NOT_ABOUT_PERSONA)
        seen[about_me, any(not claim.of_speaker for claim in check.true)] += 1
    assert min(seen.values()) > 0.05 * len(turns)  # persona only, context only, both and neither all occur
    assert len(seen) == 4


def test_some_of_a_persona_stays_untold(corpus):
    untold = [
        not facts(dialogue.speakers[1].persona) <= facts(said.text for said in dialogue.utterances[1::2])
        for dialogue in corpus["valid"]
    ]
    assert 0.3 < sum(untold) / len(untold) < 1


def test_another_persons_value_contradicts(turns):
    persona = ("i live in oslo .", "i have a dog named rex .")
    asked = ["where do you live ?"]
    assert check_reply(persona, asked, "well , i live in oslo .").verdict is Verdict.CONSISTENT
    assert check_reply(persona, asked, "my home is rome .").verdict is Verdict.CONTRADICTS
    assert check_reply(persona, asked, "my dog is named max and i live in oslo .").verdict is Verdict.CONTRADICTS
    assert check_reply(persona, asked, "i drive a new bus .").verdict is Verdict.NOT_ABOUT_PERSONA
    assert check_reply(persona, asked, "see you soon .").verdict is Verdict.NOT_ABOUT_PERSONA
    assert check_reply(persona, [], "anything at all 猫").verdict is Verdict.NOT_ABOUT_PERSONA


def test_claims_about_the_partner_need_the_partners_words():
    history = ["i live in rome .", "so you live in rome .", "do you remember where i live ?"]
    assert check_reply((), history, "you said your home is rome .").true
    assert check_reply((), history, "you said you live in oslo .").verdict is Verdict.CONTRADICTS
    own_words = ["hello , how are you today ?", "i live in rome .", "do you remember where i live ?"]
    assert check_reply((), own_words, "you said you live in rome .").verdict is Verdict.CONTRADICTS


@pytest.mark.parametrize(
    ("guess", "reply", "verdict"),
    [
        ("oslo", "yes , i live in oslo .", Verdict.CONSISTENT),
        ("rome", "no , i live in oslo .", Verdict.CONSISTENT),
        ("rome", "that is right , i live in oslo .", Verdict.CONTRADICTS),
        ("oslo", "not at all , i live in oslo .", Verdict.CONTRADICTS),
    ],
)
def test_yes_and_no(guess, reply, verdict):
    assert check_reply(("i live in oslo .",), [f"do you live in {guess} ?"], reply).verdict is verdict


def test_a_question_claims_nothing():
    values = {slot: words[0] for slot, words in VALUES.items()}
    for topic in TOPICS.values():
        assert not claims(topic.guess.format(**values))
        assert {claim.slot for claim in claims(topic.statements[0].format(**values))} == set(topic.slots)


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer") / "deep" / "demo"
    demo_tokenizer(folder)
    return folder


@pytest.mark.parametrize("loader", [AutoTokenizer, GPT2TokenizerFast, PreTrainedTokenizerFast])
def test_tokenizer_round_trip(tokenizer_folder, loader):
    tokenizer = loader.from_pretrained(tokenizer_folder, local_files_only=True)
    assert tokenizer.is_fast
    assert len(tokenizer) == 1024
    assert tokenizer.eos_token == tokenizer.bos_token == tokenizer.unk_token == "<|endoftext|>"
    assert tokenizer.all_special_tokens == ["<|endoftext|>"]
    for text in (
        "where do you live ?",
        " well , oslo .",
        "猫が好きです 🐈‍⬛",
        "naïve\tline\n  two",
        "it 's n't",
        "\x00 \u200b",
    ):
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert tokenizer.eos_token_id not in ids


def test_words_are_short_in_tokens(tokenizer_folder):
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    lengths = [len(tokenizer(" " + value)["input_ids"]) for value in SLOT_OF]
    assert sum(length <= 2 for length in lengths) > 0.75 * len(lengths)


def test_tokenizer_is_reproducible_when_many_build_it(tokenizer_folder, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(demo_tokenizer, [tmp_path / "demo"] * 2))
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]  # nothing half-built is left
    names = {path.name for path in tokenizer_folder.iterdir()}
    assert names == {path.name for path in (tmp_path / "demo").iterdir()}
    for name in names:
        assert (tokenizer_folder / name).read_bytes() == (tmp_path / "demo" / name).read_bytes()


def test_tokenizer_refuses_what_it_cannot_do(tokenizer_folder, tmp_path):
    with pytest.raises(UserError, match="at least 257"):
        demo_tokenizer(tmp_path / "small", vocab_size=100)
    with pytest.raises(UserError, match="holds 1024 tokens"):
        demo_tokenizer(tokenizer_folder, vocab_size=2048)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds no tokens"):
        demo_tokenizer(tmp_path / "taken")
    assert (tmp_path / "taken" / "notes.txt").read_text() == "mine"
