"""One synthesis, from a composed configuration to a filled folder."""

from functools import partial
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.synthesis.comparisons_stage import ComparisonsStage
from zoo.synthesis.dialogues_stage import DialoguesStage
from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.parts import Parts
from zoo.synthesis.personas_stage import PersonasStage
from zoo.synthesis.report_stage import check_report, make_report, remove_report
from zoo.synthesis.sentences_stage import SentencesStage
from zoo.synthesis.terminal import show, warn_of_chat

STAGES = (SentencesStage, PersonasStage, DialoguesStage, ComparisonsStage)


def synthesise(cfg: DictConfig) -> Path:
    """Do the stages that `cfg.stages` names, in their order; those that are done with the same settings stay.

    All settings are looked at before anything is asked. Where a stage fails, the report is about those before it.

    Returns:
        The folder.

    Raises:
        UserError: a stage that is none, or whatever went wrong in one. What was finished, answered and scored before
            is kept: the same command in the same folder goes on from there.
    """
    asked = _asked(cfg)
    folder = SynthesisFolder(cfg.run_dir)
    parts = Parts(cfg)
    check_report(cfg.report)
    stages = [make(parts) for make in STAGES if make.name in asked]
    if stages:
        write_atomically(folder.path / "config.yaml", [OmegaConf.to_yaml(cfg, resolve=True).encode()])
        typed = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
        write_atomically(folder.path / "overrides.txt", ["\n".join(typed).encode()])
        warn_of_chat(parts.model.model)
    try:
        for stage in stages:
            again = folder.stage(stage.name, stage.settings, stage.after, partial(_fresh, stage, folder))
            show(stage.name, folder.record(stage.name), again)
    except UserError as error:
        if "report" in asked and folder.facts("sentences"):
            raise UserError(f"{error} What was finished is in {make_report(parts, folder)}.") from error
        raise
    if "report" in asked:
        print(f"report: {make_report(parts, folder)}")
    print(f"run directory: {folder.path}")
    return folder.path


def _fresh(stage: SentencesStage | PersonasStage | DialoguesStage | ComparisonsStage, folder: SynthesisFolder) -> dict:
    """Do a stage; no report of what was there before stays beside it."""
    remove_report(folder.path)
    return stage.work(folder)


def _asked(cfg: DictConfig) -> list[str]:
    """The stages that were asked for.

    Raises:
        UserError: one is none.
    """
    asked = [cfg.stages] if isinstance(cfg.stages, str) else list(cfg.stages)
    known = [*(stage.name for stage in STAGES), "report"]
    if unknown := [stage for stage in asked if stage not in known]:
        raise UserError(f"stages={asked} was given; there is no {unknown[0]}, but {', '.join(known)}.")
    return asked
