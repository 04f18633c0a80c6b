"""A token table whose gradient keeps its memory from step to step, on a CPU.

PyTorch makes the gradient of an embedding anew in every step, as zeros of the table's size. At 50,265 rows of 768 that
is 154 MB of memory fresh from the system, for each of PAA's three tables: a tenth of a bf16 training step.

Letters: B batch, T positions, V vocabulary, D hidden.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class WordTable(nn.Embedding):
    """An `nn.Embedding` with the same values and the same gradient."""

    kept: Tensor | None = None  # [V, D], the memory of the last step's gradient

    def forward(self, input: Tensor) -> Tensor:
        """Ids [B, T] -> [B, T, D]."""
        is_trained = torch.is_grad_enabled() and self.weight.requires_grad and self.weight.is_leaf
        if not is_trained or self.weight.device.type != "cpu":
            return super().forward(input)
        return _Lookup.apply(self.weight, input, self)

    def zeros(self) -> Tensor:
        """Zeros [V, D], in the kept memory unless somebody still holds it: a gradient that is accumulated, say."""
        weight = self.weight
        if self.kept is None or self.kept.shape != weight.shape or self.kept.dtype != weight.dtype or self._is_held():
            self.kept = torch.zeros_like(weight, memory_format=torch.contiguous_format)
            return self.kept.detach()
        return self.kept.zero_().detach()  # a tensor of its own: autograd takes it over without a copy

    def _is_held(self) -> bool:
        assert self.kept is not None
        storage = self.kept.untyped_storage()  # one more owner, beside `kept`
        return torch._C._storage_Use_Count(storage._cdata) > 2


class _Lookup(torch.autograd.Function):
    """Rows of a table."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, table: WordTable) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.table = table
        return weight.detach()[ids]  # [B, T, D]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (ids,) = ctx.saved_tensors
        table = ctx.table
        ids, rows = ids.flatten(), gradient.flatten(0, -2)  # [B * T], [B * T, D]
        if table.padding_idx is not None:  # its row has no gradient
            words = ids != table.padding_idx
            ids, rows = ids[words], rows[words]
        return table.zeros().index_add_(0, ids, rows), None, None
