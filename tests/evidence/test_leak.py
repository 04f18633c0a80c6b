"""Leaked replies: kinds and rates by hand, chance against all re-assignments, and the data of a real run."""

import doctest
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from zoo.data.corpora import DialogueCorpus
from zoo.data.examples import examples_from_dialogues
from zoo.data.held_out_partners import HeldOutPartners
from zoo.data.synthetic_users import SyntheticUsersCorpus
from zoo.evidence import real_replies as real_replies_module
from zoo.evidence.__main__ import main
from zoo.evidence.leak_rates import leak_rates
from zoo.evidence.real_replies import RealReplies, plain_words, read_real_replies
from zoo.metrics.generations import Generation, read_generations, write_generations
from zoo.scorers.characters import CharacterNgrams
from zoo.scorers.embedder import Embedder

REAL = RealReplies(
    {
        "ann": ["I sing in a choir.", "yes !", "my dog is old"],
        "ben": ["i drive a red truck", "Yes", "so do i"],
        "cat": ["so do i .", "i paint small boats"],
    }
)


class Degrees(Embedder):
    """A text's number is its direction."""

    kind, identity = "degrees", "0" * 64

    def embed(self, texts: Sequence[str]) -> Tensor:
        angles = torch.tensor([math.radians(float(text)) for text in texts], dtype=torch.float64)
        return torch.stack([angles.cos(), angles.sin()], dim=1).float()


def replied(user: str, *responses: str, reference: str = "?") -> list[Generation]:
    """A user's replies."""
    return [
        Generation(f"{user}/{reference}/{n}", user, [], ["hi"], reference, said, None, None)
        for n, said in enumerate(responses)
    ]


def test_whose_words() -> None:
    assert REAL.sayers["yes"] == {"ann", "ben"}
    assert REAL.distinctive["ann"] == ["I sing in a choir.", "my dog is old"]
    rows = replied("ann", "i sing in a choir", "YES", "I drive a red TRUCK!", "so do i", "i like tea", " ...", "")
    rows += replied("stranger", "yes")
    found = leak_rates(rows, REAL, CharacterNgrams())
    assert found["kinds"] == {
        "own": 1, "own_and_others": 1, "anothers": 1, "several_others": 1, "new": 1, "wordless": 2
    }  # fmt: skip
    assert (found["n_replies"], found["n_users"], found["n_left_out"]) == (7, 1, 1)
    assert (found["n_real_replies"], found["n_real_replies_of_several"]) == (6, 2)
    assert found["verbatim"]["rate"] == pytest.approx(100 / 7)
    assert found["verbatim"]["interval"] is None  # one user
    assert found["examples"] == [{"id": "ann/?/2", "user": "ann", "response": "I drive a red TRUCK!", "said_by": "ben"}]
    assert found["nearer"]["n_replies"] == 3  # own, another's and new


def test_what_the_user_said_in_the_held_out_dialogues_is_their_own() -> None:
    rows = replied("ann", "i drive a red truck") + replied("ann", "tea", reference="I drive a red truck .")
    kinds = leak_rates(rows, REAL, CharacterNgrams())["kinds"]
    assert (kinds["own_and_others"], kinds["anothers"]) == (1, 0)
    others = leak_rates(rows[:1] + replied("ben", "tea", reference="i drive a red truck"), REAL, CharacterNgrams())
    assert others["kinds"]["anothers"] == 1
    both = leak_rates(rows[:1] + replied("cat", "tea", reference="i drive a red truck"), REAL, CharacterNgrams())
    assert both["verbatim"]["chance"] == pytest.approx(25)  # one of two replies, and only were it ann's


def test_words_are_compared_in_any_language() -> None:
    assert plain_words("「ＴＶ、見る？」") == plain_words("tv 見る")
    assert plain_words("！？…") == ""
    assert doctest.testmod(real_replies_module) == (0, 1)


