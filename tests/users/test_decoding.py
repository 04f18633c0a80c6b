"""One call answers a batch in which every row belongs to another user, as if each were answered alone.

Logits are compared, not tokens: tokens agree long after logits do not.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from transformers import GenerationConfig

from tests.users.conftest import KINDS
from zoo.data.batch import DialogueBatch
from zoo.data.datamodule import DialogueDataModule
from zoo.models.banks.base import VirtualTokens
from zoo.models.banks.full import FullBank
from zoo.models.user_rows import UserRows

NEW = 5
ADAPTERS = [kind for kind in KINDS if kind != "full"]
MODES = {
    "greedy": {},
    "beam": {"num_beams": 3},
    "sampling": {"do_sample": True, "temperature": 1.5},
}


@pytest.fixture
def model(request: pytest.FixtureRequest, build: Callable[..., UserRows], data: DialogueDataModule) -> UserRows:
    """A bank whose rows differ in everything, in length too."""
    model = build(request.param)
    if isinstance(model.bank, VirtualTokens):
        for row in range(1, len(data.users)):
            model.bank.set_length(row, 1 + row % model.bank.num_virtual_tokens)
            model.bank.initialise(row, torch.Generator().manual_seed(row))
    for name, table in model.bank.tables.items():
        if name.endswith("/B"):  # LoRA's updates start at zero
            torch.nn.init.normal_(table, std=0.3, generator=torch.Generator().manual_seed(1))
    if isinstance(model.bank, FullBank):
        for name, table in model.bank.tables.items():  # copies start alike
            table.data += 0.1 * torch.randn(table.shape, generator=torch.Generator().manual_seed(len(name)))
    return model


@pytest.fixture
def mixed(data: DialogueDataModule) -> DialogueBatch:
    """Rows of five users, one of them twice, of different lengths."""
    rows = data.table("train").user_rows
    picked = [int((rows == user).nonzero()[0][-1]) for user in (2, 0, 4, 1, 3, 0)]
    batch = data.table("train").__getitems__(picked)
    assert len(set(batch.context_mask.sum(1).tolist())) > 2
    return batch


def one_row(batch: DialogueBatch, row: int) -> DialogueBatch:
    """A row without its padding."""
    alone = batch.rows(torch.tensor([row]))
    cut = {}
    for segment in ("persona", "context", "response"):
        mask = getattr(alone, f"{segment}_mask")
        width = int(mask.sum())
        cut |= {segment: getattr(alone, segment)[:, :width], f"{segment}_mask": mask[:, :width]}
    return replace(alone, **cut)


def forced(model: UserRows, batch: DialogueBatch, tokens: Tensor) -> Tensor:
    """Logits of given tokens under teacher forcing: [B, R] -> [B, R, V]."""
    mask = torch.ones_like(tokens, dtype=torch.bool)
    return model(replace(batch, response=tokens, response_mask=mask)).view(*tokens.shape, -1)


@pytest.mark.parametrize("model", KINDS, indirect=True)
def test_teacher_forcing_of_mixed_rows_is_that_of_each_alone(model: UserRows, mixed: DialogueBatch) -> None:
    together = model(mixed).split(mixed.response_mask.sum(1).tolist())
    others = replace(mixed, user=mixed.user.roll(1))
    for row, logits in enumerate(together):
        torch.testing.assert_close(logits, model(one_row(mixed, row)), rtol=0, atol=1e-9)
    assert not torch.allclose(torch.cat(together), model(others))  # the adapters do something


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("use_cache", [True, False], ids=["cached", "uncached"])
@pytest.mark.parametrize("model", ADAPTERS, indirect=True)
def test_mixed_decoding_is_that_of_each_alone(
    model: UserRows, mixed: DialogueBatch, mode: str, use_cache: bool, data: DialogueDataModule
) -> None:
    decoding = GenerationConfig(
        max_new_tokens=NEW,
        min_new_tokens=NEW,
        use_cache=use_cache,
        pad_token_id=data.template.pad_id,
        eos_token_id=data.template.eos_id,
        return_dict_in_generate=True,
        output_logits=True,
        output_scores=True,
        **MODES[mode],
    )
    torch.manual_seed(0)
    output = model.continued(mixed, decoding)
    assert output.sequences.shape == (len(mixed), NEW)
    for row in range(len(mixed)):
        alone = one_row(mixed, row)
        logits = forced(model, alone, output.sequences[row : row + 1])[0]  # [R, V]
        if mode == "beam":
            picked = torch.log_softmax(logits, -1).gather(-1, output.sequences[row][:, None]).mean()
            torch.testing.assert_close(picked.float(), output.sequences_scores[row].float(), rtol=0, atol=1e-5)
        else:
            stepwise = torch.stack([step[row] for step in output.logits])  # [R, V] in float32
            torch.testing.assert_close(stepwise, logits.float(), rtol=0, atol=1e-5)
        if mode != "sampling":
            assert model.continued(alone, decoding).sequences[0].tolist() == output.sequences[row].tolist()


@pytest.mark.parametrize("mode", [MODES["greedy"], MODES["beam"], MODES["beam"] | {"num_return_sequences": 2}])
@pytest.mark.parametrize("model", ["full"], indirect=True)
def test_each_row_is_answered_by_its_own_copy(
    model: UserRows, mixed: DialogueBatch, mode: dict, data: DialogueDataModule
) -> None:
    decoding = GenerationConfig(
        max_new_tokens=NEW, pad_token_id=data.template.pad_id, eos_token_id=data.template.eos_id, **mode
    )
    together = model.generate(mixed, decoding)
    assert len({tuple(row) for row in together.tolist()}) >= 4  # five users, one of them twice
    for of_row, row in zip(together.chunk(len(mixed)), range(len(mixed)), strict=True):
        alone = model.generate(one_row(mixed, row), decoding)
        padding = (0, together.size(1) - alone.size(1))
        assert torch.equal(of_row, torch.nn.functional.pad(alone, padding, value=data.template.pad_id))


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_is_left_as_it_was(kind: str, build: Callable[..., UserRows], mixed: DialogueBatch) -> None:
    model = build(kind)
    own = type(model.lm).prepare_inputs_for_generation
    model.generate(mixed, GenerationConfig(max_new_tokens=2, pad_token_id=0))
    assert model.lm.prepare_inputs_for_generation.__func__ is own
