"""What was read is not read again, and nobody sees it in the answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from zoo.errors import UserError
from zoo.language_models.base import Request
from zoo.language_models.prefixes import BLOCK, Prefixes, Text, plain_layers
from zoo.language_models.transformers_lm import TransformersLm

SHARED = "This is what all of these texts begin with, word by word, and it is longer than a block of tokens. "


def local(folder: Path, **settings: Any) -> TransformersLm:
    return TransformersLm(folder, **({"dtype": "fp64", "device": "cpu", "batch_size": 3} | settings))


def request(prompt: str, n: int) -> Request:
    """Alternately greedy and drawn; ends of several lengths."""
    return Request(prompt, 5 + n % 4, temperature=n % 2, frequency_penalty=0.3 * (n % 3), stop=("a",) * (n % 2), seed=n)


@contextmanager
def counted(model: TransformersLm) -> Iterator[list[int]]:
    """Columns that went through the network, call by call."""
    columns: list[int] = []
    hook = model._loaded[1].transformer.h[0].register_forward_pre_hook(lambda _, args: columns.append(args[0].shape[1]))
    yield columns
    hook.remove()


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_answers_are_those_of_a_model_that_reads_all_again(causal: Path, batch_size: int) -> None:
    keeps, reads = local(causal, batch_size=batch_size), local(causal, batch_size=batch_size, prefix_mib=0)
    prompts = [SHARED + end for end in ("A cat.", "A dog is here.", "B", "")] + ["Something else.", "So " * 40, "x"]
    for turn in range(4):
        requests = [request(prompt, turn + n) for n, prompt in enumerate(prompts)]
        answers = reads.complete(requests)
        assert keeps.complete(requests) == answers
        prompts = [f"{prompts[n]}{answer} You say what {n}?" for n, answer in enumerate(answers)]
        prompts = [*prompts[1:], f"{SHARED} New in turn {turn}.", prompts[0][:90]]
    assert reads.prefixes.used == 0 < keeps.prefixes.used


def test_only_what_is_new_is_read(causal: Path) -> None:
    model = local(causal)
    with counted(model) as columns:
        said = model.complete([Request(SHARED + end, 4) for end in ("One.", "Two.")])
        read = columns[0]
        columns.clear()
        model.complete(
            [Request(f"{SHARED}{end}{text}, no?", 4) for end, text in zip(("One.", "Two."), said, strict=True)]
        )
        assert columns[0] < 20 < read
        columns.clear()
        model.complete([Request(SHARED + "Three.", 4)])
        assert columns[0] < 12
        columns.clear()
        model.complete([Request("Not like them, and as long as they are, or about as long as they are, I think.", 4)])
        assert columns[0] > 20
        columns.clear()
        model.complete([Request("Not like them, and as long as they are, or about as long as they are, I think.", 4)])
        assert columns[0] == 1  # all of it is known, and the last token is read


def test_a_common_beginning_is_read_once(causal: Path) -> None:
    model = local(causal, batch_size=16)
    with counted(model) as columns:
        said = model.complete([Request(f"{SHARED}{n}", 1) for n in range(6)])
    assert len(columns) == 2
    assert columns[1] < BLOCK < columns[0]
    assert said == local(causal, prefix_mib=0).complete([Request(f"{SHARED}{n}", 1) for n in range(6)])


def test_turns() -> None:
    kept = Prefixes(10**6)
    one, two = ([k] * 40 for k in (1, 2))
    prompts = [[*one, 5], [*two, 5, 5], [*one, 6, 6, 6], [*two, 7], [*one, 7]]
    assert kept.in_turns(prompts) == [[1, 0], [2, 3, 4]]
    assert kept.in_turns(prompts[:4]) == [[1, 0], [2, 3]]
    assert kept.in_turns(prompts[:3]) == [[2, 1, 0], []]  # one of three: not worth a batch
    assert kept.in_turns([[*one[:20], *[k] * 41] for k in range(3, 7)]) == [[0, 1, 2, 3], []]  # a third in common
    assert Prefixes(0).in_turns(prompts) == [[2, 1, 0, 3, 4], []]
    for tokens in (one, two):
        kept.keep(text(tokens))
    assert kept.in_turns(prompts) == [[2, 1, 0, 3, 4], []]  # known already
    assert kept.in_turns([]) == [[], []]


def text(tokens: list[int], prompt: int | None = None) -> Text:
    return Text(tokens, [(torch.zeros(2, len(tokens), 4), torch.zeros(2, len(tokens), 4))], prompt or len(tokens))


def test_room_is_kept_and_the_longest_unused_go() -> None:
    one, two, three = ([k] * (2 * BLOCK) for k in (1, 2, 3))
    kept = Prefixes(2 * text(one).size)
    for tokens in (one, two):
        kept.keep(text(tokens))
    assert kept.longest([*one, 9])[0] == 2 * BLOCK  # used now
    kept.keep(text(three))
    assert [kept.longest(tokens)[0] for tokens in (one, two, three)] == [2 * BLOCK, 0, 2 * BLOCK]
    assert kept.used == kept.room
    kept.keep(text([4] * 1000))  # more than there is room for
    assert kept.longest([4] * 1000) == (0, None)
    assert kept.used == kept.room
    assert Prefixes(0).longest(one) == (0, None)


def test_a_text_that_goes_on_replaces_the_one_before_but_not_a_neighbour() -> None:
    kept = Prefixes(10**6)
    prompt = list(range(40))
    kept.keep(text([*prompt, 50, 51], 40))
    before = kept.used
    longer = text([*prompt, 50, 60, 61, 62], 43)  # the answer is written otherwise: it was trimmed
    kept.keep(longer)
    assert kept.used == longer.size
    assert kept.longest([*prompt, 50, 60, 7])[0] == 42
    neighbour = text([*prompt[:30], *[70] * 20])
    kept.keep(neighbour)
    assert kept.used == longer.size + neighbour.size > before
    assert kept.longest([*prompt, 50])[0] == 41
    assert kept.longest([*prompt[:30], 70, 71])[0] == 31
    assert kept.longest(prompt[: BLOCK - 1]) == (0, None)


def test_a_model_with_windows_reads_all_again(causal: Path, tmp_path: Path) -> None:
    tokenizer, gpt2 = local(causal)._loaded
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = MistralConfig(vocab_size=len(tokenizer), num_key_value_heads=2, sliding_window=8, **shape)
    assert plain_layers(gpt2.config) == 2
    assert plain_layers(config) == 0
    MistralForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = local(tmp_path)
    first = model.complete([Request(SHARED, 6)])
    assert model.complete([Request(SHARED, 6)]) == first
    assert model.prefixes.used == 0


def test_room_below_none(causal: Path) -> None:
    with pytest.raises(UserError, match="at least 0 MiB"):
        local(causal, prefix_mib=-1)
