"""PAA against its equations, its published sizes and the traps of the released code."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from tests.conftest import ROOT
from zoo.backbones import Backbone
from zoo.data.batch import DialogueBatch
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError
from zoo.models.condition_aware import CONDITION_AWARE, running_pool
from zoo.models.fusion import FUSIONS, GATES, Fusion
from zoo.models.paa import PAA
from zoo.models.paa_blocks import PAAConfig
from zoo.models.paa_network import PAAForDialogue

B, T, D = 2, 5, 8
LAYOUT = {"encoder_positions": "arange", "decoder_positions": "arange"}


@pytest.fixture
def build(tiny: Backbone, template: DialogueTemplate) -> Callable[..., PAA]:
    """A PAA of width 32 in float64, eval mode."""

    def build_paa(**switches: object) -> PAA:
        torch.manual_seed(0)
        return PAA(tiny, template.tokenizer, **{"encoder_layers": 2} | switches).double().eval()

    return build_paa


@pytest.mark.parametrize(
    ("switches", "total", "without_encoder_tables"),
    [
        ({"encoder_pooler": True}, 331_228_416, 254_021_376),  # reference: the paper's 254 M
        ({}, 330_047_232, 252_840_192),  # fixed
        ({"fusion": "dual", "encoder_pooler": True}, 345_393_408, 268_186_368),
        ({"fusion": "direct_sum", "encoder_pooler": True}, 317_063_424, 239_856_384),
        ({"encoder_embeddings": "decoder_tied"}, 252_840_192, 252_840_192),
        ({"fusion": "attention_routing", "encoder_pooler": True}, 317_063_424, 239_856_384),  # its attentions unshared
    ],
)
def test_parameter_counts_of_the_published_size(switches: dict, total: int, without_encoder_tables: int) -> None:
    with torch.device("meta"):
        network = PAAForDialogue(PAAConfig(vocab_size=50265, pad_token_id=50264, **switches))
        network.tie_weights()
    sizes = {id(p): p.numel() for p in network.parameters()}
    tables = {
        id(e.embeddings.word_embeddings.weight): e.embeddings.word_embeddings.weight.numel()
        for e in (network.transformer.persona_encoder, network.transformer.context_encoder)
        if e.embeddings.word_embeddings.weight is not network.transformer.wte.weight
    }
    assert sum(sizes.values()) == total
    assert sum(sizes.values()) - sum(tables.values()) == without_encoder_tables


def fixed_gate(fusion: Fusion, w: float) -> Fusion:
    """Make every gate of `fusion` give the constant w."""
    for gate in (fusion.persona_gate, fusion.context_gate):
        if gate is not None:
            torch.nn.init.zeros_(gate.weight)
            torch.nn.init.constant_(gate.bias, torch.logit(torch.tensor(w, dtype=torch.float64)).item())
    return fusion


def states() -> tuple[Tensor, Tensor, Tensor]:
    """h, o_p, o_u: [B, T, D] each."""
    torch.manual_seed(1)
    return tuple(torch.randn(B, T, D, dtype=torch.float64) for _ in range(3))  # type: ignore[return-value]


@pytest.mark.parametrize(("tau", "expected"), [(0.6, "nothing"), (0.5, "nothing"), (0.4, "half of both")])
def test_bands_of_a_half_open_gate(tau: float, expected: str) -> None:
    h, o_p, o_u = states()
    fusion = fixed_gate(Fusion("paa", D).double(), 0.5)
    fused = fusion(h, o_p, o_u, torch.full((B, 1, 1), tau))
    torch.testing.assert_close(fused, torch.zeros_like(h) if expected == "nothing" else 0.5 * (o_p + o_u))


def test_threshold_is_each_examples_own() -> None:
    h, o_p, o_u = states()
    fusion = Fusion("paa", D).double()
    together = fusion(h, o_p, o_u, torch.tensor([0.2, 0.8])[:, None, None])
    for row, tau in enumerate((0.2, 0.8)):
        one = slice(row, row + 1)
        torch.testing.assert_close(together[one], fusion(h[one], o_p[one], o_u[one], torch.full((1, 1, 1), tau)))


def test_listing_1_is_the_complement_of_equation_6() -> None:
    h, o_p, o_u = states()
    above, below = (Fusion("paa", D, mask_rule=rule).double() for rule in ("keep_above", "keep_below"))
    below.load_state_dict(above.state_dict())
    tau = torch.full((B, 1, 1), 0.45)
    w = above.persona_gate(h, o_p)
    unmasked = w * o_p + (1 - w) * o_u
    kept = above(h, o_p, o_u, tau)
    assert not torch.allclose(kept, unmasked)  # the masks do something here
    torch.testing.assert_close(kept + below(h, o_p, o_u, tau), unmasked)


@pytest.mark.parametrize("kind", FUSIONS)
def test_fusions_against_their_formulas(kind: str) -> None:
    h, o_p, o_u = states()
    fusion = Fusion(kind, D).double()
    tau = 0.45
    normed = (h + 1, h - 2)  # any states will do

    def w(gate: torch.nn.Linear, o: Tensor) -> Tensor:
        return torch.sigmoid(torch.cat([h, o], -1) @ gate.weight.T + gate.bias)

    w_p = w(fusion.persona_gate, o_p) if "p" in GATES[kind] else None
    w_u = w(fusion.context_gate, o_u) if "u" in GATES[kind] else None
    expected = {
        "paa": lambda: w_p * (w_p > tau) * o_p + (1 - w_p) * (1 - w_p > tau) * o_u,
        "context": lambda: (1 - w_u) * (1 - w_u > tau) * o_p + w_u * (w_u > tau) * o_u,
        "dual": lambda: w_p * (w_p > tau) * o_p + w_u * (w_u > tau) * o_u,
        "skipped": lambda: w_p * (w_p > tau) * o_p + o_u,
        "param": lambda: torch.cat([o_p, o_u], -1) @ fusion.persona_gate.weight.T + fusion.persona_gate.bias,
        "direct_sum": lambda: o_p + o_u,
        "attention_routing": lambda: 0.2 * o_p + 1.8 * o_u,
        "context_reference": lambda: w_p * (w_u < 1 - tau) * o_p + (1 - w_p) * (w_u > tau) * o_u,
        "dual_reference": lambda: (
            (
                w_p * (w_p > tau) * o_p
                + (1 - w_p) * (w_p < 1 - tau) * normed[0]
                + w_u * (w_u < 1 - tau) * o_u
                + (1 - w_u) * (w_u > tau) * normed[1]
            )
            / 2
        ),
    }[kind]()
    found = fusion(h, o_p, o_u, torch.full((B, 1, 1), tau, dtype=torch.float64), normed)
    torch.testing.assert_close(found, expected)


@pytest.mark.filterwarnings("ignore:model.net.fusion=condition_aware_reference")
@pytest.mark.parametrize("fusion", [*FUSIONS, *CONDITION_AWARE])
def test_every_fusion_trains_all_its_weights(build: Callable[..., PAA], batch: DialogueBatch, fusion: str) -> None:
    """DDP would wait for ever for the gradient of a weight that nothing reads."""
    model = build(fusion=fusion).train()
    model(batch).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []


def test_closed_channels_get_no_gradient() -> None:
    h, o_p, o_u = states()
    fusion = fixed_gate(Fusion("paa", D).double(), 0.5)
    with torch.no_grad():
        fusion.persona_gate.bias[0] = 3.0  # w = .95: above tau at every position
    fusion(h, o_p, o_u, torch.full((B, 1, 1), 0.6)).square().sum().backward()
    gradient = fusion.persona_gate.weight.grad
    assert gradient[0].abs().max() > 0
    assert gradient[1:].abs().max() == 0  # both masks are 0 there


def test_gate_stays_in_float32_under_autocast() -> None:
    h, o_p, o_u = (state.bfloat16() for state in states())
    fusion = Fusion("paa", D)
    with torch.autocast("cpu", torch.bfloat16):
        gate = fusion.persona_gate(h, o_p)
        assert gate.dtype == torch.float32
        assert fusion(h, o_p, o_u, torch.full((B, 1, 1), 0.4)).dtype == torch.bfloat16
    torch.testing.assert_close(gate, fusion.persona_gate(h.float(), o_p.float()))


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_running_pools_see_the_tokens_so_far(pool: str) -> None:
    torch.manual_seed(0)
    states = torch.randn(2, 4, 3, dtype=torch.float64) - 5  # below the zeros of pads
    mask = torch.tensor([[False, True, True, True], [True, True, False, False]])
    found = running_pool(states, mask, pool)  # type: ignore[arg-type]
    for b in range(2):
        for t in range(4):
            seen = states[b, : t + 1][mask[b, : t + 1]]
            expected = (seen.amax(0) if pool == "max" else seen.mean(0)) if len(seen) else torch.zeros(3).double()
            torch.testing.assert_close(found[b, t], expected)


def test_condition_aware_block_against_its_formula(build: Callable[..., PAA], single: list[DialogueBatch]) -> None:
    """One layer, one example without pads, written out for the last position."""
    model, batch = build(fusion="condition_aware", condition_pool="mean"), single[0]
    seen: dict[str, Tensor] = {}
    block = model.lm.transformer.h[0]
    block.ln_2.register_forward_pre_hook(lambda module, inputs: seen.update(y=inputs[0]))
    block.attn.register_forward_hook(lambda module, inputs, output: seen.update(attended=output[0]))
    block.register_forward_pre_hook(lambda module, inputs: seen.update(x=inputs[0]))
    model(batch)
    network = model.lm.transformer
    pooled = [
        network.encode(encoder, ids, mask).mean(1)
        for encoder, ids, mask in (
            (network.persona_encoder, batch.persona, batch.persona_mask),
            (network.context_encoder, batch.context, batch.context_mask),
        )
    ]
    h = seen["x"] + seen["attended"]  # [1, T, D]
    parts = [block.persona_attention, block.context_attention, block.fusion["own"]]
    pools = [*pooled, h.mean(1)]
    query = block.fusion["query"](h[:, -1])
    scores = torch.stack([(query * part.key(pool)).sum() / 32**0.5 for part, pool in zip(parts, pools, strict=True)])
    weighted = sum(w * part.value(pool) for w, part, pool in zip(scores.softmax(0), parts, pools, strict=True))
    torch.testing.assert_close(seen["y"][:, -1], h[:, -1] + block.fusion["out"](weighted), rtol=0, atol=1e-10)


def test_fusion_is_handed_the_states_that_each_attention_read(
    build: Callable[..., PAA], single: list[DialogueBatch]
) -> None:
    block = build(fusion="dual_reference").lm.transformer.h[0]
    with torch.no_grad():  # norms begin as the same
        block.context_norm.weight.mul_(3)
    seen: dict[str, tuple[Any, ...]] = {}
    block.persona_attention.register_forward_pre_hook(lambda module, inputs: seen.update(p=inputs))
    block.context_attention.register_forward_pre_hook(lambda module, inputs: seen.update(u=inputs))
    block.fusion.register_forward_pre_hook(lambda module, inputs, named: seen.update(named), with_kwargs=True)
    model = build(fusion="dual_reference")
    model.lm.transformer.h[0] = block
    model(single[0])
    torch.testing.assert_close(seen["normed"], (seen["p"][0], seen["u"][0]), rtol=0, atol=0)
    assert (seen["p"][0] - seen["u"][0]).abs().max() > 1


@pytest.mark.filterwarnings("ignore:model.net.fusion=condition_aware_reference")
def test_condition_aware_as_released_against_its_formula(
    build: Callable[..., PAA], single: list[DialogueBatch]
) -> None:
    """One key of 3D, a softmax over the query's positions, h pooled over all of them, LN2 behind the MLP."""
    model, batch = build(fusion="condition_aware_reference", condition_pool="max"), single[0]
    seen: dict[str, Tensor] = {}
    block = model.lm.transformer.h[0]
    block.mlp.register_forward_hook(lambda module, inputs, output: seen.update(y=inputs[0], mlp=output))
    block.ln_2.register_forward_hook(lambda module, inputs, output: seen.update(out_before=inputs[0], out=output))
    block.attn.register_forward_hook(lambda module, inputs, output: seen.update(attended=output[0]))
    block.register_forward_pre_hook(lambda module, inputs: seen.update(x=inputs[0]))
    block.register_forward_hook(lambda module, inputs, output: seen.update(of_block=output))
    model(batch)
    network = model.lm.transformer
    h = seen["x"] + seen["attended"]  # [1, T, D]
    pools = [
        network.encode(network.persona_encoder, batch.persona, batch.persona_mask).amax(1),
        network.encode(network.context_encoder, batch.context, batch.context_mask).amax(1),
        h.amax(1),
    ]  # [1, D] each
    parts = [block.persona_attention, block.context_attention, block.fusion["own"]]
    key = torch.cat([part.key(pool) for part, pool in zip(parts, pools, strict=True)], dim=-1)  # [1, 3D]
    value = torch.cat([part.value(pool) for part, pool in zip(parts, pools, strict=True)], dim=-1)
    weights = ((block.fusion["query"](h) * key).sum(-1, keepdim=True) / 32**0.5).softmax(1)  # [1, T, 1]
    y = h + block.fusion["out"](weights * value)
    torch.testing.assert_close(seen["y"], y, rtol=0, atol=1e-10)
    torch.testing.assert_close(seen["out_before"], y + seen["mlp"], rtol=0, atol=1e-10)
    torch.testing.assert_close(seen["of_block"], seen["out"], rtol=0, atol=0)


