"""The likelihood that keeps no logits."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from omegaconf import DictConfig

from zoo.data.batch import collate
from zoo.data.records import DialogueExample
from zoo.models.frozen_head import BLOCK, FrozenHeadNLL, is_frozen_head


@pytest.mark.parametrize("tokens", [0, 1, BLOCK, 2 * BLOCK + 3])
def test_losses_and_gradients_are_those_of_cross_entropy(tokens: int) -> None:
    torch.manual_seed(0)
    weight = torch.randn(50, 8, dtype=torch.float64)
    targets = torch.randint(50, (tokens,))
    outcomes = []
    for ours in (True, False):
        hidden = torch.randn(tokens, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        hidden.requires_grad_()
        if ours:
            losses = FrozenHeadNLL.apply(hidden, weight, targets)
        else:
            losses = F.cross_entropy(hidden @ weight.T, targets, reduction="none")
        (losses * torch.arange(tokens)).sum().backward()  # every token counts differently
        outcomes.append((losses, hidden.grad))
    torch.testing.assert_close(outcomes[0], outcomes[1], rtol=1e-12, atol=1e-12)


def test_bf16_losses_are_summed_in_float32() -> None:
    torch.manual_seed(0)
    hidden, weight = torch.randn(5, 8).bfloat16(), torch.randn(50, 8).bfloat16()
    losses = FrozenHeadNLL.apply(hidden, weight, torch.arange(5))
    assert losses.dtype == torch.float32
    exact = F.cross_entropy((hidden @ weight.T).float(), torch.arange(5), reduction="none")
    torch.testing.assert_close(losses, exact)


@pytest.mark.parametrize("model", ["user_lora", "prefix_tuning"])
def test_encoder_decoders_have_the_likelihood_of_their_logits(
    model: str, composed: Callable[..., DictConfig], examples: list[DialogueExample]
) -> None:
    torch.manual_seed(0)
    cfg = composed(
        f"model={model}", "data=demo", "users=one", "backbone=tiny-t5", "template=plain", "backbone.dtype=fp64"
    )
    module = instantiate(cfg.model)
    batch = collate([module.template.encode(example) for example in examples], pad_id=module.template.pad_id)
    found = module.net.response_nll(batch)
    expected = F.cross_entropy(module.net(batch), batch.response[batch.response_mask], reduction="none")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    parameters = [p for p in module.net.parameters() if p.requires_grad]
    ours, usual = (torch.autograd.grad(loss.sum(), parameters) for loss in (found, expected))
    torch.testing.assert_close(ours, usual, rtol=0, atol=1e-10)


def test_only_a_frozen_plain_projection_qualifies() -> None:
    head = torch.nn.Linear(4, 5, bias=False)
    assert not is_frozen_head(head)
    head.requires_grad_(False)
    assert is_frozen_head(head)
    head.register_forward_hook(lambda module, inputs, output: output + 1)
    assert not is_frozen_head(head)
