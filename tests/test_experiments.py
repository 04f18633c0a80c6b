"""Every file of conf/experiment composes, and says what it is."""

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from transformers import GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

from tests.conftest import ROOT
from zoo.evidence.published import published_tables
from zoo.models.banks.lora import LoRABank
from zoo.models.banks.prefix import PrefixBank
from zoo.stages import has_source, source_of

EXPERIMENTS = sorted(
    path.relative_to(ROOT / "conf" / "experiment") for path in ROOT.glob("conf/experiment/*/[!_]*.yaml")
)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=str)
def test_an_experiment_composes_and_names_its_source(path, composed: Callable[..., DictConfig]) -> None:
    cfg = composed(f"experiment={path.with_suffix('')}")
    assert OmegaConf.to_container(cfg, resolve=True)
    get_class(cfg.model.net._target_)
    get_class(cfg.data.corpus._target_)
    text = (ROOT / "conf" / "experiment" / path).read_text()
    assert "Table" in text or "Figure" in text, "names what it is a row of"


def test_rows_of_the_prompt_tuning_paper(composed: Callable[..., DictConfig]) -> None:
    prompt = composed("experiment=prompt_tuning/pt_gpt2xl")
    assert prompt.backbone.name == "gpt2-xl"
    assert (prompt.model.net.num_virtual_tokens, prompt.model.net.start) == (200, "text")
    assert (prompt.learner.lr, prompt.model.net.shared) == (1e-3, False)
    assert composed("experiment=prompt_tuning/pt_gptj6b").backbone.name == "gpt-j-6b"
    added, none = (composed(f"experiment=prompt_tuning/ft_{row}_gpt2xl") for row in ("added", "none"))
    assert (added.template.persona, none.template.persona) == ("self", "none")
    assert added.optimizer.lr == none.optimizer.lr == 5e-5
    japanese = composed("experiment=prompt_tuning/pt_gpt1b_ja")
    assert japanese.backbone.name == "rinna-gpt-1b"
    assert japanese.data.general_per_persona == 0.1
    assert composed("experiment=prompt_tuning/ft_none_gpt1b_ja").optimizer.lr == 1e-5


def test_rows_of_personapkt(composed: Callable[..., DictConfig]) -> None:
    table = published_tables("personapkt")["table2"]
    rows = {row.name: composed(f"experiment={row.experiment}") for row in table.rows}
    assert len(rows) == 8
    for name, cfg in rows.items():
        assert cfg.backbone.name == "gpt2-medium", name
        assert (cfg.decoding.num_beams, cfg.protocol.name, cfg.data.test_parts) == (5, "personapkt", ["B", "C"]), name
        shares_one = name in ("persona_ft", "ft", "persona_id_ft")
        assert cfg.users.shared is shares_one, name
        assert cfg.data.parts == (["A"] if shares_one else ["B", "C"]), name
        assert has_source(cfg) is (name.startswith("pkt_") or name == "reptile_ft"), name
        if has_source(cfg):
            assert source_of(cfg).data.parts == ["A"], name
    assert [rows[name].template.persona for name in ("persona_ft", "ft", "persona_id_ft")] == ["self", "none", "id"]
    assert all(rows[name].template.persona == "none" for name in rows if name not in ("persona_ft", "persona_id_ft"))
    assert source_of(rows["pkt_temperature"]).data.temperature == 10
    assert source_of(rows["pkt_base"]).data.temperature is None
    learner = source_of(rows["pkt_ppreptile"]).learner
    assert (learner.inner_lr, learner.lr, learner.batch_size, learner.users_per_step) == (1e-4, 3e-5, 2, 4)
    assert all(rows[name].model.net.reparametrised for name in rows if "pkt" in name or name == "rand_prefix")


