"""The papers' tables: read as they are written, and every number of them has something that makes it."""

import argparse
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from tests.conftest import ROOT
from zoo.errors import UserError
from zoo.evidence import published
from zoo.evidence.__main__ import REPORTS
from zoo.evidence.published import (
    PublishedRow,
    PublishedTable,
    PublishedValue,
    all_tables,
    published_tables,
    study_of,
)
from zoo.metrics.protocols import load_protocol
from zoo.metrics.suite import USER_MEAN

ROWS = [(table, row) for table in all_tables().values() for row in table.rows]
HYDRA = {"zoo.prompted": "conf/prompted", "zoo.synthesis": "conf/synthesis", "zoo.scorers": "conf/scorers/config"}


def metrics_of(protocol: object) -> set[str]:
    """Every name that a protocol's results can have."""
    suite = load_protocol(protocol)
    names = set(suite.versions())
    return names | {name + USER_MEAN for name in names} if suite.by_user else names


def shape(row: PublishedRow) -> tuple[str, ...]:
    """Its overrides, whatever value a plain setting has, and whether it ranks."""
    settings = [text if is_choice(text) else text.partition("=")[0] for text in row.overrides]
    return (*settings, "ranks" if "hits_1_of_20" in row.values else "")


def is_choice(override: str) -> bool:
    """Does an override choose a file, as data=convai2?"""
    return (ROOT / "conf" / override.partition("=")[0]).is_dir()


def one_of_each() -> list[tuple[PublishedTable, PublishedRow]]:
    """A row of each shape of each table with metrics."""
    rows = [(table, row) for table, row in ROWS if row.experiment and table.metrics]
    return list({(table.key, *shape(row)): (table, row) for table, row in rows}.values())


def check_row(table: PublishedTable, row: PublishedRow, composed: Callable[..., DictConfig]) -> None:
    """The row and its sound twin compose with what is typed for them; the row's own protocol gives its metrics."""
    for experiment in filter(None, (row.experiment, row.sound)):
        cfg = composed(f"experiment={experiment}", *row.overrides)
        for text in row.overrides:
            setting, _, value = text.partition("=")
            if not is_choice(text):
                assert str(OmegaConf.select(cfg, setting)) == value, (table.key, row.name, text)
        if row.command and "zoo.questions" in row.command:
            language = row.command.rpartition(" ")[2]
            assert cfg.template.language == language
            known = metrics_of("user_diversity" if language == "en" else f"user_diversity_{language}")
        else:
            known = metrics_of(OmegaConf.to_container(cfg.protocol))
        sets = {*cfg.data.get("test_parts", ()), *cfg.data.corpus.get("corpora", ()), "comb"}
        for name in row.values:
            test_set, _, metric = name.rpartition("/")
            assert metric in known, (table.key, row.name, metric)
            assert test_set in sets or not test_set, (table.key, row.name, test_set)


@pytest.mark.parametrize(("table", "row"), one_of_each(), ids=lambda part: getattr(part, "key", part.name))
def test_rows_compose_and_their_protocol_gives_their_metrics(
    table: PublishedTable, row: PublishedRow, composed: Callable[..., DictConfig]
) -> None:
    check_row(table, row, composed)


@pytest.mark.slow
def test_every_row_composes_and_its_protocol_gives_its_metrics(composed: Callable[..., DictConfig]) -> None:
    rows = {(row.experiment, *shape(row), *row.values): (table, row) for table, row in ROWS if row.experiment}
    assert len(rows) > 70
    checked_above = [row for _, row in one_of_each()]
    for table, row in rows.values():
        if not any(row is one for one in checked_above):
            check_row(table, row, composed)


def test_every_number_has_something_that_makes_it() -> None:
    """A configuration, a program, or it is closed; what is not public names its stand-in."""
    for table, row in ROWS:
        assert row.experiment or row.command or row.closed, (table.key, row.name)
        for experiment in filter(None, (row.experiment, row.sound)):
            assert (ROOT / "conf" / "experiment" / f"{experiment}.yaml").is_file(), experiment
        assert row.sound is None or row.experiment, (table.key, row.name)
    private = [row for table, row in ROWS if table.key in ("user_lora/table3", "user_lora/table4", "user_lora/table7")]
    assert all(row.stand_in for row in private)


def test_metrics_of_tables_are_some_protocols() -> None:
    names = set().union(*(metrics_of(path.stem) for path in (ROOT / "conf" / "protocol").glob("*.yaml")))
    known = names | {name + USER_MEAN for name in names}  # protocol.by_user=true
    for table in all_tables().values():
        assert set(table.metrics) <= known, table.key
        printed = {name.rpartition("/")[2] for row in table.rows for name in row.values}
        assert printed <= set(table.metrics), table.key
        # a metric of ours that is taken for something else that is printed
        others = {name.rpartition("/")[2] for row in table.rows for name in row.other}
        assert not others & known, table.key


