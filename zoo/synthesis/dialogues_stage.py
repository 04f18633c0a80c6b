"""The third stage: dialogues of two personas, filtered, split, and written for whoever trains on them."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from zoo.data.licence import licences_beside
from zoo.data.personachatgen import EXPORT, FACTS
from zoo.errors import UserError
from zoo.scorers.text_scorers import ContradictionScorer, ToxicityScorer
from zoo.synthesis.chat.dialogue_filters import DialogueFilter, filtered
from zoo.synthesis.chat.dialogues import DialogueWriter
from zoo.synthesis.chat.export import export_dialogues
from zoo.synthesis.chat.persona_pairs import draw_pairs
from zoo.synthesis.chat.replies import WritingReport
from zoo.synthesis.chat.splits import split_dialogues
from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.parts import Parts, build, watched
from zoo.synthesis.personas_stage import SETS
from zoo.synthesis.records import PersonaSet, SyntheticDialogue, read_records, write_records

DIALOGUES_RAW, DIALOGUES = "dialogues_raw.jsonl", "dialogues.jsonl"


class DialoguesStage:
    """Writes dialogues of pairs of persona sets, filters them, splits them.

    Raises:
        UserError: a setting that is none.
    """

    name, after = "dialogues", "personas"

    def __init__(self, parts: Parts) -> None:
        self.parts, self.config = parts, parts.cfg.dialogues
        self.demonstrations = build(self.config.demonstrations)
        self.writer = self.writer_with()
        scorers = parts.scorer("contradiction"), parts.scorer("toxicity")
        self.filters = dialogue_filters_of(self.config.filters, *scorers)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides its outcome."""
        scorers = ["contradiction", "toxicity"]
        return self.parts.settings("dialogues", scorers, {"demonstrations": self.demonstrations}, writes=True)

    def writer_with(self, **prompt: Any) -> DialogueWriter:
        """The writer, with other settings of its prompt."""
        objects = {
            "prompt": build(self.config.prompt, **prompt),
            "demonstrations": self.demonstrations,
            "replies": build(self.config.replies),
            "seed": self.parts.seed,
        }
        writer: DialogueWriter = build(self.config.writer, **objects)
        return writer

    def work(self, folder: SynthesisFolder) -> dict[str, Any]:
        """The funnel, what was mended in replies, answers asked and replayed, and what was exported.

        Raises:
            UserError: too few persona sets, no room in the model for any dialogue, or the model's or a scorer's.
        """
        model = self.parts.model
        asked, replayed = model.asked, model.replayed
        sets = list(read_records(folder.path / SETS, PersonaSet))
        blocks = max(1, min(self.config.blocks, len(sets) // 2))
        pairs = draw_pairs(sets, self.config.n, self.parts.seed, blocks)
        report = WritingReport()
        written = self.writer.write(model, pairs, report)
        write_records(folder.path / DIALOGUES_RAW, watched(written, len(pairs), self.name))
        if report.too_long and not report.finished:
            raise UserError(
                f"No dialogue was written: {report.too_long} of {report.begun} had no room in the model. Lower "
                "dialogues.writer.max_new_tokens, write without a demonstration (dialogues.prompt.shots=0), or choose "
                "a model with more positions."
            )
        funnel = Funnel("raw")
        raw = read_records(folder.path / DIALOGUES_RAW, SyntheticDialogue)
        write_records(folder.path / DIALOGUES, filtered(raw, self.filters, funnel))
        kept = read_records(folder.path / DIALOGUES, SyntheticDialogue)
        splits = split_dialogues(kept, tuple(self.config.splits.fractions), self.parts.seed, self.config.splits.by)
        own = getattr(getattr(model, "model", model), "folder", None)  # of weights, where the model runs here
        licences = licences_beside(Path(own)) if own is not None else []
        exported = export_dialogues(splits, folder.path, {"licences": licences} if licences else None)
        return {
            "files": [DIALOGUES_RAW, DIALOGUES, f"{EXPORT}/{FACTS}"],
            "prompt": self.writer.prompt.name,
            "wanted": self.config.n,
            "begun": len(pairs),
            "funnel": funnel.to_dict(),
            "export": exported,
            "replies": report.to_dict(),
            "asked": model.asked - asked,
            "replayed": model.replayed - replayed,
        }


def dialogue_filters_of(
    settings: DictConfig, contradiction: ContradictionScorer, toxicity: ToxicityScorer
) -> tuple[DialogueFilter, ...]:
    """The three filters that `settings` (the section `dialogues.filters`) describes, in the paper's order.

    Raises:
        UserError: a setting that is none.
    """
    return (
        build(settings.copy_paste),
        build(settings.consistency, scorer=contradiction),
        build(settings.toxicity, scorer=toxicity),
    )
