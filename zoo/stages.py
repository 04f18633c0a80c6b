"""Two stages in one command: what everybody starts from (the source), then the users.

A source stage is a run of its own, in RUN_DIR/source, with the run's configuration but for what stands under `source`:
its learner, optimizer, scheduler, callbacks and network take the places of the run's, its other settings are laid over
them. What it gives is either what every user starts as, or the backbone that they are trained on.
"""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from zoo.adapters.peft_folder import CONFIG
from zoo.checkpoints import check_settings, flat
from zoo.errors import UserError
from zoo.export import write_backbone
from zoo.launch import children_with

log = logging.getLogger(__name__)
REPLACED = ("learner", "optimizer", "scheduler", "callbacks")
LAID_OVER = ("users", "data", "trainer", "model", "template")
OWN = ("saved", "directory", "run", "gives", "half_of_users")
VERBS = ("fit", "validate", "test")
WRITTEN = ("checkpoints/best.ckpt", "provenance.json")  # by a finished stage; the second is the last thing it writes
# settings of `data` that change no example and no person's part
FREE_DATA = ("cache_dir", "num_workers", "eval_batch_size", "max_eval_examples", "test_parts", "download", "max_users")


def has_source(cfg: DictConfig) -> bool:
    """Was a source stage chosen?"""
    return "learner" in (cfg.get("source") or {})


def gives_backbone(cfg: DictConfig) -> bool:
    """Is the source stage's network what the users are trained on?"""
    return bool(cfg.source.get("gives") == "backbone")


def check_stages(cfg: DictConfig) -> None:
    """Refuse what only a source stage would read, where there is none.

    Raises:
        UserError: names the setting.
    """
    if "reparametrised" in cfg.model.net and "mlp_width" not in cfg.model.net:
        raise UserError(
            f"transfer= (model.net.reparametrised) was given with {cfg.model.net._target_}; it says how a source "
            "prefix becomes a user's. Leave it out: what is no prefix is taken over as it is."
        )
    if has_source(cfg):
        if cfg.init_from is not None:
            raise UserError(
                f"init_from={cfg.init_from} was given together with a source stage, which gives the users their start; "
                "expected one of the two. To begin with a run's source stage: source.saved=RUN_DIR/source."
            )
        return
    if "source" in cfg.run:
        raise UserError("run=[source] was given, but there is no source stage; choose one: source=base.")
    if saved := (cfg.source or {}).get("saved"):
        raise UserError(
            f"source.saved={saved} was given, but no source stage was chosen. Add the one that trained it, "
            "source=base, temperature or ppreptile; or give model.net.start_from= instead, and no source."
        )


def source_of(cfg: DictConfig) -> DictConfig:
    """The configuration of a run's source stage, unresolved.

    Raises:
        UserError: something stands under `source` that no stage reads.
    """
    base: dict[str, Any] = OmegaConf.to_container(cfg)  # type: ignore[assignment]
    source = base.pop("source")
    if unknown := sorted(set(source) - {*REPLACED, *LAID_OVER, *OWN, "net"}):
        raise UserError(
            f"source.{unknown[0]} was given; a source stage has settings under {', '.join((*REPLACED, *LAID_OVER))}, "
            "and shares the rest with the run."
        )
    if list(source["run"])[:1] != ["fit"] or set(source["run"]) - set(VERBS):
        raise UserError(f"source.run={list(source['run'])} was given; expected [fit] or [fit,test].")
    base |= {name: source[name] for name in REPLACED if name in source}
    if "net" in source:
        base["model"]["net"] = source["net"]
    laid_over = {name: source[name] for name in LAID_OVER if name in source}
    if "template" in source:  # what another kind of template has does not concern this one
        laid_over["template"] = {key: value for key, value in source["template"].items() if key in base["template"]}
    own = {"source": {}, "run": source["run"], "run_dir": str(source_directory(cfg)), "ckpt_path": None}
    stage = OmegaConf.merge(base, laid_over, own)
    assert isinstance(stage, DictConfig)
    return stage


def source_directory(cfg: DictConfig) -> Path:
    """Where a run's source stage lies, unless a saved one is used."""
    return Path(cfg.source.get("directory") or Path(cfg.run_dir) / "source")


def start_from_source(cfg: DictConfig, run_stage: Callable[[DictConfig], Any], begin: Callable[[], None]) -> DictConfig:
    """Train the source stage unless it is there, and let the run start from it.

    A finished stage is used again when the run is resumed or scored, and always where several runs share its directory;
    a stopped one goes on from its last checkpoint.

    Args:
        cfg: of the whole run.
        run_stage: trains one stage.
        begin: called before anything is written, when the source is to be trained.

    Returns:
        The run's configuration with `source.saved`, and `model.net.start_from` or another backbone; without
        `ckpt_path=last` where users had none yet.

    Raises:
        UserError: the run names another start too, nothing is saved where it says, or the stage that is there had
            other settings.
    """
    if not gives_backbone(cfg):
        _check_start(cfg)
    stage = source_of(cfg)
    trains = "fit" in cfg.run or "source" in cfg.run
    folder = saved_source(cfg.source.saved) if cfg.source.saved else source_directory(cfg)
    finished = all((folder / part).is_file() for part in WRITTEN)
    again = cfg.ckpt_path is not None or not trains or cfg.source.get("directory")
    if cfg.source.saved or (finished and again):
        if finished:  # else it is a PEFT folder, which the model checks
            check_same_source(folder, stage, _advice(cfg), resumed=not cfg.source.saved)
        log.info("source stage: %s", folder)
    elif trains:
        begin()
        _train(cfg, stage, folder, run_stage)
    else:
        raise UserError(
            f"run={list(cfg.run)} was given, but the source stage {folder} is not finished; expected run=[fit,...] to "
            "train it, or source.saved= with the directory of one."
        )
    started = OmegaConf.merge(cfg, {"source": {"saved": str(folder)}}, _start(cfg, folder))
    assert isinstance(started, DictConfig)
    if cfg.ckpt_path == "last" and not (Path(cfg.run_dir) / "checkpoints" / "last.ckpt").is_file():
        if "fit" in cfg.run:
            log.info("the users had no checkpoint yet: they begin")
        started.ckpt_path = None
    return started