def commands() -> Iterator[str]:
    yield from sorted({row.command for _, row in ROWS if row.command})


@pytest.mark.parametrize("command", commands())
def test_commands_parse(command: str) -> None:
    python, *rest = shlex.split(command)
    assert python == "python"
    if rest[0] != "-m":
        assert (ROOT / rest[0]).is_file()
        return
    module, arguments = rest[1], rest[2:]
    if module in HYDRA:
        config = ROOT / HYDRA[module]
        with initialize_config_dir(str(config.parent), version_base="1.3"):
            assert compose(config.name, [*arguments, "run_dir=unused"])
    elif module == "zoo.evidence":
        parser = argparse.ArgumentParser(exit_on_error=False)
        REPORTS[arguments[0]].add_arguments(parser)
        parser.add_argument("--out")  # of every report
        parser.parse_args(arguments[1:])
    else:
        assert (module, arguments[0], arguments[1]) == ("zoo.questions", "RUN_DIR", "--language")


def test_values_are_in_our_units() -> None:
    """Prompt tuning prints Distinct as fractions, ours are percent; a deviation is scaled alike."""
    row = published_tables("prompt_tuning")["table1"].rows[0]
    assert row.values["distinct_1_user_mean"].value == pytest.approx(19.9)
    rated = published_tables("prompt_tuning")["table2"].rows[0]
    assert (rated.name, rated.needs, rated.values) == ("persona_eval/ft_none_gpt2xl", "people", {})
    seeds = published_tables("paa")["table7"].rows[0]
    assert seeds.values["f1_teacher_forced_macro"] == PublishedValue(17.5367, 0.14)
    assert len(seeds.seeds) == 5


def test_parts_and_tables_hand_down_their_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
source = "s"
[about.table1]
title = "t"
metrics = ["ppl_token", "distinct_1"]
factor = {distinct_1 = 100}
overrides = ["a=1"]
needs = "people"
[table1.one]
ppl_token = {read_off = 3.5}
distinct_1 = {mean = 0.2, sd = 0.01}
"B/ppl_token" = 4
size = "2M"
needs = "more people"
[table1.part]
experiment = "paper/row"
overrides = ["b=2"]
[table1.part.ten]
overrides = ["c=3"]
[table1.part.twenty]
closed = true
"""
    (tmp_path / "paper").mkdir()
    file = tmp_path / "paper" / "published.toml"
    file.write_text(text)
    monkeypatch.setattr(published, "EXPERIMENTS", tmp_path)
    one, ten, twenty = published_tables("paper")["table1"].rows
    assert one.values["ppl_token"] == PublishedValue(3.5, read_off=True)
    assert one.values["distinct_1"] == PublishedValue(pytest.approx(20), pytest.approx(1))
    assert one.values["B/ppl_token"] == PublishedValue(4)
    assert (dict(one.other), one.needs, one.overrides, one.experiment) == (
        {"size": "2M"},
        "more people",
        ("a=1",),
        None,
    )
    assert (ten.name, ten.needs, ten.experiment) == ("part/ten", "people", "paper/row")
    assert ten.overrides == ("a=1", "b=2", "c=3")
    assert (twenty.overrides, twenty.closed, ten.closed) == (("a=1", "b=2"), True, False)
    with pytest.raises(UserError, match=r"no published numbers of 'nobody'. Expected one of paper"):
        published_tables("nobody")
    for wrong, said in (
        (text.replace('overrides = ["b=2"]', "ppl_token = 3"), "part has rows and, beside them, ppl_token"),
        (text.replace("title", "name"), "title"),
        (text + "[table2.row]\nsize = 1\n", "has table2 in one of its tables"),
        (text.replace("source", "["), "not a file of published numbers"),
    ):
        file.write_text(wrong)
        with pytest.raises(UserError, match=said):
            published_tables("paper")


def test_studies_are_read_once_and_what_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "EXPERIMENTS", tmp_path)
    for paper, text in (("good", "table: [good/table1]\n"), ("cut", "table: [cut/"), ("list", "- a\n"), ("empty", "")):
        (tmp_path / paper).mkdir()
        (tmp_path / paper / "study.yaml").write_text(text)
    assert study_of("good/table1") == "experiments/good/study.yaml"
    (tmp_path / "good" / "study.yaml").unlink()
    assert study_of("good/table1") == "experiments/good/study.yaml"
    assert study_of("good/table2") is study_of("nobody/table1") is None
    for paper, told in (("cut", "is not YAML"), ("list", "expected the settings of a study"), ("empty", "has None")):
        with pytest.raises(UserError, match=told):
            study_of(f"{paper}/table1")
