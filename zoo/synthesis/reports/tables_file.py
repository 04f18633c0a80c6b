"""tables.json: what a report counts, by the tables, rows and names of published.toml, for programs to read."""

from collections.abc import Iterator, Sequence

from zoo.synthesis.funnel import Stage
from zoo.synthesis.reports.report_facts import ReportFacts

FILE = "tables.json"
Row = dict[str, float]


def table_values(facts: ReportFacts) -> dict[str, dict[str, Row]]:
    """Values by table, row and name; shares in percent, as printed. A row that nothing was counted for is left out."""
    printed = facts.published.tables if facts.published is not None else {}
    keys = {
        one.key: {"personachat": one.reference, "personachatgen": one.generated} | _percent("jaccard", one.jaccard)
        for one in facts.overlap
    }
    averages = ("avg_turns", "avg_utterance_length")
    found = {
        "table1": dict(_stages(list(printed.get("table1", ())), facts.profile_funnel or ())),
        "table2": dict(_stages(list(printed.get("table2", ())), facts.dialogue_funnel or ())),
        "table3": {
            _source(facts, one.source, "personachatgen"): {"dialogues": one.dialogues, "utterances": one.utterances}
            | {name: value for name in averages if (value := getattr(one, name)) is not None}
            for one in facts.statistics
        },
        **{name: {key: keys[key] for key in printed.get(name, ()) if key in keys} for name in ("table4", "table9")},
        "figure2": {
            _source(facts, one.source, "raw_plus" if facts.prompt.startswith("RAW+") else "raw"): row
            for one in facts.copying
            if one.source in {known.source for known in facts.statistics} and (row := _percent("copied_f1", one.f1))
        },
    }
    return {name: rows for name, rows in found.items() if rows}


def _stages(names: Sequence[str], ours: Sequence[Stage]) -> Iterator[tuple[str, Row]]:
    """The paper's stages stand for ours by their place, if there are as many."""
    if len(names) == len(ours):
        for name, stage in zip(names, ours, strict=True):
            yield name, {"survivors": stage.count, "survival_cumulative": 100 * stage.cumulative}


def _source(facts: ReportFacts, source: str, generated: str) -> str:
    return "personachat" if source == facts.overlap_reference else generated


def _percent(name: str, share: float | None) -> Row:
    return {} if share is None else {name: 100 * share}