def _check_start(cfg: DictConfig) -> None:
    """The model can start from something, and from nothing else than the source."""
    if "start_from" not in cfg.model.net:
        raise UserError("A source stage was chosen for a model that starts from none; leave out source=.")
    if cfg.model.net.start_from is not None:
        raise UserError(
            f"model.net.start_from={cfg.model.net.start_from} was given together with a source stage; expected one of "
            "the two. For a source stage that is trained already set source.saved= to its directory, or source=none."
        )


def _start(cfg: DictConfig, folder: Path) -> dict[str, Any]:
    """The settings by which users start from a finished stage."""
    if not gives_backbone(cfg):
        return {"model": {"net": {"start_from": str(folder)}}}
    backbone = folder / "backbone"
    if not backbone.is_dir():
        write_backbone(folder, backbone)
    sizes = dict.fromkeys(("tokenizer_path", "revision", "width", "depth", "heads"))
    return {"backbone": {"path": str(backbone), "pretrained": True} | sizes}


def saved_source(saved: str) -> Path:
    """The folder behind `source.saved`.

    Raises:
        UserError: users cannot start from what is there.
    """
    folder = Path(saved)
    if (folder / "source").is_dir():
        raise UserError(
            f"source.saved={saved} is the directory of a whole run; expected that of its source stage. Give "
            f"source.saved={folder / 'source'}."
        )
    if (folder / CONFIG).is_file():
        return folder
    if not (folder / WRITTEN[0]).is_file():
        raise UserError(
            f"source.saved={saved} is neither a PEFT folder (it has no {CONFIG}) nor the directory of a source stage "
            f"(it has no {WRITTEN[0]}). Give one of these: RUN_DIR/source, say."
        )
    if not (folder / WRITTEN[1]).is_file():
        raise UserError(
            f"source.saved={saved} is a source stage that was stopped before its end (it has no {WRITTEN[1]}). Go on "
            f"with it first: hydra.run.dir={folder.parent} ckpt_path=last run=[source]."
        )
    return folder


def _train(cfg: DictConfig, stage: DictConfig, folder: Path, run_stage: Callable[[DictConfig], Any]) -> None:
    """Train a source stage, on from its last checkpoint where the run is resumed; users of an earlier one are gone."""
    resumed = cfg.ckpt_path is not None or cfg.source.get("directory")
    if resumed and (folder / "checkpoints" / "last.ckpt").is_file():
        stage.ckpt_path = "last"
    shutil.rmtree(folder / "backbone", ignore_errors=True)
    for stale in (folder / "provenance.json", *(Path(cfg.run_dir) / "checkpoints").glob("*.ckpt")):
        stale.unlink(missing_ok=True)
    log.info("source stage: %s", folder)
    with children_with(run="[source]", ckpt_path=stage.ckpt_path or "null"):
        run_stage(stage)


def _advice(cfg: DictConfig) -> str:
    """How a run gets a source stage of its own."""
    if cfg.source.saved:
        return "for a source of this run's own leave out source.saved=."
    return f"for another source take another {'source.directory' if cfg.source.get('directory') else 'hydra.run.dir'}=."


def check_same_source(folder: Path, stage: DictConfig, advice: str, resumed: bool) -> None:
    """Refuse a finished source stage that had other settings than this run's would have.

    Args:
        folder: of the stage.
        stage: what it would be now.
        advice: how a run gets another one.
        resumed: it was trained by this very run, or by one that shares it, so how and from what it was trained is
            compared too.

    Raises:
        UserError: names every setting that differs, with both values.
    """
    then: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"), resolve=True)  # type: ignore[assignment]
    now: dict[str, Any] = OmegaConf.to_container(stage, resolve=True)  # type: ignore[assignment]
    check_settings(then, now, weights=f"The source stage {folder}", advice=advice)
    sections = ("seed", "data", *(("learner", "optimizer", "scheduler") if resumed else ()))
    before, after = (
        {key: value for name in sections for key, value in flat(name, config[name])}
        | ({"backbone.path": config["backbone"]["path"]} if resumed else {})
        for config in (then, now)
    )
    different = [
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and not set(key.split(".")) & {*FREE_DATA, "datamodule", "corpus"}
    ]
    if different:
        raise UserError(
            f"The source stage {folder} had other settings than this run's would have ({'; '.join(different[:6])}): "
            f"it learnt other things, or from other people. Give the settings it was trained with; {advice}"
        )