def test_condition_aware_as_released_warns_and_sees_the_future(build: Callable[..., PAA], batch: DialogueBatch) -> None:
    with pytest.warns(UserWarning, match="no likelihood"):
        model = build(fusion="condition_aware_reference")
    with torch.no_grad():  # or an untrained bias is too small to tell
        for block in model.lm.transformer.h:
            block.fusion["out"].weight.mul_(50)
    changed = batch.response.clone()
    changed[0, 2] = (changed[0, 2] + 7) % 500
    before, after = model(batch), model(replace(batch, response=changed))
    assert (after[:2] - before[:2]).abs().max() > 1e-6  # tokens 0 and 1 are predicted from what stands before 2


@pytest.mark.parametrize("fusion", [*FUSIONS, "condition_aware"])
def test_no_future_token_leaks(build: Callable[..., PAA], batch: DialogueBatch, fusion: str) -> None:
    model = build(fusion=fusion)
    before = model(batch)
    for b in range(len(batch)):
        length = int(batch.response_mask[b].sum())
        changed = batch.response.clone()
        changed[b, length - 2] = (changed[b, length - 2] + 7) % 500
        after = model(replace(batch, response=changed))
        earlier = torch.zeros_like(batch.response_mask)
        earlier[b, : length - 1] = True  # position t predicts token t: it may read tokens before t only
        untouched = earlier[batch.response_mask]
        torch.testing.assert_close(after[untouched], before[untouched], rtol=0, atol=1e-12)
        assert not torch.allclose(after, before)


