"""`ReportFacts`: what a report and a dataset card of a synthesis may say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoo.synthesis.analyses.copying import Copying
from zoo.synthesis.analyses.overlap import KeyOverlap
from zoo.synthesis.analyses.published import Published
from zoo.synthesis.analyses.statistics import DialogueStatistics
from zoo.synthesis.funnel import Stage
from zoo.synthesis.records import PersonaSet, SyntheticDialogue
from zoo.synthesis.reports.blocks import Grid

GRAMMAR = "The grammar exercises the code; it replicates nothing."


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """Everything a report may say. What is None or empty is left out; only the first two have to be there."""

    backend: str  # kind of the language model: grammar, transformers, openai
    model: str  # its identity: name and revision
    title: str = "PersonaChatGen: a synthesis"
    scorers: Mapping[str, str] = field(default_factory=dict)  # kind and identity by what is scored, e.g. "category"
    seed: int | None = None
    prompt: str = ""  # `ChatPrompt.name`: what dialogues were asked for with
    profile_funnel: Sequence[Stage] | None = None  # `Funnel.rows()`, as of Table 1
    dialogue_funnel: Sequence[Stage] | None = None  # of Table 2
    conl: Mapping[str, Any] | None = None  # `SetsReport.to_dict()`
    statistics: Sequence[DialogueStatistics] = ()  # of Table 3, a row a source
    overlap: Sequence[KeyOverlap] = ()  # of Tables 4 and 9, with values that `overlap_reference` names
    inventory_overlap: Sequence[KeyOverlap] = ()  # with an inventory's lists
    overlap_reference: str = "a reference corpus"
    copying: Sequence[Copying] = ()  # of Figure 2, a bar a source
    agreement: Mapping[str, float | None] = field(default_factory=dict)  # Krippendorff's alpha by what was judged
    judged: Sequence[Grid] = ()  # averages (Table 5a), alpha by entity key (Tables 6 and 10)
    comparisons: Mapping[str, Mapping[str, Sequence[Stage]]] = field(default_factory=dict)  # title -> name -> funnel
    tables: Sequence[Grid] = ()  # further ones with captions: time and calls, training (Table 7)
    persona_sets: Sequence[PersonaSet] = ()  # samples
    dialogues: Sequence[SyntheticDialogue] = ()  # samples
    splits: Mapping[str, int] = field(default_factory=dict)  # dialogues by split
    files: Mapping[str, str] = field(default_factory=dict)  # what is in a file, by its path in the data's folder
    split_files: Mapping[str, str] = field(default_factory=dict)  # path of a split's JSON Lines
    provenance: Mapping[str, Any] = field(default_factory=dict)  # settings, seeds, versions; may be nested
    published: Published | None = None  # the paper's tables, to stand beside

    @property
    def lexical(self) -> bool:
        """Whether any scorer is a lexical one."""
        return any("lexical" in identity.lower() for identity in self.scorers.values())


def backend_statement(backend: str, model: str) -> str:
    """Who wrote the data and what follows from that: stands at the top of everything that shows them."""
    who = f"Back-end: {backend} ({model})."
    if backend == "grammar":
        return f"{who} {GRAMMAR}"
    return f"{who} The paper's data are GPT-3's (text-davinci-002): numbers beside the paper's are another writer's."
