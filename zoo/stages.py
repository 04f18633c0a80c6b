"""Two stages in one command: what everybody starts from (the source), then the users.

A source stage is a run of its own, in RUN_DIR/source, with the run's configuration but for what stands under `source`:
its learner, optimizer, scheduler and callbacks take the places of the run's, its other settings are laid over them.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from zoo.checkpoints import check_settings
from zoo.errors import UserError
from zoo.launch import IS_CHILD, children_with

log = logging.getLogger(__name__)
REPLACED = ("learner", "optimizer", "scheduler", "callbacks")
LAID_OVER = ("users", "data", "trainer", "model")
PARTS = ("checkpoints/best.ckpt", "provenance.json")  # the second is what a run writes last


def has_source(cfg: DictConfig) -> bool:
    """Was a source stage chosen?"""
    return "learner" in (cfg.get("source") or {})


def source_of(cfg: DictConfig) -> DictConfig:
    """The configuration of a run's source stage, unresolved."""
    base: dict[str, Any] = OmegaConf.to_container(cfg)  # type: ignore[assignment]
    source = base.pop("source")
    base |= {name: source[name] for name in REPLACED if name in source}
    laid_over = {name: source[name] for name in LAID_OVER if name in source}
    own = {"source": {}, "run": source["run"], "run_dir": str(source_directory(cfg)), "ckpt_path": None}
    stage = OmegaConf.merge(base, laid_over, own)
    assert isinstance(stage, DictConfig)
    return stage


def source_directory(cfg: DictConfig) -> Path:
    """Where a run's source stage lies."""
    return Path(cfg.run_dir) / "source"


def start_from_source(cfg: DictConfig, run_stage: Callable[[DictConfig], Any]) -> DictConfig:
    """Train the source stage unless it is there, and let the run start from it.

    A finished stage is used again when the run is resumed; a stopped one goes on from its last checkpoint.

    Args:
        cfg: of the whole run.
        run_stage: trains one stage.

    Returns:
        The run's configuration with `model.net.start_from`; without `ckpt_path=last` where users had none yet.

    Raises:
        UserError: the run names another start too, or the stage that is there had other settings.
    """
    if cfg.model.net.get("start_from") is not None:
        raise UserError(
            f"model.net.start_from={cfg.model.net.start_from} was given together with a source stage; expected one of "
            "the two. For a source stage that is trained already set source.saved= to its directory, or source=none."
        )
    folder = Path(cfg.source.saved) if cfg.source.saved else source_directory(cfg)
    if cfg.source.saved is None:
        stage = source_of(cfg)
        finished = all((folder / part).is_file() for part in PARTS)
        resumed = cfg.ckpt_path is not None or IS_CHILD  # children come when their parent has trained the source
        if finished and resumed:
            check_settings(
                OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"), resolve=True),  # type: ignore[arg-type]
                OmegaConf.to_container(stage, resolve=True),  # type: ignore[arg-type]
            )
            log.info("source stage: %s is finished", folder)
        else:
            if resumed and (folder / "checkpoints" / "last.ckpt").is_file():
                stage.ckpt_path = "last"
            (folder / "provenance.json").unlink(missing_ok=True)
            log.info("source stage: %s", folder)
            with children_with(run="[source]"):
                run_stage(stage)
    started = OmegaConf.merge(cfg, {"model": {"net": {"start_from": str(folder)}}})
    assert isinstance(started, DictConfig)
    if cfg.ckpt_path == "last" and not (Path(cfg.run_dir) / "checkpoints" / "last.ckpt").is_file():
        log.info("the users had no checkpoint yet: they begin")
        started.ckpt_path = None
    return started
