"""A run's language model as a Hugging Face folder."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig
from transformers import AutoModelForCausalLM, AutoTokenizer

import zoo
from tests.users.test_user_runs import SMALL
from zoo.data.licence import NTT_EVALUATION
from zoo.errors import UserError
from zoo.export import export
from zoo.running import run


@pytest.fixture
def lora_run(composed: Callable[..., DictConfig], tmp_path: Path) -> Path:
    """A finished run of LoRA for five users."""
    run(composed(*SMALL, "model=lora", "run=[fit]", "learner.lr=0.1"))
    return tmp_path


def test_a_users_lora_is_merged_into_the_weights(lora_run: Path, tmp_path: Path) -> None:
    net = zoo.load(lora_run).net
    export(lora_run, tmp_path / "merged", user=net.users[2])
    export(lora_run, tmp_path / "bare")
    ids = torch.arange(20)[None]
    net.bank.select(torch.tensor([2]))
    merged, bare = (
        AutoModelForCausalLM.from_pretrained(tmp_path / name).double().eval() for name in ("merged", "bare")
    )
    torch.testing.assert_close(merged(ids).logits, net.lm(ids).logits, rtol=0, atol=1e-5)
    assert not torch.allclose(bare(ids).logits, merged(ids).logits, atol=1e-3)
    assert len(AutoTokenizer.from_pretrained(tmp_path / "merged")) == len(
        AutoTokenizer.from_pretrained(tmp_path / "bare")
    )
    with pytest.raises(UserError, match="no adapter of user 'nobody'"):
        export(lora_run, tmp_path / "none", user="nobody")


def test_a_licence_that_forbids_it_is_kept(lora_run: Path, tmp_path: Path) -> None:
    provenance = json.loads((lora_run / "provenance.json").read_text())
    provenance["data"]["splits"]["train"]["corpus"] = {"corpus": "x", "licence": NTT_EVALUATION.describe()}
    (lora_run / "provenance.json").write_text(json.dumps(provenance))
    with pytest.raises(UserError, match="NTT"):
        export(lora_run, tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
