"""Memory for training on a CPU: kept in the process where it can be, and asked for in large pages.

Every step frees its gradients, activations and bf16 weights and asks for the same again. By default the system takes
them back each time and hands them out again in pages of 4 KiB, zeroed one by one: at GPT-2 small's size a third of a
training step on two cores (`experiments/benchmarks/paa_speed.py`).
"""

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def keep_freed_memory() -> bool:
    """Keep freed blocks below 32 MiB, glibc's limit for its heap, and take larger ones in pages of 2 MiB.

    To be called before torch is imported. Blocks above the limit are given back as ever: kept too, they left
    holes that the next, slightly longer batch did not fit, and the process grew without end.

    Returns:
        False where the C library is not glibc.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # PyTorch's own switch
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl and macOS have none; Windows cannot open the process itself
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 32 << 20)) and bool(mallopt(M_TRIM_THRESHOLD, -1))  # -1: the largest there is
