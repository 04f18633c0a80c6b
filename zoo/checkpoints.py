"""Checkpoints: written beside their place and moved, and compared with the run before they are used."""

import errno
import inspect
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.utils import get_class
from lightning import LightningModule, Trainer
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from zoo.errors import UserError

# Settings that may change between writing and reading: where weights lie, what only training reads or starts from.
FREE = (
    *("backbone.path", "backbone.tokenizer_path", "backbone.name", "backbone.revision"),
    *("dropout", "template.seed", "start_from"),
)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes into the checkpoint's own folder, then replaces: a kill or a full disk leaves the former file whole.

    Lightning's writes into the system's temporary folder and moves; across file systems that move is a copy onto the
    last good checkpoint.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write `checkpoint` to `path`."""
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, place)
        except RuntimeError as error:  # how torch reports a failed write
            raise OSError(errno.EIO, str(error).splitlines()[0]) from error
        finally:
            temporary.unlink(missing_ok=True)


class SafeCheckpoint(ModelCheckpoint):
    """ModelCheckpoint that says when it cannot write; without a monitored value it also keeps the end."""

    def __init__(self, **options: Any) -> None:
        super().__init__(enable_version_counter=False, **options)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Where no value is monitored, the newest state is kept, however training ended."""
        super().on_train_end(trainer, pl_module)
        if self.monitor is None and self._last_global_step_saved != trainer.global_step:
            self._save_none_monitor_checkpoint(trainer, self._monitor_candidates(trainer))

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        try:
            super()._save_checkpoint(trainer, filepath)
        except OSError as error:
            whole = ", ".join(sorted(str(path) for path in Path(filepath).parent.glob("*.ckpt"))) or "nothing yet"
            raise UserError(
                f"The checkpoint {filepath} could not be written ({error.strerror or error}). What was saved before is "
                f"whole: {whole}. Free some space (or point hydra.run.dir= elsewhere) and resume with ckpt_path=."
            ) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's contents, weights memory-mapped.

    Raises:
        UserError: the file is cut short, or is no checkpoint of a run.
    """
    if not zipfile.is_zipfile(path):
        raise UserError(
            f"{path} is not a whole checkpoint: it was cut short, or is another kind of file. Expected what a run "
            "wrote; use another of its checkpoints, or start again."
        )
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        complete = {"pytorch-lightning_version", "state_dict", "config"} <= set(checkpoint)
    except Exception as error:
        raise UserError(f"{path} cannot be read as a checkpoint ({type(error).__name__}: {error}).") from error
    if not complete:
        raise UserError(
            f"{path} is not a checkpoint of a run: it lacks state_dict, config or pytorch-lightning_version. Weights "
            "alone are loaded as a backbone: save_pretrained() into a folder, then backbone.path=."
        )
    return checkpoint


TAKEN_FROM_RUN = "hydra.run.dir=RUN_DIR with ckpt_path=last or best takes them from there."


def check_settings(
    saved: Mapping[str, Any], current: Mapping[str, Any], weights: str = "The checkpoint", advice: str = TAKEN_FROM_RUN
) -> None:
    """Refuse weights that were trained under other settings of network or template.

    Args:
        saved, current: resolved configurations of two runs; where one is empty nothing is compared.
        weights: what is refused, at the beginning of a sentence.
        advice: how else than by typing them the settings could be met.

    Raises:
        UserError: names every setting that differs, with both values.
    """
    if not saved or not current:
        return
    then, now = (
        dict(flat("model.net", config["model"]["net"])) | dict(flat("template", config["template"]))
        for config in (saved, current)
    )
    if then.get("model.net._target_") != now.get("model.net._target_"):
        raise UserError(
            f"{weights} was written by a {then.get('model.net._target_')}, but this run's model is a "
            f"{now.get('model.net._target_')}. Select the model that wrote it, or give what this model wrote."
        )
    then = _unknown_then(now, then) | then
    different = [
        f"{key}: {then.get(key)} -> {now.get(key)}"
        for key in sorted(then.keys() | now.keys())
        if then.get(key) != now.get(key) and ".tokenizer." not in key and not key.endswith(FREE)
    ]
    if different:
        raise UserError(
            f"{weights} was trained under other settings than this run's ({'; '.join(different[:8])}). Give the "
            f"settings it was trained with; {advice}"
        )


def _unknown_then(now: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a network that came up after a checkpoint was written, at the defaults that keep the former way."""
    target = now.get("model.net._target_")
    if target is None:
        return {}
    known = inspect.signature(get_class(target)).parameters
    added = {key: known.get(key.rpartition(".")[2]) for key in now.keys() - then.keys() if key.count(".") == 2}
    return {key: setting.default for key, setting in added.items() if setting is not None}


def flat(prefix: str, node: Any) -> Iterator[tuple[str, Any]]:
    """Every leaf of nested settings, as ("prefix.a.b", value)."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from flat(f"{prefix}.{key}", value)
    else:
        yield prefix, node
