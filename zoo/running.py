"""One run, from a composed configuration to a filled run directory."""

import logging
import time
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import wandb
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import DictConfig, OmegaConf
from transformers.utils.logging import disable_progress_bar

from zoo.checkpoints import check_settings, read_checkpoint
from zoo.errors import UserError
from zoo.launch import children_with, forget_processes, repair_child_processes
from zoo.loading import begin_with, load_weights
from zoo.models.adapted import AdaptedModel
from zoo.module import DialogueModule
from zoo.rundir import RunDirectory, is_first_process
from zoo.stages import check_stages, gives_backbone, has_source, start_from_source
from zoo.strategies import ShardedUsers
from zoo.sweeps import outside_of_sweep
from zoo.terminal import show_results

log = logging.getLogger(__name__)
VERBS = ("source", "fit", "validate", "test")


def run(cfg: DictConfig) -> float | None:
    """Run the source stage where there is one, then the run itself; returns the best checkpoint's monitored value."""
    quiet_libraries()
    repair_child_processes()
    if unknown := [verb for verb in cfg.run if verb not in VERBS]:
        raise UserError(f"run={unknown} is not among the verbs {', '.join(VERBS)}; write run=[fit,test].")
    check_stages(cfg)
    scores = "fit" not in cfg.run and "source" not in cfg.run and cfg.ckpt_path
    if not has_source(cfg) or (scores and not gives_backbone(cfg)):  # all that a start gave is in the checkpoint
        return run_stage(cfg)
    if "corpus" in cfg.data:  # refuse settings of the users' stage before its source is trained for hours
        instantiate(cfg.data.corpus)
    instantiate(cfg.learner)
    directory = RunDirectory(cfg.run_dir)
    resolved = OmegaConf.to_yaml(cfg, resolve=True)
    verbs = [verb for verb in cfg.run if verb != "source"]

    def run_source(stage: DictConfig) -> None:
        with outside_of_sweep() if verbs else nullcontext():  # a sweep's run is the users'
            run_stage(stage)

    started = start_from_source(
        cfg, run_source, begin=lambda: directory.write_configuration(resolved, typed_for(cfg), trains=True)
    )
    if not verbs:
        return None
    log.info("users' stage: %s", cfg.run_dir)
    with children_with(**{"source.saved": f'"{started.source.saved}"'}):  # they come when it is there
        return run_stage(OmegaConf.merge(started, {"run": verbs}))  # type: ignore[arg-type]


def run_stage(cfg: DictConfig) -> float | None:
    """Build the parts, run the verbs, write the run directory; returns the monitored value of the best checkpoint."""
    if cfg.model.net.get("frozen_mlp") and "fit" in cfg.run and cfg.model.net.start_from is None:
        raise UserError(
            "model.net.frozen_mlp=true (transfer=embedding_only) was given without a start: the MLP would be random "
            "and stay so. Choose a source stage (source=base), or give model.net.start_from=."
        )
    if not isinstance(cfg.seed, int) or not 0 <= cfg.seed < 2**32:
        raise UserError(f"seed={cfg.seed} was given; expected a whole number from 0 to 4294967295.")
    for limit in ("max_epochs", "max_steps"):
        if not isinstance(cfg.trainer[limit], int | None):
            raise UserError(f"trainer.{limit}={cfg.trainer[limit]} was given; expected a whole number.")
    directory = RunDirectory(cfg.run_dir)
    checkpoint = find_checkpoint(cfg.ckpt_path, directory.path)
    saved = read_checkpoint(Path(checkpoint)) if checkpoint else {}
    plain: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    check_settings(saved.get("config", {}), plain)  # before anything of an earlier run is touched
    directory.write_configuration(OmegaConf.to_yaml(cfg, resolve=True), typed_for(cfg), trains="fit" in cfg.run)
    if "fit" in cfg.run:
        directory.cut_curve(saved.get("global_step", 0))
    trainer: Trainer | None = None
    try:
        seed_everything(cfg.seed, workers=True, verbose=False)
        module = instantiate(cfg.model)
        module.run_config = plain
        if cfg.init_from is not None and "fit" in cfg.run and not checkpoint:
            begin_with(module, Path(cfg.init_from))
        data = instantiate(cfg.data.datamodule)
        sharded = {"strategy": ShardedUsers()} if deals_users(cfg.trainer, module) else {}
        trainer = instantiate(
            cfg.trainer,
            **sharded,
            logger=list(instantiate(resumed_loggers(cfg.logger, saved.get("wandb_id"))).values()),
            callbacks=list(instantiate(cfg.callbacks).values()),
        )
        for logger in trainer.loggers:
            logger.log_hyperparams({"config": plain})  # one nested key: a W&B sweep locks the top-level ones
        if is_first_process():
            log.info("%s", describe_size(module))
        seconds_of: dict[str, float] = {}
        for verb in cfg.run:
            began = time.perf_counter()
            if verb == "fit":
                trainer.fit(module, data, ckpt_path=checkpoint)
                checkpoint = best_checkpoint(trainer)  # what comes after uses the best
                if not module.automatic_optimization:
                    module.learner.close(module.net)
                elif checkpoint and isinstance(module.net, AdaptedModel):
                    load_weights(module, read_checkpoint(Path(checkpoint)))
                directory.write_adapters(module)
            else:
                getattr(trainer, verb)(module, data, ckpt_path=checkpoint, verbose=False)
            seconds_of[verb] = seconds_of.get(verb, 0.0) + time.perf_counter() - began
        if "test" in cfg.run:
            directory.write_results(module, cfg.seed)
        directory.write_provenance(trainer, module, data, seconds_of)
        if is_first_process():
            show_results(module, cfg.show_replies)
            print(f"run directory: {directory.path}")
        return best_score(trainer)
    except BaseException:
        stop_children(trainer)
        raise
    finally:
        if wandb.run is not None:
            wandb.finish()  # or every job of a sweep would land in one run
        forget_processes()


