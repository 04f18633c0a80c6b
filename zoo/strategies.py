"""A Trainer's strategy for users that are dealt to processes."""

from lightning.pytorch.strategies import DDPStrategy


class ShardedUsers(DDPStrategy):
    """DDP's processes without its wrapper: each trains users of its own, so there is no gradient to average.

    DistributedDataParallel would also refuse tables whose shapes differ by rank, and wait for gradients that the
    per-user learner never leaves in `.grad`.
    """

    def configure_ddp(self) -> None:
        """Leave the module as it is."""