@pytest.mark.parametrize("fusion", ["paa", "dual_reference", "condition_aware"])
def test_training_on_tokens_only_is_training_on_padded_rows(
    build: Callable[..., PAA], batch: DialogueBatch, fusion: str
) -> None:
    assert not batch.response_mask.all()  # there is something to skip
    assert not batch.persona_mask.all()
    outcomes = []
    for skips_pads in (True, False):
        model = build(dropout=0.0, fusion=fusion).train()
        model.lm.transformer.skips_pads = skips_pads
        logits = model(batch)
        logits.square().mean().backward()
        outcomes.append((logits, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}))
    (logits, gradients), (padded_logits, padded_gradients) = outcomes
    torch.testing.assert_close(logits, padded_logits, rtol=0, atol=1e-12)
    assert gradients.keys() == padded_gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, padded_gradients[name], rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.parametrize(
    ("switches", "invariant"),
    [
        ({}, True),
        ({"fusion": "dual_reference"}, True),
        ({"fusion": "condition_aware"}, True),
        ({"fusion": "condition_aware", "condition_pool": "mean"}, True),
        (LAYOUT, False),
    ],
)
def test_results_depend_on_batch_mates_only_in_reference(
    build: Callable[..., PAA],
    template: DialogueTemplate,
    examples: list,
    single: list[DialogueBatch],
    switches: dict,
    invariant: bool,
) -> None:
    from zoo.data.batch import collate

    model = build(**switches)
    encoded = [template.encode(example) for example in examples]
    together = model(collate(encoded, template.pad_id, pad_left=() if invariant else ("persona", "context")))
    alone = torch.cat([model(one) for one in single])
    assert torch.allclose(together, alone, rtol=0, atol=1e-10) == invariant


