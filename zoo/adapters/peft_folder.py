"""PEFT's folder for one adapter: adapter_model.safetensors and adapter_config.json, as `peft` itself reads and writes.

`peft` is not imported.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from zoo.adapters.adapter import Adapter, check_adapter
from zoo.adapters.peft_layout import from_peft, to_peft
from zoo.errors import UserError
from zoo.files import write_atomically

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
USER_ID = "user_id.txt"  # the store's, where an id is too long for a folder's name
OURS = {WEIGHTS, CONFIG, USER_ID, "README.md"}  # the last is `peft`'s


def write_peft_folder(folder: str | Path, adapter: Adapter) -> None:
    """Write `adapter` so that `peft.PeftModel.from_pretrained(model, folder)` reads it; an older adapter is replaced.

    The folder appears by a rename: it is whole or not there.

    Raises:
        UserError: the adapter is not what its config says, or `folder` holds other things than an adapter.
        OSError: the disk is full, or the folder may not be written.
    """
    folder = Path(os.path.abspath(folder))  # "." has no name to put a sibling beside
    check_adapter(adapter, f"What should be written to {folder}")
    refuse_other_folders(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        fresh.mkdir()
        write_files(fresh, adapter)
        replace_folder(folder, fresh, former=folder.with_name(f".{folder.name}.former"))
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def refuse_other_folders(folder: Path) -> None:
    """Nothing but an adapter's folder is ever replaced or removed.

    Raises:
        UserError: `folder` holds other things.
    """
    others = sorted(set(os.listdir(folder)) - OURS) if folder.exists() else []
    if others:
        raise UserError(
            f"{folder} is not an adapter's folder: it holds {', '.join(others[:5])}. An adapter has a folder of its "
            "own, which is replaced or removed as a whole; give another one, or move these away."
        )


def write_files(folder: Path, adapter: Adapter) -> None:
    """The two files, into a folder that is there."""
    stored, metadata = to_peft(adapter)
    tensors = {  # copies: safetensors takes neither views of a bank nor tensors that share memory
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in stored.tensors.items()
    }
    write_atomically(folder / WEIGHTS, [safetensors.torch.save(tensors, {"format": "pt", **metadata})])
    write_atomically(folder / CONFIG, [json.dumps(dict(stored.config), indent=2, sort_keys=True).encode() + b"\n"])


def replace_folder(folder: Path, fresh: Path, former: Path) -> None:
    """Move `fresh` to `folder`; what stood there waits at `former`, and is removed once the new one is in place."""
    if folder.exists():
        shutil.rmtree(former, ignore_errors=True)
        os.rename(folder, former)
    os.rename(fresh, folder)
    shutil.rmtree(former, ignore_errors=True)


def read_peft_folder(folder: str | Path) -> Adapter:
    """The adapter that `write_peft_folder` or `peft` wrote, tensors on the CPU in the type they were saved in.

    Raises:
        UserError: a file is missing or cut short, the kind of adapter is another one, or tensors and config disagree.
    """
    folder = Path(folder)
    tensors, metadata = _read_weights(folder)
    adapter = from_peft(Adapter(tensors, _read_config(folder)), metadata, str(folder))
    check_adapter(adapter, str(folder))
    return adapter


def _read_weights(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors, and the metadata beside them."""
    stored = _read(folder / WEIGHTS)
    try:
        tensors = safetensors.torch.load(stored)
    except safetensors.SafetensorError as error:
        raise UserError(
            f"{folder / WEIGHTS} is cut short or no safetensors file ({error}); expected an adapter's weights. Write "
            "the adapter again, or take another copy."
        ) from error
    header = json.loads(stored[8 : 8 + int.from_bytes(stored[:8], "little")])
    return tensors, header.get("__metadata__", {})


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads(_read(folder / CONFIG))
    except ValueError as error:
        raise UserError(
            f"{folder / CONFIG} is cut short or no JSON ({error}); expected PEFT's configuration of an adapter. Write "
            "the adapter again, or take another copy."
        ) from error
    if not isinstance(config, dict):
        raise UserError(
            f"{folder / CONFIG} holds a JSON {type(config).__name__}; expected PEFT's configuration, an object."
        )
    return config


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"There is no adapter to read at {path.parent}: {path.name}: {error.strerror}. Expected a folder with "
            f"{WEIGHTS} and {CONFIG}, as PEFT's save_pretrained() writes (safe_serialization=True)."
        ) from error
