"""Synthetic-Persona-Chat: what a language model wrote into CSV cells, its errors by row, and the real files."""

import doctest
import itertools
import re
from collections import Counter
from pathlib import Path

import pytest
from hydra.utils import instantiate

import zoo.data.convai2_style
import zoo.data.synthetic_persona_chat
from zoo.data.convai2 import read_convai2
from zoo.data.convai2_style import convai2_style
from zoo.data.corpora import DemoCorpus
from zoo.data.examples import examples_from_dialogues
from zoo.data.joined import JoinedCorpus
from zoo.data.matching import MatchedUsers, fold
from zoo.data.records import Dialogue
from zoo.data.synthetic_persona_chat import COLUMNS, COUNTED, SyntheticPersonaChatCorpus, read_synthetic_persona_chat
from zoo.errors import UserError

TEST, VALID = "Synthetic-Persona-Chat_test.csv", "Synthetic-Persona-Chat_valid.csv"


@pytest.fixture(scope="module")
def ragged() -> Path:
    return Path(__file__).parent / "fixtures" / "synthetic_persona_chat.csv"


def said(dialogue: Dialogue) -> list[tuple[int, str]]:
    return [(utterance.speaker, utterance.text) for utterance in dialogue.utterances]


def test_what_occurs_in_the_files_is_read(ragged):
    dialogues, counts = read_synthetic_persona_chat(ragged)
    assert [dialogue.id for dialogue in dialogues] == [f"synthetic_persona_chat:{row}" for row in (1, 2, 3, 6)]
    assert [speaker.persona for speaker in dialogues[0].speakers] == [
        ("I sing.", "I have two dogs."),
        ("I bake, a lot.",),
    ]
    assert {(d.responders, speaker.user) for d in dialogues for speaker in d.speakers} == {((0, 1), "")}
    assert said(dialogues[0]) == [
        (0, "Hi, I'm [user 1's name]. What's up?"),  # as released
        (1, "Hello!"),
        (0, "It's “late”: 7:30. So? I'm here!"),  # two in a row, with a scene between them
        (1, "We're all-time fans."),
    ]
    assert said(dialogues[1]) == [(0, "Hi!"), (1, "Well-done, they don't!")]  # *User 1:* Hi!
    assert said(dialogues[2]) == [(1, "Nice to meet you, User 1."), (0, "Hi."), (1, "Bye (my name) ...")]
    assert said(dialogues[3]) == [(0, "a"), (1, "b")]
    # conversations 4 (no label) and 5 (empty) are left out
    assert counts == dict(zip(COUNTED, (6, 2, 2, 12, 2, 3, 1, 7, 2), strict=True))


def test_a_dialogue_has_a_side_for_each_user(ragged):
    examples = examples_from_dialogues(read_synthetic_persona_chat(ragged)[0][:1])
    assert [(e.persona[0], e.partner_persona[0], e.response[:5]) for e in examples] == [
        ("I bake, a lot.", "I sing.", "Hello"),
        ("I sing.", "I bake, a lot.", "It's "),
        ("I bake, a lot.", "I sing.", "We're"),
    ]
    assert examples[1].history_by_responder == (True, False)


def test_placeholders_are_dropped(ragged):
    dialogues, counts = read_synthetic_persona_chat(ragged, placeholders="drop")
    assert said(dialogues[0])[0] == (1, "Hello!")
    assert [dialogue.id[-1] for dialogue in dialogues] == ["1", "2", "6"]  # one turn is left of number 3
    assert (counts["with_placeholders"], counts["left_out"]) == (3, 3)


def test_styles(ragged):
    lower, convai2 = (read_synthetic_persona_chat(ragged, style)[0] for style in ("lower", "convai2"))
    assert lower[0].speakers[0].persona == convai2[0].speakers[0].persona == ("i sing.", "i have two dogs.")
    assert said(lower[0])[2] == (0, "it's “late”: 7:30. so? i'm here!")
    assert said(convai2[0]) == [
        (0, "hi , i'm user 1s name . whats up ?"),
        (1, "hello !"),
        (0, "its late 7 30 . so ? i'm here !"),
        (1, "we are all time fans ."),
    ]
    assert said(convai2[1])[1] == (1, "well done , they don't !")
    failed, tried = doctest.testmod(zoo.data.convai2_style)
    assert (failed, tried > 0) == (0, True)
    with pytest.raises(UserError, match="style='upper', placeholders='keep'"):
        read_synthetic_persona_chat(ragged, "upper")
    with pytest.raises(UserError, match="placeholders='fill'"):
        read_synthetic_persona_chat(ragged, placeholders="fill")


HEAD = ",".join(COLUMNS) + "\r\n"
ROW = '"I sing.\nI bake.",I bake.,"User 1: a\nUser 2: b"\r\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + ROW + "a,b\r\n", "row 2 (from line 5 on): there are 2 cells"),
        (HEAD + ROW + ROW + "a,b,c,d\r\n", "row 3 (from line 8 on): there are 4 cells"),
        (HEAD + ROW + '" \n",b,User 1: a\r\n', "row 2 (from line 5 on): a cell of persona sentences is empty"),
        (HEAD + ROW + 'a,b,"User 1: cut o', "row 2 (from line 5 on): it is no CSV"),
        (HEAD + ROW + 'a,b,"User 1" and more\r\n', "row 2 (from line 5 on): it is no CSV"),
        ((HEAD + ROW).encode() + b"a,b,\xe9\r\n", "it is no CSV in UTF-8"),
        (ROW, "begins with the columns"),
        ("", "begins with the columns"),
        (HEAD, "no conversation in the 0 rows"),
        (HEAD + "a,b,Hi there!\r\n", "no conversation in the 1 rows"),
    ],
)
def test_malformed_rows_are_named(tmp_path, text, words):
    path = tmp_path / "bad.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=re.escape(words)) as error:
        read_synthetic_persona_chat(path)
    assert str(error.value).startswith(str(path))


