"""How a checklist's answers are put: numbers with their spread over runs, settings, hardware."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from zoo.data.corpus_facts import NOT_RECORDED


def hardware(machine: Mapping[str, Any]) -> str:
    """What `zoo.machine.machine` recorded, in a line."""
    gpus = ", ".join(machine.get("accelerators") or []) or "no GPU"
    driver = f" (driver {machine['driver']}, CUDA {machine.get('cuda')})" if machine.get("driver") else ""
    memory = giga(machine.get("memory_bytes"))
    return (
        f"{machine.get('processor') or NOT_RECORDED}, {number(machine.get('cores'))} cores, "
        f"{NOT_RECORDED if memory is None else f'{memory:.0f} GB'} of memory; {gpus}{driver}; "
        f"{machine.get('processes', NOT_RECORDED)} process(es) of {machine.get('threads', NOT_RECORDED)} thread(s)"
    )


def plain(described: Any) -> str:
    """Settings that are plain values, the class before them."""
    if not isinstance(described, Mapping):
        return ""
    plain = [f"{k}={v}" for k, v in described.items() if not k.startswith("_") and not isinstance(v, Mapping)]
    target = str(described.get("_target_", "")).rpartition(".")[2]
    return " ".join(filter(None, (target, ", ".join(plain))))


def spread(values: Sequence[float | None], unit: str = "", remark: str = "") -> str:
    """Mean and standard deviation; of one value, the value."""
    found = [value for value in values if value is not None and math.isfinite(value)]
    if len(found) < len(values) or not found:
        return NOT_RECORDED if not found else f"{mean(found):.4g} {unit} of {len(found)}; of others {NOT_RECORDED}"
    told = f"{found[0]:.4g}" if len(found) == 1 else f"{mean(found):.4g} ± {stdev(found):.2g} (n = {len(found)})"
    return " ".join(filter(None, (told, unit, f"({remark})" if remark else "")))


def several(values: Iterable[Any]) -> str:
    """Different values, each once; None is not recorded."""
    return "; ".join(dict.fromkeys(NOT_RECORDED if value is None else str(value) for value in values))


def giga(size: int | None) -> float | None:
    """Bytes in GB."""
    return None if size is None else size / 1e9


def number(value: Any) -> str:
    """With commas between thousands; None is not recorded."""
    return NOT_RECORDED if value is None else f"{value:,}"