@pytest.mark.parametrize(
    "switches",
    [
        {},
        LAYOUT,
        {"persona_prompt": False},
        {"tau": 0.3},
        {"gate_input": "attn_out"},
        {"fusion": "dual_reference"},
        {"fusion": "attention_routing"},
    ],
)
@pytest.mark.parametrize("num_beams", [1, 3])
def test_cached_decoding_equals_full_forwards(
    build: Callable[..., PAA], batch: DialogueBatch, switches: dict, num_beams: int
) -> None:
    model = build(**switches)
    ids = {"pad_token_id": model.lm.config.pad_token_id, "eos_token_id": model.lm.config.eos_token_id}
    logits = {}
    for use_cache in (True, False):
        decoding = GenerationConfig(max_new_tokens=9, min_new_tokens=9, num_beams=num_beams, use_cache=use_cache, **ids)
        decoding.update(return_dict_in_generate=True, output_logits=True)
        given = model.condition(batch)
        given["attention_mask"] = given["attention_mask"].long()
        given["position_ids"] = model.position_ids(given["attention_mask"])
        output = model.lm.generate(generation_config=decoding, **given)
        logits[use_cache] = torch.stack(output.logits)  # [steps, B x beams, V]
    torch.testing.assert_close(logits[True], logits[False], rtol=0, atol=1e-5)  # generate() casts scores to float32


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_condition_aware_decodes_what_teacher_forcing_predicts(
    build: Callable[..., PAA], batch: DialogueBatch, pool: str
) -> None:
    model = build(fusion="condition_aware", condition_pool=pool)
    decoding = GenerationConfig(max_new_tokens=6, min_new_tokens=6, pad_token_id=batch.pad_id)
    decoding.update(return_dict_in_generate=True, output_logits=True)
    output = model.continued(batch, decoding)
    forced = replace(batch, response=output.sequences, response_mask=torch.ones_like(output.sequences).bool())
    expected = model(forced).view(len(batch), 6, -1)
    torch.testing.assert_close(torch.stack(output.logits, 1).double(), expected, rtol=0, atol=1e-5)


