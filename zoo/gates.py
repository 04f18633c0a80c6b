"""What PAA's masks keep, counted in validation and test, by layer and turn: `callbacks=gates`.

Source: Huang et al. 2023, "Personalized Dialogue Generation with Persona-Adaptive Attention" (arXiv:2210.15088),
Equations 5-7. The paper counts nothing; with its numerator, the context, tau grows turn by turn and closes both masks.
What is counted, and what "kept" means, is in `zoo.models.mask_watch`.

Letters: L layers.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.models.fusion import MASKED
from zoo.models.mask_watch import KEPT, MaskWatch, masks_of

SETTINGS = ("fusion", "mask_rule", "tau", "tau_numerator")  # of the network's configuration: counts depend on them


def turn_of(example_id: str) -> int:
    """Which of its speaker's replies an example is, from 1, of the whole dialogue: history may be cut.

    Ids end with the place of the utterance, from 0: 1 and 2 are first replies, 3 and 4 second ones.
    """
    return (int(example_id.rpartition("/")[2]) + 1) // 2


@dataclass
class TurnCounts:
    """Sums over the replies of one turn."""

    replies: int
    tokens: int  # of the responses, their ends included
    tau: float  # exact, and so the same in any order: float32 values up to 1, summed in float64
    kept: Tensor  # [L, 4] int64, in the order of KEPT

    def __add__(self, other: "TurnCounts") -> "TurnCounts":
        return TurnCounts(
            self.replies + other.replies, self.tokens + other.tokens, self.tau + other.tau, self.kept + other.kept
        )


def summed(parts: Iterable[Mapping[int, TurnCounts]]) -> dict[int, TurnCounts]:
    """Add up counts by turn, turns ascending."""
    total: dict[int, TurnCounts] = {}
    for part in parts:
        for turn, counts in part.items():
            total[turn] = total[turn] + counts if turn in total else counts
    return dict(sorted(total.items()))


class GateStatistics(Callback):
    """Counts while replies are scored by teacher forcing; what is decoded is not counted.

    Validation and test log the share of each kind among all entries (`val/gate_neither`, ...); a test writes counts by
    turn and layer, and the mean tau of each turn's replies. Numbers do not depend on batches or processes, but for
    entries within rounding of the threshold (and but for `arange` positions and `padded_ratio`, which by themselves
    depend on batch mates). Several test sets are counted together.

    Args:
        path: of gates.json.

    Raises:
        UserError: the model has no masks.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.counts: dict[int, TurnCounts] = {}  # by turn, of the latest evaluation; at its end, of all processes
        self.watch: MaskWatch | None = None  # between an evaluation's start and its end

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a model without masks before anything is trained or scored."""
        net: Any = pl_module.net
        if not masks_of(net):
            fusion = getattr(net.lm.config, "fusion", None)
            raise UserError(
                f"callbacks=gates was given, but {type(net).__name__}{f' with fusion {fusion}' if fusion else ''} has "
                f"no masks to count. Expected model=paa with model.net.fusion one of {', '.join(MASKED)}; leave "
                "callbacks=gates out for other models."
            )

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Watch the masks."""
        self.counts, self.watch = {}, MaskWatch(pl_module.net)  # type: ignore[arg-type]

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Count when this batch is scored."""
        if self.watch is not None:
            self.watch.expect(batch)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add the batch to its turns."""
        if self.watch is None:
            return
        stage, data = "test" if trainer.testing else "val", trainer.datamodule  # type: ignore[attr-defined]
        kept, tau = self.watch.counts()  # [B, L, 4], [B]
        tokens = batch.response_mask.sum(1).tolist()
        rows = [
            {turn_of(data.example(stage, row).id): TurnCounts(1, tokens[b], float(tau[b]), kept[b])}
            for b, row in enumerate(batch.example_id.tolist())
        ]
        self.counts = summed([self.counts, *rows])

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log `val/gate_<kind>`, `test/gate_<kind>` in a test; every rank computes the same values."""
        self._release()
        if dist.is_initialized() and dist.get_world_size() > 1:
            parts: list[Any] = [None] * dist.get_world_size()
            dist.all_gather_object(parts, self.counts)
            self.counts = summed(parts)
        if self.counts:
            kept = torch.stack([counts.kept for counts in self.counts.values()]).sum((0, 1)).double()  # [4]
            for kind, share in zip(KEPT, (kept / kept.sum()).tolist(), strict=True):
                pl_module.log(f"{'test' if trainer.testing else 'val'}/gate_{kind}", share, rank_zero_only=False)

    on_test_epoch_start = on_validation_epoch_start
    on_test_batch_start = on_validation_batch_start
    on_test_batch_end = on_validation_batch_end
    on_test_epoch_end = on_validation_epoch_end

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write gates.json."""
        if trainer.is_global_zero:
            contents = json.dumps(self.record(pl_module.net.lm.config), indent=2)  # type: ignore[union-attr]
            write_atomically(self.path, [contents.encode() + b"\n"])

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Watch no longer."""
        self._release()

    def record(self, config: Any) -> dict[str, Any]:
        """What gates.json holds: settings, and for every turn the counts of each kind, a number a layer."""
        turns = [
            {
                "turn": turn,
                "replies": counts.replies,
                "tokens": counts.tokens,
                "tau": counts.tau / counts.replies,
                **{kind: counts.kept[:, place].tolist() for place, kind in enumerate(KEPT)},
            }
            for turn, counts in self.counts.items()
        ]
        return {name: getattr(config, name) for name in SETTINGS} | {"turns": turns}

    def _release(self) -> None:
        if self.watch is not None:
            self.watch.release()
        self.watch = None
