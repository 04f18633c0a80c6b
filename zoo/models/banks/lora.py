"""LoRA: low-rank updates of frozen projections, an update for every user.

Source: Hu et al. 2021 (arXiv:2106.09685). y = W x + (alpha / r) B A x, with each batch row's own A and B.

Letters: B batch rows, n users, b rows of each of them, U users of the bank, T positions, r rank, I inputs, O outputs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from zoo.adapters.adapter import lora_scale
from zoo.errors import UserError
from zoo.models.banks.base import AdapterBank


class LoRABank(AdapterBank):
    """Tables A [U, r, I] and B [U, O, r] for every target projection, applied by hooks on the frozen modules.

    Args:
        lm: the frozen backbone.
        rank: r.
        alpha: the update's scale is alpha / r.
        targets: names of Linear or Conv1D modules, matched as PEFT does: the whole name, or its last parts. Each may be
            a regular expression.
    """

    kind = "lora"

    def __init__(self, lm: PreTrainedModel, rank: int, alpha: float, targets: Sequence[str]) -> None:
        if rank < 1:
            raise UserError(f"model.net.rank is {rank}; expected at least 1.")
        pattern = re.compile(rf"(?:.*\.)?(?:{'|'.join(targets)})")
        found = {
            name: module
            for name, module in lm.named_modules()
            if pattern.fullmatch(name) and isinstance(module, nn.Linear | Conv1D)
        }
        if not found:
            kinds = sorted({n.rsplit(".", 1)[-1] for n, m in lm.named_modules() if isinstance(m, nn.Linear | Conv1D)})
            raise UserError(
                f"model.net.targets={list(targets)} matches no Linear or Conv1D module of the backbone; it has "
                f"{', '.join(kinds)}."
            )
        if any(module is lm.get_output_embeddings() for module in found.values()):
            raise UserError(
                f"model.net.targets={list(targets)} names the language-model head, which banks leave alone; expected "
                "projections of the attention or the MLP."
            )
        shapes: dict[str, tuple[int, ...]] = {}
        for name, module in found.items():
            outputs, inputs = module.weight.shape
            if isinstance(module, Conv1D):  # which keeps its weight transposed
                outputs, inputs = inputs, outputs
            shapes[f"{key(name)}/A"] = (rank, inputs)
            shapes[f"{key(name)}/B"] = (outputs, rank)
        super().__init__(shapes, lm.get_input_embeddings().weight.dtype)
        self.rank, self.alpha, self.scale = rank, alpha, alpha / rank
        self.targets = list(targets)
        self.modules_by_name = list(found)
        self.transposed = all(isinstance(module, Conv1D) for module in found.values())
        self._user: Tensor | None = None
        for name, module in found.items():
            module.lora = (self, key(name))  # type: ignore[assignment]  # in a tuple: the bank is no part of the module, and copies of both agree
            module.register_forward_hook(add_update)

    def select(self, user: Tensor | None) -> None:
        """Whose update each row of the coming forwards gets, [B]; None for nobody's."""
        self._user = user

    @contextmanager
    def afterwards_nobody(self) -> Iterator[None]:
        """Whoever is selected within it is not any more behind it."""
        try:
            yield
        finally:
            self.select(None)

    def update(self, name: str, x: Tensor) -> Tensor:
        """[B, T, I] -> [B, T, O], or with B times as many rows where beams follow one another."""
        assert self._user is not None
        user = self.places(self._user)
        if x.size(0) != len(user):
            user = user.repeat_interleave(x.size(0) // len(user))
        down, up = self.table(f"{name}/A"), self.table(f"{name}/B")  # [U, r, I], [U, O, r]
        if self._leaves is not None and len(user) % len(down) == 0 and _in_turn(user, len(down)):
            # every user of the chunk with as many rows, one after another: no copy of A and B for every row
            n, T = len(down), x.size(1)
            grouped = x.to(down.dtype).reshape(n, -1, x.size(2))  # [n, b * T, I]
            return (self.scale * grouped @ down.mT @ up.mT).view(x.size(0), T, -1)
        down, up = down.index_select(0, user), up.index_select(0, user)  # [B, r, I], [B, O, r]
        return self.scale * x.to(down.dtype) @ down.mT @ up.mT  # [B, T, O]

    @torch.no_grad()
    def initialise(self, row: int, generator: torch.Generator, words: Tensor | None = None) -> None:
        """As in the base class: A uniform as PEFT's (Kaiming, a = sqrt 5), B zero: the first update changes nothing."""
        for name, table in self.tables.items():
            start = torch.zeros(table.shape[1:], dtype=torch.float64)
            if name.endswith("/A"):
                start.uniform_(-(table.size(2) ** -0.5), table.size(2) ** -0.5, generator=generator)
            table[row] = start.to(table)

    def export(self, row: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """As in the base class."""
        tensors = {}
        for name in self.modules_by_name:
            for side in "AB":
                values = self.tables[f"{key(name)}/{side}"][row].detach().cpu().contiguous()
                tensors[f"base_model.model.{name}.lora_{side}.weight"] = values
        description = {
            "r": self.rank,
            "lora_alpha": self.alpha,
            "target_modules": self.modules_by_name,
            "fan_in_fan_out": self.transposed,
        }
        return tensors, description

    @torch.no_grad()
    def load(self, row: int, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
        """As in the base class."""
        expected = self.export(row)[0]
        wrong = sorted(
            name for name in expected.keys() | tensors.keys()
            if name not in expected or name not in tensors or expected[name].shape != tensors[name].shape
        )  # fmt: skip
        if wrong:
            raise UserError(
                f"A LoRA adapter was given that does not fit this bank (rank {self.rank}, targets {self.targets}): "
                f"{', '.join(wrong[:4])} {'is' if len(wrong) == 1 else 'are'} missing, unexpected or of another shape; "
                f"it has r={description.get('r')}, target_modules={description.get('target_modules')}. Set "
                "model.net.rank and model.net.targets to the adapter's, on the backbone it was trained on."
            )
        if "lora_alpha" in description and (scale := lora_scale(description)) != self.scale:
            raise UserError(
                f"A LoRA adapter whose update counts {scale:g} times was given for a bank in which it counts "
                f"{self.scale:g} times; expected the same for all rows. Set model.net.alpha={scale * self.rank:g}."
            )
        for name in self.modules_by_name:
            for side in "AB":
                table = self.tables[f"{key(name)}/{side}"]
                table[row] = tensors[f"base_model.model.{name}.lora_{side}.weight"].to(table)


def add_update(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """The hook of every target: its output, with each row's update where rows have been selected."""
    bank, name = module.lora
    return output if bank._user is None else output + bank.update(name, inputs[0]).to(output.dtype)


def key(name: str) -> str:
    """A module's name as the name of a parameter, which may hold no dots."""
    return name.replace(".", "/")


def _in_turn(user: Tensor, num_users: int) -> bool:
    """Does `user` run 0 0 1 1 2 2, each as often?"""
    return torch.equal(user, torch.arange(num_users, device=user.device).repeat_interleave(len(user) // num_users))
