"""The last stage: analyses of what was made, the report and the dataset card."""

import json
import shutil
from collections.abc import Collection, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig

from zoo.data.convai2 import read_convai2
from zoo.data.persona_lexicon import read_lexicon
from zoo.data.personachatgen import EXPORT
from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.synthesis.analyses.conversations import conversations
from zoo.synthesis.analyses.copying import Copying, copying
from zoo.synthesis.analyses.judgements import read_judgements
from zoo.synthesis.analyses.overlap import generated_values, overlaps, reference_values
from zoo.synthesis.analyses.statistics import dialogue_statistics
from zoo.synthesis.dialogues_stage import DIALOGUES
from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.funnel import Funnel, Stage
from zoo.synthesis.parts import Parts
from zoo.synthesis.personas_stage import SETS
from zoo.synthesis.records import PersonaSet, ProfileSentence, SyntheticDialogue, read_records
from zoo.synthesis.reports.blocks import NOTHING, Grid, whole
from zoo.synthesis.reports.card import write_card
from zoo.synthesis.reports.judged import judged
from zoo.synthesis.reports.published_file import published
from zoo.synthesis.reports.report import write_report
from zoo.synthesis.reports.report_facts import ReportFacts
from zoo.synthesis.reports.tables_file import FILE, table_values
from zoo.synthesis.sentences_stage import SENTENCES

STAGES = ("sentences", "personas", "dialogues", "comparisons")
REPORT = ("report.html", "report.md", "README.md", FILE)  # and figures/


def make_report(parts: Parts, folder: SynthesisFolder) -> Path:
    """Measure what the finished stages left; write report.html, report.md, tables.json and figures/, and where there
    are dialogues the dataset's README.md.

    Who wrote and scored is what the stages were done with, whatever the command line says now.

    Returns:
        The page.

    Raises:
        UserError: no stage is finished, a file of one is gone, or the reference or the inventory cannot be read.
    """
    folder.require([name for name in ("sentences", "personas", "dialogues") if folder.facts(name)] or ["sentences"])
    facts = facts_of(parts, folder)
    if folder.facts("dialogues"):
        write_card(facts, folder.path)
    write_atomically(folder.path / FILE, [json.dumps(table_values(facts), indent=2).encode() + b"\n"])
    return write_report(facts, folder.path)


def remove_report(folder: Path) -> None:
    """Take away a report that would stand beside other data than it is about."""
    for name in REPORT:
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "figures", ignore_errors=True)


def check_report(settings: DictConfig) -> None:
    """Look at the section `report` of a configuration.

    Raises:
        UserError: a number that is none, a file that is not there, or judgements that are none.
    """
    for name in ("persona_sets", "dialogues"):
        if not isinstance(settings[name], int) or settings[name] < 0:
            raise UserError(f"report.{name}={settings[name]} was given; expected a number of samples, 0 or more.")
    for name in ("reference", "inventory"):
        if settings[name] is not None and not Path(settings[name]).is_file():
            raise UserError(f"report.{name}={settings[name]} was given; expected a file, and there is none.")
    if isinstance(settings.judgements, str):
        raise UserError(f"report.judgements={settings.judgements} was given; expected a list of files: [FILE,FILE].")
    read_judgements(settings.judgements)


def facts_of(parts: Parts, folder: SynthesisFolder) -> ReportFacts:
    """Everything that the report says."""
    settings = parts.cfg.report
    sentences, personas, dialogues, comparisons = (folder.facts(name) for name in STAGES)
    reference = reference_dialogues(Path(settings.reference)) if settings.reference else []
    kept = list(read_records(folder.path / DIALOGUES, SyntheticDialogue)) if dialogues else []
    sources = {"generated, after filters": kept, Path(settings.reference or "").name: reference}
    values = generated_values(read_records(folder.path / SENTENCES, ProfileSentence), parts.taxonomy)
    spoken = dict.fromkeys(text for dialogue in reference for persona in dialogue.personas for text in persona)
    inventory = read_inventory(settings.inventory) if settings.inventory else {}
    splits = {name: counts["dialogues"] for name, counts in dialogues["export"]["splits"].items()} if dialogues else {}
    sets = read_records(folder.path / SETS, PersonaSet) if personas else ()
    writers, scorers, seeds = _made_by(folder)
    agreement, judgements = judged(settings.judgements, parts.taxonomy, published())
    return ReportFacts(
        backend=" and ".join(dict.fromkeys(writer.split()[0] for writer in writers)),
        model="; ".join(writers),
        prompt=dialogues.get("prompt", ""),
        scorers=scorers,
        seed=seeds[0],
        profile_funnel=_rows(sentences),
        dialogue_funnel=_rows(dialogues),
        conl=personas.get("report"),
        statistics=[dialogue_statistics(name, (d.utterances for d in some)) for name, some in sources.items() if some],
        overlap=overlaps(values, reference_values(values, _lexicon_values(parts), spoken)) if spoken else (),
        inventory_overlap=overlaps(values, reference_values(values, inventory, (), "inventory")) if inventory else (),
        overlap_reference=Path(settings.reference or "").name,
        copying=[
            *(Copying(**row) for row in comparisons.get("copying", {}).values()),
            *(copying(name, some) for name, some in sources.items() if some),
        ],
        comparisons={
            title: {row: Funnel.from_dict(counts).rows() for row, counts in rows.items()}
            for title, rows in comparisons.get("funnels", {}).items()
        },
        agreement=agreement,
        judged=judgements,
        tables=[_cost(folder)],
        persona_sets=list(islice(sets, settings.persona_sets)),
        dialogues=kept[: settings.dialogues],
        splits=splits,
        split_files={name: f"{EXPORT}/{name}.jsonl" for name, n in splits.items() if n},
        files={file: name for name in STAGES for file in folder.facts(name).get("files", ())},
        provenance={name: _provenance(folder.record(name)) for name in STAGES if folder.facts(name)},
        published=published(),
    )


