"""Many users' adapters on disk: writing, opening and reading 64 of them, one packed file against a folder a user.

    python experiments/benchmarks/adapter_storage.py [--users 1000 100000] [--tokens 2] [--width 256] [--folders 1000]

Adapters are soft prompts of tokens x width random float32. Each row is read in a process of its own, which reports how
its resident memory grows from just before opening. "cold" is with the file dropped from the page cache, "again" is 64
others right after. Folders are measured up to `--folders` users: every one costs two flushes to the disk.
"""

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from zoo.adapters.adapter import PROMPT, Adapter, prompt_config
from zoo.adapters.packed import PackedAdapters, write_packed
from zoo.adapters.store import AdapterStore

ASKED = 64


def adapters(users: int, tokens: int, width: int) -> Iterator[tuple[str, Adapter]]:
    sizes = {"num_virtual_tokens": tokens, "token_dim": width, "num_layers": 12, "num_attention_heads": 12}
    config = prompt_config(task_type="CAUSAL_LM", base_model="gpt2", revision=None, **sizes)
    for user in range(users):
        yield f"user-{user:06d}", Adapter({PROMPT: torch.randn(tokens, width)}, config)


def resident() -> float:
    """This process's resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure_reading(path: Path, users: int) -> None:
    """Printed by a process of its own: opening ms, reading ms, reading again ms, MiB."""
    draws = random.Random(0)
    chosen = [f"user-{user:06d}" for user in draws.sample(range(users), 2 * ASKED)]
    torch.frombuffer(bytearray(4), dtype=torch.float32)  # what torch loads at first use is not ours
    before, times = resident(), [time.perf_counter()]
    stored = PackedAdapters(path) if path.is_file() else AdapterStore(path)
    times.append(time.perf_counter())
    for some in (chosen[:ASKED], chosen[ASKED:]):
        held = stored.read(some) if isinstance(stored, PackedAdapters) else stored.load(some)
        assert len(held) == ASKED
        times.append(time.perf_counter())
    milliseconds = [1000 * (end - start) for start, end in itertools.pairwise(times)]
    print(*milliseconds, resident() - before)


def drop_from_cache(path: Path) -> None:
    for file in [path] if path.is_file() else path.rglob("*.*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def print_row(way: str, users: int, path: Path, written: float) -> None:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    drop_from_cache(path)
    command = [sys.executable, __file__, "--read", str(path), "--users", str(users)]
    done = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    opened, cold, again, memory = map(float, done.split())
    size = sum(file.stat().st_size for file in files) / 2**20
    print(
        f"{way:14s}{users:>9,d}{size:>9.1f}{written:>9.1f}{opened:>11.2f}{cold:>13.1f}{again:>11.1f}{memory:>11.1f}",
        flush=True,
    )


def main() -> None:
    """Write, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--tokens", type=int, default=2)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--folders", type=int, default=1000, help="the most users for whom folders are written")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        return measure_reading(given.read, given.users[0])
    print(f"{'':14s}{'':9s}{'':9s}{'write':>9s}{'open':>11s}{f'read {ASKED}':>13s}{'again':>11s}{'resident':>11s}")
    print(f"{'':14s}{'users':>9s}{'MiB':>9s}{'s':>9s}{'ms':>11s}{'cold, ms':>13s}{'ms':>11s}{'+MiB':>11s}")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # not in /tmp, which may be memory
        for users in given.users:
            path, started = Path(folder) / f"{users}.bank", time.perf_counter()
            write_packed(path, adapters(users, given.tokens, given.width))
            print_row("packed file", users, path, time.perf_counter() - started)
            if users <= given.folders:
                path, started = Path(folder) / f"{users}", time.perf_counter()
                store = AdapterStore(path)
                for user, adapter in adapters(users, given.tokens, given.width):
                    store.save(user, adapter)
                print_row("PEFT folders", users, path, time.perf_counter() - started)
    return None


if __name__ == "__main__":
    main()
