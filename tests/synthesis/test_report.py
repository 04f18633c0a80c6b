"""The report and the data set's card: what they say, what they leave out, and that text stays text."""

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from zoo.synthesis.analyses.copying import copying
from zoo.synthesis.analyses.overlap import KeyOverlap
from zoo.synthesis.analyses.published import read_published
from zoo.synthesis.analyses.statistics import dialogue_statistics
from zoo.synthesis.chat.export import export_dialogues
from zoo.synthesis.chat.splits import Splits
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.records import PersonaSet, ProfileSentence, SyntheticDialogue, write_records
from zoo.synthesis.reports.blocks import Grid, flattened, shown
from zoo.synthesis.reports.card import write_card
from zoo.synthesis.reports.page import markdown_table
from zoo.synthesis.reports.report import ReportFacts, write_report
from zoo.synthesis.reports.report_facts import GRAMMAR
from zoo.synthesis.reports.report_survival import survival_grid
from zoo.synthesis.reports.tables_file import table_values

NASTY = "<script>alert('ü|*')</script> & “déjà vu” 日本"
PROFILES = Funnel.from_dict({"raw": 1000, "regex": 940, "exact": 590, "category": 480, "duplicates": 220})
DIALOGUES = Funnel.from_dict({"raw": 200, "copy-paste": 150, "consistency": 90, "toxicity": 88})
DIALOGUE = SyntheticDialogue(
    f"d1 {NASTY}", (("I have two dogs.", NASTY), ("I sing.",)), ("I have two dogs.", NASTY, "", "I sing a lot.")
)
FACTS = ReportFacts(
    backend="grammar",
    model="grammar 1, seed 3",
    scorers={"category": "lexical, version 1", "toxicity": "unitary/toxic-bert"},
    seed=3,
    prompt="RAW+, 1-shot, code layout, both personas",
    profile_funnel=PROFILES.rows(),
    dialogue_funnel=DIALOGUES.rows(),
    conl={"mode": "greedy", "calls": 12345, "calls_per_set": 24.69, "contradictory_pairs": 0, "shortfall": None},
    statistics=[dialogue_statistics("generated", [DIALOGUE.utterances])],
    overlap=[KeyOverlap("season", 4, 5, 3), KeyOverlap("age", 0, 0, 0)],
    inventory_overlap=[KeyOverlap("movie title", 1, 7, 0)],
    overlap_reference="PersonaChat",
    copying=[copying("RAW", [DIALOGUE]), copying("RAW+", [])],
    agreement={"season": 0.5, "gender": None},
    comparisons={"One-shot against zero-shot": {"one-shot": PROFILES.rows(), "zero-shot": PROFILES.rows()}},
    tables=[Grid(["stage", "calls"], [["profiles", "2,040"]], "calls")],
    persona_sets=[PersonaSet("set 1", (ProfileSentence(NASTY, "like_season", "season", "winter"),))],
    dialogues=[DIALOGUE],
    splits={"train": 70, "valid": 9, "test": 9},
    files={"dialogues.jsonl": "dialogues", "own.txt": "what its maker says of it"},
    split_files={"train": "train.jsonl"},
    provenance={"code": {"commit": "abc123", "changed": False}, "chat": {"temperature": 0.8, "stop": ["You:", "\n"]}},
    published=read_published(ROOT / "experiments" / "personachatgen" / "published.toml"),
)


