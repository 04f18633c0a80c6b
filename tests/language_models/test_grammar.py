"""The grammar as a language model: one answer a request, whatever is beside it; settings, stops, lengths, the cache."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from tests.conftest import ROOT
from zoo.data.persona_lexicon import Lexicon, read_lexicon
from zoo.errors import UserError
from zoo.language_models.base import Request, before_stop
from zoo.language_models.cache import CachedLanguageModel
from zoo.language_models.grammar.lm import GrammarLm
from zoo.language_models.grammar.noise import Noise
from zoo.language_models.grammar.phrases import read_phrases

PROFILE = (
    "User's persona: Preference | Food\nGenerate five profile sentences related to the given user's persona and the "
    '"food" in each sentence:\n1.'
)
CHAT = "### Persona:\nI was born in Boston.\n\nThe following is a daily conversation.\nYou: Hi.\nFriend: Hello.\nYou:"
PROMPTS = [PROFILE, CHAT, "What is the time?", "half a pair \ud83d", ""]
REQUESTS = [Request(prompt, 200, seed=seed) for prompt in PROMPTS for seed in range(8)]


def test_an_answer_follows_from_seed_and_prompt_alone() -> None:
    model = GrammarLm()
    answers = model.complete(REQUESTS)
    assert model.complete(REQUESTS[::-1]) == answers[::-1]
    assert [GrammarLm().complete([request])[0] for request in REQUESTS] == answers
    other = [dataclasses.replace(r, temperature=0.8, top_p=0.9, frequency_penalty=0.4) for r in REQUESTS]
    assert model.complete(other) == answers
    for first in (0, 8):  # profile, chat
        assert len(set(answers[first : first + 8])) > 4
    assert model.complete([]) == []


def test_another_process_says_the_same() -> None:
    prompts = PROMPTS[:2]
    code = (
        "import sys\n"
        "from zoo.language_models.base import Request\n"
        "from zoo.language_models.grammar.lm import GrammarLm\n"
        "model = GrammarLm()\n"
        "print(model.identity, model.complete([Request(prompt, seed=3) for prompt in sys.argv[1:]]))"
    )
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *prompts]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    model = GrammarLm()
    answers = model.complete([Request(prompt, seed=3) for prompt in prompts])
    assert done.stdout == f"{model.identity} {answers}\n"


def test_other_prompts_get_a_plain_sentence() -> None:
    answers = GrammarLm().complete(REQUESTS[16:])
    assert {answer.removeprefix(" ") for answer in answers} <= set(read_phrases().unknown)


@pytest.mark.parametrize("request_", REQUESTS[:16:3])
def test_stops_and_lengths_are_honoured(request_: Request) -> None:
    model = GrammarLm(leak=1, blank=0)
    (free,) = model.complete([request_])
    for stop in (("\n",), ("e",), ("2.", "I"), ("Friend:",), ("nowhere",)):
        (stopped,) = model.complete([dataclasses.replace(request_, stop=stop)])
        assert stopped == before_stop(free, stop)
    n = len(free.split())
    for most in (1, 5, n, n + 1):
        (short,) = model.complete([dataclasses.replace(request_, max_new_tokens=most)])
        assert free.startswith(short)
        assert len(short.split()) == min(most, n)


def test_the_cache_replays_it(tmp_path: Path) -> None:
    requests = [request for request in REQUESTS if "\ud83d" not in request.prompt]
    first = CachedLanguageModel(GrammarLm(), tmp_path)
    answers = first.complete(requests)
    again = CachedLanguageModel(GrammarLm(), tmp_path)
    assert again.complete(requests) == answers == GrammarLm().complete(requests)
    assert (first.asked, again.asked, again.replayed) == (len(requests), 0, len(requests))
    other = CachedLanguageModel(GrammarLm(copy=0.5), tmp_path)
    other.complete(requests)
    assert other.asked == len(requests)


def test_the_identity_is_of_settings_and_words() -> None:
    identity = GrammarLm().identity
    assert identity == GrammarLm(copy=0.4, closing=14).identity
    leaves = dict(read_lexicon().leaves)
    leaves["like_food"] = dataclasses.replace(leaves["like_food"], values=leaves["like_food"].values[::-1])
    changed = GrammarLm(Lexicon(leaves))
    assert len({identity, GrammarLm(absent=0).identity, changed.identity}) == 3
    assert changed.complete([REQUESTS[0]]) != GrammarLm().complete([REQUESTS[0]])


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"copying": 0.1}, "no copying; expected settings among malformed, absent"),
        ({"absent": 1.5}, "language_model.absent=1.5 was given; expected a number from 0 to 1."),
        ({"skew": -1}, "from 0 to 10"),
        ({"leak": float("nan")}, "leak=nan"),
        ({"rude": True}, "rude=True"),
        ({"blank": "often"}, "blank=often"),
    ],
)
def test_mistakes_in_settings(setting: dict[str, float], said: str) -> None:
    with pytest.raises(UserError, match=said):
        GrammarLm(**setting)


def test_the_configuration_has_every_setting_at_its_default() -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose(overrides=["+language_model=grammar"]).language_model
    assert set(config) == {"_target_", *(field.name for field in dataclasses.fields(Noise))}
    model = instantiate(config)
    assert model.noise == Noise()
    assert model.identity == GrammarLm().identity