def test_parameters_of_personapkt_on_gpt2_medium(zoo_cache: Path) -> None:
    """The claim "less than 0.1 %" is of the folded prefix; in training there are 75 times as many."""
    with torch.device("meta"):
        lm = GPT2LMHeadModel(GPT2Config(n_embd=1024, n_layer=24, n_head=16))
        direct, through_mlp = PrefixBank(lm, 7), PrefixBank(lm, 7, reparametrised=True)
        embedding_only = PrefixBank(lm, 7, reparametrised=True, frozen_mlp=True)
    everything = sum(parameter.numel() for parameter in lm.parameters())
    assert everything == 354_823_168
    assert direct.numbers_per_user == 344_064 < 0.001 * everything
    assert through_mlp.numbers_per_user == 25_746_944
    assert embedding_only.numbers_per_user == 7 * 1024


def test_rows_of_user_specific_models(composed: Callable[..., DictConfig]) -> None:
    tables = published_tables("user_lora")
    rows = {row.name: row for row in tables["table5"].rows}
    trained = {name: row for name, row in rows.items() if row.experiment}
    assert len(trained) == 12
    for name, row in trained.items():
        cfg = composed(f"experiment={row.experiment}")
        assert cfg.backbone.path == (
            "sonoisa/t5-base-japanese" if cfg.base == "t5" else f"outputs/user_lora/{cfg.base}"
        )
        assert (cfg.data.half, source_of(cfg).data.half, cfg.data.held_out) == ("personal", "adaptation", 0.3), name
        assert cfg.users.shared is cfg.template.one_id is name.endswith("one_id"), name
        assert source_of(cfg).template.one_id is False
        assert source_of(cfg).optimizer.lr == 1e-4
        rate = cfg.optimizer.lr if cfg.users.shared else cfg.learner.lr
        patience = cfg.callbacks.early_stopping.patience if cfg.users.shared else cfg.learner.patience
        assert (rate, patience) == (1e-4, 1), name
        assert cfg.template.prompt == {"t5": "plain"}.get(cfg.base, cfg.base)
    assert all([row.name for row in tables[name].rows] == list(rows) for name in ("table3", "table4"))
    for language_model in ("gpt3_5", "jp_neox_3_6b", "jp_llama2_7b"):
        assert rows[language_model].closed is not bool(rows[language_model].command)


@pytest.mark.parametrize(
    ("preset", "numbers"),
    [(None, 1_769_472), ("lora_r12_self", 1_769_472), ("peft_r16_qv", 1_769_472), ("peft_r12_qv", 1_327_104)],
)
def test_parameters_of_a_users_lora_on_t5_base(
    preset: str | None, numbers: int, composed: Callable[..., DictConfig]
) -> None:
    """Section 4.1.3: rank 12 and 1.8 million trainable parameters; 7 MB on disk (Table 6)."""
    cfg = composed("model=user_lora", "data=users_jsonl", *([] if preset is None else [f"preset={preset}"]))
    architecture = dict(cfg.backbone.architecture)
    assert architecture.pop("model_type") == "t5"
    with torch.device("meta"):
        lm = T5ForConditionalGeneration(T5Config(**architecture))
        bank = LoRABank(lm, cfg.model.net.rank, cfg.model.net.alpha, cfg.model.net.targets)
    assert sum(parameter.numel() for parameter in lm.parameters()) == 222_903_552
    assert bank.numbers_per_user == numbers


