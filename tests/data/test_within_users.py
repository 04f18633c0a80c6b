"""Users' dialogues cut into three, by dialogue."""

from dataclasses import replace

import pytest

from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.data.within_users import WithinUsers, held_out_of
from zoo.errors import UserError


class Corpus:
    """Dialogues of ann (12), bob (3), cem (2) and one of nobody."""

    def load(self, split: str) -> list[Dialogue]:
        said = (Utterance(0, "hi"), Utterance(1, "hello"))
        names = ["ann"] * 12 + ["bob"] * 3 + ["cem"] * 2 + [""]
        return [Dialogue(f"d{i}", (Speaker(), Speaker(user=user)), said) for i, user in enumerate(names)]


def ids(corpus: WithinUsers, split: str, user: str) -> set[str]:
    return {d.id for d in corpus.load(split) if d.speakers[d.responders[0]].user == user}


@pytest.mark.parametrize(
    ("dialogues", "held_out"), [(3, 1), (5, 1), (6, 1), (14, 1), (15, 2), (16, 2), (24, 2), (25, 3), (31, 3)]
)
def test_a_tenth_each_and_at_least_one(dialogues: int, held_out: int) -> None:
    assert held_out_of(dialogues) == held_out


def test_parts_are_disjoint_and_complete() -> None:
    corpus = WithinUsers(Corpus())
    for user, sizes in (("ann", (10, 1, 1)), ("bob", (1, 1, 1)), ("cem", (0, 0, 0)), ("", (0, 0, 0))):
        parts = [ids(corpus, split, user) for split in ("train", "valid", "test")]
        assert tuple(map(len, parts)) == sizes
        assert len(set().union(*parts)) == sum(sizes)


def test_a_cut_depends_on_the_seed_and_on_nobody_else() -> None:
    alone, together = WithinUsers(Corpus(), only=["ann"]), WithinUsers(Corpus())
    assert {d.speakers[1].user for d in alone.load("train")} == {"ann"}
    assert ids(alone, "test", "ann") == ids(together, "test", "ann")
    others = [ids(WithinUsers(Corpus(), seed=seed), "test", "ann") for seed in range(6)]
    assert any(other != others[0] for other in others)
    assert alone.describe("test") != together.describe("test")


def test_both_speakers_of_a_dialogue_are_two_users() -> None:
    class Two(Corpus):
        def load(self, split: str) -> list[Dialogue]:
            return [
                replace(d, speakers=(Speaker(user="zoe"), d.speakers[1]), responders=(0, 1))
                for d in super().load(split)
            ]

    corpus = WithinUsers(Two())
    assert len(ids(corpus, "train", "ann")) == 10
    assert sum(d.responders == (0,) for s in ("train", "valid", "test") for d in corpus.load(s)) == 18


def test_who_talks_to_themselves_has_one_dialogue_in_one_split() -> None:
    class Alone(Corpus):
        def load(self, split: str) -> list[Dialogue]:
            return [
                replace(d, speakers=(Speaker(user=d.speakers[1].user),) * 2, responders=(0, 1))
                for d in super().load(split)
            ]

    corpus = WithinUsers(Alone())
    assert [len(ids(corpus, split, "ann")) for split in ("train", "valid", "test")] == [10, 1, 1]
    assert {d.responders for d in corpus.load("train")} == {(0, 1)}
    assert "train/d0/0+1" in {d.id for split in ("train", "valid", "test") for d in corpus.load(split)}


def test_too_few_users_and_strangers_are_refused() -> None:
    with pytest.raises(
        UserError, match="3 users with at least 3 dialogues were asked for, but the train dialogues have 2"
    ):
        WithinUsers(Corpus(), max_users=3).load("train")
    with pytest.raises(UserError, match="'dan', who is none of the 2 users"):
        WithinUsers(Corpus(), only=["dan"]).load("train")
    for number in (0, -1):
        with pytest.raises(UserError, match=f"data.max_users={number} was given; expected at least 1"):
            WithinUsers(Corpus(), max_users=number)
    with pytest.raises(UserError, match="at least 3, one for each split"):
        WithinUsers(Corpus(), min_dialogues=2)


class Parted(Corpus):
    """ann is of part A, bob of B, and one more user, dan (4), of C."""

    part_names = ("A", "B", "C")

    def load(self, split: str) -> list[Dialogue]:
        dan = [replace(d, id=f"x{d.id}", speakers=(Speaker(), Speaker(user="dan"))) for d in super().load(split)[:4]]
        return super().load(split) + dan

    def part_of(self, user: str) -> str | None:
        return {"ann": "A", "bob": "B", "dan": "C"}.get(user)


def test_parts_that_there_are_not_and_the_smallest_are_named() -> None:
    parts = {"train": ["A"], "valid": ["A"], "test": ["B", "C"]}
    with pytest.raises(UserError, match=r"data\.test_parts=\['B', 'D'\] was given; expected some of A, B, C"):
        WithinUsers(Parted(), parts=parts | {"test": ["B", "D"]})
    with pytest.raises(UserError, match=r"data\.parts=\['D'\] was given"):
        WithinUsers(Parted(), parts=parts | {"train": ["D"]})
    with pytest.raises(UserError, match=r"2 users .* have 1 such .* in part B\. Lower"):
        WithinUsers(Parted(), parts=parts, max_users=2).load("train")


def test_training_on_one_part_and_testing_on_others() -> None:
    whole = WithinUsers(Parted())
    corpus = WithinUsers(Parted(), parts={"train": ["A"], "valid": ["A"], "test": ["B", "C"]})
    assert {d.speakers[1].user for d in corpus.load("train") + corpus.load("valid")} == {"ann"}
    assert ids(corpus, "train", "ann") == ids(whole, "train", "ann"), "a cut depends on nobody else"
    assert corpus.test_sets() == ("B", "C")
    assert {d.id.partition("/")[0]: d.speakers[1].user for d in corpus.load("test")} == {"B": "bob", "C": "dan"}
    assert {d.id.partition("/")[2] for d in corpus.load("test")} == {d.id for d in whole.load("test")} - ids(
        whole, "test", "ann"
    )
    alone = WithinUsers(Parted(), parts={"train": ["B"], "valid": ["B"], "test": ["B"]})
    assert alone.test_sets() == ()
    assert {d.id for d in alone.load("test")} == ids(whole, "test", "bob")
    assert alone.describe("test") != corpus.describe("test")
    chosen = WithinUsers(Parted(), parts={"train": ["A"], "valid": ["A"], "test": ["B", "C"]}, only=["bob", "dan"])
    assert ids(chosen, "train", "ann") == ids(whole, "train", "ann"), "who is only trained on is not chosen"
    with pytest.raises(UserError, match="2 users with at least 3 dialogues were asked for"):
        WithinUsers(Parted(), parts={"train": ["A"], "valid": ["A"], "test": ["B"]}, max_users=2).load("train")
    with pytest.raises(UserError, match="in part C"):
        WithinUsers(Parted(), parts={"train": ["A"], "valid": ["A"], "test": ["B", "C"]}, only=["bob"]).load("train")
    with pytest.raises(UserError, match="in no parts"):
        WithinUsers(Corpus(), parts={"train": ["A"], "valid": ["A"], "test": ["B"]})
