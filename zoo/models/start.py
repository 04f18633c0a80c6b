"""Where training starts from: a stored adapter, or what an earlier run trained for everybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.adapters.adapter import Adapter
from zoo.adapters.peft_folder import CONFIG, read_peft_folder
from zoo.errors import UserError

BANK, LENGTHS, NETWORK = "net.bank.tables.", "net.bank.lengths", "net.lm."


@dataclass(frozen=True, eq=False)
class TrainedRow:
    """What a run with one state for everybody trained.

    Attributes:
        tables: one row of its bank by the bank's names, or the network's weights by theirs, "/" for ".".
        length: its virtual tokens, where it has any.
        net: the settings of its network.
        backbone, revision: the path or hub id, and the commit, of what it was trained on.
        folder: of the run.
    """

    tables: Mapping[str, Tensor]
    length: int | None
    net: Mapping[str, Any]
    backbone: str
    revision: str | None
    folder: Path


def read_start(folder: Path | str) -> Adapter | TrainedRow:
    """The PEFT folder or the run directory at `folder`.

    Raises:
        UserError: it is neither, or a run that trained every user's own.
    """
    folder = Path(folder)
    if (folder / CONFIG).is_file():
        return read_peft_folder(folder)
    checkpoint = folder / "checkpoints" / "best.ckpt"
    if not checkpoint.is_file():
        raise UserError(
            f"model.net.start_from={folder} is neither a PEFT folder (it has no {CONFIG}) nor the directory of a "
            "finished run (it has no checkpoints/best.ckpt). Give one of these."
        )
    try:
        saved: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
        state, backbone, net = saved["state_dict"], saved["config"]["backbone"], saved["config"]["model"]["net"]
    except Exception as error:
        raise UserError(f"{checkpoint} cannot be read as a run's checkpoint ({type(error).__name__}).") from error
    tables = {name.removeprefix(BANK): values for name, values in state.items() if name.startswith(BANK)}
    rows = {len(values) for values in tables.values()}
    if rows - {1}:
        raise UserError(
            f"model.net.start_from={folder} is a run that trained the own state of {max(rows)} users; expected a run "
            "with one state for everybody (users=one), or the PEFT folder of one user (adapters/ in that directory)."
        )
    tables = {name: values[0] for name, values in tables.items()} or {
        name.removeprefix(NETWORK).replace(".", "/"): values
        for name, values in state.items()
        if name.startswith(NETWORK)
    }
    length = int(state[LENGTHS][0]) if LENGTHS in state else None
    return TrainedRow(
        tables, length, net, str(backbone.get("path") or backbone["name"]), backbone.get("revision"), folder
    )