def typed_for(cfg: DictConfig) -> list[str]:
    """The overrides that were typed for a run; none for its source stage, whose config.yaml has all there is."""
    if not HydraConfig.initialized() or Path(HydraConfig.get().runtime.output_dir) != Path(cfg.run_dir):
        return []
    return list(HydraConfig.get().overrides.task)


def deals_users(trainer: DictConfig, module: DialogueModule) -> bool:
    """Do several processes train users of their own, instead of one set of weights together?"""
    several = trainer.devices not in (1, "1", [0]) or trainer.num_nodes > 1
    return several and not module.automatic_optimization and trainer.strategy in ("auto", "ddp")


def describe_size(module: DialogueModule) -> str:
    """One line: the model, its parameters and how many of them are trained, or how many more every user has."""
    sizes = [(p.numel(), p.requires_grad) for p in {id(p): p for p in module.net.parameters()}.values()]
    total, trained = sum(n for n, _ in sizes), sum(n for n, is_trained in sizes if is_trained)
    name = type(module.net).__name__
    if module.net.has_user_rows:
        return f"{name}: {total - trained:,} parameters for all, {trained:,} trained for every user"
    return f"{name}: {total:,} parameters, {trained:,} of them trained"


def monitoring(trainer: Trainer) -> ModelCheckpoint | None:
    """The checkpoint callback that monitors a value."""
    return next((c for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint) and c.monitor), None)


def best_checkpoint(trainer: Trainer) -> str | None:
    """Path of the checkpoint with the best monitored value; None where nothing was monitored or validated."""
    callback = monitoring(trainer)
    return callback.best_model_path or None if callback else None


def best_score(trainer: Trainer) -> float | None:
    """The monitored value of `best_checkpoint`."""
    callback = monitoring(trainer)
    return float(callback.best_model_score) if callback and callback.best_model_score is not None else None


def stop_children(trainer: Trainer | None) -> None:
    """End the other processes of a failed run, which would wait for this one for ever."""
    launcher = trainer.strategy.launcher if trainer is not None else None
    processes = getattr(launcher, "procs", [])
    for process in processes:
        process.kill()
    processes.clear()  # Lightning's observer of this very list would kill this process before it says what was wrong


def find_checkpoint(given: str | None, run_dir: Path) -> str | None:
    """The file behind `ckpt_path`: a path, or "last" or "best" for one of the run directory's own.

    Raises:
        UserError: there is no such file.
    """
    if given is None:
        return None
    path = run_dir / "checkpoints" / f"{given}.ckpt" if given in ("last", "best") else Path(given)
    if not path.is_file():
        found = sorted(str(p) for p in (run_dir / "checkpoints").glob("*.ckpt"))
        raise UserError(
            f"ckpt_path={given} means {path}, which does not exist. Expected a checkpoint file; this run directory has "
            f"{', '.join(found) or 'none'}. With ckpt_path=last, name the directory of the run that was stopped: "
            "hydra.run.dir=OUTPUTS/DATE/TIME."
        )
    return str(path)


def resumed_loggers(loggers: DictConfig, wandb_id: str | None) -> DictConfig:
    """The loggers' configuration; a W&B logger without an id gets the checkpoint's, unless it is offline.

    W&B cannot resume offline runs: a second part under one id would overwrite the first when both are uploaded.
    """
    if wandb_id is None or "wandb" not in loggers or loggers.wandb.id is not None or loggers.wandb.offline:
        return loggers
    return OmegaConf.merge(loggers, {"wandb": {"id": wandb_id}})  # type: ignore[return-value]


def quiet_libraries() -> None:
    """Turn off advice that does not apply here, and bars over the loading of weights."""
    for pattern in (
        ".*smaller than the logging interval.*",  # metrics.csv of a tiny run: validation only
        ".*Using ModelCheckpoint with manual optimization.*",  # the state after a step is the one to go on from
        ".*does not have many workers.*",  # batches are assembled from memory-mapped ids in milliseconds
        ".*exists and is not empty.*",  # a resumed run's directory
        ".*in eval mode at the start of training.*",  # frozen backbones stay in it
        ".*Checkpoint directory.*",
        ".*treespec.*",
        ".*`trainer.fit_loop.epoch_loop.*",
        ".*modules in eval mode.*",
        ".*recommended to use .*sync_dist.*",  # torchmetrics synchronised already
    ):
        warnings.filterwarnings("ignore", message=pattern)
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    disable_progress_bar()
