"""The third stage: dialogues of two personas, filtered, split, and written for whoever trains on them."""

from collections.abc import Iterable, Iterator
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from zoo.data.personachatgen import EXPORT, FACTS
from zoo.synthesis.dialogues import DialogueWriter
from zoo.synthesis.export import export_dialogues
from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.parts import Parts, build, watched
from zoo.synthesis.persona_pairs import draw_pairs
from zoo.synthesis.personas_stage import SETS
from zoo.synthesis.records import PersonaSet, SyntheticDialogue, read_records, write_records
from zoo.synthesis.replies import WritingReport
from zoo.synthesis.splits import split_dialogues

RAW, KEPT = "dialogues_raw.jsonl", "dialogues.jsonl"


def make_dialogues(parts: Parts, folder: SynthesisFolder) -> dict[str, Any]:
    """Write them, filter them, split them.

    Returns:
        The funnel, what was mended in replies, answers asked and replayed, and what was exported.

    Raises:
        UserError: too few persona sets, or the model's or a scorer's.
    """
    settings = parts.cfg.dialogues
    asked, replayed = parts.model.asked, parts.model.replayed
    sets = list(read_records(folder.path / SETS, PersonaSet))
    pairs = draw_pairs(sets, settings.n, parts.cfg.seed, settings.blocks)
    report = WritingReport()
    written = writer_of(parts, settings).write(parts.model, pairs, report)
    write_records(folder.path / RAW, watched(written, len(pairs), "dialogues"))
    funnel = Funnel("raw")
    raw = funnel.count("raw", read_records(folder.path / RAW, SyntheticDialogue))
    write_records(folder.path / KEPT, filtered(parts, settings, raw, funnel))
    kept = read_records(folder.path / KEPT, SyntheticDialogue)
    splits = split_dialogues(kept, tuple(settings.splits.fractions), parts.cfg.seed, settings.splits.by)
    exported = export_dialogues(splits, folder.path)
    return {
        "files": [RAW, KEPT, f"{EXPORT}/{FACTS}"],
        "wanted": settings.n,
        "begun": len(pairs),
        "funnel": funnel.to_dict(),
        "export": exported,
        "replies": report.to_dict(),
        "asked": parts.model.asked - asked,
        "replayed": parts.model.replayed - replayed,
    }


def writer_of(parts: Parts, settings: DictConfig, **prompt: Any) -> DialogueWriter:
    """The writer that `settings` (the section `dialogues`) describes, with other settings of its prompt."""
    objects = {
        "prompt": instantiate(settings.prompt, **prompt),
        "demonstrations": instantiate(settings.demonstrations),
        "replies": instantiate(settings.replies),
        "seed": parts.cfg.seed,
    }
    writer: DialogueWriter = build(settings.writer, **objects)
    return writer


def filtered(
    parts: Parts, settings: DictConfig, dialogues: Iterable[SyntheticDialogue], funnel: Funnel
) -> Iterator[SyntheticDialogue]:
    """The dialogues that pass the three filters in the paper's order."""
    filters = settings.filters
    dialogues = build(filters.copy_paste).kept(dialogues, funnel)
    dialogues = build(filters.consistency, scorer=parts.contradiction).kept(dialogues, funnel)
    yield from build(filters.toxicity, scorer=parts.toxicity).kept(dialogues, funnel)
