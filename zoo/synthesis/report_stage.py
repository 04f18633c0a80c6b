"""The last stage: analyses of what was made, the report and the dataset card."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path

import yaml

from zoo.data.convai2 import read_convai2
from zoo.data.persona_lexicon import read_lexicon
from zoo.data.personachatgen import EXPORT
from zoo.errors import UserError
from zoo.provenance import code_version
from zoo.synthesis.analyses.conversations import conversations
from zoo.synthesis.analyses.copying import Copying, copying
from zoo.synthesis.analyses.overlap import generated_values, overlaps, reference_values
from zoo.synthesis.analyses.statistics import dialogue_statistics
from zoo.synthesis.blocks import NOTHING, Grid, whole
from zoo.synthesis.card import write_card
from zoo.synthesis.dialogues_stage import KEPT as DIALOGUES
from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.funnel import Funnel, Stage
from zoo.synthesis.parts import Parts
from zoo.synthesis.personas_stage import SETS
from zoo.synthesis.published_file import published
from zoo.synthesis.records import PersonaSet, ProfileSentence, SyntheticDialogue, read_records
from zoo.synthesis.report import write_report
from zoo.synthesis.report_facts import ReportFacts
from zoo.synthesis.sentences_stage import KEPT as SENTENCES


def make_report(parts: Parts, folder: SynthesisFolder) -> Path:
    """Measure what the stages before left, and write report.html, report.md, figures/ and README.md.

    Returns:
        The page.

    Raises:
        UserError: a stage is not finished, a file of it is gone, or the reference cannot be read.
    """
    folder.require(("sentences", "personas", "dialogues"))
    facts = facts_of(parts, folder)
    write_card(facts, folder.path)
    return write_report(facts, folder.path)


def facts_of(parts: Parts, folder: SynthesisFolder) -> ReportFacts:
    """Everything that the report says."""
    settings = parts.cfg.report
    reference = _reference(settings.reference)
    made = {name: folder.facts(name) for name in ("sentences", "personas", "dialogues")}
    dialogues = list(read_records(folder.path / DIALOGUES, SyntheticDialogue))
    lexicon = read_lexicon()
    values = generated_values(read_records(folder.path / SENTENCES, ProfileSentence), parts.taxonomy)
    lists = {key: lexicon.values(key) for key in parts.taxonomy.keys}
    inventory = (
        reference_values(values, _inventory(settings.inventory), (), "inventory") if settings.inventory else None
    )
    spoken = dict.fromkeys(text for dialogue in reference for persona in dialogue.personas for text in persona)
    splits = {name: counts["dialogues"] for name, counts in made["dialogues"]["export"]["splits"].items()}
    comparisons = folder.facts("comparisons")
    sources = {"generated": dialogues} | ({"reference": reference} if reference else {})
    return ReportFacts(
        backend=parts.backend,
        model=parts.model.identity,
        scorers=parts.scorers,
        seed=parts.cfg.seed,
        profile_funnel=_rows(made["sentences"].get("funnel")),
        dialogue_funnel=_rows(made["dialogues"].get("funnel")),
        conl=made["personas"].get("report"),
        statistics=[dialogue_statistics(name, (one.utterances for one in some)) for name, some in sources.items()],
        overlap=overlaps(values, reference_values(values, lists, spoken)) if spoken else (),
        inventory_overlap=overlaps(values, inventory) if inventory is not None else (),
        overlap_reference=Path(settings.reference).name if reference else "",
        copying=[
            *(copying(name, some) for name, some in sources.items()),
            *(Copying(**row) for rows in comparisons.get("copying", {}).values() for row in rows.values()),
        ],
        comparisons={
            title: {row: Funnel.from_dict(counts).rows() for row, counts in rows.items()}
            for title, rows in comparisons.get("funnels", {}).items()
        },
        tables=[_cost(folder)],
        persona_sets=list(islice(read_records(folder.path / SETS, PersonaSet), settings.persona_sets)),
        dialogues=dialogues[: settings.dialogues],
        splits=splits,
        split_files={name: f"{EXPORT}/{name}.jsonl" for name, n in splits.items() if n},
        files={file: stage for stage, facts in made.items() for file in facts.get("files", ())},
        provenance={"code": code_version(), "configuration": parts.settings(*_SECTIONS)},
        published=published(),
    )


_SECTIONS = ("taxonomy", "sentences", "personas", "dialogues", "language_model")


def _rows(counts: dict[str, int] | None) -> list[Stage] | None:
    return Funnel.from_dict(counts).rows() if counts else None


def _cost(folder: SynthesisFolder) -> Grid:
    """Time, calls and replays by stage."""
    rows = []
    for name in ("sentences", "personas", "dialogues", "comparisons"):
        record = folder.record(name)
        if record:
            facts = record["facts"]
            calls = facts["asked"] if "asked" in facts else facts["report"]["calls"]
            replayed = whole(facts["replayed"]) if "replayed" in facts else NOTHING
            rows.append([name, f"{record['seconds']:.1f}", whole(calls), replayed])
    return Grid(
        ("stage", "seconds", "calls", "replayed"), rows, "Time and calls: of the language model, of CoNL's scorer"
    )


def _inventory(path: str) -> Mapping[str, Collection[str]]:
    """Lists of values by entity key, from a YAML or JSON file."""
    try:
        lists = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"The inventory of values {path} cannot be read: {error}") from error
    if not isinstance(lists, dict) or not all(isinstance(values, list) for values in lists.values()):
        raise UserError(
            f"The inventory {path} has no lists; expected 'entity key: [value, ...]' a line, in YAML or JSON."
        )
    return {str(key): [str(value) for value in values] for key, values in lists.items()}


def _reference(path: str | None) -> list[SyntheticDialogue]:
    return list(_both(Path(path))) if path else []


def _both(path: Path) -> Iterator[SyntheticDialogue]:
    yield from conversations(read_convai2(path))
