"""What may be built of settings that came with a folder: parts of models, never whatever a stranger wrote there."""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from zoo.errors import UserError

FUNCTIONS = ("transformers.get_scheduler", "zoo.backbones.dialogue_tokenizer")
CLASSES = ("transformers.GenerationConfig",)
BASES = ("zoo.", "torch.optim.", "torchmetrics.")  # their classes, and classes of others that derive from them


def check_parts(settings: Any, source: Path) -> None:
    """Refuse settings of which something else than a model's parts would be built.

    Raises:
        UserError: names the first target that is no part, or a text that would be settled later.
    """
    strange = [target for target in _targets(settings) if not _is_part(target, source.parent)]
    strange += [text for text in _texts(settings) if "${" in text]  # settled when it was written; else built later on
    if strange:
        raise UserError(
            f"{source} would build {strange[0]}; expected nothing but parts of a model: classes of zoo, torch.optim "
            "and torchmetrics, classes that derive from theirs, GenerationConfig and get_scheduler. If the folder is "
            "your own, derive the class from one of these, and keep it outside the folder; if it is not, do not load "
            "it."
        )


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield str(node["_target_"])
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node


def _is_part(target: str, folder: Path) -> bool:
    """Is it a class that derives from a part? By no detour: modules hold other modules, zoo.export.shutil.rmtree."""
    if target in FUNCTIONS + CLASSES:
        return True
    module, _, name = target.rpartition(".")
    try:
        if _comes_with(folder, module):
            return False
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return False
    return isinstance(found, type) and any(f"{base.__module__}.".startswith(BASES) for base in found.__mro__)


def _comes_with(folder: Path, module: str) -> bool:
    """Would files of the folder be run to import the module? Packages above it run too; nothing is run to find out."""
    names = module.split(".")
    if getattr(sys.modules.get(names[0]), "__file__", None):  # such as zoo: its modules lie where it does
        return False
    places = [Path(entry, *names[:depth]).resolve() for entry in sys.path for depth in range(1, len(names) + 1)]
    within = [place for place in places if place.is_relative_to(folder.resolve())]
    return any(place.is_dir() or any(place.parent.glob(f"{place.name}.*")) for place in within)
