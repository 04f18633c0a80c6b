"""Which pairs a training step sees: batches of similar lengths, classes as they are or evened out."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from zoo.errors import UserError

BALANCES = ("none", "weights", "sampling")
POOL = 50  # batches that are sorted by length together


def class_shares(labels: Sequence[int], strength: float) -> Tensor:
    """Shares [3] of classes after evening out: n^(1 - strength) of n examples, summing to 1; 0 for a class without any.

    Strength 0 leaves them as they are, 1 makes all classes equal.

    Raises:
        UserError: a strength outside 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise UserError(f"balance_strength={strength} was given; expected 0 (classes as they are) to 1 (all equal).")
    counts = torch.bincount(torch.as_tensor(labels), minlength=3).double()  # [3]
    shares = torch.where(counts > 0, counts ** (1 - strength), 0)
    return shares / shares.sum()


def class_weights(labels: Sequence[int], strength: float) -> Tensor:
    """Weights [3] of the loss that count classes as `class_shares` does, 1 on average over the examples."""
    counts = torch.bincount(torch.as_tensor(labels), minlength=3).double()
    return torch.where(counts > 0, class_shares(labels, strength) * counts.sum() / counts, 0).float()


class Batches:
    """The batches of a whole training, all epochs on end; iterating begins at batch `start`.

    An epoch has `pairs_per_epoch` pairs: all, once, in a new order; a part of them, once; or, with balance="sampling",
    as many of each class as its share says, each pair as often as any other of its class, give or take one. The order
    is a function of (seed, epoch) alone, so a resumed training sees what an uninterrupted one would have seen.

    Args:
        labels: [N] of the pairs.
        lengths: [N] by which batches are made alike.
        batch_size: pairs of a batch; an epoch's last one may be smaller.
        epochs: how many.
        seed: of the order.
        balance: "none", "weights" (says nothing here) or "sampling".
        strength: see `class_shares`.
        pairs_per_epoch: None takes as many as there are.

    Raises:
        UserError: no pairs, or a setting that is none.
    """

    def __init__(
        self,
        labels: Sequence[int],
        lengths: Sequence[int],
        batch_size: int,
        epochs: int,
        seed: int,
        balance: str = "none",
        strength: float = 1.0,
        pairs_per_epoch: int | None = None,
    ) -> None:
        if balance not in BALANCES:
            raise UserError(f"scorer.balance={balance} was given; expected one of {', '.join(BALANCES)}.")
        if min(batch_size, epochs) < 1 or (pairs_per_epoch or 1) < 1:
            raise UserError(
                f"batch_size={batch_size}, epochs={epochs} and pairs_per_epoch={pairs_per_epoch} were given; expected "
                "at least 1 of each."
            )
        if not labels:
            raise UserError("There are no training pairs.")
        self.labels, self.lengths = torch.as_tensor(labels), torch.as_tensor(lengths)  # [N]
        self.batch_size, self.epochs, self.seed = batch_size, epochs, seed
        self.shares = class_shares(labels, strength) if balance == "sampling" else None
        self.per_epoch = pairs_per_epoch or len(labels)
        if self.shares is None:
            self.per_epoch = min(self.per_epoch, len(labels))
        self.steps_per_epoch = -(-self.per_epoch // batch_size)
        self.start = 0

    def __len__(self) -> int:
        return self.epochs * self.steps_per_epoch

    def __iter__(self) -> Iterator[list[int]]:
        first_epoch, skipped = divmod(self.start, self.steps_per_epoch)
        for epoch in range(first_epoch, self.epochs):
            yield from self.of_epoch(epoch)[skipped:]
            skipped = 0

    def of_epoch(self, epoch: int) -> list[list[int]]:
        """Rows of each batch of an epoch."""
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        rows = self._drawn(generator)
        pools = rows.split(POOL * self.batch_size)
        batches = [
            batch.tolist() for pool in pools for batch in pool[self.lengths[pool].argsort()].split(self.batch_size)
        ]
        return [batches[position] for position in torch.randperm(len(batches), generator=generator).tolist()]

    def _drawn(self, generator: torch.Generator) -> Tensor:
        """Rows of an epoch, shuffled."""
        if self.shares is None:
            return torch.randperm(len(self.labels), generator=generator)[: self.per_epoch]
        wanted = (self.shares * self.per_epoch).round().long()  # [3]
        wanted[wanted.argmax()] += self.per_epoch - wanted.sum()  # what rounding left over
        drawn = []
        for label, number in enumerate(wanted.tolist()):
            own = (self.labels == label).nonzero().flatten()
            rounds = -(-number // len(own)) if number else 0
            orders = [own[torch.randperm(len(own), generator=generator)] for _ in range(rounds)]
            drawn.append(torch.cat([own[:0], *orders])[:number])
        rows = torch.cat(drawn)
        return rows[torch.randperm(len(rows), generator=generator)]