def test_sampling_is_seeded_and_cached_alike(build: Callable[..., PAA], batch: DialogueBatch) -> None:
    model = build()
    ids = {"pad_token_id": model.lm.config.pad_token_id, "eos_token_id": model.lm.config.eos_token_id}
    drawn = []
    for seed, use_cache in ((1, True), (1, False), (2, True)):
        torch.manual_seed(seed)
        decoding = GenerationConfig(max_new_tokens=8, do_sample=True, top_p=0.9, use_cache=use_cache, **ids)
        drawn.append(model.generate(batch, decoding))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_zeroed_cross_attention_is_gpt2_with_the_same_prompt(
    build: Callable[..., PAA], tiny: Backbone, template: DialogueTemplate, batch: DialogueBatch
) -> None:
    model = build()
    for block in model.lm.transformer.h:
        for attention in (block.persona_attention, block.context_attention):
            torch.nn.init.zeros_(attention.c_proj.weight)
            torch.nn.init.zeros_(attention.c_proj.bias)
    gpt2 = tiny.load(template.tokenizer).eval()
    gpt2.load_state_dict({k: v for k, v in model.lm.state_dict().items() if k in gpt2.state_dict()})
    given = model.condition(batch)
    ids = torch.cat([given["input_ids"], batch.response], 1)
    mask = torch.cat([given["attention_mask"], batch.response_mask], 1)
    logits = gpt2(ids, attention_mask=mask.long(), position_ids=model.position_ids(mask)).logits
    expected = logits[:, given["input_ids"].size(1) - 1 : -1][batch.response_mask]
    torch.testing.assert_close(model(batch), expected, rtol=0, atol=1e-10)


