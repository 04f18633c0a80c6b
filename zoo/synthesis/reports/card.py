"""The card of a generated data set: README.md beside its files, with the metadata that the Hugging Face hub reads."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from zoo.files import write_atomically
from zoo.synthesis.reports.blocks import Grid, decimal, percent, whole
from zoo.synthesis.reports.page import markdown_table, plain
from zoo.synthesis.reports.report_facts import ReportFacts, backend_statement

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
FILES = {  # what is in a file of that name
    "sentences_raw.jsonl": "entries of the model's lists as they were written, before any filter",
    "sentences.jsonl": "profile sentences that passed the filters, with their category, entity key and value",
    "sentences_for_judges.csv": "a few sentences of every category, with columns for people's ratings",
    "personas.jsonl": "persona sets: sentences that fit together, as one speaker's persona",
    "dialogues_raw.jsonl": "dialogues before the filters",
    "dialogues.jsonl": "dialogues that passed the filters, of all splits",
    "export.json": "which models made the dialogues, how they were split, and numbers by split",
}
SPLIT = "the dialogues of the {} split, as data=jsonl reads them; loaded by the metadata above"
TEXTS = "{self,both}_original_no_cands.txt"
SOURCE = "model, prompt and its hashes, demonstration, seed, the persona sets of A and B, turns cut from their prompts"
SCORES = "copied sentences and contradicted pairs of A and B, highest word F1, contradiction and toxicity"
SPLIT_FIELDS = [
    ["id", "of the dialogue, the same as in dialogues.jsonl"],
    ["speakers", "A and B: persona (profile sentences), user (id of the persona set), profile (empty)"],
    ["utterances", "by turns: speaker (0 is A, who begins, 1 is B), text (on one line)"],
    ["responders", "whose utterances are replies to learn: both speakers'"],
    ["provenance", f"source ({SOURCE}), scores ({SCORES})"],
]
FIELDS = [
    ["id", "of the dialogue"],
    ["personas", "A's and B's profile sentences, two lists"],
    ["utterances", "what is said, as the model wrote it; A begins, then they take turns"],
    ["source", SOURCE],
    ["scores", SCORES],
]


def write_card(facts: ReportFacts, folder: str | Path) -> Path:
    """Write README.md; what is None or empty in `facts` is left out. A licence is not chosen: that is the user's.

    Returns:
        The path of the card.
    """
    path = Path(folder) / "README.md"
    write_atomically(path, ["\n".join(_lines(facts)).encode()])
    return path


def _lines(facts: ReportFacts) -> Iterator[str]:
    yield from ("---", yaml.safe_dump(_metadata(facts), sort_keys=False, allow_unicode=True).rstrip("\n"), "---", "")
    yield from (f"# {plain(facts.title)}", "", f"**{plain(backend_statement(facts.backend, facts.model))}**", "")
    yield from (
        "Dialogues of two speakers with a persona each, written by a language model and filtered, in the way of "
        "PersonaChatGen (Lee et al. 2022). The speakers are invented.",
        "",
        "## How it was made",
        "",
        "1. The model wrote profile sentences for each category of a taxonomy; filters removed those without a "
        "readable value, of another category, or there already.",
        "2. Sentences that don't contradict each other became persona sets (CoNL).",
        "3. For each pair of sets the model wrote both sides of a dialogue"
        + (f" (prompt: {plain(facts.prompt)})." if facts.prompt else "."),
        "4. Filters removed dialogues that copy or contradict their personas, or are toxic.",
        "",
    )
    if facts.scorers:
        yield from _table(["what was scored", "by"], [[what, by] for what, by in facts.scorers.items()])
    for what, funnel in (("profile sentences", facts.profile_funnel), ("dialogues", facts.dialogue_funnel)):
        if funnel is not None:
            rows = [[stage.name, whole(stage.count), percent(stage.cumulative)] for stage in funnel]
            yield from _table([f"{what} left after", "number", "of raw"], rows)
    if facts.statistics:
        yield from ("## Size", "")
        yield from _table(
            ["", "dialogues", "utterances", "utterances a dialogue", "words an utterance"],
            [
                [row.source, whole(row.dialogues), whole(row.utterances)]
                + [decimal(average, 1) for average in (row.avg_turns, row.avg_utterance_length)]
                for row in facts.statistics
            ],
        )
    if facts.splits:
        yield from _table(["split", "dialogues"], [[split, whole(number)] for split, number in facts.splits.items()])
    if files := [*_files(facts)]:
        yield from ("## Files", "")
        yield from _table(["file", "what is in it"], files)
    if facts.split_files:
        yield from (f"## Fields of {', '.join(map(plain, facts.split_files.values()))}", "")
        yield from _table(["field", "what it is"], SPLIT_FIELDS)
    yield from ("## Fields of dialogues.jsonl", "")
    yield from _table(["field", "what it is"], FIELDS)
    yield from ("## Limits", "", *(f"- {limit}" for limit in _limits(facts)), "")
    yield from (
        "## Licence",
        "",
        "None is set. Whether and how the text may be passed on depends on the terms of the model that wrote it and of "
        "the demonstrations in its prompts: choose a licence and add `license:` above.",
        "",
    )


def _files(facts: ReportFacts) -> Iterator[list[str]]:
    """A sentence for each file; those of names that are not known keep what the facts say."""
    for path, what in facts.files.items():
        yield [path, FILES.get(Path(path).name, what)]
    for split, path in facts.split_files.items():
        yield [path, SPLIT.format(split)]
        text = str(Path(path).with_name(f"{split}_{TEXTS}"))
        yield [text, "the same as ParlAI's text, a block for each side: with the answering speaker's persona, or both"]


def _limits(facts: ReportFacts) -> Iterator[str]:
    if facts.backend == "grammar":
        yield (
            "The grammar fills templates from a word list and errs at rates that were set: the share of sentences and "
            "dialogues that survive says nothing of any language model, and a model trained on them learns "
            "the templates."
        )
    yield "What is said of the world may be false: people, places and titles that are named need not exist."
    yield "The filters are scorers with thresholds: some contradictions and rude words pass, some good dialogues don't."
    if facts.lexical:
        yield "Lexical scorers see the words of their lists only; text of another writer needs the transformers ones."
    yield "Two speakers, strictly by turns, of a number of turns that was set; English."


def _metadata(facts: ReportFacts) -> dict[str, object]:
    total = sum(facts.splits.values()) or sum(row.dialogues for row in facts.statistics[:1])
    metadata: dict[str, object] = {
        "pretty_name": facts.title,
        "language": ["en"],
        "task_categories": ["text-generation"],
        "tags": ["dialogue", "persona", "synthetic", f"back-end:{facts.backend}"],
    }
    if total:
        metadata["size_categories"] = [next((name for limit, name in SIZES if total < limit), "n>1M")]
    if facts.split_files:
        data = [{"split": split, "path": path} for split, path in facts.split_files.items()]
        metadata["configs"] = [{"config_name": "default", "data_files": data}]
    return metadata


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    return [*markdown_table(Grid(header, rows)), ""]
