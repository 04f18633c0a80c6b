"""The three back-ends: cue lists, zero-shot NLI, a language model."""

import pytest
import torch

from tests.scorers.conftest import save_bert
from zoo.data.profiles import ATTRIBUTES, VALUES
from zoo.errors import UserError
from zoo.profiles.asked import AskedProfiles, profile_prompt, read_form
from zoo.profiles.base import ProfileInferer
from zoo.profiles.english_cues import ENGLISH_CUES
from zoo.profiles.japanese_cues import JAPANESE_CUES
from zoo.profiles.lexical import LexicalProfiles
from zoo.profiles.voting import infer_profile
from zoo.profiles.zero_shot import ZeroShotProfiles, hypotheses
from zoo.scorers.base import NliScorer
from zoo.scorers.lexical import LexicalNli
from zoo.scorers.transformers_nli import TransformersNli

EVERY_VALUE = {(attribute, value) for attribute in ATTRIBUTES for value in VALUES[attribute]}


# --- cue lists


@pytest.mark.parametrize("cues", [ENGLISH_CUES, JAPANESE_CUES])
def test_cues_for_every_value(cues):
    assert {(attribute, value) for attribute, values in cues.items() for value in values} == EVERY_VALUE
    assert all(patterns for values in cues.values() for patterns in values.values())


@pytest.mark.parametrize(
    ("post", "said"),
    [
        ("I turned 24 today!", {"age": "20s"}),
        ("I am 20 minutes late .", {}),
        ("my husband forgot our wedding anniversary", {"gender": "Female", "marriage": "Married"}),
        ("overtime again in Osaka", {"occupation": "Office worker", "location": "Kinki"}),
        ("the miele is broken", {}),  # not Mie
        ('my cousin wrote : " i am sixteen " . lucky', {}),
        ("「大阪に引っ越した」と隣の人。", {}),
        ("65歳で年金生活。", {"age": "60s"}),
        ("34歳です。", {"age": "30s"}),
        ("134歳の木。", {}),
        ("大丈夫と言われた。", {}),
        ("夫と札幌へ。", {"gender": "Female", "marriage": "Married", "location": "Tohoku/Hokkaido"}),
        ("", {}),
    ],
)
def test_one_post(post, said):
    inferred = LexicalProfiles().infer([post])
    assert {attribute: value for attribute, (value, _) in inferred.items()} == said


def test_more_posts_of_one_kind_are_more_certain_and_contradictions_less():
    inferer = LexicalProfiles()
    one, three = inferer.infer(["in kyoto"]), inferer.infer(["in kyoto", "osaka", "kobe and kyoto", "nothing"])
    mixed = inferer.infer(["in kyoto", "osaka", "tokyo"])
    assert one["location"] == ("Kinki", 0.5)
    assert three["location"] == ("Kinki", 0.75)
    assert mixed["location"] == ("Kinki", 0.5)
    assert inferer.infer(["in kyoto", "tokyo"]) == inferer.infer([]) == {}
    assert LexicalProfiles(threshold=0.6).infer(["in kyoto"]) == {}


# --- zero-shot NLI


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_hypothesis_for_every_value(language):
    sentences = hypotheses(language)
    assert sentences.keys() == EVERY_VALUE
    assert len(set(sentences.values())) == 26


def test_hypotheses_in_another_language():
    with pytest.raises(UserError, match="'fr'"):
        ZeroShotProfiles(LexicalNli(), "fr")


def test_zero_shot_with_word_rules():
    inferer = ZeroShotProfiles(LexicalNli())
    posts = ["good morning", "I am married now .", "I am an office worker , I am not single ."]
    inferred = inferer.infer(posts)
    assert {name: value for name, (value, _) in inferred.items()} == {
        "marriage": "Married",
        "occupation": "Office worker",
    }
    assert inferer.infer([]) == inferer.infer(["nothing at all"]) == {}