def test_nearness_by_hand() -> None:
    real = RealReplies({"a": ["0", "50"], "b": ["90"], "c": ["180", "7"], "d": ["7"]})  # 7 is nobody's
    assert set(real.distinctive) == {"a", "b", "c"}
    rows = replied("a", "1", "60", "80", "130") + replied("c", "170", "135", "7")
    # a: 1 a, 60 a, 80 b (c further), 130 b (c too); c: 170 c, 135 a tie of b and c, 7 is left out
    found = leak_rates(rows, real, Degrees())
    assert found["nearer"]["rate"] == pytest.approx(100 * 2 / 6)
    assert found["nearer"]["n_replies"] == 6
    assert found["others_nearer"]["rate"] == pytest.approx(100 * (0 + 0 + 1 / 2 + 1 + 0 + 1 / 4) / 6)
    # given to another row's user (a four times of six, c twice): nobody is nearer than a, a, b, b, c, (b and c)
    expected = [2 / 6, 2 / 6, 1, 1, 4 / 6, 4 / 6]
    assert found["nearer"]["chance"] == pytest.approx(100 * sum(expected) / 6)


def test_chance_is_the_mean_over_all_ways_to_give_replies_to_users() -> None:
    said = ["i drive a red truck", "i paint small boats", "my dog is old .", "so do i", "i like small red trucks"]
    users = ["ann", "ben", "cat", "cat", "ben"]
    rows = [replied(user, text)[0] for user, text in zip(users, said, strict=True)]
    found = leak_rates(rows, REAL, CharacterNgrams())
    pairs = [replied(user, text) for text in said for user in users]
    verbatim = [leak_rates(pair, REAL, CharacterNgrams())["verbatim"]["rate"] for pair in pairs]
    assert found["verbatim"]["chance"] == pytest.approx(sum(verbatim) / len(verbatim))
    said.remove("so do i")  # several said it: compared with none
    users.remove("cat")  # the owners of replies that are compared
    compared = [replied(user, text) for text in said for user in users]
    nearer = [leak_rates(pair, REAL, CharacterNgrams())["nearer"]["rate"] for pair in compared]
    assert found["nearer"]["chance"] == pytest.approx(sum(nearer) / len(nearer))
    assert 0 < found["nearer"]["chance"] < 100


def test_models_that_leak_and_models_that_do_not() -> None:
    """Forty users with words of their own: a model of everybody's replies is at chance, a faithful one at 0."""
    users = {
        f"u{n}": [f"{chr(0x4E00 + 40 * n + k) * 3} {chr(0x4E00 + 40 * n + k + 1)}" for k in range(8)] for n in range(40)
    }
    real = RealReplies(users)
    faithful = [row for user, own in users.items() for row in replied(user, *[text + "!" for text in own])]
    found = leak_rates(faithful, real, CharacterNgrams())
    assert (found["nearer"]["rate"], found["verbatim"]["rate"], found["others_nearer"]["rate"]) == (0, 0, 0)
    everything = [text for own in users.values() for text in own]
    shuffled = [everything[place] for place in torch.randperm(320, generator=torch.Generator().manual_seed(0))]
    mixed = [replied(user, *shuffled[8 * n : 8 * n + 8]) for n, user in enumerate(users)]
    found = leak_rates([row for own in mixed for row in own], real, CharacterNgrams())
    for rate in ("nearer", "verbatim"):
        low, high = found[rate]["interval"]
        assert found[rate]["chance"] == pytest.approx(97.5)  # 39 of 40
        assert low <= 97.5 <= high
    assert 45 < found["others_nearer"]["rate"] < 55


