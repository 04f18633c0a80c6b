"""The learner that trains every user's row of a bank by itself, many in one forward.

The loss of a round is the sum over its users of each user's own mean over tokens, so a user's gradient is that of its
own loss; steps, rates, clipping, early stopping and the best snapshot are the user's own (`zoo.optim`,
`zoo.users.run`). A finished user leaves its slot to the next one waiting.

Letters: n users of a round or chunk, B rows, N response tokens.
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from zoo.data.batch import DialogueBatch
from zoo.errors import UserError
from zoo.models.user_rows import UserRows, stable_hash
from zoo.optim import RowwiseAdamW, RowwiseOptimizer, RowwiseSGD
from zoo.users.chunks import Chunk, chunks, tokens_per_forward
from zoo.users.run import UserRun, UserSettings, user_settings

log = logging.getLogger(__name__)
Table = Any  # zoo.data.table.ExampleTable: `table[rows]` is a batch, `table.lengths` [N, 3]


class PerUser:
    """Trains all users of the data, `slots` at a time.

    Args:
        settings: every user's, see `UserSettings`.
        slots: users that train side by side; the result does not depend on it.
        tokens_per_forward: padded tokens of one forward; None chooses by device and width.
        optimizer: adamw, sgd.
        weight_decay: of adamw.
        overrides: other settings for some users, by id.
        validate_start: measure every user's loss before its first step.
        seed: of all orders.
    """

    automatic_optimization = False

    def __init__(
        self,
        *,
        slots: int = 64,
        tokens_per_forward: int | None = None,
        optimizer: str = "adamw",
        weight_decay: float = 0.0,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        validate_start: bool = True,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        if optimizer not in ("adamw", "sgd"):
            raise UserError(f"learner.optimizer={optimizer!r}; expected adamw or sgd.")
        if slots < 1:
            raise UserError(f"learner.slots={slots}; expected at least 1.")
        if tokens_per_forward is not None and tokens_per_forward < 1:
            raise UserError(f"learner.tokens_per_forward={tokens_per_forward}; expected at least 1, or null.")
        self.settings = user_settings(UserSettings(), settings)
        self.slots, self.tokens = slots, tokens_per_forward
        self.kind, self.weight_decay = optimizer, weight_decay
        self.overrides = {str(user): changes for user, changes in (overrides or {}).items()}
        self.validate_start, self.seed = validate_start, seed
        self.runs: list[UserRun] = []
        self.in_slot: list[UserRun | None] = []
        self.finished = False
        self._saved: dict[str, Any] | None = None
        self._optimizer: RowwiseOptimizer | None = None

    # -- before training ----------------------------------------------------------------------------------------------

    def optimizer(self, model: UserRows) -> RowwiseOptimizer:
        """The optimizer of the bank's tables, with state for `slots` users."""
        slots = min(self.slots, model.bank.num_users)
        tables = model.bank.tables.values()
        if self.kind == "sgd":
            self._optimizer = RowwiseSGD(tables, slots)
        else:
            self._optimizer = RowwiseAdamW(tables, slots, weight_decay=self.weight_decay)
        return self._optimizer

    def begin(self, users: Sequence[str], train: Table, valid: Table, rank: int = 0, world_size: int = 1) -> None:
        """Deal users to ranks and admit the first ones.

        Args:
            users: ids, by row of the bank.
            train, valid: tables of the two splits.
            rank, world_size: users[rank::world_size] are trained here.

        Raises:
            UserError: a user has nothing to train on.
        """
        train_rows, valid_rows = (by_user(table, len(users)) for table in (train, valid))
        if unknown := sorted(set(self.overrides) - set(users)):
            raise UserError(f"learner.overrides names {', '.join(unknown[:3])}, who is no user of the data.")
        if without := [user for user, rows in zip(users, train_rows, strict=True) if not len(rows)]:
            raise UserError(
                f"{len(without)} of {len(users)} users have no training example ({', '.join(map(repr, without[:3]))}); "
                "an adapter of theirs would stay at its start. Expected training dialogues for every user: leave these "
                "users out of the data, or change how the data are split."
            )
        self.train, self.valid = train, valid
        self.rank, self.world_size = rank, world_size
        self.runs = [
            UserRun(
                user,
                row,
                train_rows[row],
                valid_rows[row],
                user_settings(self.settings, self.overrides.get(user, {})),
                stable_hash(str(self.seed)),
            )
            for row, user in enumerate(users)
        ]
        mine = self.runs[rank::world_size]
        self.in_slot = [None] * min(self.slots, len(users))
        self.finished = False
        if self._saved is not None:
            for run in self.runs:
                run.load_state_dict(self._saved["runs"][run.user])
            if self._saved["optimizer"] != [self.kind, self.weight_decay]:
                raise UserError(
                    f"The checkpoint was taken with learner.optimizer and weight_decay {self._saved['optimizer']}, "
                    f"but this run has {[self.kind, self.weight_decay]}; resume with the same."
                )
            if len(self._saved["ranks"]) != world_size:
                raise UserError(
                    f"The checkpoint was taken while {len(self._saved['ranks'])} processes shared the users, but this "
                    f"run has {world_size}; resume with the same trainer.devices."
                )
            own = self._saved["ranks"][rank]
            by_name = {run.user: run for run in self.runs}
            self.in_slot = [None if user is None else by_name[user] for user in own["slots"]]
            if own["optimizer"] is not None and self._optimizer is not None:
                self._optimizer.load_state_dict(own["optimizer"])
            self._saved = None
        training = {run.user for run in self.in_slot if run is not None}
        self.waiting = [run for run in mine if not run.finished and run.user not in training]
        few = sum(not len(rows) for rows in valid_rows)
        if few:
            log.warning("%d of %d users have no validation example: they train all their epochs", few, len(users))
        log.info(
            "users: %d, %d side by side, %d examples to train on", len(users), len(self.in_slot), len(train.lengths)
        )

    def rounds(self) -> Iterator[int]:
        """Numbers of rounds, as long as anyone trains: what a Trainer takes for batches."""
        number = 0
        while not self.finished:
            yield number
            number += 1

    # -- a round ------------------------------------------------------------------------------------------------------

    def step(self, model: UserRows, optimizer: Callable[..., Any], forget: Callable[[int], None]) -> Tensor:
        """One step of every user that has a slot, and what follows from it for each.

        Args:
            model: with the bank.
            optimizer: the `step` of a `RowwiseOptimizer`.
            forget: its `forget`.

        Returns:
            The mean loss of the round's users, nats a token; NaN for a round without any.
        """
        if self.finished:  # a Trainer asks for one round more than there are
            return torch.tensor(torch.nan)
        self._admit(model, forget)
        active = [(slot, run) for slot, run in enumerate(self.in_slot) if run is not None]
        table = model.bank.any_table
        users = torch.tensor([run.row for _, run in active], device=table.device, dtype=torch.long)
        losses, gradients = self.gradients(model, users, [run.next_batch() for _, run in active])
        settings = [run.settings for _, run in active]
        optimizer(  # on a rank that has nobody left too: ranks count their steps alike
            rows=users,
            slots=torch.tensor([slot for slot, _ in active], device=table.device, dtype=torch.long),
            gradients=gradients,
            lr=table.new_tensor([run.rate for _, run in active]),
            clip=table.new_tensor([math.inf if s.clip is None else s.clip for s in settings]),
        )
        self._end_epochs(model, [run for _, run in active if run.stepped()])
        self.finished = self._nobody_left()
        if self.finished:
            self.gather(model)
        return losses.nanmean()

    def gradients(
        self, model: UserRows, users: Tensor, rows: Sequence[NDArray[np.integer]]
    ) -> tuple[Tensor, list[Tensor]]:
        """Each user's mean loss over its rows' tokens, and its gradient.

        Args:
            model: with the bank.
            users: [n] rows of the bank.
            rows: each user's rows of the training table.

        Returns:
            losses [n] and, a table of the bank each, gradients [n, ...].
        """
        tables = list(model.bank.tables.values())
        gradients = [table.new_zeros(len(users), *table.shape[1:]) for table in tables]
        losses = torch.zeros(len(users), dtype=torch.float64, device=users.device)
        tokens = np.array([self.train.lengths[r, -1].sum() for r in rows], dtype=np.float64)  # [n] of responses
        for chunk in self._chunks(model, self.train, rows):
            present = dict.fromkeys(chunk.owners.tolist())
            owners = torch.tensor(list(present), device=users.device)
            weights = torch.as_tensor(1 / tokens[chunk.owners], device=users.device)  # [B]
            with model.bank.leaves(users[owners]) as leaves:
                nll = row_nll(model, self._batch(self.train, chunk, users))  # [B]
                grown = torch.autograd.grad((nll * weights.to(nll)).sum(), list(leaves.values()))
            losses.index_add_(0, torch.as_tensor(chunk.owners, device=users.device), nll.detach().double() * weights)
            for gradient, part in zip(gradients, grown, strict=True):
                gradient.index_add_(0, owners, part)
        return losses, gradients

    @torch.no_grad()
    def losses(self, model: UserRows, table: Table, runs: Sequence[UserRun]) -> list[float | None]:
        """Each user's mean validation loss, nats a token; None for one without validation examples."""
        rows = [run.valid for run in runs]
        users = torch.tensor([run.row for run in runs], device=model.bank.any_table.device)
        sums = np.zeros(len(runs))
        for chunk in self._chunks(model, table, rows):
            np.add.at(sums, chunk.owners, row_nll(model, self._batch(table, chunk, users)).double().cpu().numpy())
        tokens = [int(table.lengths[r, -1].sum()) for r in rows]
        return [total / count if count else None for total, count in zip(sums.tolist(), tokens, strict=True)]

    def _chunks(self, model: UserRows, table: Table, rows: Sequence[NDArray[np.integer]]) -> list[Chunk]:
        width = model.lm.config.hidden_size
        tokens = self.tokens or tokens_per_forward(model.bank.any_table.device, width)
        return chunks(rows, table.lengths, tokens, extra=1 + model.num_extra_positions)

    def _batch(self, table: Table, chunk: Chunk, users: Tensor) -> DialogueBatch:
        batch: DialogueBatch = table.__getitems__(chunk.rows.tolist())
        return replace(batch.to(users.device), user=users[torch.as_tensor(chunk.owners, device=users.device)])

    def _admit(self, model: UserRows, forget: Callable[[int], None]) -> None:
        """Free slots to those who wait."""
        new = []
        for slot, run in enumerate(self.in_slot):
            if run is None and self.waiting:
                self.in_slot[slot] = self.waiting.pop(0)
                forget(slot)
                new.append(self.in_slot[slot])
        runs = [run for run in new if run is not None]
        for run in runs:
            run.snapshot = model.bank.snapshot(run.row)
        if self.validate_start and runs:
            for run, loss in zip(runs, self.losses(model, self.valid, runs), strict=True):
                run.start_loss = loss

    def _end_epochs(self, model: UserRows, ended: list[UserRun]) -> None:
        """Validate those whose epoch ended; keep the best, let the finished go."""
        for run, loss in zip(ended, self.losses(model, self.valid, ended) if ended else [], strict=True):
            now = model.bank.snapshot(run.row)
            if loss is None and not all(values.isfinite().all() for values in now.values()):
                loss = math.nan
            if run.validated(loss):
                run.snapshot = now
            if run.diverged:
                log.warning("user %r diverged in epoch %d: it keeps epoch %d", run.user, run.epoch, run.best_epoch)
            if run.finished:
                self._settle(model, run)
                self.in_slot[self.in_slot.index(run)] = None

    def _settle(self, model: UserRows, run: UserRun) -> None:
        """Give a user its best parameters."""
        assert run.snapshot is not None
        model.bank.restore(run.row, run.snapshot)
        run.snapshot = None

    def close(self, model: UserRows) -> None:
        """After training, finished or cut short: users still in a slot get their best parameters so far."""
        for run in self.in_slot:
            if run is not None:
                self._settle(model, run)
        if unfinished := sum(not run.finished for run in self.runs):
            log.warning("%d of %d users were not trained to their end", unfinished, len(self.runs))

    # -- several processes --------------------------------------------------------------------------------------------

    def _nobody_left(self) -> bool:
        left = bool(self.waiting) or any(run is not None for run in self.in_slot)
        if self.world_size == 1:
            return not left
        anyone = torch.tensor(int(left), device=self._communication_device())
        dist.all_reduce(anyone, dist.ReduceOp.MAX)
        return not anyone.item()

    @torch.no_grad()
    def gather(self, model: UserRows) -> None:
        """Bring every rank's users to all ranks: rows of the bank, and reports."""
        if self.world_size == 1:
            return
        mine = torch.zeros(model.bank.num_users, dtype=torch.bool, device=model.bank.any_table.device)
        mine[self.rank :: self.world_size] = True
        for table in model.bank.tables.values():
            table[~mine] = 0
            dist.all_reduce(table.data)
        states: list[Any] = [None] * self.world_size
        dist.all_gather_object(states, {run.user: run.state_dict() for run in self.runs[self.rank :: self.world_size]})
        for state in states:
            for run in self.runs:
                if run.user in state:
                    run.load_state_dict(state[run.user])

    def _communication_device(self) -> torch.device:
        return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def state_dict(self, model: UserRows, optimizer: RowwiseOptimizer) -> dict[str, Any]:
        """Every user's progress, and each rank's slots and optimizer; all ranks call it, all get the same.

        The bank's rows are the model's own state; before, each rank's users are brought to all.
        """
        self.gather(model)
        mine = {
            "slots": [None if run is None else run.user for run in self.in_slot],
            "optimizer": optimizer.state_dict() if self.world_size > 1 else None,  # else Lightning keeps it
        }
        ranks: list[Any] = [mine]
        if self.world_size > 1:
            ranks = [None] * self.world_size
            dist.all_gather_object(ranks, mine)
        runs = {run.user: run.state_dict() for run in self.runs}
        return {"runs": runs, "ranks": ranks, "optimizer": [self.kind, self.weight_decay]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state` at the next `begin`."""
        self._saved = state

    def reports(self) -> list[dict[str, Any]]:
        """One record a user."""
        return [run.report() for run in self.runs]


def row_nll(model: UserRows, batch: DialogueBatch) -> Tensor:
    """Negative log-likelihood of each row's response, [B], nats, summed in float32 or better."""
    nll = model.response_nll(batch)  # [N]
    owner = batch.response_mask.nonzero()[:, 0]  # [N]
    return nll.new_zeros(len(batch)).index_add(0, owner, nll)


def by_user(table: Table, num_users: int) -> list[NDArray[np.integer]]:
    """Each user's rows of a table."""
    rows = table.user_rows
    order = np.argsort(rows, kind="stable")
    return np.split(order, np.searchsorted(rows[order], np.arange(1, num_users)))