class Table(NliScorer):
    """Entailment probabilities by (premise, hypothesis); neutral otherwise."""

    kind, identity = "table", "table"

    def __init__(self, entailed):
        self.entailed = entailed

    def score(self, pairs):
        shares = torch.tensor([self.entailed.get(pair, 0.0) for pair in pairs])
        return torch.stack([shares, 1 - shares, torch.zeros_like(shares)], dim=1)


def test_zero_shot_weighs_by_probability_above_the_threshold():
    old, young = "i am in my 60s", "i am in my 20s"
    inferer = ZeroShotProfiles(Table({("a", old): 0.9, ("b", young): 0.6, ("c", young): 0.6, ("d", old): 0.49}))
    value, confidence = inferer.infer(["a", "b", "c", "d"])["age"]
    assert value == "20s"
    assert confidence == pytest.approx(1.2 / 3.1)
    assert inferer.infer(["d"]) == {}
    assert inferer.infer(["a", "d"])["age"] == ("60s", pytest.approx(0.9 / 1.9))


def test_zero_shot_with_a_real_encoder(tmp_path):
    inferer = ZeroShotProfiles(TransformersNli(save_bert(tmp_path), device="cpu"), entailment=0.0, threshold=0.0)
    inferred = inferer.infer(["i like dogs .", "i have two cats and three maps ."])
    assert inferred
    assert all(value in VALUES[name] and 0 < share < 1 for name, (value, share) in inferred.items())


# --- a language model


def test_the_prompt_has_the_posts_and_every_value():
    prompt = profile_prompt(["good\nmorning", "in tokyo"])
    assert "- good morning\n- in tokyo\n" in prompt
    for attribute in ATTRIBUTES:
        assert f"{attribute}: {' | '.join(VALUES[attribute])} | unknown" in prompt


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ("age: 20s, 0.9\ngender: Female, 0.8", {"age": ("20s", 0.9), "gender": ("Female", 0.8)}),
        ("Sure!\n- **location**: Kyushu/Okinawa (0.7)\n", {"location": ("Kyushu/Okinawa", 0.7)}),
        ("Occupation: office worker", {"occupation": ("Office worker", 0.5)}),
        ("gender: `Male`, 1.\n", {"gender": ("Male", 1.0)}),
        ("age: 20s, 0.9\nage: 30s, 0.99", {"age": ("20s", 0.9)}),
        ("gender: Male, 0.6\nage: 20s, 0.9", {"age": ("20s", 0.9), "gender": ("Male", 0.6)}),
        ("age: unknown, 1.0\ngender: unknown", {}),
        ("age: 25, 0.9\nshoe size: 42\nlocation: Mars, 1", {}),
        ("age: 20s, 0.2", {}),
        ("", {}),
        ("I cannot tell: sorry.", {}),
    ],
)
def test_what_is_read_from_an_answer(answer, read):
    assert read_form(answer, threshold=0.5, unstated=0.5) == read
    assert list(read_form(answer, threshold=0.5, unstated=0.5)) == list(read)


def test_units_are_asked_about_in_one_call():
    calls = []

    def ask(prompts):
        calls.append(prompts)
        return ["age: 20s, 0.6" if "young" in prompt else "rubbish" for prompt in prompts]

    posts = ["young", "a", "young", "b", "c", "d", "e"]
    decided = infer_profile(posts, AskedProfiles(ask), unit=2)
    assert (decided["age"].value, decided["age"].votes, decided["age"].voters) == ("20s", 2, 2)
    assert [len(prompts) for prompts in calls] == [3]
    assert AskedProfiles(ask).infer(["young"]) == {"age": ("20s", 0.6)}
    assert infer_profile([], AskedProfiles(ask)) == {}


def test_too_few_answers():
    with pytest.raises(UserError, match="1 answers to 2 prompts"):
        AskedProfiles(lambda prompts: ["age: 20s"]).infer_units([["a"], ["b"]])


def test_one_interface():
    for inferer in (
        LexicalProfiles(),
        ZeroShotProfiles(LexicalNli()),
        AskedProfiles(lambda prompts: [""] * len(prompts)),
    ):
        assert isinstance(inferer, ProfileInferer)
        assert inferer.infer(["good morning"]) == {}