def test_initialisation_follows_the_release(tiny: Backbone, template: DialogueTemplate) -> None:
    torch.manual_seed(0)
    wide = replace(tiny, width=128)
    model = PAA(wide, template.tokenizer)
    block = model.lm.transformer.h[0]
    for weight in (block.persona_attention.c_proj.weight, block.context_attention.q_attn.weight):
        assert weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert block.fusion.persona_gate.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert block.fusion.persona_gate.bias.abs().max() == 0
    wte = model.lm.transformer.wte.weight
    assert model.lm.lm_head.weight is wte
    added = wte[template.tokenizer.vocab_size :]
    end = wte[model.lm.config.vocab_size - len(added) - 1]  # <|endoftext|> is the last of this vocabulary or the first
    end = end if wide.config().eos_token_id >= len(wte) else wte[wide.config().eos_token_id]
    assert (added - end).std().item() == pytest.approx(0.002, rel=0.1)
    assert model.lm.transformer.persona_encoder.embeddings.word_embeddings.weight[template.pad_id].abs().max() == 0


def test_pretrained_decoder_weights_arrive(tiny: Backbone, template: DialogueTemplate, tmp_path: Path) -> None:
    torch.manual_seed(3)
    published = AutoModelForCausalLM.from_config(AutoConfig.for_model(**GPT2 | {"vocab_size": 1024}))
    published.save_pretrained(tmp_path)
    backbone = Backbone("local", path=str(tmp_path), tokenizer_path="demo")
    model = PAA(backbone, template.tokenizer)
    for name, weight in published.transformer.h.state_dict().items():
        torch.testing.assert_close(model.lm.transformer.h.state_dict()[name], weight)
    torch.testing.assert_close(model.lm.transformer.wte.weight[:1024], published.transformer.wte.weight)


GPT2 = {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}


@pytest.mark.parametrize("switches", [{}, {"encoder_embeddings": "decoder_tied", "share_encoders": True}])
def test_save_pretrained_round_trip(
    build: Callable[..., PAA], batch: DialogueBatch, tmp_path: Path, switches: dict
) -> None:
    model = build(**switches)
    before = model(batch)
    model.lm.save_pretrained(tmp_path)
    model.lm = PAAForDialogue.from_pretrained(tmp_path, dtype=torch.float64).eval()
    torch.testing.assert_close(model(batch), before, rtol=0, atol=1e-12)


def test_a_missing_source_leaves_the_other(build: Callable[..., PAA], batch: DialogueBatch) -> None:
    model = build()
    nobody = replace(batch, persona=batch.persona[:, :0], persona_mask=batch.persona_mask[:, :0])
    logits = model(nobody)
    assert torch.isfinite(logits).all()
    other = replace(nobody, context=nobody.context.flip(0), context_mask=nobody.context_mask.flip(0))
    assert not torch.allclose(model(other), logits)  # the context still reaches the decoder


@pytest.mark.parametrize(("switch", "value"), [("fusion", "pca"), ("mask_rule", "keep"), ("tau", "long"), ("tau", 1.5)])
def test_unknown_switches_are_named(tiny: Backbone, template: DialogueTemplate, switch: str, value: object) -> None:
    with pytest.raises(UserError, match=f"{switch} is .*{value}"):
        PAA(tiny, template.tokenizer, **{switch: value})


def test_preset_table_in_the_docstring_is_what_the_preset_files_say(composed: Callable) -> None:
    from omegaconf import OmegaConf

    rows = [line.split("|")[1:-1] for line in (PAA.__doc__ or "").splitlines() if line.strip().startswith("|")]
    header, *switches = [[cell.strip() for cell in row] for row in rows if not set("".join(row)) <= set("- ")]
    assert len(switches) == 21 - 1
    for column, preset in enumerate(header[1:], start=1):
        cfg = composed("model=paa", "data=convai2", f"preset=paa_{preset}")
        for row in switches:
            key = f"model.{row[0]}" if row[0].startswith("net.") else row[0]
            expected = OmegaConf.create(f"value: {row[column]}").value
            assert OmegaConf.select(cfg, key, throw_on_missing=True) == expected, (preset, key)
    assert (ROOT / "conf" / "preset").is_dir()
