"""Local causal models: greedy against transformers' own, drawing row by row, penalties, stops, and bad input."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from zoo.errors import UserError
from zoo.language_models.base import PromptTooLongError, Request
from zoo.language_models.cache import CachedLanguageModel
from zoo.language_models.decoding import ChooseTokens, draw
from zoo.language_models.transformers_lm import TransformersLm

PROMPTS = ["i like cats .", "hello", "my family has six aunts and i eat fish with ginger . what do you eat ?", "so ?"]


def local(causal: Path, **settings: object) -> TransformersLm:
    """The tiny model in float64."""
    return TransformersLm(causal, dtype="fp64", device="cpu", **settings)  # type: ignore[arg-type]


def loaded(causal: Path) -> tuple[Any, Any]:
    """Tokenizer and network, as anybody would load them."""
    return AutoTokenizer.from_pretrained(causal), AutoModelForCausalLM.from_pretrained(causal, dtype=torch.float64)


def by_hand(causal: Path, prompt: str, length: int, frequency_penalty: float = 0.0) -> tuple[str, list[int]]:
    """The greedy answer and its tokens, a whole forward for every token."""
    tokenizer, network = loaded(causal)
    before, answer = tokenizer(prompt)["input_ids"], list[int]()
    for _ in range(length):
        with torch.no_grad():
            logits = network(torch.tensor([before + answer])).logits[0, -1]
        for token in answer:
            logits[token] -= frequency_penalty
        answer.append(int(logits.argmax()))
    return tokenizer.decode(answer), answer


def test_greedy_is_transformers_own_prompt_by_prompt(causal: Path) -> None:
    tokenizer, model = loaded(causal)
    answers = local(causal, batch_size=3).complete([Request(prompt, 12) for prompt in PROMPTS])
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        ids = tokenizer(prompt, return_tensors="pt")
        output = model.generate(**ids, generation_config=GenerationConfig(do_sample=False, max_new_tokens=12))
        expected = output[0, ids["input_ids"].shape[1] :]
        assert answer == tokenizer.decode(expected, skip_special_tokens=True)
    assert len(set(answers)) > 1


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_answer_does_not_depend_on_its_batch(causal: Path, temperature: float) -> None:
    requests = [
        Request(prompt, 6 + n, temperature, top_p=0.9, frequency_penalty=0.5 * n, stop=("a",) * (n % 2), seed=n)
        for n, prompt in enumerate(PROMPTS)
    ]
    alone = local(causal, batch_size=1).complete(requests)
    assert local(causal, batch_size=4).complete(requests) == alone
    assert local(causal, batch_size=3).complete(requests[::-1]) == alone[::-1]


def test_seeds_give_other_answers_and_the_same_again(causal: Path) -> None:
    torch.manual_seed(1)
    model = local(causal)
    drawn = model.complete([Request("hello", 8, 1.0, seed=seed) for seed in (0, 1, 2)])
    torch.manual_seed(2)  # nobody's but the request's
    assert model.complete([Request("hello", 8, 1.0, seed=seed) for seed in (2, 1, 0)]) == drawn[::-1]
    assert len(set(drawn)) == 3
    mixed = [
        Request("hello", 8),
        Request("hello", 8, 1.0, seed=0),
        Request("hello", 8),
        Request("hello", 8, 1.0, seed=1),
    ]
    assert model.complete(mixed)[1::2] == drawn[:2]


def test_the_answer_ends_at_its_limit_and_before_a_stop(causal: Path) -> None:
    model = local(causal)
    for prompt in PROMPTS:
        short, text = by_hand(causal, prompt, 3)[0], by_hand(causal, prompt, 20)[0]
        assert model.complete([Request(prompt, 3), Request(prompt, 20)]) == [short, text]
        mark = re.findall("[a-z]{2}", text)[1]
        assert model.complete([Request(prompt, 20, stop=("never in it", mark))]) == [text[: text.index(mark)]]


def test_an_answer_ends_at_the_end_token(causal: Path, tmp_path: Path) -> None:
    tokens = by_hand(causal, "hello", 8)[1]
    tokenizer, network = loaded(causal)
    network.generation_config.eos_token_id = [tokens[2], 0]
    network.generation_config.repetition_penalty = 9.0  # a folder's settings are not the request's
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    first = tokens.index(tokens[2])
    assert local(tmp_path).complete([Request("hello", 8)]) == [tokenizer.decode(tokens[:first])]
    assert first > 0


def test_penalties_are_openais() -> None:
    """logit - frequency * count - presence * [count > 0], of generated tokens alone."""
    prompt, answer = [[3, 3, 3], [0, 3, 3]], [[1, 1, 2], [2, 3, 0]]
    requests = [Request("a", frequency_penalty=0.5, presence_penalty=0.25), Request("b", frequency_penalty=1.0)]
    ids = torch.tensor([a + b for a, b in zip(prompt, answer, strict=True)])
    logits = torch.tensor([[0.0, 1.0, 2.0, 2.5, 2.2], [1.0, 0.0, 0.9, 0.8, 0.3]], dtype=torch.float64)
    expected = logits.clone()
    for row, request in enumerate(requests):
        for token, count in Counter(answer[row]).items():
            expected[row, token] -= request.frequency_penalty * count + request.presence_penalty
    chooser = ChooseTokens(requests, 3)
    assert torch.allclose(chooser.penalised(ids[:, 3:], logits), expected, atol=1e-12)
    assert chooser(ids, logits).argmax(-1).tolist() == expected.argmax(-1).tolist() == [3, 4]  # the prompt's 3 is free


def test_penalties_reach_the_answer(causal: Path) -> None:
    requests = [Request("so ?", 20, frequency_penalty=penalty) for penalty in (0.0, 2.0)]
    expected = [by_hand(causal, "so ?", 20, penalty)[0] for penalty in (0.0, 2.0)]
    assert local(causal).complete(requests) == expected
    assert expected[0] != expected[1]


def draws(logits: torch.Tensor, temperature: float, top_p: float, uniforms: torch.Tensor) -> Counter[int]:
    """How often each token is drawn from one row of logits."""
    same = (torch.full_like(uniforms, value) for value in (temperature, top_p))
    return Counter(draw(logits.expand(len(uniforms), -1), *same, uniforms).tolist())


def test_drawing_follows_the_nucleus() -> None:
    logits = torch.tensor([0.1, 0.4, 0.3, 0.2], dtype=torch.float64).log()
    uniforms = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    for top_p, shares in ((1.0, [100, 400, 300, 200]), (0.5, [0, 571, 429, 0]), (0.01, [0, 1000, 0, 0])):
        drawn = draws(logits, 1.0, top_p, uniforms)
        assert [round(drawn[token]) for token in range(4)] == pytest.approx(shares, abs=1)
    squared = draws(logits, 0.5, 1.0, uniforms)
    assert squared[1] == pytest.approx(1000 * 0.16 / 0.30, abs=1)


def test_rows_are_drawn_by_their_own_settings() -> None:
    logits = torch.randn(40, 7, generator=torch.Generator().manual_seed(0))
    temperature, top_p = torch.linspace(0.2, 3, 40).double(), torch.linspace(0.1, 1, 40).double()
    uniforms = torch.rand(40, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    together = draw(logits, temperature, top_p, uniforms).tolist()
    rows = zip(logits, temperature.tolist(), top_p.tolist(), uniforms, strict=True)
    assert together == [next(iter(draws(row, t, p, uniform[None]))) for row, t, p, uniform in rows]
    assert len(set(together)) > 3


def test_identity(causal: Path, tmp_path: Path) -> None:
    assert local(causal, batch_size=1).identity == local(causal, batch_size=2).identity
    assert local(causal).identity != TransformersLm(causal, dtype="fp32", device="cpu").identity
    tokenizer, network = loaded(causal)
    network.transformer.wte.weight.data[0, 0] += 1
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert local(tmp_path).identity != local(causal).identity


def test_a_chat_template_is_used(causal: Path, tmp_path: Path) -> None:
    tokenizer, network = loaded(causal)
    network.save_pretrained(tmp_path)
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m.role }}> {{ m.content }} {% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
    )
    tokenizer.save_pretrained(tmp_path)
    (chat,) = local(tmp_path, mode="chat").complete([Request("so ?", 9)])
    assert [chat] == local(causal).complete([Request("<user> so ? <a>", 9)])
    assert chat != local(causal).complete([Request("so ?", 9)])[0]
    with pytest.raises(UserError, match="no chat template"):
        local(causal, mode="chat").complete([Request("so ?")])


def test_prompts_that_do_not_fit_are_named_and_the_others_are_answered_without_them(
    causal: Path, tmp_path: Path
) -> None:
    model = CachedLanguageModel(local(causal, batch_size=2), tmp_path)
    fits, long = Request("hello", 8), Request("so ? " * 700, 8)
    longer = Request("so ? " * 800, 8)
    with pytest.raises(PromptTooLongError, match=r"1024 positions.* 0 of 3 answers are kept in") as caught:
        model.complete([long, fits, longer, long])
    assert sorted(caught.value.places) == [0, 2, 3]
    (answer,) = model.complete([fits])
    with pytest.raises(PromptTooLongError, match="1 of 2 answers are kept") as caught:
        model.complete([fits, longer])
    assert caught.value.places == (1,)
    assert answer == by_hand(causal, "hello", 8)[0]
    room = 1024 - len(loaded(causal)[0]("so ? " * 300)["input_ids"])
    local(causal).complete([Request("so ? " * 300, room, stop=("s", "o", "e", "a", "t"))])  # to the last position
    with pytest.raises(PromptTooLongError):
        local(causal).complete([Request("so ? " * 300, room + 1)])


def test_bad_input(causal: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"language_model\.path=FOLDER"):
        TransformersLm(None)
    with pytest.raises(UserError, match="holds no weights"):
        TransformersLm(tmp_path)
    with pytest.raises(UserError, match="no language model 'nobody/nothing'"):
        TransformersLm("nobody/nothing")
    with pytest.raises(UserError, match="expected one of fp32"):
        TransformersLm(causal, dtype="int4")
    with pytest.raises(UserError, match=r"1024 positions\. Lower max_new_tokens"):
        local(causal).complete([Request("hello", 1024)])
    with pytest.raises(UserError, match="empty prompt"):
        local(causal).complete([Request("")])
    for wrong in ({"stop": "\n"}, {"stop": ("",)}, {"top_p": 0.0}, {"temperature": -1.0}, {"max_new_tokens": 0}):
        with pytest.raises(UserError, match="expected"):
            Request("a", **wrong)  # type: ignore[arg-type]
