import copy
import json
import os
import warnings
from pathlib import Path

import peft
import pytest
import safetensors.torch
import torch
from transformers import DynamicCache, EncoderDecoderCache

from tests.adapters.conftest import KINDS, TARGETS, TASKS, D, H, L, M, assert_same
from zoo.adapters.adapter import PROMPT, Adapter
from zoo.adapters.merge import merge_lora
from zoo.adapters.peft_folder import CONFIG, WEIGHTS, read_peft_folder, write_peft_folder
from zoo.errors import UserError

IDS = torch.tensor([[4, 8, 15, 16, 23], [42, 7, 9, 2, 2]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
RESPONSE = torch.tensor([[0, 3, 5], [0, 6, 11]])


def inputs(backbone: str) -> dict[str, torch.Tensor]:
    ids = {"input_ids": IDS, "attention_mask": MASK}
    return ids | ({"decoder_input_ids": RESPONSE} if backbone == "t5" else {})


def with_ones(mask: torch.Tensor) -> torch.Tensor:
    return torch.cat([mask.new_ones(len(mask), M), mask], dim=1)  # [B, M + T]


def by_hand(model, backbone: str, kind: str, adapter: Adapter) -> torch.Tensor:
    """The adapted model's logits, from the definition of each kind."""
    arguments, tensors = inputs(backbone), adapter.tensors
    if kind == "prompt":
        embedded = model.get_input_embeddings()(arguments.pop("input_ids"))  # [B, T, D]
        soft = tensors[PROMPT].expand(len(IDS), M, D)
        arguments |= {"inputs_embeds": torch.cat([soft, embedded], dim=1), "attention_mask": with_ones(MASK)}
    elif kind == "prefix":
        keys_values = tensors[PROMPT].view(M, L, 2, H, D // H).permute(1, 2, 3, 0, 4)  # [L, 2, H, M, D / H]
        cache = DynamicCache([(k.expand(len(IDS), -1, -1, -1), v.expand(len(IDS), -1, -1, -1)) for k, v in keys_values])
        if backbone == "gpt2":
            arguments |= {"past_key_values": cache, "attention_mask": with_ones(MASK)}
        else:
            arguments |= {"past_key_values": EncoderDecoderCache(cache, DynamicCache())}
    else:
        model = copy.deepcopy(model)
        for path, module in model.named_modules():
            if any(path.endswith(f".{target}") for target in TARGETS[backbone]):
                A, B = (tensors[f"base_model.model.{path}.lora_{side}.weight"] for side in "AB")
                change = 7 / 3 * (B @ A)  # [out, in]
                module.weight.data += change.T if backbone == "gpt2" else change
    with torch.no_grad():
        return model(**arguments).logits


@pytest.mark.parametrize("backbone", ["gpt2", "t5"])
@pytest.mark.parametrize("kind", KINDS)
def test_peft_computes_what_we_mean(tmp_path, backbones, make_adapter, kind, backbone):
    model, adapter = backbones[backbone], make_adapter(kind, backbone)
    expected = by_hand(model, backbone, kind, adapter)
    write_peft_folder(tmp_path / "adapter", adapter)
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        adapted = peft.PeftModel.from_pretrained(copy.deepcopy(model), tmp_path / "adapter").double().eval()
    assert not [str(one.message) for one in complaints if "peft" in one.filename]
    stored = safetensors.torch.load_file(tmp_path / "adapter" / WEIGHTS)
    for name, parameter in adapted.named_parameters():  # `peft` makes what it loads into float32
        if name.endswith("prompt_encoder.default.embedding.weight"):
            assert torch.equal(parameter, stored[PROMPT].float().double())
            parameter.data = stored[PROMPT]
    with torch.no_grad():
        logits = adapted(**inputs(backbone)).logits
        plain = model(**inputs(backbone)).logits
    assert logits.shape == expected.shape
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)
    assert (logits[:, -plain.shape[1] :] - plain).abs().max() > 1e-2
    assert_same(read_peft_folder(tmp_path / "adapter"), adapter)


@pytest.mark.parametrize("backbone", ["gpt2", "t5"])
@pytest.mark.parametrize("kind", [*KINDS, "projected prefix"])
def test_what_peft_writes(tmp_path, backbones, kind, backbone):
    torch.manual_seed(1)
    model = copy.deepcopy(backbones[backbone])
    config = {
        "prompt": lambda task: peft.PromptTuningConfig(task_type=task, num_virtual_tokens=M),
        "prefix": lambda task: peft.PrefixTuningConfig(task_type=task, num_virtual_tokens=M),
        "projected prefix": lambda task: peft.PrefixTuningConfig(
            task_type=task, num_virtual_tokens=M, prefix_projection=True, encoder_hidden_size=16
        ),
        "lora": lambda task: peft.LoraConfig(
            task_type=task, r=3, lora_alpha=7, target_modules=TARGETS[backbone], init_lora_weights=False
        ),
    }[kind](TASKS[backbone])
    theirs = peft.get_peft_model(model, config).double().eval()
    with torch.no_grad():
        expected = theirs(**inputs(backbone)).logits
    theirs.save_pretrained(tmp_path)
    adapter = read_peft_folder(tmp_path)
    assert all(tensor.dtype == torch.float64 for tensor in adapter.tensors.values())
    logits = by_hand(backbones[backbone], backbone, kind.removeprefix("projected "), adapter)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_round_trip(tmp_path, make_adapter, kind, dtype):
    adapter = make_adapter(kind, "gpt2", dtype=dtype)
    write_peft_folder(tmp_path / "some" / "where", adapter)
    assert_same(read_peft_folder(tmp_path / "some" / "where"), adapter)
    assert os.listdir(tmp_path / "some") == ["where"]


def test_views_of_a_bank(tmp_path, make_adapter):
    adapter = make_adapter("prompt", "gpt2")
    bank = torch.randn(3, D, M, dtype=torch.float64, requires_grad=True).transpose(1, 2)  # not contiguous
    write_peft_folder(tmp_path / "adapter", Adapter({PROMPT: bank[1]}, adapter.config))
    assert torch.equal(read_peft_folder(tmp_path / "adapter").tensors[PROMPT], bank[1])
    assert (tmp_path / "adapter" / WEIGHTS).stat().st_size < 2 * M * D * 8


def test_replaces_an_adapter_and_nothing_else(tmp_path, make_adapter, monkeypatch):
    old, new = make_adapter("lora", "gpt2", seed=1), make_adapter("prompt", "gpt2", seed=2)
    write_peft_folder(tmp_path / "adapter", old)
    monkeypatch.chdir(tmp_path / "adapter")
    write_peft_folder(".", new)
    assert_same(read_peft_folder(tmp_path / "adapter"), new)
    assert os.listdir(tmp_path) == ["adapter"]
    (tmp_path / "adapter" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.tex"):
        write_peft_folder(tmp_path / "adapter", old)
    assert_same(read_peft_folder(tmp_path / "adapter"), new)


def break_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def edit(folder: Path, **settings: object) -> None:
    config = json.loads((folder / CONFIG).read_text()) | settings
    (folder / CONFIG).write_text(json.dumps(config))


def rewrite(folder: Path, **tensors: torch.Tensor | None) -> None:
    kept = safetensors.torch.load_file(folder / WEIGHTS) | tensors
    safetensors.torch.save_file({name: t for name, t in kept.items() if t is not None}, folder / WEIGHTS)


FIRST = "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight"
DAMAGE = {
    "no folder": ("prompt", lambda f: f.rename(f.with_name("moved")), f"adapter: {WEIGHTS}"),
    "no weights": ("prompt", lambda f: (f / WEIGHTS).unlink(), f"adapter: {WEIGHTS}"),
    "no config": ("prompt", lambda f: (f / CONFIG).unlink(), f"adapter: {CONFIG}"),
    "half of the weights": ("lora", lambda f: break_off(f / WEIGHTS), f"{WEIGHTS} is cut short"),
    "half of the config": ("lora", lambda f: break_off(f / CONFIG), f"{CONFIG} is cut short"),
    "no bytes": ("lora", lambda f: (f / WEIGHTS).write_bytes(b""), f"{WEIGHTS} is cut short"),
    "a list": ("lora", lambda f: (f / CONFIG).write_text("[]"), "holds a JSON list"),
    "another kind": ("prompt", lambda f: edit(f, peft_type="IA3"), "peft_type 'IA3'"),
    "a size that is none": ("prompt", lambda f: edit(f, num_virtual_tokens=None), "num_virtual_tokens=None"),
    "other length": ("prompt", lambda f: edit(f, num_virtual_tokens=6), rf"{PROMPT} is \[5, 32\], not \[6, 32\]"),
    "other depth": ("prefix", lambda f: edit(f, num_layers=3), rf"{PROMPT} is \[5, 128\], not \[5, 192\]"),
    "other rank": ("lora", lambda f: edit(f, r=4), r"c_attn.lora_A.weight is \[3, 32\], not \[4, 32\]"),
    "missing": ("prompt", lambda f: rewrite(f, other=torch.ones(2), **{PROMPT: None}), f"{PROMPT} is missing; other"),
    "half a pair": ("lora", lambda f: rewrite(f, **{FIRST: None}), r"h\.0\.attn\.c_attn\.lora_A\.weight is missing"),
    "a vector": ("lora", lambda f: rewrite(f, **{FIRST: torch.ones(3)}), r"lora_A\.weight is \[3\], not \[3, 1\]"),
    "unexpected": ("prefix", lambda f: rewrite(f, bias=torch.ones(2)), "bias is unexpected"),
    "target without tensors": (
        "lora",
        lambda f: edit(f, target_modules=["c_attn", "c_fc", "lm_head"]),
        "lm_head.*miss",
    ),
    "tensors without target": ("lora", lambda f: edit(f, target_modules=["c_attn"]), "c_fc.lora_A.weight is unexp"),
    "integers": ("prompt", lambda f: rewrite(f, **{PROMPT: torch.ones(5, 32, dtype=torch.int64)}), "of torch.int64"),
    "DoRA": ("lora", lambda f: edit(f, use_dora=True), "sets use_dora"),
    "biases": ("lora", lambda f: edit(f, bias="all"), "sets bias"),
    "no alpha": ("lora", lambda f: edit(f, lora_alpha=None), "no lora_alpha"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(tmp_path, make_adapter, damage):
    kind, harm, message = DAMAGE[damage]
    folder = tmp_path / "adapter"
    write_peft_folder(folder, make_adapter(kind, "gpt2"))
    harm(folder)
    with pytest.raises(UserError, match=message):
        read_peft_folder(folder)


def test_what_cannot_be_read_back_is_not_written(tmp_path, make_adapter):
    adapter = make_adapter("lora", "gpt2")
    with pytest.raises(UserError, match="c_attn"):
        write_peft_folder(tmp_path / "adapter", Adapter(adapter.tensors, dict(adapter.config) | {"r": 2}))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("backbone", ["gpt2", "t5"])
@pytest.mark.parametrize("rslora", [False, True])
def test_merging(tmp_path, backbones, make_adapter, backbone, rslora):
    adapter = make_adapter("lora", backbone)
    adapter = Adapter(adapter.tensors, dict(adapter.config) | {"use_rslora": rslora})
    before = {name: tensor.clone() for name, tensor in backbones[backbone].state_dict().items()}
    ours = merge_lora(backbones[backbone], adapter)
    write_peft_folder(tmp_path / "adapter", adapter)
    theirs = peft.PeftModel.from_pretrained(copy.deepcopy(backbones[backbone]), tmp_path / "adapter")
    theirs = theirs.merge_and_unload()
    with torch.no_grad():
        logits = ours(**inputs(backbone)).logits
        torch.testing.assert_close(logits, theirs(**inputs(backbone)).logits, rtol=0, atol=1e-12)
        assert (logits - backbones[backbone](**inputs(backbone)).logits).abs().max() > 1e-2
    assert all(torch.equal(before[name], tensor) for name, tensor in backbones[backbone].state_dict().items())


def test_merging_into_bfloat16_rounds_once(backbones, make_adapter):
    adapter = make_adapter("lora", "gpt2", dtype=torch.bfloat16)
    half = copy.deepcopy(backbones["gpt2"]).bfloat16()
    merged = merge_lora(half, adapter).transformer.h[0].attn.c_attn.weight
    A, B = (adapter.tensors[f"base_model.model.transformer.h.0.attn.c_attn.lora_{side}.weight"] for side in "AB")
    exact = half.transformer.h[0].attn.c_attn.weight.float() + 7 / 3 * (B.float() @ A.float()).T
    assert merged.dtype == torch.bfloat16
    assert torch.equal(merged, exact.bfloat16())


def test_merging_what_does_not_fit(backbones, make_adapter):
    gpt2, lora = backbones["gpt2"], make_adapter("lora", "gpt2")
    with pytest.raises(UserError, match="PROMPT_TUNING adapter cannot be merged"):
        merge_lora(gpt2, make_adapter("prompt", "gpt2"))
    with pytest.raises(UserError, match=r"changes encoder.* in a GPT2LMHeadModel is not there"):
        merge_lora(gpt2, make_adapter("lora", "t5"))

    def moved(path: str, width_in: int, width_out: int) -> Adapter:
        pair = {f"base_model.model.{path}.lora_A.weight": torch.ones(3, width_in)}
        pair |= {f"base_model.model.{path}.lora_B.weight": torch.ones(width_out, 3)}
        return Adapter(pair, dict(lora.config) | {"target_modules": [path]})

    with pytest.raises(UserError, match=r"wte, which .* is a Embedding"):
        merge_lora(gpt2, moved("transformer.wte", 50, 32))
    with pytest.raises(UserError, match=r"lm_head\.weight are one tensor"):
        merge_lora(gpt2, moved("lm_head", 32, 50))
    with pytest.raises(UserError, match=r"change of .*c_attn is \[96, 32\]"):
        merge_lora(gpt2, moved("transformer.h.0.attn.c_attn", 96, 32))