def test_missing_files(tmp_path):
    corpus = SyntheticPersonaChatCorpus(tmp_path)
    with pytest.raises(UserError, match=r"train\.csv, is not there.* http\S+train\.csv and put .*data\.train_file"):
        corpus.load("train")
    with pytest.raises(UserError, match=r"_test\.csv \(sha256 531356d\w+\).*data\.download=true"):
        corpus.describe("test")
    with pytest.raises(UserError, match="cannot be read"):
        read_synthetic_persona_chat(tmp_path)


def test_only_what_is_missing_and_known_is_fetched(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(zoo.data.synthetic_persona_chat, "fetch_file", lambda source, root: asked.append(source))
    SyntheticPersonaChatCorpus(tmp_path).prepare(["valid"])  # offline unless asked
    (tmp_path / VALID).touch()
    SyntheticPersonaChatCorpus(tmp_path, download=True).prepare(["train", "valid", "test"])
    assert [(source.archive, source.sha256[:6], len(source.urls)) for source in asked] == [(TEST, "531356", 2)]
    assert all(url.endswith("/" + TEST) for url in asked[0].urls)


def test_the_report_tells_of_every_split_that_was_used(ragged):
    corpus = SyntheticPersonaChatCorpus(ragged.parent, valid_file=ragged.name, test_file=ragged.name)
    assert corpus.report() == {}
    corpus.describe("valid")  # what a run does whose tables are cached
    corpus.load("test")
    report = corpus.report()
    assert report["valid"] == report["test"] == read_synthetic_persona_chat(ragged)[1]
    joined = JoinedCorpus({"synthetic": corpus, "demo": DemoCorpus()})
    assert joined.report() == {"synthetic": report}
    assert corpus.describe("test")["files"].keys() == {ragged.name}
    assert corpus.may_publish_models


# --- on the real files ---


def test_the_real_files(shared_data):
    counts = Counter[str]()
    for file, conversations in ((VALID, 1000), (TEST, 966)):
        dialogues, counted = read_synthetic_persona_chat(shared_data / "synthetic_persona_chat" / file)
        counts.update(counted)
        assert len(dialogues) == conversations
        assert {len(speaker.persona) for dialogue in dialogues for speaker in dialogue.speakers} == {4, 5}
        for dialogue in dialogues:
            speakers = [utterance.speaker for utterance in dialogue.utterances]
            assert all(one != other for one, other in itertools.pairwise(speakers))
            assert not any(re.search(r"User [12]:|\n|^\*|\*$", u.text) for u in dialogue.utterances)
    assert counts == dict(zip(COUNTED, (1968, 2, 828, 54_320, 99, 1829, 70, 196, 1976), strict=True))


def test_every_persona_of_the_test_file_is_a_user_with_many_sides(shared_data):
    folder = shared_data / "synthetic_persona_chat"
    corpus = MatchedUsers(SyntheticPersonaChatCorpus(folder), "shared_sentences", splits=["test"])
    sides = Counter(speaker.user for dialogue in corpus.load("test") for speaker in dialogue.speakers)
    assert (len(sides), sum(sides.values())) == (100, 2 * 966)
    assert (min(sides.values()), max(sides.values())) == (15, 22)


def test_sentences_shared_with_convai2(shared_data):
    """The validation file has ConvAI2 validation's personas, whose spelling alone differs; the test file has others."""
    real = {
        fold(sentence)
        for dialogue in read_convai2(shared_data / "convai2" / "valid_self_original_no_cands.txt")
        for sentence in dialogue.speakers[1].persona
    }
    shared = {}
    for file in (VALID, TEST):
        dialogues, _ = read_synthetic_persona_chat(shared_data / "synthetic_persona_chat" / file)
        sentences = {fold(s) for d in dialogues for speaker in d.speakers for s in speaker.persona}
        shared[file] = (len(sentences), len(sentences & real))
    assert shared == {VALID: (494, 494), TEST: (492, 14)}


def test_its_style_is_convai2s(shared_data):
    real = {
        utterance.text
        for dialogue in read_convai2(shared_data / "convai2" / "valid_self_original_no_cands.txt")
        for utterance in dialogue.utterances
    }
    assert sum(convai2_style(text) != text for text in real) < 0.002 * len(real)
    dialogues, _ = read_synthetic_persona_chat(shared_data / "synthetic_persona_chat" / TEST, "convai2")
    words = Counter(word for d in dialogues for utterance in d.utterances for word in utterance.text.split())
    assert not [word for word in words if not re.fullmatch(r"[.,!?;]|[^\W_A-Z]+(?:'[^\W_A-Z]+)?", word)]
    real_words = {word for text in real for word in text.split()}
    known = sum(count for word, count in words.items() if word in real_words)
    assert known > 0.95 * words.total()  # 59 % as released, 74 % in lower case


def test_the_data_file(shared_data, composed):
    cfg = composed(
        "data=synthetic_persona_chat",
        f"data.root={shared_data / 'synthetic_persona_chat'}",
        f"data.train_file={TEST}",
        "data.style=convai2",
        "data.placeholders=drop",
    )
    corpus = instantiate(cfg.data.corpus)
    assert [len(corpus.load(split)) for split in ("train", "valid", "test")] == [966, 1000, 966]
    assert corpus.describe("test")["style"] == "convai2"
    assert "[" not in "".join(u.text for d in corpus.load("test") for u in d.utterances)