def _made_by(folder: SynthesisFolder) -> tuple[list[str], dict[str, str], list[int]]:
    """Identities of the models that wrote, kinds and identities of the scorers, and seeds, as the stages have them."""
    settings = [folder.record(name)["settings"] for name in STAGES[:3] if folder.facts(name)]
    writers = list(dict.fromkeys(one["model"] for one in settings if one["model"]))
    named: dict[str, dict[str, None]] = {}
    for one in settings:
        for what, identity in one["scorers"].items():
            kind, _, digits = identity.partition(" ")
            named.setdefault(what, {})[f"{kind} {digits[:8]}"] = None
    return writers, {what: "; ".join(names) for what, names in named.items()}, [one["seed"] for one in settings]


def _provenance(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("finished", "seconds", "code", "settings")}


def _lexicon_values(parts: Parts) -> dict[str, tuple[str, ...]]:
    """Values to look for in a corpus beside the generated ones."""
    lexicon = read_lexicon()
    return {key: lexicon.values(key) for key in parts.taxonomy.keys}


def _rows(facts: Mapping[str, Any]) -> list[Stage] | None:
    return Funnel.from_dict(facts["funnel"]).rows() if facts else None


def _cost(folder: SynthesisFolder) -> Grid:
    """Time, calls and replays by stage."""
    rows = []
    for name in STAGES:
        record = folder.record(name)
        if record:
            facts = record["facts"]
            calls = facts["asked"] if "asked" in facts else facts["report"]["calls"]
            replayed = whole(facts["replayed"]) if "replayed" in facts else NOTHING
            rows.append([name, f"{record['seconds']:.1f}", whole(calls), replayed])
    return Grid(
        ("stage", "seconds", "calls", "replayed"), rows, "Time and calls: of the language model, of CoNL's scorer"
    )


def read_inventory(path: str) -> Mapping[str, Collection[str]]:
    """Lists of values by entity key, from a YAML or JSON file.

    Raises:
        UserError: it cannot be read, or is something else.
    """
    try:
        lists = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"The inventory of values {path} cannot be read: {error}") from error
    if not isinstance(lists, dict) or not all(isinstance(values, list) for values in lists.values()):
        raise UserError(
            f"The inventory {path} has no lists; expected 'entity key: [value, ...]' a line, in YAML or JSON."
        )
    return {str(key): [str(value) for value in values] for key, values in lists.items()}


def reference_dialogues(path: Path) -> list[SyntheticDialogue]:
    """The dialogues of a file like ConvAI2's with both personas, which has most of them twice: from either side.

    Raises:
        UserError: it cannot be read, or lacks partners' personas.
    """
    by_beginning: dict[Any, SyntheticDialogue] = {}
    for dialogue in conversations(read_convai2(path)):
        if not all(dialogue.personas):
            raise UserError(
                f"report.reference={path} has a dialogue with one persona; expected both speakers' in each, as in "
                "train_both_original_no_cands.txt."
            )
        beginning = (frozenset(dialogue.personas), dialogue.utterances[:2])
        known = by_beginning.setdefault(beginning, dialogue)
        if len(known.utterances) < len(dialogue.utterances):  # one side lacks the last utterance
            by_beginning[beginning] = dialogue
    return list(by_beginning.values())