def test_rows_of_paa(composed: Callable[..., DictConfig]) -> None:
    rows = {(table.name, row.name): row for table in published_tables("paa").values() for row in table.rows}
    assert len(rows) == 59
    closed = {name for (_, name), row in rows.items() if row.closed}
    assert {"kvpm", "bob", "opt_175b"} < closed
    assert "paa" not in closed
    composing = {
        path: composed(f"experiment={path}") for row in rows.values() for path in (row.experiment, row.sound) if path
    }
    assert all((row.experiment is None) is row.closed for row in rows.values())
    for path, cfg in composing.items():
        ranks = path in ("paa/paa_hits", "paa/transfertransfo")
        assert cfg.data.corpus.name == "convai2", path
        assert cfg.protocol.name == "paa_both", path
        assert ("hits_1_of_20" in cfg.protocol.metrics) is ranks, path
        assert ("DoubleHeads" in cfg.learner._target_) is ranks, path
        if "medium" not in path and "large" not in path:
            assert cfg.backbone.name == "gpt2", path
        assert cfg.model.net.get("tie_lm_head", True) is not path.endswith("_untied"), path
    fusions = {path: cfg.model.net.fusion for path, cfg in composing.items() if "fusion" in cfg.model.net}
    for row in ("direct_sum", "param", "dual", "skipped", "context", "dual_reference", "attention_routing"):
        assert fusions[f"paa/{row}"] == row
    for pool in ("mean", "max"):
        assert composing[f"paa/cond_aware_{pool}"].model.net.condition_pool == pool
    # the release's way of a row; every switch is one of the row's network
    for row, preset in (("encoder_gpt2", "_encoder_gpt2"), ("gpt2_small", "_gpt2"), ("dual", "")):
        cfg = composed(f"experiment=paa/{row}", f"preset=paa_reference{preset}")
        known = inspect.signature(get_class(cfg.model.net._target_)).parameters
        assert set(cfg.model.net) - {"_target_"} <= set(known), row
        assert (cfg.data.history, cfg.template.target_end) == ("reference", "blank_eos")
    theirs = composed("experiment=paa/paa", "preset=paa_reference")
    assert (theirs.data.history, theirs.data.batch_size, theirs.optimizer.lr) == ("reference", 8, 1e-6)


def test_rows_of_personachatgen(composed: Callable[..., DictConfig]) -> None:
    """ParlAI's recipe of Blender 90M, whatever model and data would bring by themselves."""
    assert {row.name: row.experiment for row in published_tables("personachatgen")["table7"].rows} == {
        "m1_personachat": "personachatgen/m1",
        "m2_comb": "personachatgen/m2",
    }
    for name in ("m1", "m2"):
        cfg, tiny = (composed(f"experiment=personachatgen/{size}{name}") for size in ("", "tiny_"))
        assert cfg.backbone.path == "facebook/blenderbot_small-90M"
        assert (cfg.optimizer._target_, cfg.optimizer.lr) == ("torch.optim.Adamax", 1e-6)
        assert (cfg.scheduler.monitor, cfg.scheduler.factor, cfg.scheduler.patience) == (cfg.monitor, 0.5, 3)
        trainer = cfg.trainer
        assert (trainer.gradient_clip_val, trainer.val_check_interval, trainer.precision) == (0.1, 0.25, "16-mixed")
        assert (cfg.data.batch_size, cfg.callbacks.early_stopping.patience) == (16, 15)
        assert (cfg.template.max_text_tokens, cfg.template.max_response_tokens) == (512, 128)
        assert "ParlaiTemplate" in cfg.template._target_
        assert cfg.model.net.mark_response is False
        decoding = cfg.decoding
        assert (decoding.num_beams, decoding.min_new_tokens, decoding.max_new_tokens) == (10, 20, 128)
        assert decoding.no_repeat_ngram_size == decoding.encoder_no_repeat_ngram_size == 3
        for row in (cfg, tiny):
            assert (row.protocol.name, row.data.apart) == ("personachatgen", True)
            assert set(row.protocol.metrics) >= {"f1_parlai", "ppl_token", "c_score"}
            left_out = row.data.corpus.get("splits", {}).get("personachatgen", {})
            assert dict(left_out) == ({"train": None, "valid": None} if name == "m1" else {})
        assert (tiny.backbone.name, tiny.backbone.width) == ("tiny-blenderbot", 128)
        assert (tiny.trainer.precision, tiny.decoding.no_repeat_ngram_size) == ("32-true", 3)
