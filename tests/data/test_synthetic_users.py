"""Synthetic users: their dialogues, pairs and posts, and that the truth can be read off what they say."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime

import pytest

from tests.conftest import ROOT
from zoo.data.corpora import describe_corpus
from zoo.data.jsonl import read_jsonl, write_jsonl
from zoo.data.profiles import ATTRIBUTES, VALUES, checked_profile
from zoo.data.synthetic_users import (
    SyntheticUsersCorpus,
    expected,
    matches_truth,
    posts,
    reply_pair,
    reply_pairs,
    synthetic_user,
    truth,
    user_named,
)
from zoo.data.synthetic_users.__main__ import main, write_pairs
from zoo.data.synthetic_users.preferences import PREFERENCES
from zoo.data.synthetic_users.truth import claims
from zoo.data.synthetic_users.wording import wording
from zoo.errors import UserError

LANGUAGES = ("en", "ja")
# sha256 of the first ten dialogues: a change here changes every number measured on synthetic users
FROZEN = {
    "en": "c781a9da82d158123b1c5fdc5a127f06c5a1a98261c2c21c62c87f0ecb99fb99",
    "ja": "cca0cc89c5cb3c348b83e9531d415f957b51090a22e4704d840ee88d44cc3a76",
}


@pytest.fixture(scope="module", params=LANGUAGES)
def corpus(request):
    return SyntheticUsersCorpus(request.param)


@pytest.fixture(scope="module")
def dialogues(corpus):
    return corpus.load("train")


def said_by(dialogues):
    """(user, utterance) of everything said."""
    return [(dialogue.speakers[said.speaker].user, said.text) for dialogue in dialogues for said in dialogue.utterances]


# --- dialogues


def test_every_dialogue_alternates_and_ids_are_unique(dialogues):
    assert len({dialogue.id for dialogue in dialogues}) == len(dialogues)
    for dialogue in dialogues:
        assert [said.speaker for said in dialogue.utterances] == [turn % 2 for turn in range(len(dialogue.utterances))]
        assert dialogue.responders == (0, 1)
        assert dialogue.speakers[0].user != dialogue.speakers[1].user
    assert {len(dialogue.utterances) for dialogue in dialogues} == set(range(8, 15))


def test_everybody_has_the_partners_asked_for(corpus, dialogues):
    partners, begun = defaultdict(Counter), Counter()
    for dialogue in dialogues:
        first, second = (speaker.user for speaker in dialogue.speakers)
        partners[first][second] += 1
        partners[second][first] += 1
        begun[first] += 1
    assert len(partners) == 60
    assert all(len(with_whom) == 8 and set(with_whom.values()) == {3} for with_whom in partners.values())
    assert min(begun.values()) > 0  # nobody always answers


@pytest.mark.parametrize(("num_users", "partners"), [(3, 2), (7, 6), (8, 6), (61, 20)])
def test_partners_of_other_sizes(num_users, partners):
    corpus = SyntheticUsersCorpus(num_users=num_users, partners=partners, dialogues_per_pair=1, turns=(4, 4))
    with_whom = defaultdict(set)
    for dialogue in corpus.load("train"):
        first, second = (speaker.user for speaker in dialogue.speakers)
        with_whom[first].add(second)
        with_whom[second].add(first)
        assert len(dialogue.utterances) == 4
    assert {len(others) for others in with_whom.values()} == {partners}
    assert len(with_whom) == num_users


def test_nothing_but_text_is_said(dialogues):
    for _, text in said_by(dialogues):
        assert text == text.strip()
        assert "{" not in text
        assert "  " not in text


def test_first_dialogues_are_frozen(corpus, dialogues):
    assert hashlib.sha256(repr(dialogues[:10]).encode()).hexdigest() == FROZEN[corpus.language]


def test_another_process_makes_the_same(dialogues, corpus):
    code = (
        "import hashlib; from zoo.data.synthetic_users import SyntheticUsersCorpus as C; "
        f"print(hashlib.sha256(repr(C({corpus.language!r}).load('train')).encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(repr(dialogues).encode()).hexdigest()


def test_another_seed_gives_others(corpus, dialogues):
    others = SyntheticUsersCorpus(corpus.language, seed=1).load("train")
    assert not {text for _, text in said_by(others[:5])} & {
        text for _, text in said_by(dialogues[:5]) if len(text) > 40
    }
    assert not {user for user, _ in said_by(others)} & {user for user, _ in said_by(dialogues)}


def test_survives_the_file_format(dialogues, tmp_path):
    write_jsonl(dialogues, tmp_path / "users.jsonl")
    assert read_jsonl(tmp_path / "users.jsonl") == dialogues


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"partners": 7}, "partners=7"),
        ({"partners": 60}, "num_users=60"),
        ({"partners": 0}, "partners=0"),
        ({"dialogues_per_pair": 0}, "dialogues_per_pair=0"),
        ({"turns": (3, 5)}, "turns="),
        ({"turns": (9, 8)}, "turns="),
        ({"profile_known": 1.1}, "profile_known=1.1"),
        ({"language": "fr"}, "'fr'"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(UserError, match=message):
        SyntheticUsersCorpus(**settings)


def test_only_train(corpus):
    with pytest.raises(UserError, match="valid split"):
        corpus.load("valid")


def test_description_tells_every_setting():
    descriptions = {
        json.dumps(describe_corpus(SyntheticUsersCorpus(**settings), "train"))
        for settings in (
            {},
            {"language": "ja"},
            {"num_users": 61},
            {"partners": 6},
            {"dialogues_per_pair": 2},
            {"turns": (8, 15)},
            {"profile_known": 0.5},
            {"seed": 1},
        )
    }
    assert len(descriptions) == 8


# --- profiles


def test_profiles_are_of_the_closed_sets_and_make_sense(corpus):
    for user in corpus.users:
        assert list(user.profile) == list(ATTRIBUTES)
        assert checked_profile(user.profile) == user.profile
        if "student" in user.profile["occupation"]:
            assert user.profile["marriage"] == "Single"
            assert user.profile["age"] in ("10s", "20s")


def test_known_profiles(corpus):
    full = {s.user: s.profile for dialogue in corpus.load("train") for s in dialogue.speakers}
    half = SyntheticUsersCorpus(corpus.language, profile_known=0.5).load("train")
    shown = {}
    for speaker in (speaker for dialogue in half for speaker in dialogue.speakers):
        assert shown.setdefault(speaker.user, speaker.profile) == speaker.profile  # the same in all dialogues
    assert all(profile.items() <= full[user].items() for user, profile in shown.items())
    assert 0.4 < sum(map(len, shown.values())) / (5 * len(shown)) < 0.6
    assert all(not s.profile for d in SyntheticUsersCorpus(profile_known=0.0).load("train") for s in d.speakers)


def test_likings_lean_on_the_profile_but_not_all():
    def share(value, topic, holds):
        users = [user for user in map(synthetic_user, ["en"] * 3000, range(3000)) if holds in user.profile.values()]
        return sum(user.answers[topic].value == value for user in users) / len(users)

    assert share("enka", "music", "60s") > 2 * share("enka", "music", "20s") > 0.02
    assert share("ski jumping", "sport", "Tohoku/Hokkaido") < 0.6


def test_same_person_in_both_languages():
    english, japanese = synthetic_user("en", 7), synthetic_user("ja", 7)
    assert english.profile == japanese.profile
    assert [answer.value for answer in english.answers.values()] == [a.value for a in japanese.answers.values()]


# --- the truth


def test_truth_is_recoverable_from_replies(corpus, dialogues):
    users = [user.id for user in corpus.users]
    own, others = Counter(), Counter()
    for user, text in said_by(dialogues):
        own[matches_truth(user, text)] += 1
        others[matches_truth(users[(users.index(user) + 29) % 60], text)] += 1
    assert own[False] == 0
    assert own[True] > len(dialogues)
    assert others[None] == own[None]
    assert others[False] > 4 * others[True]


def test_every_liking_is_told_by_everybody(corpus, dialogues):
    told = defaultdict(set)
    for user, text in said_by(dialogues):
        told[user] |= claims(text, corpus.language).keys()
    assert all(topics == {*PREFERENCES, "occupation", "location"} for topics in told.values())


def test_the_same_user_varies(corpus, dialogues):
    user = corpus.users[0]
    replies = [text for who, text in said_by(dialogues) if who == user.id and matches_truth(user, text, "food")]
    assert len(replies) > 5
    assert len(set(replies)) > len(replies) / 2


def test_matches_truth_by_hand():
    user = next(user for user in map(synthetic_user, ["en"] * 100, range(100)) if expected(user, "food") == "sushi")
    assert expected(user, "food") == "sushi" == expected(user.id, "food")
    assert matches_truth(user, "Well, I love Sushi!") is True
    assert matches_truth(user, "i love ramen .") is False
    assert matches_truth(user, "i love sushi and ramen .") is False
    assert matches_truth(user, "do you like ramen ?") is None
    assert matches_truth(user, "i love sushi . do you like ramen ?") is True
    assert matches_truth(user, "that is sushing .", "food") is None
    assert matches_truth(user.id, "", "food") is None
    stranger = next(value.english for value in PREFERENCES["pet"] if value.english != expected(user, "pet"))
    assert matches_truth(user, f"i love sushi and {stranger} .", "food") is True
    assert matches_truth(user, f"i love sushi and {stranger} .") is False
    assert matches_truth(user, "i love sushi .", "pet") is None


def test_matches_truth_in_japanese():
    user = next(user for user in map(synthetic_user, ["ja"] * 100, range(100)) if expected(user, "film") == "SF")
    assert matches_truth(user, "やっぱりSFだよ。アニメは好き？") is True
    assert matches_truth(user, "やっぱりアニメだよ。") is False
    assert matches_truth(user, "アニメは好き？") is None


def test_surfaces_are_parts_of_nothing_else():
    for language in LANGUAGES:
        words = wording(language)
        surfaces = [value.surface(language) for values in PREFERENCES.values() for value in values]
        surfaces += [surface for of_profile in words.surfaces.values() for surface in of_profile.values()]
        assert len(set(surfaces)) == len(surfaces)
        for one in surfaces:
            assert not [other for other in surfaces if other != one and one in other and language == "ja"], one
        phrases = [words.origins, words.interjections, *words.greetings.values(), *words.reactions.values()]
        phrases += [*words.farewells.values(), *words.endings.values(), *words.dialect_endings.values()]
        phrases += [*words.yes.values(), *words.no.values()]
        phrases += [topic.statements for topic in words.topics.values()]
        assert not [phrase for group in phrases for phrase in group if claims(phrase, language)]


def test_leanings_are_profile_values():
    known = {value for values in VALUES.values() for value in values}
    assert {leaning for values in PREFERENCES.values() for value in values for leaning in value.leanings} <= known


def test_truth_by_id():
    user = synthetic_user("ja", 12, seed=3)
    assert user.id == "ja-3-0012"
    assert user_named(user.id) == user
    assert json.loads(json.dumps(truth(user.id))) == truth(user)
    other = synthetic_user("ja", 12, seed=3, pretraining=True)
    assert other.id == "ja-3-p0012"
    assert user_named(other.id).answers != user.answers


@pytest.mark.parametrize("user", ["", "anna", "en-0-12", "fr-0-0012", "en-0-00012", "en--1-0012", "en-0-0012 "])
def test_truth_of_strangers(user):
    with pytest.raises(UserError, match="is no synthetic user"):
        truth(user)


def test_unknown_topic():
    with pytest.raises(UserError, match=r"'weather'.*food, drink"):
        expected("en-0-0000", "weather")


# --- reply pairs


def test_pairs_are_of_other_users_and_can_be_cut_anywhere(corpus, dialogues):
    pairs = list(reply_pairs(corpus.language, 0, 300))
    assert pairs[120:130] == list(reply_pairs(corpus.language, 120, 130))
    assert pairs[299] == reply_pair(299, corpus.language)
    assert len({pair.id for pair in pairs}) == 300
    assert not {user for user, _ in said_by(pairs)} & {user for user, _ in said_by(dialogues)}
    known = [speaker.profile for pair in pairs for speaker in pair.speakers]
    assert 0.7 < sum(map(len, known)) / (5 * len(known)) < 0.8
    for pair in pairs:
        assert [said.speaker for said in pair.utterances] == [0, 1]
        assert pair.responders == (1,)
        assert all(matches_truth(user, text) is not False for user, text in said_by([pair]))
    assert sum(matches_truth(*said) is True for said in said_by(pairs)) > 200


def test_shards_hold_what_one_file_holds(tmp_path):
    whole = write_pairs(tmp_path / "whole", "en", 50, 1, seed=0, profile_known=0.5)
    parts = write_pairs(tmp_path / "parts", "en", 50, 7, seed=0, profile_known=0.5)
    assert sorted((tmp_path / "parts").iterdir()) == parts
    *parts, valid = parts
    assert valid.name == "valid.jsonl"
    assert valid.read_text() == whole[1].read_text() != whole[0].read_text()
    assert parts[0].name == "train-00000-of-00007.jsonl"
    assert {len(part.read_text().splitlines()) for part in parts} == {7, 8}
    assert "".join(part.read_text() for part in parts) == whole[0].read_text()
    assert read_jsonl(whole[0]) == list(reply_pairs("en", 0, 50, profile_known=0.5))


def test_a_shard_is_whole_or_not_there(tmp_path, monkeypatch):
    import zoo.data.synthetic_users.pairs as module

    real = module.reply_pair
    monkeypatch.setattr(module, "reply_pair", lambda index, *rest: 1 / 0 if index == 13 else real(index, *rest))
    with pytest.raises(ZeroDivisionError):
        write_pairs(tmp_path, "en", 20, 2, seed=0, profile_known=1.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train-00000-of-00002.jsonl"]


@pytest.mark.parametrize("settings", [["--number", "3", "--shards", "4"], ["--language", "fr"], ["--shards", "0"]])
def test_command_line_refuses(tmp_path, capsys, settings):
    with pytest.raises(SystemExit) as stopped:
        main(["pairs", str(tmp_path), *settings])
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# --- posts


def test_posts_are_within_a_year_and_in_order(corpus):
    for number in (1, 37, 400):
        written = posts(corpus.users[3], number)
        times = [datetime.fromisoformat(post.time) for post in written]
        assert len(written) == number
        assert times == sorted(times)
        assert {time.year for time in times} == {2021}
        assert all(post.user == corpus.users[3].id and post.text.strip() for post in written)
    assert times[-1].timetuple().tm_yday - times[0].timetuple().tm_yday > 330
    assert posts(corpus.users[3], 37) == posts(corpus.users[3], 37) != posts(corpus.users[4], 37)


def test_cues_are_rare_mostly_true_and_sometimes_misleading(corpus):
    from zoo.data.synthetic_users.posts import _post_words

    words = _post_words(corpus.language)
    value_of = {
        cue: (attribute, value)
        for attribute, values in words.cues.items()
        for value, cues in values.items()
        for cue in cues
    }
    counts = Counter()
    for user in corpus.users:
        for post in posts(user, 300):
            attribute, value = next((where for cue, where in value_of.items() if cue in post.text), ("", ""))
            counts["none" if not attribute else user.profile[attribute] == value] += 1
    total = sum(counts.values())
    assert 0.03 < counts[True] / total < 0.05
    assert 0.01 < counts[False] / total < 0.03


def test_every_value_has_cues(corpus):
    from zoo.data.synthetic_users.posts import _post_words

    cues = _post_words(corpus.language).cues
    assert {name: tuple(values) for name, values in cues.items()} == dict(VALUES)
    sentences = [cue for values in cues.values() for group in values.values() for cue in group]
    assert len(set(sentences)) == len(sentences) == 4 * 26


def test_no_posts():
    with pytest.raises(UserError, match="0 posts"):
        posts(synthetic_user("en", 0), 0)


def test_users_as_files(tmp_path, capsys):
    main(["users", str(tmp_path), "--language", "ja", "--number", "9", "--partners", "4", "--posts", "20"])
    names = [tmp_path / name for name in ("users.jsonl", "posts.jsonl", "truth.jsonl")]
    assert capsys.readouterr().out.split() == list(map(str, names))
    corpus = SyntheticUsersCorpus("ja", 9, 4)
    assert read_jsonl(names[0]) == corpus.load("train")
    written = [json.loads(line) for line in names[1].read_text().splitlines()]
    assert len(written) == 180
    assert set(written[0]) == {"user", "time", "text"}
    assert [json.loads(line) for line in names[2].read_text().splitlines()] == list(map(truth, corpus.users))
