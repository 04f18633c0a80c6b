"""All weights of a language model, a copy for every user: what one-model-per-user costs, and the baseline of adapters.

Letters: U users of the bank.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from zoo.errors import UserError
from zoo.models.banks.base import AdapterBank


class FullBank(AdapterBank):
    """Tables [U, ...], one for every weight of `lm`; `lm` computes with one user's at a time.

    Args:
        lm: gives every row its start, and is not changed; what it does not train, such as fixed positions, is shared.
    """

    kind = "full"

    def __init__(self, lm: PreTrainedModel) -> None:
        trained = {name.replace(".", "/"): p for name, p in lm.named_parameters() if p.requires_grad}
        super().__init__(
            {name: tuple(parameter.shape) for name, parameter in trained.items()},
            lm.get_input_embeddings().weight.dtype,
        )
        self.is_worn = False
        # where each weight stands, several places where it is tied; in a dictionary: `lm` is no part of the bank
        self.homes: dict[str, list[tuple[nn.Module, str]]] = {name: [] for name in self.shapes}
        names = {id(parameter): name for name, parameter in trained.items()}
        for module in lm.modules():
            for attribute, parameter in module.named_parameters(recurse=False, remove_duplicate=False):
                if parameter.requires_grad:
                    self.homes[names[id(parameter)]].append((module, attribute))

    def _start(self, name: str) -> Tensor:
        module, attribute = self.homes[name][0]
        return getattr(module, attribute)  # type: ignore[no-any-return]

    @contextmanager
    def worn_by(self, user: int) -> Iterator[None]:
        """Within it, `lm` has the weights of a row of the bank."""
        place = int(self.places(torch.tensor([user], device=self.any_table.device)))
        assert place >= 0, "a user outside the chunk"
        own = {name: self._start(name) for name in self.shapes}
        self.is_worn = True
        try:
            for name, weight in own.items():
                self._put(name, self.table(name)[place].to(weight.dtype))
            yield
        finally:
            self.is_worn = False
            for name, weight in own.items():
                self._put(name, weight)

    def _put(self, name: str, weight: Tensor) -> None:
        for module, attribute in self.homes[name]:
            module._parameters[attribute] = weight  # type: ignore[assignment]  # `lm` reads it as it reads its own

    @torch.no_grad()
    def write(self, row: int) -> None:
        """Give `lm` a row's weights for good."""
        for name in self.shapes:
            self._start(name).copy_(self.tables[name][row])

    @torch.no_grad()
    def initialise(self, row: int, generator: torch.Generator, words: Tensor | None = None) -> None:
        """As in the base class: the published weights."""
        for name, table in self.tables.items():
            table[row] = self._start(name).to(table)

    def take(self, row: int, tables: Mapping[str, Tensor], where: str) -> None:
        """As in the base class; of a network's state, second names of tied weights and buffers do not count."""
        super().take(row, {name: tables[name] for name in self.shapes if name in tables}, where)

    def export(self, row: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """As in the base class; the names are the network's own."""
        return {name.replace("/", "."): table[row].detach().cpu() for name, table in self.tables.items()}, {}

    @torch.no_grad()
    def load(self, row: int, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
        """As in the base class."""
        given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        expected = {name.replace("/", "."): shape for name, shape in self.shapes.items()}
        if wrong := sorted(name for name in given.keys() | expected.keys() if given.get(name) != expected.get(name)):
            raise UserError(
                f"Weights were given that do not fit this network: {', '.join(wrong[:4])} missing, unexpected or of "
                "another shape; expected a copy of the backbone that the bank was made for."
            )
        for name, table in self.tables.items():
            table[row] = tensors[name.replace("/", ".")].to(table)
