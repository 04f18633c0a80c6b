"""Personalised dialogue generation: five papers' methods on one data module, one metric suite and one trainer.

Importing this package costs nothing: torch, transformers and lightning load with the submodule that needs them.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name == "load":  # lazy: `zoo.load` pulls in torch, lightning and transformers
        from zoo.loading import load

        return load
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")
