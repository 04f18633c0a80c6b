"""One synthesis, from a composed configuration to a filled folder."""

from functools import partial
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.synthesis.comparisons_stage import make_comparisons
from zoo.synthesis.dialogues_stage import make_dialogues
from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.parts import Parts
from zoo.synthesis.personas_stage import make_personas
from zoo.synthesis.report_stage import make_report
from zoo.synthesis.sentences_stage import make_sentences
from zoo.synthesis.terminal import show

STAGES = {  # name -> work, sections of the configuration that decide it, the stage whose files it reads
    "sentences": (make_sentences, ("taxonomy", "sentences", "category_scorer"), None),
    "personas": (make_personas, ("personas", "contradiction_scorer"), "sentences"),
    "dialogues": (make_dialogues, ("dialogues", "contradiction_scorer", "toxicity_scorer"), "personas"),
    "comparisons": (make_comparisons, ("comparisons", "sentences", "dialogues"), "dialogues"),
}


def synthesise(cfg: DictConfig) -> Path:
    """Do the stages that `cfg.stages` names, in their order; those that are done with the same settings stay.

    Returns:
        The folder.

    Raises:
        UserError: a stage that is none, or whatever went wrong in one. What was finished, answered and scored before
            is kept: the same command in the same folder goes on from there.
    """
    known = [*STAGES, "report"]
    if unknown := [stage for stage in cfg.stages if stage not in known]:
        raise UserError(f"stages={list(cfg.stages)} was given; there is no {unknown[0]}, but {', '.join(known)}.")
    folder = SynthesisFolder(cfg.run_dir)
    parts = Parts.of(cfg)
    write_atomically(folder.path / "config.yaml", [OmegaConf.to_yaml(cfg, resolve=True).encode()])
    typed = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    write_atomically(folder.path / "overrides.txt", ["\n".join(typed).encode()])
    for name, (work, sections, after) in STAGES.items():
        if name in cfg.stages:
            again = folder.stage(name, parts.settings(*sections), after, partial(work, parts, folder))
            show(name, folder.record(name), again)
    if "report" in cfg.stages:
        print(f"report: {make_report(parts, folder)}")
    print(f"run directory: {folder.path}")
    return folder.path
