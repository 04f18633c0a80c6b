"""What one user's prefix costs in memory while it trains: folded against reparametrised, at GPT-2 medium's shape.

    python experiments/benchmarks/memory_per_user.py [--length 7]

Resident memory grows by parameters, gradient and both moments of AdamW as users are added to a bank; measured after a
step of all of them, by the difference between many users and few. What a forward needs for a while is left out, and
the snapshot of a user's best parameters, one copy more. The last column is the arithmetic: 4 bytes x 4 x the numbers
that train.
"""

import argparse
import multiprocessing
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from zoo.models.banks.prefix import PrefixBank
from zoo.optim import RowwiseAdamW

MIB = 2**20


def resident() -> int:
    """This process's resident memory in bytes."""
    return 4096 * int(Path("/proc/self/statm").read_text().split()[1])


def grown(users: int, length: int, reparametrised: bool) -> tuple[int, int]:
    """Bytes that a bank of `users` takes after a step of everybody, and the numbers that train for one of them."""
    with torch.device("meta"):  # the backbone's shape is all that the bank asks for
        lm = GPT2LMHeadModel(GPT2Config(n_embd=1024, n_layer=24, n_head=16))
    before = resident()
    bank = PrefixBank(lm, length, reparametrised=reparametrised)
    bank.resize(users)
    for row in range(users):
        bank.initialise(row, torch.Generator().manual_seed(row))
    optimizer = RowwiseAdamW(bank.tables.values(), users)
    gradients = [torch.ones_like(table.data) for table in bank.tables.values()]
    everybody, rates = torch.arange(users), torch.full((users,), 1e-3)
    optimizer.step(
        rows=everybody, slots=everybody, gradients=gradients, lr=rates, clip=torch.full_like(rates, torch.inf)
    )
    return resident() - before, bank.numbers_per_user


def main() -> None:
    """Measure each case in a process of its own, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=7, help="virtual tokens")
    length = parser.parse_args().length
    print(f"{'':16s}{'trained numbers':>17s}{'measured, MiB a user':>22s}{'16 bytes a number':>19s}")
    for reparametrised, few, many in ((False, 50, 250), (True, 1, 5)):
        with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=1) as pool:
            (small, numbers), (large, _) = pool.starmap(
                grown, [(few, length, reparametrised), (many, length, reparametrised)], chunksize=1
            )
        name = "reparametrised" if reparametrised else "folded"
        print(f"{name:16s}{numbers:17,d}{(large - small) / (many - few) / MIB:22.2f}{16 * numbers / MIB:19.2f}")


if __name__ == "__main__":
    main()
