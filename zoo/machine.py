"""What a run ran on: processor, memory, GPUs and the switches that decide whether it can be repeated bit by bit."""

import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import torch

CPU_INFO, NVIDIA_DRIVER = Path("/proc/cpuinfo"), Path("/proc/driver/nvidia/version")


def machine(processes: int = 1) -> dict[str, Any]:
    """Hardware in plain types; `memory_bytes` is the whole machine's, `cores_usable` are those this process may use."""
    gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": _memory(),
        "accelerators": [gpu.name for gpu in gpus],
        **({"accelerator_memory_bytes": [gpu.total_memory for gpu in gpus]} if gpus else {}),
        **({"driver": driver(), "cuda": torch.version.cuda} if gpus else {}),
        "processes": processes,
        "threads": torch.get_num_threads(),
    }


def processor() -> str:
    """The model's name where the system tells it, else the architecture."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", CPU_INFO.read_text(errors="replace"), re.MULTILINE)
    except OSError:  # not Linux
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def driver() -> str | None:
    """The version of NVIDIA's driver; None where the system does not tell."""
    try:
        found = re.search(r"\b\d{3,}\.\d+(\.\d+)*\b", NVIDIA_DRIVER.read_text(errors="replace"))
    except OSError:
        return None
    return found[0] if found else None


def determinism() -> dict[str, Any]:
    """The switches as they are; the same seed gives the same bits on this machine only where they say so."""
    return {
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "CUBLAS_WORKSPACE_CONFIG": os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
    }


def peak_memory() -> dict[str, int]:
    """Bytes of this process: `peak_memory_bytes` of the GPU where there is one, `peak_host_memory_bytes` always."""
    host = _peak_host_memory()
    device = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else host
    return {"peak_memory_bytes": device, "peak_host_memory_bytes": host}


def _peak_host_memory() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, others may not know
        return None
