"""The comparisons that the paper speaks of without numbers: other prompts, on the same leaves and pairs of personas."""

from dataclasses import asdict
from typing import Any

from zoo.synthesis.analyses.copying import copying
from zoo.synthesis.dialogues_stage import filtered, writer_of
from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.parts import Parts, build, watched
from zoo.synthesis.persona_pairs import draw_pairs
from zoo.synthesis.personas_stage import SETS
from zoo.synthesis.records import PersonaSet, SyntheticDialogue, read_records, write_records
from zoo.synthesis.sentences_stage import filters_of, generation_of

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


def make_comparisons(parts: Parts, folder: SynthesisFolder) -> dict[str, Any]:
    """Sentences and dialogues of every row, through the same filters.

    Rows with equal settings are answered once, from the cache.

    Returns:
        Funnels by title and row, and for dialogues how much they copy (Figure 2).

    Raises:
        UserError: the model's or a scorer's.
    """
    asked, replayed = parts.model.asked, parts.model.replayed
    files: list[str] = []
    funnels: dict[str, dict[str, dict[str, int]]] = {}
    copies: dict[str, dict[str, Any]] = {}
    for title, rows in OF_SENTENCES.items():
        funnels[title] = {row: _sentences(parts, changed).to_dict() for row, changed in rows.items()}
    sets = list(read_records(folder.path / SETS, PersonaSet))
    pairs = draw_pairs(sets, parts.cfg.comparisons.dialogues, parts.cfg.seed)
    for title, rows in OF_DIALOGUES.items():
        funnels[title] = {}
        copies[title] = {}
        for row, changed in rows.items():
            file = f"comparisons/{_slug(title)}/{_slug(row)}.jsonl"
            written = writer_of(parts, parts.cfg.dialogues, **changed).write(parts.model, pairs)
            write_records(folder.path / file, watched(written, len(pairs), row))
            files.append(file)
            funnel = Funnel("raw")
            raw = list(read_records(folder.path / file, SyntheticDialogue))
            for _ in filtered(parts, parts.cfg.dialogues, funnel.count("raw", raw), funnel):
                pass
            funnels[title][row] = funnel.to_dict()
            copies[title][row] = asdict(copying(row, raw))
    return {
        "files": files,
        "funnels": funnels,
        "copying": copies,
        "asked": parts.model.asked - asked,
        "replayed": parts.model.replayed - replayed,
    }


def _sentences(parts: Parts, changed: dict[str, Any]) -> Funnel:
    """The funnel of as many completions a leaf with one demonstration category as without any."""
    settings = parts.cfg.sentences
    plan = {
        "trials": parts.cfg.comparisons.trials,
        "max_demonstrations": 1,
        "prompt": build(settings.prompt, **changed),
    }
    raw = generation_of(parts, settings, **plan).raw_lines(parts.model, settings.filters.regex)
    funnel = Funnel("raw")
    for _ in filters_of(parts, settings).kept(raw, funnel):
        pass
    return funnel


def _slug(words: str) -> str:
    """A name of a file: "RAW+ and RAW" -> "raw_plus_and_raw"."""
    spelt = words.lower().replace("+", " plus")
    return "_".join("".join(letter if letter.isalnum() else " " for letter in spelt).split())
