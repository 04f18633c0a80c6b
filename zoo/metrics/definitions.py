"""The definition of a metric in words, out of the one table that `zoo.metrics` has of them."""

import re

import zoo.metrics


def definition(metric: str) -> str:
    """A metric's line in the table of `zoo.metrics`; that of its base, with what its ending adds."""
    lines = re.findall(r"^((?:``\w+``(?:, )?)+) +(?:\S+(?: to \d)?) {2,}(.+)$", zoo.metrics.__doc__ or "", re.MULTILINE)
    known = {name: told.strip() for names, told in lines for name in re.findall(r"``(\w+)``", names)}
    base = max((name for name in known if metric == name or metric.startswith(f"{name}_")), key=len, default=None)
    if base is None:
        return "defined in zoo/metrics/__init__.py"
    return known[base] if base == metric else f"{known[base]}; {metric[len(base) + 1 :].replace('_', ' ')}"