def test_without_anybody_elses_replies() -> None:
    alone = leak_rates(replied("a", "7"), RealReplies({"a": ["7"], "b": ["7"]}), Degrees())
    assert alone["nearer"] is None
    assert alone["kinds"]["own_and_others"] == 1
    nobody = leak_rates(replied("x", "7"), RealReplies({"a": ["7"], "b": ["8"]}), Degrees())
    assert (nobody["n_replies"], nobody["verbatim"]["rate"], nobody["verbatim"]["chance"]) == (0, None, None)


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_data_of_a_real_run(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    real = read_real_replies(finished)
    rows = read_generations(finished / "generations_B.jsonl") + read_generations(finished / "generations_C.jsonl")
    assert {row.user for row in rows} <= set(real.texts)
    things = [{text.split()[-2] for text in own} for own in real.texts.values()]  # "i have 3 cats ."
    assert all(len(thing) == 1 for thing in things)
    assert len(set.union(*things)) == len(things)  # every user likes another thing
    copied = shutil.copytree(finished, tmp_path / "FULL")
    other = shutil.copytree(finished, tmp_path / "One-ID")
    users = sorted({row.user for row in rows})
    anothers = dict(zip(users, users[1:] + users[:1], strict=True))
    for row_set in ("B", "C"):  # everybody says what the next user says
        path = other / f"generations_{row_set}.jsonl"
        write_generations(
            path,
            [
                Generation(
                    r.id,
                    r.user,
                    r.persona,
                    r.history,
                    r.reference,
                    next(iter(real.texts[anothers[r.user]])),
                    None,
                    None,
                )
                for r in read_generations(path)
            ],
        )
    assert main(["leak", str(copied), str(other)]) == 0
    printed = capsys.readouterr().out
    assert "several users" in printed
    leaked = json.loads((other / "leak.json").read_text())
    assert leaked["verbatim"]["rate"] == leaked["nearer"]["rate"] == 100
    assert leaked["verbatim"]["interval"] == [100, 100]
    assert leaked["embedder"] == CharacterNgrams().short
    assert json.loads((copied / "leak.json").read_text())["verbatim"]["rate"] == 0  # an untrained model's gibberish
    assert not list(tmp_path.rglob("*.tmp"))
    assert main(["leak", str(other), "--out", str(tmp_path / "out"), "--names", "one"]) == 0
    assert json.loads((tmp_path / "out" / "leak_one.json").read_text())["kinds"] == leaked["kinds"]


def test_what_the_backbone_was_adapted_on_counts_too(tmp_path: Path) -> None:
    """Users of the personal half: their words of the adaptation's half are neither new nor somebody else's."""
    corpus = HeldOutPartners(SyntheticUsersCorpus(num_users=10))
    described = {
        "_target_": "zoo.data.held_out_partners.HeldOutPartners",
        "corpus": {"_target_": "zoo.data.synthetic_users.SyntheticUsersCorpus", "num_users": 10},
        "half": "personal",
    }
    datamodule = {"_target_": "zoo.data.datamodule.DialogueDataModule", "corpus": described}
    OmegaConf.save({"data": {"datamodule": datamodule}}, tmp_path / "config.yaml")
    said: dict[str, set[str]] = {}
    for example in examples_from_dialogues(corpus.load("train")):
        said.setdefault(example.user, set()).add(plain_words(example.response))
    real = read_real_replies(tmp_path)
    assert {user: {plain_words(text) for text in own} for user, own in real.texts.items()} == said


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "There is no"),
        ("data: {root: x}\n", "describes no data.datamodule"),
        ("data: {datamodule: {_target_: tests.evidence.test_leak.DataOf, user: ''}}\n", "name 0 users"),
        ("data: {datamodule: {_target_: tests.evidence.test_leak.DataOf, user: u}}\n", "name 1 users"),
        ("data: {datamodule: {_target_: tests.evidence.test_leak.DataOf, user: u, partner: v}}\n", "None of the users"),
    ],
)
def test_runs_that_cannot_be_checked(
    config: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write_generations(tmp_path / "generations.jsonl", replied("ann", "hi"))
    if config is not None:
        (tmp_path / "config.yaml").write_text(config)
    assert main(["leak", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "leak.json").exists()


class DataOf:
    """A datamodule of one dialogue between two speakers."""

    users_rule = "speaker"

    def __init__(self, user: str, partner: str = "", template: None = None) -> None:
        self.user, self.partner = user, partner
        self.corpus: DialogueCorpus = self

    def load(self, split: str) -> list:
        from zoo.data.records import Dialogue, Speaker, Utterance

        assert split == "train"
        speakers = (Speaker(user=self.partner), Speaker(user=self.user))
        said = tuple(Utterance(n % 2, f"words {n}") for n in range(4))
        return [Dialogue("d", speakers, said, responders=(0, 1))]
