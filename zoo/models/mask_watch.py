"""What PAA's masks keep while a batch is scored: entries of neither source, of one or of both.

An entry is one channel of one decoder position in one layer. Counted are the positions from which a token of the
response is predicted, [BOS] and the response up to its last token but one; no reply is read off the persona prompt or
off pads. An entry is kept of the persona where the mask before o_p is 1, of the context where the one before o_u is 1,
whatever the weight beside it. `skipped` masks the persona alone and so knows "context only" and "both"; in
`dual_reference` LN(h), which stands in for what is dropped, is no source. Other fusions have no masks.

Letters: B batch, R response, T decoder positions, D hidden, L layers.
"""

from typing import Any

import torch
from torch import Tensor, nn

from zoo.data.batch import DialogueBatch
from zoo.models.fusion import Masks

KEPT = ("neither", "persona_only", "context_only", "both")


def kept_entries(kept_p: Tensor, kept_u: Tensor | None, response_mask: Tensor) -> Tensor:
    """Count a layer's entries row by row.

    Args:
        kept_p, kept_u: masks of o_p and o_u, bool [B, T, D]; the last R positions hold the response. None keeps all.
        response_mask: bool [B, R].

    Returns:
        [B, 4], in the order of KEPT.
    """
    R = response_mask.size(1)
    kept_u = torch.ones_like(kept_p) if kept_u is None else kept_u
    p, u = (kept[:, -R - 1 : -1] for kept in (kept_p, kept_u))  # [B, R, D]: token t is predicted from the one before it
    kinds = (~p & ~u, p & ~u, ~p & u, p & u)
    return torch.stack([(kind & response_mask[..., None]).sum((1, 2)) for kind in kinds], dim=1)


def masks_of(net: nn.Module) -> list[Masks]:
    """The masks of a model, layer by layer; none where its blocks have none."""
    return [module for module in net.modules() if isinstance(module, Masks)]


class MaskWatch:
    """Hooks on a model's masks that count in forwards of the model over one batch, the expected one.

    Decoding calls the network below the model, step by step, and is not counted; nor are other batches. Until
    `release`, a forward without an expected batch costs the call of the hooks.

    Args:
        net: a `DialogueModel` with masks, in eval mode when it scores.
    """

    def __init__(self, net: nn.Module) -> None:
        self._expected: DialogueBatch | None = None
        self._counting = False
        self._layers: list[Tensor] = []  # [B, 4] each
        self._tau = torch.empty(0)  # [B, 1, 1]
        self._handles = [
            net.register_forward_pre_hook(self._begin),
            net.register_forward_hook(self._end),
            *(masks.register_forward_hook(self._count) for masks in masks_of(net)),
        ]

    def expect(self, batch: DialogueBatch) -> None:
        """Count in the next forward over this very batch."""
        self._expected, self._layers = batch, []

    def counts(self) -> tuple[Tensor, Tensor]:
        """Of the expected batch: entries of each kind, [B, L, 4] int64, and tau, [B] float32; on the CPU."""
        if not self._layers:
            raise RuntimeError("the expected batch was not scored by teacher forcing")
        return torch.stack(self._layers, dim=1).cpu(), self._tau.flatten().cpu()

    def release(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    def _begin(self, net: nn.Module, given: tuple[Any, ...]) -> None:
        self._counting = self._expected is not None and given[0] is self._expected

    def _count(self, masks: nn.Module, given: tuple[Any, ...], kept: tuple[Tensor, Tensor | None]) -> None:
        if self._counting and self._expected is not None:
            self._layers.append(kept_entries(*kept, self._expected.response_mask))
            self._tau = given[2]

    def _end(self, net: nn.Module, given: tuple[Any, ...], logits: Any) -> None:
        if self._counting:
            self._expected, self._counting = None, False  # once a batch
