"""`python -m zoo.reproduce PAPER/TABLE...`: run what a table needs and is not there yet, then print it.

    python -m zoo.reproduce paa/table1                        the published recipes: days on a GPU
    python -m zoo.reproduce paa/table1 scale=small root=DATA  real dialogues, networks for two cores
    python -m zoo.reproduce all scale=smoke                   every row of every table for one step: does it run?
    python -m zoo.reproduce all/leaderboard scale=small root=DATA jobs=2
    python -m zoo.reproduce --list

Finished runs stay, those that were stopped go on, and a run that fails leaves a note in its cell. Settings:
scale=paper|small|smoke, root= folder of the corpora [data], out= where everything goes [outputs/reproduce], jobs=
processes at once [1], seeds=36,37 instead of the scale's own, rows=paa,gpt2_small of the table, against= a row that all
others are compared with in pairs. Every other KEY=VALUE is given to every run: trainer.devices=4.
"""

import argparse
import difflib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from zoo.errors import UserError
from zoo.evidence.output import wide_console
from zoo.evidence.published import PublishedTable, all_tables
from zoo.evidence.report.files import NAMES, write_reports
from zoo.evidence.report.rows import ReportRow
from zoo.evidence.report.tables import RESAMPLES, report_of
from zoo.evidence.report.terminal import show, summary
from zoo.evidence.reproduction.made import made_table, printed_by
from zoo.evidence.reproduction.plans import Planner
from zoo.evidence.reproduction.scales import read_scale
from zoo.evidence.reproduction.tasks import Outcome, Workshop, shown
from zoo.launch import readable_errors

OWN = {
    "scale": "paper",
    "root": "data",
    "out": "outputs/reproduce",
    "jobs": "1",
    "seeds": "",
    "rows": "",
    "against": "",
}
OF_ONE_RUN = ("experiment", "run_dir", "hydra.run.dir", "ckpt_path", "init_from", "source.directory", "source.saved")
MOST_SHOWN = 4  # tables; of more, the terminal has a line each


def chosen_tables(asked: Sequence[str]) -> list[PublishedTable]:
    """`PAPER/TABLE`, `PAPER` for all of its tables, `all` for those of all papers.

    Raises:
        UserError: there is no such table; names those that are spelt alike.
    """
    tables = all_tables()
    found: dict[str, PublishedTable] = {}
    for name in asked:
        own = {key: t for key, t in tables.items() if name == key or (t.paper != "all" and name in (t.paper, "all"))}
        if not own:
            papers = sorted({table.paper for table in tables.values()})
            near = difflib.get_close_matches(name, [*tables, *papers], 4, 0.5) or papers
            raise UserError(f"There is no table {name!r}. Did you mean {', '.join(near)}? --list names all.")
        found |= own
    return list(found.values())


def for_every_run(words: Sequence[str]) -> list[str]:
    """The settings that are not this program's own.

    Raises:
        UserError: one is this program's own but for a letter or two, or would make all runs the same one.
    """
    extra = [word for word in words if word.partition("=")[0] not in OWN]
    for word in extra:
        key = word.partition("=")[0].lstrip("+")
        if near := difflib.get_close_matches(key, OWN, 1, 0.75):
            raise UserError(f"{word} was given; did you mean {near[0]}=? Settings of every run are others.")
        if key in OF_ONE_RUN:
            raise UserError(f"{word} was given; expected a setting that all runs may share: each has its own of this.")
    return extra


def reproduce(
    tables: Sequence[PublishedTable], settings: Mapping[str, str], extra: Sequence[str], dry: bool
) -> dict[str, Outcome]:
    """Run what is missing, print every table, and write them all into OUT/SCALE/NAME.

    Returns:
        What became of every task.
    """
    console = wide_console()
    out, root = Path(settings["out"]).resolve(), Path(settings["root"]).resolve()
    repeats = (
        [f"seed={_number(seed, 'seeds', 0)}" for seed in settings["seeds"].split(",")] if settings["seeds"] else None
    )
    if repeats and (twice := [repeat for repeat in repeats if repeats.count(repeat) > 1]):
        raise UserError(f"seeds={settings['seeds']} has {twice[0]} twice; expected each seed once.")
    planner = Planner(out, root, extra, repeats)
    only = settings["rows"].split(",") if settings["rows"] else None
    scales = {table.paper: read_scale(table.paper, settings["scale"]) for table in tables}
    planned = {table.key: planner.table(table, scales[table.paper], only) for table in tables}
    labels = [ReportRow(row.published.name, variant=row.variant).label for rows in planned.values() for row in rows]
    if (against := settings["against"]) and against not in labels:
        raise UserError(f"against={against} was given; expected one of the rows {', '.join(labels)}.")
    if dry:
        for task in planner.tasks.values():
            console.print(shown(task), highlight=False, markup=False, soft_wrap=True)
        return {}
    began = time.monotonic()
    outcomes = Workshop(planner.tasks, _number(settings["jobs"], "jobs"), console).work(out / settings["scale"])
    console.print(f"{len(outcomes)} steps, {time.monotonic() - began:.0f} s", highlight=False)
    reports = []
    for table in tables:
        resamples = 100 if settings["scale"] == "smoke" else RESAMPLES
        try:
            wanted = made_table(table, planned[table.key], scales[table.paper], planner.tasks, outcomes)
            reports.append(report_of(wanted, resamples, against=against or None))
        except UserError as error:  # other tables are printed all the same
            outcomes[f"report of {table.key}"] = Outcome(str(error))
            console.print(f"{table.key}: no report: {error}", highlight=False, markup=False, soft_wrap=True)
            continue
        if len(tables) <= MOST_SHOWN:
            show(reports[-1], console)
            for name, text in printed_by(planned[table.key], planner.tasks, outcomes).items():
                console.print(f"\n{name}:\n{text}", highlight=False, markup=False, soft_wrap=True)
        else:
            console.print(summary(reports[-1]), highlight=False, markup=False)
    names = "+".join(table.key.replace("/", "-") for table in tables)
    folder = out / settings["scale"] / "tables" / (names if len(tables) <= MOST_SHOWN else f"{len(tables)}-tables")
    write_reports(folder, reports, ", ".join(table.key for table in tables))
    console.print(f"{folder / NAMES[0]}, {', '.join(NAMES[1:])}", highlight=False, markup=False, soft_wrap=True)
    return outcomes


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.reproduce", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", metavar="PAPER/TABLE or KEY=VALUE")
    parser.add_argument("--list", action="store_true", help="the tables with their numbers of rows, and stop")
    parser.add_argument("--dry-run", action="store_true", help="the commands, and stop")
    options = parser.parse_intermixed_args()  # --dry-run may stand anywhere
    with readable_errors():
        if options.list:
            for table in all_tables().values():
                print(f"{table.key:24} {len(table.rows):3}  {table.title}")
            return
        given = dict(word.split("=", 1) for word in options.words if "=" in word)
        settings = {key: given.get(key, default) for key, default in OWN.items()}
        asked = [word for word in options.words if "=" not in word]
        if not asked:
            raise UserError("No table was named; expected PAPER/TABLE, as in paa/table1. --list names all.")
        extra = for_every_run([word for word in options.words if "=" in word])
        outcomes = reproduce(chosen_tables(asked), settings, extra, options.dry_run)
    sys.exit(1 if any(outcome.failure for outcome in outcomes.values()) else 0)


def _number(text: str, name: str, least: int = 1) -> int:
    if not text.isdecimal() or int(text) < least:
        raise UserError(f"{name}={text} was given; expected a whole number from {least}.")
    return int(text)


if __name__ == "__main__":
    main()
