"""The learner that trains every user's row of a bank by itself, many in one forward.

The loss of a round is the sum over its users of each user's own mean over tokens, so a user's gradient is that of its
own loss; steps, rates, clipping, early stopping and the best snapshot are the user's own (`zoo.optim`,
`zoo.users.run`). A finished user leaves its slot to the next one waiting. A user may be trained under several settings
at once (a grid): each is a run of its own, and the row of the bank becomes what the best of them made.

Letters: S slots, n users of a round.
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor

from zoo.errors import UserError
from zoo.models.user_rows import UserRows, stable_hash
from zoo.optim import RowwiseAdamW, RowwiseOptimizer, RowwiseSGD
from zoo.users.losses import Table, by_user, row_gradients, row_losses
from zoo.users.run import UserRun, UserSettings, best_run, grid_points, user_settings

log = logging.getLogger(__name__)


class PerUser:
    """Trains all users of the data, `slots` at a time.

    Args:
        settings: every user's, see `UserSettings`.
        slots: runs side by side; the result does not depend on it.
        tokens_per_forward: padded tokens of one forward; None chooses by device and width.
        optimizer: adamw, sgd.
        weight_decay: of adamw.
        overrides: other settings for some users, by id.
        grid: values of some settings, each user to be trained under every combination of them and to keep the one with
            the lowest loss on its own validation examples.
        validate_start: measure every user's loss before its first step.
        require_validation: refuse data in which a user has no validation example; else such a user trains all epochs.
        seed: of all orders.
    """

    automatic_optimization = False
    rows_of_users = True

    def __init__(
        self,
        *,
        slots: int = 64,
        tokens_per_forward: int | None = None,
        optimizer: str = "adamw",
        weight_decay: float = 0.0,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        grid: Mapping[str, Sequence[Any] | None] | None = None,
        validate_start: bool = True,
        require_validation: bool = False,
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
        self.points = grid_points(grid or {})
        for point in self.points:
            user_settings(self.settings, point)
        if len(self.points) > 1:
            self._check_grid()
        self.validate_start, self.seed = validate_start, seed
        self.require_validation = require_validation or len(self.points) > 1
        self.runs: list[UserRun] = []
        self.in_slot: list[UserRun | None] = []
        self.finished = False
        self.working: dict[str, Tensor] = {}  # [S, ...] a table: the parameters of those who train
        self._saved: dict[str, Any] | None = None
        self._optimizer: RowwiseOptimizer | None = None

    def _check_grid(self) -> None:
        in_both = sorted({name for changes in self.overrides.values() for name in changes} & set(self.points[0]))
        if self.settings.keep == "last" or in_both:
            other = ", ".join(f"learner.overrides.*.{name}" for name in in_both) or "learner.keep=last"
            raise UserError(
                f"learner.grid was given together with {other}; a grid keeps the point with the lowest validation "
                "loss, and sets its values for everybody. Leave one of the two out."
            )

    # -- before training ----------------------------------------------------------------------------------------------

    def optimizer(self, model: UserRows) -> RowwiseOptimizer:
        """The optimizer of the working tables: what `slots` runs train, beside the bank."""
        slots = min(self.slots, model.bank.num_users * len(self.points))
        self.working = {
            name: table.new_full((slots, *table.shape[1:]), torch.nan) for name, table in model.bank.tables.items()
        }
        if self.kind == "sgd":
            self._optimizer = RowwiseSGD(self.working.values(), slots)
        else:
            self._optimizer = RowwiseAdamW(self.working.values(), slots, weight_decay=self.weight_decay)
        return self._optimizer

    def begin(self, users: Sequence[str], train: Table, valid: Table, rank: int = 0, world_size: int = 1) -> None:
        """Deal users to ranks and admit the first ones.

        Args:
            users: ids, by row of the bank.
            train, valid: tables of the two splits.
            rank, world_size: users[rank::world_size] are trained here.

        Raises:
            UserError: a user has nothing to train on, or nothing to choose by.
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
        few = [user for user, rows in zip(users, valid_rows, strict=True) if not len(rows)]
        if few and self.require_validation:
            raise UserError(
                f"{len(few)} of {len(users)} users have no validation example ({', '.join(map(repr, few[:3]))}), but "
                "learner.grid or learner.require_validation asks for a choice by validation loss. Expected validation "
                "dialogues for every user: leave these users out, or train under one setting for all its epochs "
                "(learner.grid.*=null, learner.require_validation=false)."
            )
        self.train, self.valid = train, valid
        self.rank, self.world_size = rank, world_size
        self.runs = [
            UserRun(
                user,
                row,
                train_rows[row],
                valid_rows[row],
                user_settings(user_settings(self.settings, self.overrides.get(user, {})), point),
                stable_hash(str(self.seed)),
                point=", ".join(f"{name}={value}" for name, value in point.items()),
            )
            for row, user in enumerate(users)
            for point in self.points
        ]
        self.in_slot = [None] * min(self.slots, len(self.runs))
        self.finished = False
        if self._saved is not None:
            self._resume(self._saved)
        training = {run.key for run in self.in_slot if run is not None}
        self.waiting = [run for run in self._mine() if not run.finished and run.key not in training]
        if few:
            log.warning("%d of %d users have no validation example: they train all their epochs", len(few), len(users))
        if rank == 0:
            settings = f" under {len(self.points)} settings each" if len(self.points) > 1 else ""
            processes = f" in each of {world_size} processes" if world_size > 1 else ""
            log.info(
                "users: %d%s, %d side by side%s, %d examples to train on",
                len(users), settings, len(self.in_slot), processes, len(train.lengths),
            )  # fmt: skip

    def _mine(self) -> list[UserRun]:
        """The runs of this rank's users."""
        return [run for run in self.runs if run.row % self.world_size == self.rank]

    def rounds(self) -> Iterator[int]:
        """Numbers of rounds, as long as anyone trains: what a Trainer takes for batches."""
        number = 0
        while not self.finished:
            yield number
            number += 1

    # -- a round ------------------------------------------------------------------------------------------------------

    def step(self, model: UserRows, optimizer: Callable[..., Any], forget: Callable[[int], None]) -> Tensor:
        """One step of every run that has a slot, and what follows from it for each.

        Args:
            model: with the bank.
            optimizer: the `step` of a `RowwiseOptimizer`.
            forget: its `forget`.

        Returns:
            The mean loss of the round's runs, nats a token; NaN for a round without any.
        """
        if self.finished:  # a Trainer asks for one round more than there are
            return torch.tensor(torch.nan)
        self._admit(model, forget)
        active = [(slot, run) for slot, run in enumerate(self.in_slot) if run is not None]
        table = model.bank.any_table
        slots = torch.tensor([slot for slot, _ in active], device=table.device, dtype=torch.long)  # [n]
        with model.bank.holding(self.working, self._rows(table.device)):
            batches = [run.next_batch() for _, run in active]
            losses, gradients = row_gradients(model, self.train, slots, batches, self.tokens)
        settings = [run.settings for _, run in active]
        optimizer(  # on a rank that has nobody left too: ranks count their steps alike
            rows=slots,
            slots=slots,
            gradients=gradients,
            lr=table.new_tensor([run.rate for _, run in active]),
            clip=None
            if all(s.clip is None for s in settings)
            else table.new_tensor([math.inf if s.clip is None else s.clip for s in settings]),
        )
        self._end_epochs(model, [slot for slot, run in active if run.stepped()])
        self.finished = self._nobody_left()
        if self.finished:
            self.gather(model)
        return losses.nanmean()

    def _rows(self, device: torch.device) -> Tensor:
        """The bank's row behind each slot, [S]."""
        return torch.tensor([0 if run is None else run.row for run in self.in_slot], device=device)

    def _losses(self, model: UserRows, slots: Sequence[int]) -> list[float | None]:
        """Validation losses of the runs in some slots."""
        if not slots:
            return []
        rows = [run.valid for slot in slots if (run := self.in_slot[slot]) is not None]
        device = model.bank.any_table.device
        with model.bank.holding(self.working, self._rows(device)):
            return row_losses(model, self.valid, torch.tensor(slots, device=device), rows, self.tokens)

    def _snapshot(self, slot: int) -> dict[str, Tensor]:
        return {name: table[slot].clone() for name, table in self.working.items()}

    def _admit(self, model: UserRows, forget: Callable[[int], None]) -> None:
        """Free slots to those who wait; they start as their user's row of the bank is."""
        new = []
        for slot, run in enumerate(self.in_slot):
            if run is None and self.waiting:
                admitted = self.in_slot[slot] = self.waiting.pop(0)
                forget(slot)
                for name, table in model.bank.tables.items():
                    self.working[name][slot] = table[admitted.row].detach()
                admitted.snapshot = self._snapshot(slot)
                new.append(slot)
        if self.validate_start:
            for slot, loss in zip(new, self._losses(model, new), strict=True):
                self.in_slot[slot].start_loss = loss  # type: ignore[union-attr]

    def _end_epochs(self, model: UserRows, ended: list[int]) -> None:
        """Validate those whose epoch ended; keep the best, let the finished go."""
        for slot, loss in zip(ended, self._losses(model, ended), strict=True):
            run = self.in_slot[slot]
            assert run is not None
            if loss is None and not all(table[slot].isfinite().all() for table in self.working.values()):
                loss = math.nan
            if run.validated(loss):
                run.snapshot = self._snapshot(slot)
            if run.diverged:
                log.warning("user %r diverged in epoch %d: it keeps epoch %d", run.user, run.epoch, run.best_epoch)
            if run.finished:
                self.in_slot[slot] = None
                self._settle(model, run)

    def _settle(self, model: UserRows, run: UserRun) -> None:
        """Give the row of a run's user the best of its finished runs, as soon as all of them are."""
        own = self._runs_of(run)
        finished = [other for other in own if other.finished]
        best = best_run(finished)
        for other in finished:
            if other is not best:
                other.snapshot = None
        if len(finished) == len(own) and best.snapshot is not None:
            model.bank.restore(run.row, best.snapshot)
            best.snapshot = None

    def _runs_of(self, run: UserRun) -> list[UserRun]:
        first = run.row * len(self.points)
        return self.runs[first : first + len(self.points)]

    def close(self, model: UserRows) -> None:
        """After training, finished or cut short: every user gets the best parameters found so far."""
        for runs in (self._runs_of(run) for run in self._mine()[:: len(self.points)]):
            found = [run for run in runs if run.snapshot is not None]
            if found:
                model.bank.restore(runs[0].row, best_run(found).snapshot or {})
            for run in runs:
                run.snapshot = None
        if unfinished := sum(not run.finished for run in self.runs):
            log.warning("%d of %d runs of users were not trained to their end", unfinished, len(self.runs))

    # -- several processes --------------------------------------------------------------------------------------------

    def _nobody_left(self) -> bool:
        left = bool(self.waiting) or any(run is not None for run in self.in_slot)
        if self.world_size == 1:
            return not left
        anyone = torch.tensor(int(left), device=communication_device())
        dist.all_reduce(anyone, dist.ReduceOp.MAX)
        return not anyone.item()

    @torch.no_grad()
    def gather(self, model: UserRows) -> None:
        """Let the bank have everybody's present parameters on all ranks, and all reports.

        Where users have several runs, their rows change at the end only.
        """
        if len(self.points) == 1:
            for slot, run in enumerate(self.in_slot):
                if run is not None:
                    model.bank.restore(run.row, {name: table[slot] for name, table in self.working.items()})
        if self.world_size == 1:
            return
        mine = torch.zeros(model.bank.num_users, dtype=torch.bool, device=model.bank.any_table.device)
        mine[self.rank :: self.world_size] = True
        for table in model.bank.tables.values():
            table[~mine] = 0
            dist.all_reduce(table.data)
        states: list[Any] = [None] * self.world_size
        dist.all_gather_object(states, {run.key: run.state_dict() for run in self._mine()})
        for state in states:
            for run in self.runs:
                if run.key in state:
                    run.load_state_dict(state[run.key])

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def state_dict(self, model: UserRows, optimizer: RowwiseOptimizer) -> dict[str, Any]:
        """Every run's progress, and, on rank 0, each rank's slots, snapshots and optimizer; all ranks call it.

        The bank's rows are the model's own state; before, each rank's users are brought to all.
        """
        self.gather(model)
        mine = {
            "slots": [None if run is None else run.key for run in self.in_slot],
            "working": self.working,
            "snapshots": {run.key: run.snapshot for run in self._mine() if run.snapshot is not None},
            "optimizer": optimizer.state_dict() if self.world_size > 1 else None,  # else Lightning keeps it
        }
        ranks: list[Any] = [mine]
        if self.world_size > 1:
            ranks = [None] * self.world_size
            dist.gather_object(move_data_to_device(mine, "cpu"), ranks if self.rank == 0 else None)  # who writes
        runs = {run.key: run.state_dict() for run in self.runs}
        return {"runs": runs, "ranks": ranks, "optimizer": [self.kind, self.weight_decay]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state` at the next `begin`."""
        self._saved = state

    def _resume(self, saved: Mapping[str, Any]) -> None:
        if set(saved["runs"]) != {run.key for run in self.runs}:
            raise UserError(
                f"The checkpoint was taken while {len(saved['runs'])} runs of users trained, but this run has "
                f"{len(self.runs)}, or others; resume with the same users and the same learner.grid."
            )
        for run in self.runs:
            run.load_state_dict(saved["runs"][run.key])
        if saved["optimizer"] != [self.kind, self.weight_decay]:
            raise UserError(
                f"The checkpoint was taken with learner.optimizer and weight_decay {saved['optimizer']}, "
                f"but this run has {[self.kind, self.weight_decay]}; resume with the same."
            )
        if len(saved["ranks"]) != self.world_size:
            raise UserError(
                f"The checkpoint was taken while {len(saved['ranks'])} processes shared the users, but this "
                f"run has {self.world_size}; resume with the same trainer.devices."
            )
        own = saved["ranks"][self.rank]
        if "working" not in own:
            raise UserError("The checkpoint is of an earlier version, which kept no working copies; train anew.")
        by_key = {run.key: run for run in self.runs}
        if len(own["slots"]) != len(self.in_slot):
            raise UserError(
                f"The checkpoint was taken with {len(own['slots'])} users side by side, but this run has "
                f"{min(self.slots, len(self.runs))} (learner.slots); resume with the same."
            )
        for name, table in self.working.items():
            table.copy_(own["working"][name])
        self.in_slot = [None if key is None else by_key[key] for key in own["slots"]]
        for key, snapshot in own["snapshots"].items():
            by_key[key].snapshot = snapshot
        if own["optimizer"] is not None and self._optimizer is not None:
            self._optimizer.load_state_dict(own["optimizer"])
        self._saved = None

    def reports(self) -> list[dict[str, Any]]:
        """One record a user: of its best run, with a line for each point of the grid where there is one."""
        records = []
        for runs in (self._runs_of(run) for run in self.runs[:: len(self.points)]):
            record = best_run(runs).report()
            if len(runs) > 1:
                record["grid"] = [{"setting": run.point, **run.outcome()} for run in runs]
            records.append(record)
        return records


def communication_device() -> torch.device:
    """Where processes exchange tensors."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
