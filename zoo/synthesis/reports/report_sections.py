"""From the facts of a synthesis to the sections of its report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from zoo.synthesis.analyses.copying import COPIED, copy_scores
from zoo.synthesis.analyses.overlap import KeyOverlap
from zoo.synthesis.analyses.plots import copying_plot, overlap_plot
from zoo.synthesis.reports.blocks import (
    NOTHING,
    Block,
    Conversation,
    Grid,
    Section,
    Sentences,
    Text,
    decimal,
    flattened,
    percent,
    shown,
    whole,
)
from zoo.synthesis.reports.report_facts import ReportFacts, backend_statement
from zoo.synthesis.reports.report_survival import comparisons, no_pictures, picture, survival

# SetsReport's names in words, in the order they are shown; names that aren't here follow as they are
CONL = {
    "mode": "mode of CoNL",
    "threshold": "contradiction threshold",
    "both_directions": "both directions scored",
    "sentences": "distinct sentences in the pool",
    "wanted": "sets wanted",
    "made": "sets made",
    "shortfall": "why fewer",
    "calls": "scorer calls (directed pairs)",
    "calls_per_set": "scorer calls a set",
    "check_calls": "further calls, to check finished sets",
    "contradictory_pairs": "contradictory pairs left in sets",
    "pools": "consistent pools drawn from",
    "fruitless_pools": "pools that gave no new set",
    "incomplete_pools": "pools given up at the limit",
    "dropped": "categories dropped (pools)",
    "empty": "categories without sentences",
    "uses": "uses of a sentence (sentences)",
}


def sections_of(facts: ReportFacts) -> list[Section]:
    """What there is to say, in order; the first section is the statement at the top."""
    parts: list[tuple[str, Callable[[ReportFacts], Iterator[Block]]]] = [
        ("", _top),
        ("Profile sentences", _profiles),
        ("Persona sets", _persona_sets),
        ("Dialogues", _dialogues),
        ("Comparisons", comparisons),
        ("Statistics", _statistics),
        ("Copying", _copying),
        ("Overlap of entity values", _overlap),
        ("People's judgements", _judgements),
        ("Further tables", _tables),
        ("Sample dialogues", _samples),
        ("Provenance", _provenance),
    ]
    sections = [Section(title, list(blocks(facts))) for title, blocks in parts]
    return [section for section in sections if section.blocks]


def _top(facts: ReportFacts) -> Iterator[Block]:
    yield Text(backend_statement(facts.backend, facts.model), loud=True)
    if facts.scorers:
        yield Grid(["what scored it", "scorer"], [[what, identity] for what, identity in facts.scorers.items()])
        if facts.lexical:
            yield Text("Lexical scorers look words up; the paper's scorers are neural networks.")
    if no_pictures():
        yield Text("matplotlib is not installed, so there are no pictures: pip install 'persona-zoo[plots]'.")


def _profiles(facts: ReportFacts) -> Iterator[Block]:
    if facts.profile_funnel is not None:
        yield from survival(facts, facts.profile_funnel, "table1", "sentences", "survival_sentences")


def _dialogues(facts: ReportFacts) -> Iterator[Block]:
    if facts.dialogue_funnel is not None:
        yield from survival(facts, facts.dialogue_funnel, "table2", "dialogues", "survival_dialogues")


def _persona_sets(facts: ReportFacts) -> Iterator[Block]:
    if facts.conl is not None:
        ordered = {name: facts.conl[name] for name in (*CONL, *facts.conl) if name in facts.conl}
        rows = [[CONL.get(name, name.replace("_", " ")), shown(value)] for name, value in ordered.items()]
        yield Grid(["CoNL", ""], [row for row in rows if row[1] != NOTHING], "what making persona sets took")
    for personas in facts.persona_sets:
        yield Sentences(personas.id, personas.texts, [f"{s.key}: {s.value}" for s in personas.sentences])


def _statistics(facts: ReportFacts) -> Iterator[Block]:
    rows = [
        [row.source, whole(row.dialogues), whole(row.utterances)]
        + [decimal(average, 1) for average in (row.avg_turns, row.avg_utterance_length)]
        for row in facts.statistics
    ]
    if rows and facts.published is not None:
        for name, row in facts.published.tables["table3"].items():
            averages = [decimal(row[average], 1) for average in ("avg_turns", "avg_utterance_length")]
            rows.append([f"paper: {name}", whole(row["dialogues"]), whole(row["utterances"]), *averages])
    if rows:
        yield Grid(["", "dialogues", "utterances", "utterances a dialogue", "words an utterance"], rows, "as Table 3")
    if facts.splits:
        yield Grid(["split", "dialogues"], [[split, whole(number)] for split, number in facts.splits.items()])


def _copying(facts: ReportFacts) -> Iterator[Block]:
    if not facts.copying:
        return
    yield Text(
        "For each profile sentence the highest word F1 with an utterance of its owner, averaged (Figure 2, whose "
        f"values are not printed). Copied: from {COPIED} on."
    )
    yield Grid(
        ["", "dialogues", "profile sentences", "average F1", "copied"],
        [
            [c.source, whole(c.dialogues), whole(c.sentences), percent(c.f1), percent(c.copied_share)]
            for c in facts.copying
        ],
    )
    if any(source.sentences for source in facts.copying):
        yield from picture("copying", copying_plot, facts.copying, "average F1 of copying by source")


def _overlap(facts: ReportFacts) -> Iterator[Block]:
    columns: dict[str, Sequence[KeyOverlap]] = {
        name: rows
        for name, rows in ((facts.overlap_reference, facts.overlap), ("inventory", facts.inventory_overlap))
        if rows
    }
    if not columns:
        return
    if facts.published is not None:
        columns["paper"] = sorted(facts.published.overlap().values(), key=lambda row: -(row.jaccard or 0.0))
    if facts.overlap:
        yield Text(
            f"Values of an entity key that sentences of {facts.overlap_reference} name, as whole words, against the "
            "generated ones: reference / generated / in both, and the Jaccard similarity."
        )
    if facts.inventory_overlap or facts.published is not None:
        yield Text(
            "An inventory counts values of closed lists whether or not anybody said them, an empty placeholder "
            "included: that is what the paper's PersonaChat column is, and where its rows of 0.0 % are from."
        )
    by_key = {name: {row.key: row for row in rows} for name, rows in columns.items()}
    keys = dict.fromkeys(key for rows in by_key.values() for key in rows)
    header = ["entity key", *(cell for name in columns for cell in (name, "Jaccard"))]
    rows = [[key, *(cell for name in columns for cell in _overlap_cells(by_key[name].get(key)))] for key in keys]
    yield Grid(header, rows, "as Tables 4 and 9")
    yield from picture("overlap", overlap_plot, columns, "Jaccard similarity of entity values by key")


def _overlap_cells(row: KeyOverlap | None) -> list[str]:
    if row is None:
        return [NOTHING, NOTHING]
    return [f"{row.reference} / {row.generated} / {row.common}", percent(row.jaccard)]


def _judgements(facts: ReportFacts) -> Iterator[Block]:
    yield from facts.judged
    if facts.agreement:
        rows = [[what, decimal(alpha)] for what, alpha in facts.agreement.items()]
        yield Grid(["", "Krippendorff's alpha"], rows, "– where judgements don't vary or nobody judged the same")


def _tables(facts: ReportFacts) -> Iterator[Block]:
    yield from facts.tables


def _samples(facts: ReportFacts) -> Iterator[Block]:
    if facts.dialogues:
        yield Text("Behind a profile sentence: its highest word F1 with an utterance of its owner; 1.00 is a copy.")
    for dialogue in facts.dialogues:
        yield Conversation(dialogue, copy_scores(dialogue))


def _provenance(facts: ReportFacts) -> Iterator[Block]:
    settings: Mapping[str, Any] = {
        "back-end": facts.backend,
        "language model": facts.model,
        **({} if facts.seed is None else {"seed": facts.seed}),
        **facts.provenance,
    }
    yield Grid(["", ""], [list(row) for row in flattened(settings)])
