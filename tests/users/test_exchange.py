"""Adapters leave a bank as PEFT folders with the same logits, and come back trainable."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from tests.users.conftest import KINDS
from zoo.adapters.peft_folder import read_peft_folder, write_peft_folder
from zoo.data.datamodule import DialogueDataModule
from zoo.errors import UserError
from zoo.models.adapted import AdaptedModel


def varied(model: AdaptedModel) -> AdaptedModel:
    """Rows that do something (LoRA's second matrices start at zero), exact in float32, in which PEFT loads prompts."""
    for name, table in model.bank.tables.items():
        if name.endswith("/B"):
            torch.nn.init.normal_(table, std=0.3, generator=torch.Generator().manual_seed(1))
        table.data = table.data.float().double()
    return model


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "full"])
def test_peft_reads_what_a_bank_exports(
    kind: str, build: Callable[..., AdaptedModel], data: DialogueDataModule, tmp_path: Path
) -> None:
    model = varied(build(kind))
    folder = tmp_path / "dot"
    write_peft_folder(folder, model.adapter("dot"))
    row = data.users.index("dot")
    batch = data.table("train").__getitems__([int((data.table("train").user_rows == row).nonzero()[0][0])])
    ours = model(batch)  # [R, V]
    theirs = PeftModel.from_pretrained(build(kind).lm, folder).double().eval()
    ids, mask = model.text(batch)
    if model.lm.config.is_encoder_decoder:
        shifted = model.lm.prepare_decoder_input_ids_from_labels(batch.response)
        logits = theirs(input_ids=ids, attention_mask=mask.long(), decoder_input_ids=shifted).logits[0]
    else:
        joined = torch.cat([ids, batch.response], dim=1)
        logits = theirs(input_ids=joined, attention_mask=torch.ones_like(joined)).logits[0]
        logits = logits[-batch.response.size(1) - 1 : -1]
    rounded = kind == "reparametrised prefix"  # the fold of float32 numbers is none itself
    torch.testing.assert_close(ours, logits, rtol=0, atol=1e-6 if rounded else 1e-9)


@pytest.mark.parametrize("kind", ["prompt", "prefix", "lora"])
def test_a_stored_adapter_is_trained_on(
    kind: str, build: Callable[..., AdaptedModel], data: DialogueDataModule, tmp_path: Path
) -> None:
    first = varied(build(kind))
    write_peft_folder(tmp_path / "ann", first.adapter("ann"))
    second = build(kind, start_from=tmp_path / "ann")
    for table in second.bank.tables.values():
        assert table.requires_grad
        for row in range(len(data.users)):
            torch.testing.assert_close(table[row], table[0])
    assert second.adapter("eve").tensors.keys() == first.adapter("ann").tensors.keys()
    for name, values in first.adapter("ann").tensors.items():
        assert torch.equal(values, second.adapter("eve").tensors[name])


def test_a_reparametrised_prefix_is_folded_without_a_change(
    build: Callable[..., AdaptedModel], data: DialogueDataModule
) -> None:
    model = build("reparametrised prefix")
    batch = data.table("train").__getitems__([0, 1])
    before = model(batch)
    model.bank = model.bank.folded()
    assert list(model.bank.tables) == ["prefix"]
    torch.testing.assert_close(model(batch), before, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("stored", "asked", "settings", "complaint"),
    [
        ("prompt", "prefix", {}, "A prompt adapter was given to a bank of prefix adapters"),
        ("prompt", "prompt", {"num_virtual_tokens": 4}, "5 virtual tokens, but this bank holds 1 to 4"),
        ("lora", "lora", {"rank": 3}, "does not fit this bank \\(rank 3"),
        ("lora", "lora", {"alpha": 1}, "counts 4 times was given for a bank in which it counts 0.5 times"),
        ("prefix", "reparametrised prefix", {}, "A stored prefix is folded"),
    ],
)
def test_adapters_that_do_not_fit_are_refused(
    stored: str, asked: str, settings: dict, complaint: str, build: Callable[..., AdaptedModel], tmp_path: Path
) -> None:
    write_peft_folder(tmp_path / "one", build(stored).adapter("ann"))
    with pytest.raises(UserError, match=complaint):
        build(asked, start_from=tmp_path / "one", **settings)


def test_an_adapter_of_another_backbone_is_refused(build: Callable[..., AdaptedModel]) -> None:
    adapter = copy.deepcopy(build("prompt").adapter("ann"))
    adapter.config["base_model_name_or_path"] = "another"  # type: ignore[index]
    with pytest.raises(UserError, match=r"belongs to the backbone another \(revision None\)"):
        build("prompt").take(0, adapter)
    adapter.config.update(base_model_name_or_path=None, revision="another commit")  # type: ignore[attr-defined]
    model = build("prompt")
    model.take(0, adapter)  # this bank's own is not known
    model.revision = "one commit"
    with pytest.raises(UserError, match="revision another commit"):
        model.take(0, adapter)


def test_an_unknown_user_is_refused(build: Callable[..., AdaptedModel]) -> None:
    with pytest.raises(UserError, match="no adapter of user 'fay' among 5 users"):
        build("lora").row_of("fay")


def test_a_read_folder_is_what_was_written(build: Callable[..., AdaptedModel], tmp_path: Path) -> None:
    adapter = build("prefix").adapter("ben")
    write_peft_folder(tmp_path / "ben", adapter)
    for name, values in read_peft_folder(tmp_path / "ben").tensors.items():
        assert torch.equal(values, adapter.tensors[name])