class Page(HTMLParser):
    """Text and pictures of a page; tags that are opened have to be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text, self.pictures = "", 0
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        if tag == "img":
            self.pictures += 1
            assert (given["src"] or "").startswith("data:image/png;base64,iVBOR")
            assert given["alt"]
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    assert write_report(FACTS, out) == out / "report.html"
    write_card(FACTS, out)
    return out


def test_the_page_needs_no_other_file(folder: Path) -> None:
    html = (folder / "report.html").read_text()
    page = Page(html)
    assert "script" not in page.tags
    assert not re.search(r"https?://|<link|@import|url\(", html)
    assert page.pictures == 5  # two funnels, a comparison, copying, overlap
    names = ("comparison_1", "copying", "overlap", "survival_dialogues", "survival_sentences")
    for ending, start in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        written = {path.stem: path.read_bytes()[:5] for path in (folder / "figures").glob(f"*{ending}")}
        assert sorted(written) == list(names)
        assert all(beginning.startswith(start) for beginning in written.values())


def test_who_made_it_stands_first(folder: Path) -> None:
    text = Page((folder / "report.html").read_text()).text
    markdown, card = (folder / "report.md").read_text(), (folder / "README.md").read_text()
    for place in (text, markdown, card):
        assert GRAMMAR in place
        assert place.index(GRAMMAR) < place.index("sentences")
    assert "Lexical scorers look words up" in text
    other = ReportFacts(backend="transformers", model="small-lm at 12ab", scorers={"category": "bart-large-mnli"})
    said = Page(write_report(other, folder / "other").read_text()).text
    assert GRAMMAR not in said
    assert "Back-end: transformers (small-lm at 12ab)." in said
    assert "another writer's" in said
    assert "Lexical" not in said


def test_text_stays_text(folder: Path) -> None:
    html = (folder / "report.html").read_text()
    assert "<script>" not in html
    page = Page(html)
    assert page.text.count(NASTY) == 4  # persona set, id, persona sentence, utterance
    assert "(nothing)" in page.text  # the empty utterance
    markdown = (folder / "report.md").read_text()
    assert "<script>" not in markdown.replace("\\<", "")
    assert r"\<script\>alert('ü\|\*')\</script\> & “déjà vu” 日本" in markdown


def test_numbers_beside_the_papers(folder: Path) -> None:
    markdown = (folder / "report.md").read_text()
    assert "| exact | 590 | 59.0 % | 62.8 % | 43,753 | 59.2 % | 63.1 % |" in markdown
    assert "| consistency | 90 | 45.0 % | 60.0 % | 1,675 | 46.0 % | 62.9 % |" in markdown
    assert "| scorer calls (directed pairs) | 12,345 |" in markdown
    assert "| contradictory pairs left in sets | 0 |" in markdown
    assert "| paper: personachatgen | 1,649 | 26,384 | 16.0 | 9.5 |" in markdown
    assert "| season | 4 / 5 / 3 | 50.0 % | – | – | 4 / 13 / 4 | 30.8 % |" in markdown
    assert "| movie title | – | – | 1 / 7 / 0 | 0.0 % | 1 / 75 / 0 | 0.0 % |" in markdown
    assert "| RAW+ | 0 | 0 | – | – |" in markdown
    assert "| gender | – |" in markdown
    assert "| code.commit | abc123 |" in markdown
    assert r"| chat.stop | You:, |" in markdown


def test_values_by_table_and_row_of_the_paper() -> None:
    people = dialogue_statistics("PersonaChat", [["hi ."], ["hi .", "hello there ."]])
    facts = replace(
        FACTS, statistics=[*FACTS.statistics, people], copying=[*FACTS.copying, copying("generated", [DIALOGUE])]
    )
    found = table_values(facts)
    assert list(found["table1"]) == ["raw", "regex", "exact", "preserving", "duplication"]
    assert found["table1"]["preserving"] == {"survivors": 480, "survival_cumulative": pytest.approx(48.0)}
    assert found["table2"]["copy_paste"] == {"survivors": 150, "survival_cumulative": pytest.approx(75.0)}
    assert found["table3"]["personachat"] == {
        "dialogues": 2, "utterances": 3, "avg_turns": 1.5, "avg_utterance_length": pytest.approx(7 / 3),
    }  # fmt: skip
    assert found["table3"]["personachatgen"]["utterances"] == 4
    assert found["table4"] == {"season": {"personachat": 4, "personachatgen": 5, "jaccard": pytest.approx(50.0)}}
    assert found["table9"]["age"] == {"personachat": 0, "personachatgen": 0}, "no Jaccard similarity of nothing"
    copied = copying("generated", [DIALOGUE]).f1
    assert found["figure2"] == {"raw_plus": {"copied_f1": pytest.approx(100 * copied)}}
    assert "raw" in table_values(replace(facts, prompt="RAW, 1-shot"))["figure2"]
    other = Funnel.from_dict({"raw": 10, "all": 1})
    assert "table1" not in table_values(replace(facts, profile_funnel=other.rows())), "stages of its own"
    assert table_values(ReportFacts(backend="openai", model="some-model")) == {}


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    page = Page(write_report(ReportFacts(backend="openai", model="some-model"), tmp_path).read_text())
    assert page.pictures == 0
    assert "img" not in page.tags
    assert "h2" in page.tags  # provenance alone
    assert "Provenance" in page.text
    assert "Dialogues" not in page.text
    assert "Overlap" not in page.text
    card = write_card(ReportFacts(backend="openai", model="some-model"), tmp_path).read_text()
    assert "size_categories" not in card
    assert "| split |" not in card


def test_nothing_survived(tmp_path: Path) -> None:
    """A model too weak for the filters still gets a report."""
    nothing = Funnel.from_dict({"raw": 0, "regex": 0})
    lost = Funnel.from_dict({"raw": 9, "copy-paste": 0, "consistency": 0, "toxicity": 0})
    facts = ReportFacts(
        backend="transformers",
        model="tiny",
        profile_funnel=nothing.rows(),
        dialogue_funnel=lost.rows(),
        statistics=[dialogue_statistics("generated", [])],
        copying=[copying("RAW+", [])],
        overlap=[KeyOverlap("age", 0, 0, 0)],
        published=FACTS.published,
    )
    page = Page(write_report(facts, tmp_path).read_text())
    assert "There were no sentences to begin with." in page.text
    markdown = (tmp_path / "report.md").read_text()
    assert "| copy-paste | 0 | 0.0 % | 0.0 % | 2,663 | 73.1 % | 73.1 % |" in markdown
    assert "| generated | 0 | 0 | – | – |" in markdown
    assert "| paper: regex | – | – | – | 69,290 | 93.8 % | 93.8 % |" in markdown  # other stages than the paper's: below


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = Page(write_report(FACTS, tmp_path).read_text())
    assert page.pictures == 0
    assert "pip install 'persona-zoo[plots]'" in page.text
    assert not (tmp_path / "figures").exists()


def test_the_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    few = replace(FACTS, overlap=(), inventory_overlap=(), comparisons={}, profile_funnel=None)
    assert write_report(few, tmp_path / "1").read_bytes() == write_report(few, tmp_path / "2").read_bytes()


def test_the_card(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    _, front, body = card.split("---\n", 2)
    metadata = yaml.safe_load(front)
    assert metadata["size_categories"] == ["n<1K"]
    assert metadata["tags"][-1] == "back-end:grammar"
    assert metadata["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "train.jsonl"}]}
    ]
    assert "license" not in metadata
    assert "| valid | 9 |" in body
    assert "| dialogues.jsonl | dialogues that passed the filters, of all splits |" in body
    assert "| own.txt | what its maker says of it |" in body
    assert "| train.jsonl | the dialogues of the train split, " in body
    assert "a dialogue (prompt: RAW+, 1-shot, code layout, both personas)." in body
    alone = write_card(replace(FACTS, prompt=""), folder / "alone").read_text()
    assert "both sides of a dialogue.\n" in alone
    assert "own persona only" not in body + alone
    assert "says nothing of any language model" in body
    large = replace(FACTS, splits={"train": 9_000, "valid": 1_000}, title="a: 'b' # c")
    metadata = yaml.safe_load(write_card(large, folder / "large").read_text().split("---\n")[1])
    assert (metadata["size_categories"], metadata["pretty_name"]) == (["10K<n<100K"], "a: 'b' # c")


def fields(card: str, file: str) -> list[str]:
    """The names that a card gives to the fields of a file."""
    section = card.split(f"## Fields of {file}\n")[1].split("##")[0]
    return re.findall(r"^\| (\w+) \|", section, re.MULTILINE)[1:]


def test_the_card_names_the_fields_that_its_files_have(tmp_path: Path) -> None:
    scored = replace(DIALOGUE, source={"model": "grammar 1", "persona_sets": ["p1", "p2"]}, scores={"copy_f1": 0.5})
    export_dialogues(Splits({"train": [scored]}, "pair"), tmp_path)
    write_records(tmp_path / "dialogues.jsonl", [scored])
    card = write_card(replace(FACTS, split_files={"train": "export/train.jsonl"}), tmp_path).read_text()
    for file in ("export/train.jsonl", "dialogues.jsonl"):
        (record,) = map(json.loads, (tmp_path / file).read_text().splitlines())
        assert fields(card, file) == list(record)
    for path in re.findall(r"^\| (export/\S+) \|", card.replace("\\_", "_"), re.MULTILINE):
        for view in ("self", "both"):
            assert (tmp_path / path.replace("{self,both}", view)).is_file()


def test_tables_of_survival() -> None:
    alone = survival_grid(PROFILES.rows(), [], "left, beside the paper's Table 1", "sentences")
    assert alone.caption == "left"
    assert alone.rows[2] == ["exact", "590", "59.0 %", "62.8 %"]


def test_cells() -> None:
    assert [shown(v) for v in (None, "", {}, True, 0, 12345, 0.30000001, 1e-7, ["a", 2], {"x": 1})] == [
        *("–", "–", "–", "yes", "0", "12,345", "0.3", "1e-07", "a, 2", "x: 1")
    ]
    assert flattened({"a": {"b": 12345, "c": {}}, "d": False}) == [("a.b", "12345"), ("a.c", "–"), ("d", "no")]
    lines = markdown_table(Grid(["what", "share"], [["a|b", "–"], ["c\nd", "50.0 %"], ["", "-1"]]))
    assert lines == ["| what | share |", "|---|---:|", r"| a\|b | – |", "| c d | 50.0 % |", "|  | -1 |"]


def test_a_funnel_of_other_stages_has_no_bars_of_the_paper(tmp_path: Path) -> None:
    other = Funnel.from_dict({"raw": 9, "regex": 5})
    alone = ReportFacts(backend="openai", model="m", profile_funnel=other.rows())
    for name, facts in (("alone", alone), ("beside", replace(alone, published=FACTS.published))):
        write_report(facts, tmp_path / name)
    for file in ("survival_sentences.png", "survival_sentences.svg"):
        pictures = [(tmp_path / name / "figures" / file).read_bytes() for name in ("alone", "beside")]
        assert pictures[0] == pictures[1]
