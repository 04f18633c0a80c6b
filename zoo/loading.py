"""`zoo.load(RUN_DIR)`: a finished run as a model that answers; `zoo.load(FOLDER)`, one that was exported."""

from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from transformers.utils.logging import disable_progress_bar

from zoo.checkpoints import check_settings, read_checkpoint
from zoo.errors import UserError
from zoo.module import DialogueModule
from zoo.portable import EXPORTED, is_exported, located, read_weights, without_judges
from zoo.trust import check_parts


def load(run_dir: str | Path, checkpoint: str = "best") -> DialogueModule:
    """Build the model of a run from its config.yaml and load its weights, ready for `.reply(history, persona=...)`.

    Args:
        run_dir: a directory that run.py filled, or a folder of `python -m zoo.export` with a whole network. Of
            either nothing but a model's parts is built (`zoo.trust`).
        checkpoint: "best", "last", or the path of a checkpoint file.

    Raises:
        UserError: no such run or checkpoint, one that does not fit the configuration, or one that would build strange
            things.
    """
    folder = Path(run_dir)
    if not (folder / "config.yaml").is_file():
        raise UserError(f"{folder} is not a run directory: it has no config.yaml. Give one that run.py printed.")
    exported = is_exported(folder)
    path = folder / "checkpoints" / f"{checkpoint}.ckpt" if checkpoint in ("best", "last") else Path(checkpoint)
    if not exported and not path.is_file():
        there = ", ".join(sorted(p.stem for p in (folder / "checkpoints").glob("*.ckpt"))) or "none"
        raise UserError(f"There is no checkpoint {path}. This run has: {there}. Train it, or name one of these.")
    plain: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"), resolve=True)  # type: ignore[assignment]
    built = without_judges(located(plain, folder) if exported else plain)
    check_parts(built if exported else built["model"], folder / "config.yaml")
    cfg = OmegaConf.create(built)
    if "start_from" in cfg.model.net:
        cfg.model.net.start_from = None  # every row comes from the checkpoint, and the folder may be gone
    disable_progress_bar()  # of loading weights
    with torch.random.fork_rng():  # a backbone of random weights that stayed frozen is in no checkpoint: as in the run
        torch.manual_seed(cfg.seed)
        module: DialogueModule = instantiate(cfg.model)
    module.run_config = plain
    if exported:
        read_weights(module, folder, cfg[EXPORTED])
    else:
        load_weights(module, read_checkpoint(path))
    return module.eval()


def load_weights(module: DialogueModule, saved: dict[str, Any]) -> None:
    """Put a checkpoint's weights into `module`, which must be the one that they were trained in."""
    module.on_load_checkpoint(saved)
    module.load_state_dict(saved["state_dict"])


def begin_with(module: DialogueModule, run_dir: Path) -> None:
    """Let training begin with the weights of a finished run of the same network; a choice head may be new.

    Raises:
        UserError: there is no such run, or it trained another network.
    """
    path = run_dir / "checkpoints" / "best.ckpt"
    if not path.is_file():
        raise UserError(
            f"init_from={run_dir} was given, but there is no {path}; expected the directory of a finished run."
        )
    saved = read_checkpoint(path)
    check_settings(saved["config"], module.run_config, weights=f"The run init_from={run_dir}", advice="type them.")
    saved.pop("learner", None)  # of one that steps itself: how far its users had come
    own = module.state_dict()
    saved["state_dict"] = {name: own[name] for name in own if name.startswith("net.choice_head.")} | saved["state_dict"]
    load_weights(module, saved)
