"""Freed memory that stays in the process."""

import os
import subprocess
import sys

import pytest

FAULTS = """
import resource
from zoo.memory import keep_freed_memory
if KEEP and not keep_freed_memory():
    print("no glibc")
    raise SystemExit
import torch
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range(3):
    blocks = [torch.zeros(16 << 20, dtype=torch.uint8) for _ in range(4)]
    del blocks
print(faults() - before)
"""


@pytest.mark.slow
def test_blocks_are_used_again() -> None:
    """Three times four blocks of 16 MiB: 49,152 small pages are asked for anew, or a third of them at most."""
    counts = []
    for keep in (True, False):
        done = subprocess.run(
            [sys.executable, "-c", FAULTS.replace("KEEP", str(keep))],
            capture_output=True, text=True, check=True, env={**os.environ, "GLIBC_TUNABLES": ""},
        )  # fmt: skip
        if done.stdout.startswith("no glibc"):
            pytest.skip("this C library's allocator has no such setting")
        counts.append(int(done.stdout))
    kept, given_back = counts
    assert kept < given_back / 2
