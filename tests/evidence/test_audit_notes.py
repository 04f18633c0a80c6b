"""The sentences on the papers' numbers: each is about something that is there, and what needs one has one."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.evidence.test_published import metrics_of
from zoo.errors import UserError
from zoo.evidence import published
from zoo.evidence.audit_notes import audit_notes
from zoo.evidence.published import all_tables, papers, published_tables
from zoo.metrics.suite import USER_MEAN

PAPERS = papers()


@pytest.mark.parametrize("paper", PAPERS)
def test_sentences_are_about_what_is_there(paper: str) -> None:
    notes, tables = audit_notes(paper), published_tables(paper)
    for note in notes.metrics:
        assert all(note.authors in tables[table].metrics for table in note.tables), note
    for row in notes.rows:
        assert any(row.of(row.table, printed.name) for printed in tables[row.table].rows), row
    for finding in notes.findings:
        assert set(finding.tables) <= tables.keys(), finding
    for control in notes.controls:
        assert (ROOT / "conf" / "experiment" / f"{control.experiment}.yaml").is_file(), control
        assert control.table in tables, control
    everything = [*notes.metrics, *notes.rows, *notes.findings, *notes.controls]
    for entry in everything:
        assert entry.why.endswith("."), entry
        assert len(entry.why) < 420, entry
        assert entry.source, entry
    said = [(entry.why, getattr(entry, "tables", None)) for entry in notes.findings]
    assert len(set(said)) == len(said)


def test_sound_metrics_are_some_protocols() -> None:
    names = set().union(*(metrics_of(path.stem) for path in (ROOT / "conf" / "protocol").glob("*.yaml")))
    sound = {note.sound for paper in PAPERS for note in audit_notes(paper).metrics if note.sound}
    assert sound <= names | {name + USER_MEAN for name in names}


@pytest.mark.parametrize("paper", PAPERS)
def test_one_run_gives_both_values(paper: str) -> None:
    """The protocols of the paper's rows have the authors' metric and the sound one."""
    protocols = {
        "all": ("leaderboard",),
        "paa": ("paa_both",),
        "prompt_tuning": ("prompt_tuning", "japanese"),
        "user_lora": ("user_lora", "user_lora_ja"),
    }
    known = set().union(*(metrics_of(name) for name in protocols.get(paper, (paper,))))
    known |= {name + USER_MEAN for name in known}  # the Japanese rows of prompt_tuning have protocol.by_user=true
    pairs = [note for note in audit_notes(paper).metrics if note.sound]
    assert pairs
    for note in pairs:
        assert {note.authors, note.sound} <= known, note


@pytest.mark.parametrize("paper", PAPERS)
def test_what_needs_a_sentence_has_one(paper: str) -> None:
    """Rows that should be compared otherwise, or of which paper and release disagree; metrics of open tables."""
    notes = audit_notes(paper)
    for table in published_tables(paper).values():
        metrics, findings = notes.of_table(table.name)
        for row in table.rows:
            if row.sound:
                assert notes.of_row(table.name, row.name), (table.key, row.name)
            if row.disagree:
                assert notes.of_row(table.name, row.name) or findings, (table.key, row.name)
        if not all(row.closed for row in table.rows):
            assert {note.authors for note in metrics} == set(table.metrics), table.key


def test_every_experiment_is_a_tables_or_a_control() -> None:
    rows = [row for table in all_tables().values() for row in table.rows]
    used = {experiment for row in rows for experiment in (row.experiment, row.sound)}
    controls = {control.experiment for paper in PAPERS for control in audit_notes(paper).controls}
    conf = ROOT / "conf" / "experiment"
    files = {str(path.relative_to(conf).with_suffix("")) for path in conf.glob("*/[!_]*.yaml")}
    assert files - used == controls


def test_a_fine_metric_has_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "paper").mkdir()
    file = tmp_path / "paper" / "audit.toml"
    monkeypatch.setattr(published, "EXPERIMENTS", tmp_path)
    text = """
[[metric]]
authors = "f1_parlai"
fine = true
tables = ["table1"]
why = "Usual."
source = "Section 1"
[[row]]
table = "table1"
row = "part"
why = "Other."
source = "Section 2"
"""
    file.write_text(text)
    notes = audit_notes("paper")
    assert notes.metrics[0].sound is None
    assert notes.of_table("table1") == ([notes.metrics[0]], [])
    assert notes.of_table("table2") == ([], [])
    assert notes.of_row("table1", "part/ten") == notes.of_row("table1", "part") == list(notes.rows)
    assert notes.of_row("table1", "partial") == notes.of_row("table2", "part") == []
    for wrong in (
        text.replace("fine = true", ""),
        text.replace("fine = true", 'fine = true\nsound = "f1_lcs"'),
        text.replace("[[row]]", "[[rows]]"),
        text.replace("why", "because"),
        text.replace("[[row]]", "[["),
    ):
        file.write_text(wrong)
        with pytest.raises(UserError, match="not a file of audit notes"):
            audit_notes("paper")
    with pytest.raises(UserError, match="no audit notes on 'nobody'"):
        audit_notes("nobody")
