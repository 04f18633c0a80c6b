"""Context blocking: no three tokens of persona, context or reply stand in the reply again."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from transformers import GenerationConfig

from zoo.data.batch import DialogueBatch, collate
from zoo.data.records import DialogueExample
from zoo.models.context_ngrams import ContextNgrams
from zoo.module import DialogueModule

WORDS = " i you the a my your"
BACKBONES = ("tiny", "tiny-blenderbot")


def blocked(processor: ContextNgrams, ids: list[list[int]], vocabulary: int = 10) -> list[list[int]]:
    """The forbidden tokens of every row."""
    scores = processor(torch.tensor(ids), torch.zeros(len(ids), vocabulary))
    return [row.isinf().nonzero().flatten().tolist() for row in scores]


def test_what_would_complete_a_trigram_is_forbidden() -> None:
    processor = ContextNgrams(3, [[1, 2, 3, 1, 2, 4], [5, 6, 7]], prompt=1)
    assert blocked(processor, [[0, 1, 2], [0, 1, 2]]) == [[3, 4], []]
    assert blocked(processor, [[0, 8, 1, 2], [0, 8, 5, 6]]) == [[3, 4], [7]]
    assert blocked(processor, [[0, 1, 2, 9], [0, 5, 6, 9]]) == [[], []]


def test_only_what_was_written_counts() -> None:
    """The prompt of a decoder ends with context; the reply's first tokens complete nothing yet."""
    processor = ContextNgrams(3, [[1, 2, 3]], prompt=2)
    assert blocked(processor, [[1, 2]]) == [[]]
    assert blocked(processor, [[0, 1, 2]]) == [[]]
    assert blocked(processor, [[0, 0, 1, 2]]) == [[3]]


def test_beams_of_a_row_are_behind_one_another() -> None:
    processor = ContextNgrams(2, [[1, 2], [1, 3]], prompt=0)
    assert blocked(processor, [[1], [4], [1], [1]]) == [[2], [], [3], [3]]


@pytest.mark.parametrize("size", [1, 2, 4])
def test_other_sizes(size: int) -> None:
    processor = ContextNgrams(size, [[1, 2, 3, 4]], prompt=0)
    assert blocked(processor, [[1, 2, 3]]) == [{1: [1, 2, 3, 4], 2: [4], 4: [4]}[size]]


def test_the_end_is_never_forbidden_and_short_contexts_forbid_nothing() -> None:
    assert blocked(ContextNgrams(3, [[1, 2, 0, 1, 2, 3]], prompt=0, never=[0]), [[1, 2]]) == [[3]]
    assert blocked(ContextNgrams(3, [[1, 2], []], prompt=0), [[1, 2], [1, 2]]) == [[], []]


@pytest.fixture(params=BACKBONES)
def module(request: pytest.FixtureRequest, composed: Callable[..., DictConfig]) -> DialogueModule:
    """Fine-tuning at width 32 in float64 that decodes as Blender does, at most 24 tokens; pad and end token are one."""
    small = ("backbone.width=32", "backbone.depth=2", "backbone.heads=4", "template=parlai")
    torch.manual_seed(0)
    cfg = composed("model=finetune", "data=demo", f"backbone={request.param}", "decoding=blender", *small)
    module: DialogueModule = instantiate(cfg.model).double().eval()
    module.decoding.max_new_tokens = 24
    words = set(module.template.ids(WORDS))
    assert len(words) == 6
    said = {*words, module.template.eos_id}
    module.decoding.suppress_tokens = [token for token in range(module.template.vocab_size) if token not in said]
    return module


@pytest.fixture
def ragged(module: DialogueModule, examples: list[DialogueExample]) -> DialogueBatch:
    """The ragged examples, whose contexts go on with sixty of the six words that can be said."""
    batch = collate([module.template.encode(example) for example in examples], pad_id=module.template.pad_id)
    words = torch.tensor(module.template.ids(WORDS))
    more = words[torch.randint(len(words), (len(batch), 60), generator=torch.Generator().manual_seed(0))]
    context, mask = torch.cat([batch.context, more], 1), torch.cat([batch.context_mask, more > 0], 1)
    return replace(batch, context=context, context_mask=mask)


def with_sizes(module: DialogueModule, own: int | None, read: int | None) -> GenerationConfig:
    """The same decoding with other sizes of n-grams."""
    other = copy.deepcopy(module.decoding)
    other.no_repeat_ngram_size, other.encoder_no_repeat_ngram_size = own, read
    return other


def trigrams(ids: list[int]) -> list[tuple[int, ...]]:
    """All of them, in order."""
    return [tuple(ids[i : i + 3]) for i in range(len(ids) - 2)]


def repeats(module: DialogueModule, batch: DialogueBatch, replies: torch.Tensor) -> tuple[int, int]:
    """Trigrams that a reply has twice, and that it has from its persona and context."""
    own = read = 0
    ids, mask = batch.join("persona", "context")
    for row, reply in enumerate(replies.tolist()):
        said = reply[: reply.index(module.template.eos_id)] if module.template.eos_id in reply else reply
        found = trigrams(said)
        own += len(found) - len(set(found))
        read += len(set(found) & set(trigrams(ids[row][mask[row]].tolist())))
    return own, read


def test_replies_repeat_no_trigram(module: DialogueModule, ragged: DialogueBatch) -> None:
    own, none_read = repeats(module, ragged, module.net.generate(ragged, with_sizes(module, None, 3)))
    # transformers' own blocking counts a decoder's prompt as written, but not what an encoder has read
    size = 3 if module.net.lm.config.is_encoder_decoder else None
    _, read = repeats(module, ragged, module.net.generate(ragged, with_sizes(module, size, None)))
    assert min(own, read) > 0 == none_read, "each has something to block"
    replies = module.net.generate(ragged, module.decoding)
    assert repeats(module, ragged, replies) == (0, 0)
    assert all(module.template.eos_id not in row[:20] for row in replies.tolist()), "at least 20 tokens"
    assert module.decoding.encoder_no_repeat_ngram_size == 3, "the configuration stays as it is"


def test_batch_mates_do_not_change_what_is_blocked(module: DialogueModule, ragged: DialogueBatch) -> None:
    together = module.net.generate(ragged, module.decoding)
    for row in range(len(ragged)):
        alone = module.net.generate(ragged.rows(slice(row, row + 1)), module.decoding)[0].tolist()
        assert together[row, : len(alone)].tolist() == alone
