"""One training and one test step of every row that can be run, by scale=smoke: it trains, answers and is scored."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.conftest import ROOT
from zoo.evidence.published import all_tables
from zoo.evidence.reproduction.plans import Planner, Task
from zoo.evidence.reproduction.scales import read_scale
from zoo.evidence.reproduction.tasks import Workshop
from zoo.run_record import finished_run

pytestmark = pytest.mark.slow
TABLES = (
    *("paa/table1", "personapkt/table2", "prompt_tuning/table1", "user_lora/table5", "personachatgen/table7"),
    "all/leaderboard",
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `python -m zoo.reproduce` makes of a table of each paper, and the leaderboard."""
    folder = tmp_path_factory.mktemp("reproduce")
    command = [
        sys.executable,
        "-m",
        "zoo.reproduce",
        *TABLES,
        "scale=smoke",
        f"out={folder}",
        f"root={folder}",
        "jobs=2",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1_500)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    return folder


def test_a_table_of_each_paper(out: Path) -> None:
    (written,) = (out / "smoke" / "tables").glob("*/report.json")
    reports = {report["key"]: report for report in json.loads(written.read_text())}
    assert tuple(reports) == TABLES
    for key, table in all_tables().items():
        if key in TABLES:
            rows = {row["name"] for row in reports[key]["rows"] if row["facts"]["runs"]}
            assert rows == {row.name for row in table.rows if row.experiment or row.command}, key
    page = (written.parent / "report.html").read_text()
    assert all(f"<h2>{key}: " in page for key in TABLES)


def test_every_other_experiment_of_a_table(out: Path, tmp_path: Path) -> None:
    """Rows that differ in a value alone (a share of the data, a number of epochs) are run once."""
    planner, chosen = Planner(out, out), dict[str, Task]()
    for table in all_tables().values():
        planner.table(table, read_scale(table.paper, "smoke"))
    kinds: dict[tuple[str, ...], str] = {}
    for name, task in planner.tasks.items():
        settings = tuple(word.partition("=")[0] for word in task.commands[0][2:])
        first = kinds.setdefault((*task.commands[0][:2], *settings), name)
        if task.is_run and first == name:
            for needed in (*_needs(planner, task), name):
                chosen.setdefault(needed, planner.tasks[needed])
    told = io.StringIO()
    outcomes = Workshop(chosen, 2, Console(file=told, width=200)).work(out / "smoke")
    assert not [f"{name}: {outcome.failure}" for name, outcome in outcomes.items() if outcome.failure]
    assert len([task for task in chosen.values() if task.is_run]) > 80
    for task in chosen.values():
        if task.is_run:
            assert finished_run(task.makes).results.n_examples > 0


def _needs(planner: Planner, task: Task) -> list[str]:
    return [name for other in task.after for name in (*_needs(planner, planner.tasks[other]), other)]
