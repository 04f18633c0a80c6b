"""Cuts by partner: symmetric, of the stated sizes, in disjoint folds, no word of the test in anybody's training."""

import itertools
import math
import random
from collections import defaultdict

import pytest

from zoo.data.examples import examples_from_dialogues
from zoo.data.held_out_partners import HeldOutPartners
from zoo.data.partners import cut_pairs, pair_of
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError


class Meetings:
    """Users who meet 3 to 9 of the others, one to three times, with words that nobody says twice."""

    def __init__(self, num_users=14, seed=0, extra=()):
        draw = random.Random(seed)
        users = [f"u{i:02}" for i in range(num_users)]
        wanted = {user: draw.randint(3, 9) for user in users}
        self.dialogues = []
        for one, other in itertools.combinations(users, 2):
            if draw.random() < min(wanted[one], wanted[other]) / num_users * 1.6:
                for time in range(draw.randint(1, 3)):
                    self.dialogues.append(meeting(one, other, time, turns=draw.randint(2, 7)))
        self.dialogues += extra

    def load(self, split):
        return self.dialogues

    def describe(self, split):
        return {"meetings": len(self.dialogues)}


def meeting(one, other, time=0, turns=4):
    name = f"{one or 'x'}-{other or 'x'}-{time}"
    said = tuple(Utterance(turn % 2, f"word {turn} of {name}") for turn in range(turns))
    return Dialogue(name, (Speaker((), one), Speaker((), other)), said)


def held_out_of(cut):
    return {pair_of(dialogue) for split in ("valid", "test") for dialogue in cut.load(split)}


@pytest.mark.parametrize("half", ["adaptation", "personal", None])
@pytest.mark.parametrize("fold", [0, 1, 2])
def test_no_held_out_utterance_stands_in_anybodys_training_data(fold, half):
    cut = HeldOutPartners(Meetings(), fold=fold, half=half, seed=3)
    trained = examples_from_dialogues(cut.load("train"))
    seen = {text for example in trained for text in (*example.history, example.response)}
    for split in ("valid", "test"):
        for example in examples_from_dialogues(cut.load(split)):
            assert not seen & {*example.history, example.response}
    assert len({example.user for example in trained}) == 14 or half == "adaptation"


def test_pairs_are_cut_whole_and_each_users_share_is_as_asked():
    corpus = Meetings(seed=1)
    cut = HeldOutPartners(corpus, seed=5)
    where = {split: {pair_of(dialogue) for dialogue in cut.load(split)} for split in ("train", "valid", "test")}
    assert not where["train"] & where["valid"]
    assert not where["train"] & where["test"]
    assert not where["valid"] & where["test"]
    partners, held = defaultdict(set), defaultdict(set)
    for dialogue in corpus.dialogues:
        for user in pair_of(dialogue):
            partners[user] |= pair_of(dialogue) - {user}
            if pair_of(dialogue) in held_out_of(cut):
                held[user] |= pair_of(dialogue) - {user}
    assert all(1 <= len(held[user]) <= math.ceil(0.3 * len(own)) + 1 for user, own in partners.items())
    assert sum(map(len, held.values())) == pytest.approx(0.3 * sum(map(len, partners.values())), rel=0.25)


def test_folds_hold_out_other_pairs_while_partners_last():
    pairs = [frozenset(pair) for pair in itertools.combinations([f"u{i}" for i in range(11)], 2)]  # ten partners each
    folds = [set(cut_pairs(pairs, 0.3, fold, seed=0)) for fold in range(3)]
    assert not folds[0] & folds[1]
    assert len(folds[2] & (folds[0] | folds[1])) <= 3  # the last is not always to be had without any
    assert all(len(fold) >= 0.25 * len(pairs) for fold in folds)
    few = [frozenset(("a", "b")), frozenset(("a", "c")), frozenset(("b", "c"))]  # two partners: folds overlap
    assert all(cut_pairs(few, 0.3, fold, seed=0) for fold in range(4))


def test_halves_share_no_dialogue_and_are_alike_in_size():
    corpus = Meetings(seed=2)
    adaptation, personal, both = (
        {dialogue.id for dialogue in HeldOutPartners(corpus, half=half, seed=1).load("train")}
        for half in ("adaptation", "personal", None)
    )
    assert not adaptation & personal
    assert adaptation | personal == both
    assert abs(len(adaptation) - len(personal)) <= 2
    tests = [HeldOutPartners(corpus, half=half, seed=1).load("test") for half in ("adaptation", "personal")]
    assert tests[0] == tests[1]


def test_a_choice_of_users_changes_nobodys_cut():
    whole = HeldOutPartners(Meetings(), seed=4)
    some = HeldOutPartners(Meetings(), seed=4, only=["u03", "u07"])
    for split in ("train", "valid", "test"):
        own = [d for d in whole.load(split) if {"u03", "u07"} & set(pair_of(d))]
        assert [dialogue.id for dialogue in some.load(split)] == [dialogue.id for dialogue in own]
        assert {d.speakers[i].user for d in some.load(split) for i in d.responders} <= {"u03", "u07"}


def test_fewer_users_are_some_of_more():
    """Rows of few users (FULL) stand beside rows of many, and have been adapted with them."""

    def chosen(number, seed):
        cut = HeldOutPartners(Meetings(num_users=90), max_users=number, seed=seed)
        return {example.user for example in examples_from_dialogues(cut.load("train"))}

    for seed in range(5):
        assert len(chosen(8, seed)) == 8
        assert chosen(8, seed) < chosen(50, seed)


def test_a_user_with_one_partner_is_an_error_or_left_out():
    extra = [meeting("lonely", "u00"), meeting("lonely", "u00", 1)]
    with pytest.raises(UserError, match=r"1 of 15 users \('lonely'\) talk to one partner only.*one_partner=leave_out"):
        HeldOutPartners(Meetings(extra=extra)).load("train")
    kept = HeldOutPartners(Meetings(extra=extra), one_partner="leave_out")
    answering = {d.speakers[i].user for d in kept.load("train") for i in d.responders}
    assert "lonely" not in answering
    assert "u00" in answering


def test_every_unnamed_partner_is_another():
    corpus = Meetings(num_users=0, extra=[meeting("", "alone", time) for time in range(10)])
    cut = HeldOutPartners(corpus)
    assert [len(cut.load(split)) for split in ("train", "valid", "test")] == [7, 1, 2]
    assert all(dialogue.responders == (1,) for dialogue in cut.load("train"))


def test_nothing_left_to_train_on_is_said():
    corpus = Meetings(num_users=0, extra=[meeting("a", "b"), meeting("a", "c"), meeting("b", "c")])
    with pytest.raises(UserError, match=r"have no dialogue left to train on \(data.half=personal"):
        HeldOutPartners(corpus, half="personal").load("train")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"held_out": 1.0}, "held_out=1.0"),
        ({"half": "left"}, "adaptation or personal"),
        ({"fold": -1}, "fold=-1"),
        ({"only": ["nobody"]}, "'nobody', who is none of the 14 users"),
        ({"max_users": 0}, r"data\.max_users=0 was given"),
        ({"max_users": -1}, r"data\.max_users=-1 was given"),
        ({"max_users": 99}, "99 users with two partners or more"),
    ],
)
def test_wrong_settings_are_said(settings, message):
    with pytest.raises(UserError, match=message):
        HeldOutPartners(Meetings(), **settings).load("train")
