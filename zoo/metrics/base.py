"""`GenerationMetric`: a torchmetrics Metric over `Generation`s; neither casts nor process counts change its value."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.distributed import gather_all_tensors

from zoo.errors import UserError
from zoo.metrics.generations import Generation

Result = Tensor | dict[str, Tensor] | None


class GenerationMetric(Metric):
    """A metric that sees rows of generations.jsonl and nothing else.

    A subclass names the fields it `needs`, keeps sums (`add_sum`) or sets of integer rows (`add_int_rows`) over them in
    `_accumulate`, and turns these into one number or a dict of numbers in `_result`. `name` is what the number is
    reported as, `version` is written beside it and changes whenever the same rows would give another number.

    Rows that lack a needed field are only counted. `compute` then gives

    * the result when no row lacked anything: NaN over no rows at all;
    * None when every row lacked something: the metric does not apply to this corpus, as BLEU when nothing was decoded;
    * a `UserError` when some did, since a mean over whichever rows had a value is not the metric of that name.

    All three are decided after the processes were synchronised, so no process can leave the others waiting.
    """

    is_differentiable = False
    full_state_update = False

    name: str
    version: int | str = 1  # a text names the dictionary too: "1, unidic-lite 1.0.8"
    needs: ClassVar[frozenset[str]]
    caution: str | None = None  # why its values compare with nobody's, as a sentence without a final period
    scorer_description: str | None = None  # what scored the replies, and how accurate it is
    n_rows: Tensor
    n_lacking: Tensor

    def __init__(self) -> None:
        # No cache: a process without new rows would return its old value while the others wait for it to synchronise.
        super().__init__(compute_with_cache=False)
        self._row_shapes: dict[str, tuple[int, ...]] = {}
        self.add_sum("n_rows", dtype=torch.int64)
        self.add_sum("n_lacking", dtype=torch.int64)

    @abstractmethod
    def _accumulate(self, rows: Sequence[Generation]) -> None:
        """Add rows, at least one, that have all needed fields to the states."""

    @abstractmethod
    def _result(self) -> Tensor | dict[str, Tensor]:
        """The number, or several by name, from the states; NaN where a denominator is 0."""

    @property
    def result_names(self) -> tuple[str, ...]:
        """Names of what `compute` gives, as far as they are known before seeing any rows."""
        return (self.name,)

    def update(self, generations: Sequence[Generation]) -> None:
        """Count in the generations of one batch."""
        rows = [row for row in generations if all(getattr(row, field) is not None for field in self.needs)]
        self.n_rows += len(rows)
        self.n_lacking += len(generations) - len(rows)
        if rows:
            self._accumulate(rows)

    def compute(self) -> Result:
        """The result over all rows of all processes; see the class for None and for errors."""
        n_rows, n_lacking = int(self.n_rows), int(self.n_lacking)
        if n_rows and n_lacking:
            raise UserError(
                f"{self.name} needs {', '.join(sorted(self.needs))} in every row, but {n_lacking} of "
                f"{n_rows + n_lacking} rows lack some of it. Evaluate all examples in the same way."
            )
        return None if n_lacking else self._result()

    def add_sum(self, name: str, *shape: int, dtype: torch.dtype = torch.float64) -> None:
        """Add a state that is summed over updates and processes."""
        self.add_state(name, torch.zeros(shape, dtype=dtype), dist_reduce_fx="sum")

    def add_int_rows(self, name: str, *row_shape: int) -> None:
        """Add a state that collects int64 tensors [N, *row_shape], laid end to end over updates and processes."""
        self.add_state(name, [], dist_reduce_fx="cat")
        self._row_shapes[name] = row_shape

    def int_rows(self, name: str) -> Tensor:
        """All rows collected under `name`."""
        collected: Tensor | list[Tensor] = getattr(self, name)  # synchronised states are tensors already
        if isinstance(collected, list):
            nothing = torch.empty((0, *self._row_shapes[name]), dtype=torch.int64, device=self.device)
            return torch.cat([nothing, *collected])
        return collected

    def append_int_rows(self, name: str, rows: Tensor, merge: Callable[[Tensor], Tensor], every: int = 64) -> None:
        """Collect rows; every so many updates they are merged into fewer, so that memory stays bounded."""
        collected: list[Tensor] = getattr(self, name)
        collected.append(rows.to(self.device))
        if len(collected) >= every:
            setattr(self, name, [merge(torch.cat(collected))])

    def _sync_dist(self, dist_sync_fn: Callable = gather_all_tensors, process_group: Any | None = None) -> None:
        # For a process without rows torchmetrics would send an empty float vector, of the wrong type and width.
        for name in self._row_shapes:
            setattr(self, name, [self.int_rows(name)])
        super()._sync_dist(dist_sync_fn, process_group=process_group)

    def _apply(self, fn: Callable, exclude_state: Sequence[str] = "") -> torch.nn.Module:
        # torchmetrics keeps .half() and .float() away from states, but not .to(torch.bfloat16): follow the device only.
        device = fn(torch.empty(0, device=self.device)).device
        if device.type == "mps":  # has no float64; one process needs no state on the device
            device = torch.device("cpu")
        return super()._apply(lambda state: state.to(device), exclude_state)


def columns(rows: Sequence[Generation], *fields: str) -> Iterator[tuple[Any, ...]]:
    """The named fields of each row; `Any`, because `needs` has seen to it that none of them is None."""
    return (tuple(getattr(row, field) for field in fields) for row in rows)


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient in float64; NaN where the denominator is 0."""
    return torch.where(denominator == 0, torch.nan, numerator.double() / denominator)


def sum_by_first_column(rows: Tensor) -> Tensor:
    """Add up the rows [N, W] that share their first number. Returns [K, W], sorted by it."""
    keys, position = rows[:, 0].unique(return_inverse=True)
    sums = rows.new_zeros(len(keys), rows.shape[1] - 1).index_add_(0, position, rows[:, 1:])
    return torch.cat([keys[:, None], sums], dim=1)
