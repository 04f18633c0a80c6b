"""What masks keep, against counts by hand: kinds, complements, padding, and what is not counted."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from transformers import GenerationConfig

from zoo.backbones import Backbone
from zoo.data.batch import DialogueBatch, collate
from zoo.data.records import DialogueExample
from zoo.data.template import DialogueTemplate
from zoo.models.fusion import FUSIONS, GATES, MASKED, Fusion
from zoo.models.mask_watch import MaskWatch, kept_entries, masks_of
from zoo.models.paa import PAA

LAYERS, D = 2, 32


@pytest.fixture
def build(tiny: Backbone, template: DialogueTemplate) -> Callable[..., PAA]:
    """A PAA of width 32 in float64, eval mode; with `gates`, w_p and w_u are these constants everywhere."""

    def build_paa(gates: tuple[float, float] | None = None, **switches: object) -> PAA:
        torch.manual_seed(0)
        model = PAA(tiny, template.tokenizer, **{"encoder_layers": 1} | switches).double().eval()
        for block in model.lm.transformer.h if gates else ():
            for gate, w in zip((block.fusion.persona_gate, block.fusion.context_gate), gates, strict=True):
                if gate is not None:
                    torch.nn.init.zeros_(gate.weight)
                    torch.nn.init.constant_(gate.bias, torch.logit(torch.tensor(w, dtype=torch.float64)).item())
        return model

    return build_paa


@torch.no_grad()
def counted(model: PAA, batch: DialogueBatch) -> Tensor:
    """[B, L, 4]: what is kept of a batch."""
    watch = MaskWatch(model)
    watch.expect(batch)
    model(batch)
    watch.release()
    return watch.counts()[0]


def test_a_layer_by_hand() -> None:
    """Two rows, three response tokens (two in the first row), two channels; the first and last position count never."""
    kept_p = torch.tensor([[[1, 1], [1, 0], [1, 0], [1, 1], [1, 1]], [[1, 1], [0, 0], [0, 1], [1, 1], [1, 1]]]).bool()
    kept_u = torch.tensor([[[1, 1], [1, 1], [0, 0], [1, 1], [1, 1]], [[1, 1], [0, 1], [1, 1], [0, 1], [1, 1]]]).bool()
    response_mask = torch.tensor([[1, 1, 0], [1, 1, 1]]).bool()
    assert kept_entries(kept_p, kept_u, response_mask).tolist() == [[1, 1, 1, 1], [1, 1, 2, 2]]
    assert kept_entries(kept_p, None, response_mask).tolist() == [[0, 0, 2, 2], [0, 0, 3, 3]]


NEITHER, PERSONA, CONTEXT, BOTH = range(4)


@pytest.mark.parametrize(
    ("fusion", "w_p", "w_u", "tau", "kind"),
    [
        ("paa", 0.6, 0.5, 0.7, NEITHER),  # .6 is in the dead band .3 to .7
        ("paa", 0.8, 0.5, 0.7, PERSONA),
        ("paa", 0.2, 0.5, 0.7, CONTEXT),
        ("paa", 0.6, 0.5, 0.3, BOTH),  # .6 is in the overlap .3 to .7
        ("paa", 0.5, 0.5, 0.5, NEITHER),  # comparisons are strict
        ("paa", 0.6, 0.5, 0.5, PERSONA),
        ("paa", 0.4, 0.5, 0.5, CONTEXT),
        ("context", 0.5, 0.6, 0.7, NEITHER),
        ("context", 0.5, 0.2, 0.7, PERSONA),
        ("context", 0.5, 0.8, 0.7, CONTEXT),
        ("context", 0.5, 0.6, 0.3, BOTH),
        ("dual", 0.6, 0.6, 0.7, NEITHER),
        ("dual", 0.8, 0.6, 0.7, PERSONA),
        ("dual", 0.6, 0.8, 0.7, CONTEXT),
        ("dual", 0.8, 0.8, 0.7, BOTH),
        ("skipped", 0.6, 0.5, 0.7, CONTEXT),
        ("skipped", 0.8, 0.5, 0.7, BOTH),
        ("context_reference", 0.9, 0.2, 0.7, PERSONA),
        ("context_reference", 0.1, 0.8, 0.7, CONTEXT),
        ("dual_reference", 0.8, 0.8, 0.7, PERSONA),
        ("dual_reference", 0.2, 0.2, 0.7, CONTEXT),
        ("dual_reference", 0.8, 0.2, 0.7, BOTH),
    ],
)
def test_constant_gates(
    build: Callable[..., PAA], batch: DialogueBatch, fusion: str, w_p: float, w_u: float, tau: float, kind: int
) -> None:
    entries = batch.response_mask.sum(1) * D  # [B]
    found = counted(build((w_p, w_u), fusion=fusion, tau=tau), batch)  # [B, L, 4]
    expected = torch.zeros_like(found)
    expected[..., kind] = entries[:, None]
    assert torch.equal(found, expected)
    complement = counted(build((w_p, w_u), fusion=fusion, tau=tau, mask_rule="keep_below"), batch)
    if fusion == "skipped":  # whose context is under no mask
        assert torch.equal(complement[..., [BOTH, CONTEXT]], found[..., [CONTEXT, BOTH]])
    else:
        assert torch.equal(complement, found.flip(-1))


@pytest.mark.parametrize("fusion", MASKED)
def test_masks_are_those_of_the_formula(fusion: str) -> None:
    """A source with a zero mask leaves no trace in H: entries where H moves with o_p are those kept of the persona."""
    torch.manual_seed(1)
    module = Fusion(fusion, 8).double()
    h, o_p, o_u = (torch.randn(2, 5, 8, dtype=torch.float64) for _ in range(3))
    w_p = module.persona_gate(h, o_p).detach() if "p" in GATES[fusion] else None
    w_u = module.context_gate(h, o_u).detach() if "u" in GATES[fusion] else None
    for name, gate in (("persona_gate", w_p), ("context_gate", w_u)):  # constants: H moves with o by the product alone
        if gate is not None:
            getattr(module, name).forward = lambda *_, gate=gate: gate
    sources = o_p.requires_grad_(), o_u.requires_grad_()
    tau = torch.tensor([0.35, 0.6])[:, None, None]
    fused = module(h, *sources, tau, normed=(h, h))
    moved_p, moved_u = (gradient != 0 for gradient in torch.autograd.grad(fused.sum(), sources))
    kept_p, kept_u = module.masks(w_p, w_u, tau)
    assert 0 < kept_p.sum() < kept_p.numel()
    assert torch.equal(kept_p, moved_p)
    assert torch.equal(torch.ones_like(kept_p) if kept_u is None else kept_u, moved_u)


def test_counts_do_not_depend_on_the_batch(
    build: Callable[..., PAA], batch: DialogueBatch, single: list[DialogueBatch]
) -> None:
    model = build()
    for block in model.lm.transformer.h:
        block.fusion.persona_gate.weight.data *= 500  # gates far from 1/2, on both sides of both thresholds
    together = counted(model, batch)
    assert together.sum(2).tolist() == [[int(n) * D] * LAYERS for n in batch.response_mask.sum(1)]
    assert (together > 0).sum() > 2.5 * len(batch) * LAYERS, "one kind a row would show little"
    assert torch.equal(together, torch.cat([counted(model, one) for one in single]))
    padded = replace(
        batch,
        **{
            name: torch.nn.functional.pad(getattr(batch, name), (0, 3), value=batch.pad_id if "mask" not in name else 0)
            for segment in ("persona", "context", "response")
            for name in (segment, f"{segment}_mask")
        },
    )
    assert torch.equal(together, counted(model, padded))


@pytest.mark.parametrize("persona_prompt", [True, False])
def test_positions_are_those_that_predict_the_response(
    build: Callable[..., PAA], template: DialogueTemplate, examples: list[DialogueExample], persona_prompt: bool
) -> None:
    """The last token is read by nobody: another one changes no count; another one before it does."""
    model = build(persona_prompt=persona_prompt, tau=0.5)
    batch = collate([template.encode(examples[2])], pad_id=template.pad_id)
    last, before = batch.response.clone(), batch.response.clone()
    last[0, -1] = (last[0, -1] + 7) % 500
    before[0, -2] = (before[0, -2] + 7) % 500
    found = counted(model, batch)
    assert torch.equal(found, counted(model, replace(batch, response=last)))
    assert not torch.equal(found, counted(model, replace(batch, response=before)))


def test_neither_decoding_nor_other_batches_are_counted(build: Callable[..., PAA], batch: DialogueBatch) -> None:
    model = build()
    expected = counted(model, batch)
    ids = {"pad_token_id": model.lm.config.pad_token_id, "eos_token_id": model.lm.config.eos_token_id}
    watch = MaskWatch(model)
    watch.expect(batch)
    for use_cache in (True, False):
        model.generate(batch, GenerationConfig(max_new_tokens=4, use_cache=use_cache, **ids))
    model(batch.rows(torch.tensor([1, 0])))
    with pytest.raises(RuntimeError, match="not scored"):
        watch.counts()
    model(batch)
    model.generate(batch, GenerationConfig(max_new_tokens=4, **ids))
    model(batch)
    kept, tau = watch.counts()
    assert torch.equal(kept, expected)
    assert torch.equal(tau, model.lm.transformer.tau(batch.persona_mask, batch.context_mask).flatten())
    watch.release()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_which_fusions_have_masks(build: Callable[..., PAA]) -> None:
    for fusion in (*FUSIONS, "condition_aware"):
        assert len(masks_of(build(fusion=fusion))) == (LAYERS if fusion in MASKED else 0)
