"""Likelihood under a frozen language-model head, without keeping its logits.

A head that is not trained needs no gradient of its own, so the gradient of its input can be had in the forward pass,
block by block: at GPT-2's vocabulary, [N, V] in float32 is the largest thing of a step, three times over.

Letters: N tokens, n of a block, D hidden, V vocabulary.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

BLOCK = 128  # rows of logits at a time: 26 MB at GPT-2's vocabulary, which the allocator keeps


class FrozenHeadNLL(torch.autograd.Function):
    """Negative log-likelihood of targets: hidden [N, D], head [V, D], targets [N] -> [N] in float32 or better."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """Losses, and on the side their gradients with respect to `hidden`."""
        exact = torch.promote_types(hidden.dtype, torch.float32)
        losses = torch.empty(len(hidden), dtype=exact, device=hidden.device)
        wanted = ctx.needs_input_grad[0]
        gradient = torch.empty_like(hidden) if wanted else None
        for start in range(0, len(hidden), BLOCK):
            block = slice(start, start + BLOCK)
            logits = (hidden[block] @ weight.T).to(exact)  # [n, V]
            picked = targets[block, None]
            normaliser = logits.logsumexp(dim=1, keepdim=True)  # [n, 1]
            losses[block] = (normaliser - logits.gather(1, picked)).squeeze(1)
            if gradient is not None:
                difference = logits.sub_(normaliser).exp_()  # softmax, then minus one at the target
                difference.scatter_add_(1, picked, difference.new_full((len(picked), 1), -1.0))
                gradient[block] = difference.to(weight.dtype) @ weight
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, *grown: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        """[N] -> [N, D]."""
        (gradient,) = ctx.saved_tensors
        return grown[0][:, None].to(gradient.dtype) * gradient, None, None


@contextmanager
def what_enters(head: nn.Module) -> Iterator[list[Tensor]]:
    """What a head is given within the block, each [B, R, D]; it projects nothing meanwhile, and answers [B, 0, V]."""
    caught: list[Tensor] = []

    def catch(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        caught.append(inputs[0])
        return (inputs[0][:, :0],)

    handle = head.register_forward_pre_hook(catch)
    try:
        yield caught
    finally:
        handle.remove()


def is_frozen_head(head: nn.Module) -> bool:
    """Is it a plain projection that nobody trains (now) or changes?"""
    trained = head.weight.requires_grad and torch.is_grad_enabled()
    return type(head) is nn.Linear and head.bias is None and not trained and not head._forward_hooks
