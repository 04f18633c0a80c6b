"""What every bank is: tables of parameters with one row a user, read by `batch.user`.

The backbone is frozen, so the rows of a batch meet nowhere, and one forward may hold another adapter in every row.
(Whole networks, `full.FullBank`, are the exception: one forward, one user.)

Letters: U users (rows of the bank), n users of a chunk, B rows of the batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import UserError


class AdapterBank(nn.Module, ABC):
    """Tables [U, ...], one row a user, in float32 or better whatever the backbone is."""

    kind: str  # prompt, prefix, lora or full

    def __init__(self, shapes: dict[str, tuple[int, ...]], dtype: torch.dtype) -> None:
        super().__init__()
        self.shapes = shapes  # of one user's row in every table
        start = torch.empty(0, dtype=torch.promote_types(dtype, torch.float32))
        self.tables = nn.ParameterDict({name: nn.Parameter(start) for name in shapes})
        self._leaves: dict[str, Tensor] | None = None
        self._place: Tensor | None = None
        self._held: tuple[Mapping[str, Tensor], Tensor] | None = None
        self.resize(1)

    def resize(self, num_users: int) -> None:
        """Make room for `num_users` rows; what was there is gone, and every row waits for `initialise` or `load`."""
        for name, shape in self.shapes.items():
            self.tables[name] = nn.Parameter(self.tables[name].detach().new_full((num_users, *shape), torch.nan))

    @property
    def num_users(self) -> int:
        """U."""
        return len(self.any_table)

    @property
    def any_table(self) -> nn.Parameter:
        """One of the tables, to ask for device, dtype and rows."""
        return next(iter(self.tables.values()))  # type: ignore[return-value]

    @property
    def numbers_per_user(self) -> int:
        """Trained numbers of one row."""
        return sum(table[0].numel() for table in self.tables.values())

    @abstractmethod
    def initialise(self, row: int, generator: torch.Generator, words: Tensor | None = None) -> None:
        """Fill a row.

        Args:
            row: whose.
            generator: of the random numbers, the user's own: a start depends on nobody else.
            words: token ids of the user's text [W], for starts from words.
        """

    @abstractmethod
    def export(self, row: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """A row as PEFT has it on disk: tensors by PEFT's names, and the settings that describe them."""

    @abstractmethod
    def load(self, row: int, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
        """Fill a row with what `export` gave, to be trained on.

        Raises:
            UserError: it was made for another kind, length, rank or base.
        """

    @torch.no_grad()
    def take(self, row: int, tables: Mapping[str, Tensor], where: str) -> None:
        """Fill a row with one of another bank.

        Args:
            row: to fill.
            tables: by the bank's names.
            where: they come from, for the message.

        Raises:
            UserError: they are of another kind or size.
        """
        given = {name: tuple(values.shape) for name, values in tables.items()}
        if given != self.shapes:
            wrong = sorted(n for n in given.keys() | self.shapes.keys() if given.get(n) != self.shapes.get(n))
            raise UserError(
                f"{where} holds other parameters than this run's {self.kind}: "
                + "; ".join(f"{name} {given.get(name)} instead of {self.shapes.get(name)}" for name in wrong[:4])
                + ". Expected the same model on the same backbone, with the same number of virtual tokens, rank or "
                "width; set these as they were there."
            )
        for name, table in self.tables.items():
            table[row] = tables[name].to(table)

    def snapshot(self, row: int) -> dict[str, Tensor]:
        """Copies of a row's parameters."""
        return {name: table[row].detach().clone() for name, table in self.tables.items()}

    @torch.no_grad()
    def restore(self, row: int, tensors: dict[str, Tensor]) -> None:
        """Put a snapshot back."""
        for name, table in self.tables.items():
            table[row] = tensors[name].to(table)

    def made(self, users: Tensor) -> dict[str, Tensor] | None:
        """What forwards read in place of these rows [n], where it is made of them: by name [n, ...], without a graph.

        It is made once and not in every forward. None where forwards read the rows themselves.
        """
        return None

    def through_made(self, users: Tensor, gradients: Sequence[Tensor]) -> list[Tensor]:
        """Gradients of the rows from those of what was `made` of them: a table of the bank each, [n, ...]."""
        raise TypeError(f"forwards read the rows of a {type(self).__name__} themselves")

    @contextmanager
    def leaves(self, users: Tensor, made: Mapping[str, Tensor] | None = None) -> Iterator[dict[str, Tensor]]:
        """Within it, the bank consists of these users' rows [n], as leaves of a graph of their own.

        Gradients then have the size of a chunk and not of the bank.

        Args:
            users: [n].
            made: what was made of their rows, [n, ...], to be read in their place.
        """
        if made is None:
            made = {name: self.table(name).detach()[users] for name in self.tables}  # in their order
        chosen = {name: rows.detach().requires_grad_() for name, rows in made.items()}
        place = users.new_full((len(self.table(next(iter(self.tables)))),), -1)
        place[users] = torch.arange(len(users), device=users.device)
        self._leaves, self._place = chosen, place
        try:
            yield chosen
        finally:
            self._leaves = self._place = None

    @contextmanager
    def holding(self, tables: Mapping[str, Tensor], rows: Tensor) -> Iterator[None]:
        """Within it, the bank consists of other rows: working copies of its own that are being trained.

        Args:
            tables: [S, ...], by the bank's names.
            rows: [S] the row of the bank that each stands for.
        """
        self._held = tables, rows
        try:
            yield
        finally:
            self._held = None

    @property
    def is_holding(self) -> bool:
        """Does `batch.user` now count the rows of other tables?"""
        return self._held is not None

    def table(self, name: str) -> Tensor:
        """The whole table, or the rows of the present chunk."""
        if self._leaves is not None:
            return self._leaves[name]
        return self.tables[name] if self._held is None else self._held[0][name]

    def own_rows(self, user: Tensor) -> Tensor:
        """The bank's own row behind each `batch.user`: [B] -> [B]."""
        return user if self._held is None else self._held[1][user]

    def places(self, user: Tensor) -> Tensor:
        """Where each batch row's user stands in `table`: [B] -> [B]."""
        return user if self._place is None else self._place[user]

    def gather(self, name: str, user: Tensor) -> Tensor:
        """Each batch row's own parameters: [B] -> [B, ...]."""
        return self.table(name).index_select(0, self.places(user))


class VirtualTokens(AdapterBank):
    """Banks whose adapters stand before the text: prompts and prefixes, of a length of their own for every user.

    Short ones are padded on the left; a pad is masked, takes no position and gets a zero gradient.
    """

    lengths: Tensor

    def __init__(self, shapes: dict[str, tuple[int, ...]], num_virtual_tokens: int, dtype: torch.dtype) -> None:
        if num_virtual_tokens < 1:
            raise UserError(f"num_virtual_tokens is {num_virtual_tokens}; expected at least 1.")
        self.num_virtual_tokens = num_virtual_tokens
        super().__init__(shapes, dtype)

    def resize(self, num_users: int) -> None:
        """As in the base class; every row has the full length until it is set."""
        super().resize(num_users)
        self.register_buffer(
            "lengths", self.any_table.new_full((num_users,), self.num_virtual_tokens, dtype=torch.long)
        )

    def mask(self, user: Tensor) -> Tensor:
        """Which virtual tokens each row has: [B] -> bool [B, M]."""
        slots = torch.arange(self.num_virtual_tokens, device=user.device)
        return slots >= self.num_virtual_tokens - self.lengths[self.own_rows(user)][:, None]

    def set_length(self, row: int, length: int) -> None:
        """Let a row have fewer virtual tokens than the bank has slots."""
        if not 1 <= length <= self.num_virtual_tokens:
            raise UserError(
                f"An adapter has {length} virtual tokens, but this bank holds 1 to {self.num_virtual_tokens} of them; "
                f"set model.net.num_virtual_tokens={length}, or use an adapter of that length."
            )
        self.lengths[row] = length


def repeated(words: Tensor, length: int) -> Tensor:
    """A text's token ids repeated to a length, cut at it: [W] -> [M] (Kasahara et al. 2022, section 3)."""
    return words.repeat(-(-length // len(words)))[:length]
