"""The comparisons that the paper speaks of without numbers: other prompts, on the same leaves and pairs of personas."""

from dataclasses import asdict
from typing import Any

from zoo.synthesis.analyses.copying import copying
from zoo.synthesis.chat.dialogue_filters import filtered
from zoo.synthesis.chat.persona_pairs import draw_pairs
from zoo.synthesis.dialogues_stage import DialoguesStage
from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.parts import SCORERS, Parts, watched
from zoo.synthesis.personas_stage import SETS
from zoo.synthesis.records import PersonaSet, SyntheticDialogue, read_records, write_records
from zoo.synthesis.sentences_stage import SentencesStage

# title -> row -> what is changed of the prompt
OF_SENTENCES: dict[str, dict[str, dict[str, Any]]] = {
    "One-shot and zero-shot prompts for sentences": {"one-shot": {"shots": 1}, "zero-shot": {"shots": 0}},
}
OF_DIALOGUES: dict[str, dict[str, dict[str, Any]]] = {
    "RAW+ and RAW": {"RAW+": {"implicit": True}, "RAW": {"implicit": False}},
    "Two prompts and one": {
        "two prompts, own personas": {"knowledge": "own"},
        "one prompt, both personas": {"knowledge": "both"},
    },
    "One-shot and zero-shot prompts for dialogues": {"one-shot": {"shots": 1}, "zero-shot": {"shots": 0}},
}


class ComparisonsStage:
    """Sentences and dialogues of every row, through the same filters. Rows with one prompt are written once.

    Raises:
        UserError: a setting that is none.
    """

    name, after = "comparisons", "personas"

    def __init__(self, parts: Parts) -> None:
        self.parts, self.config = parts, parts.cfg.comparisons
        self.sentences, self.dialogues = SentencesStage(parts), DialoguesStage(parts)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides its outcome."""
        read = {"sentences": self.sentences.settings, "dialogues": self.dialogues.settings}
        return self.parts.settings("comparisons", SCORERS, read, writes=True)

    def work(self, folder: SynthesisFolder) -> dict[str, Any]:
        """Funnels by title and row, and how much the dialogues of each prompt copy (Figure 2).

        Raises:
            UserError: the model's or a scorer's.
        """
        model = self.parts.model
        asked, replayed = model.asked, model.replayed
        funnels: dict[str, dict[str, dict[str, int]]] = {
            title: {row: self._sentences(changed).to_dict() for row, changed in rows.items()}
            for title, rows in OF_SENTENCES.items()
        }
        copies: dict[str, dict[str, Any]] = {}
        survival: dict[str, dict[str, int]] = {}
        files: dict[str, str] = {}
        for title, rows in OF_DIALOGUES.items():
            funnels[title] = {}
            for row, changed in rows.items():
                prompt = self.dialogues.writer_with(**changed).prompt.name
                if prompt not in survival:
                    files[prompt] = f"comparisons/{_slug(prompt)}.jsonl"
                    raw = self._dialogues(folder, files[prompt], changed)
                    funnel = Funnel("raw")
                    for _ in filtered(raw, self.dialogues.filters, funnel):
                        pass
                    survival[prompt] = funnel.to_dict()
                    copies[prompt] = asdict(copying(f"{prompt}, before filters", raw))
                funnels[title][row] = survival[prompt]
        return {
            "files": list(files.values()),
            "funnels": funnels,
            "copying": copies,
            "asked": model.asked - asked,
            "replayed": model.replayed - replayed,
        }

    def _sentences(self, changed: dict[str, Any]) -> Funnel:
        """The funnel of as many completions a leaf with one demonstration category as without any."""
        stage = self.sentences
        plan = stage.generation_with(changed, trials=self.config.trials, max_demonstrations=1)
        funnel = Funnel("raw")
        for _ in stage.filters.kept(plan.raw_lines(self.parts.model, stage.config.filters.regex), funnel):
            pass
        return funnel

    def _dialogues(self, folder: SynthesisFolder, file: str, changed: dict[str, Any]) -> list[SyntheticDialogue]:
        sets = list(read_records(folder.path / SETS, PersonaSet))
        pairs = draw_pairs(sets, self.config.dialogues, self.parts.seed)
        written = self.dialogues.writer_with(**changed).write(self.parts.model, pairs)
        write_records(folder.path / file, watched(written, len(pairs), file))
        return list(read_records(folder.path / file, SyntheticDialogue))


def _slug(words: str) -> str:
    """A name of a file: "RAW+, 1-shot" -> "raw_plus_1_shot"."""
    spelt = words.lower().replace("+", " plus")
    return "_".join("".join(letter if letter.isalnum() else " " for letter in spelt).split())
