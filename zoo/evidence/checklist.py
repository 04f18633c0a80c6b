"""A reproducibility checklist filled from finished runs, with what they do not say: `checklist RUN_DIR...`.

Questions: the *CL reproducibility checklist (2021.naacl.org/calls/reproducibility-checklist). Runs that differ in
nothing but their seed are one method; several methods are what hyper-parameters were chosen among, or what is compared.
What a run says nothing of is written as "not recorded": that is for the authors to fill in.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.data.corpus_facts import NOT_RECORDED
from zoo.evidence.checklist_answers import Answers, code, data, experiments, method, metrics, settings
from zoo.evidence.seed_groups import grouped, named, read_run
from zoo.files import write_atomically
from zoo.run_record import FinishedRun, finished_run

OUT = "the current folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    parser.add_argument("run_dirs", nargs="+", type=Path, metavar="RUN_DIR", help="finished runs of one piece of work")


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the checklist; write checklist.md."""
    found = {run_dir: finished_run(run_dir) for run_dir in dict.fromkeys(options.run_dirs)}
    groups = {
        name: [found[run.run_dir] for run in runs]
        for name, runs in named(grouped([read_run(run_dir) for run_dir in found])).items()
    }
    answers = checklist(groups)
    for section, lines in answers.items():
        console.print(_table(section, lines))
    missing = [f"{s}: {question}" for s, lines in answers.items() for question, told in lines if NOT_RECORDED in told]
    if missing:
        console.print(f"not recorded, for the authors to fill in: {'; '.join(missing)}", highlight=False, markup=False)
    out = options.out or Path()
    write_atomically(out / "checklist.md", [markdown(answers).encode()])
    console.print(str(out / "checklist.md"), highlight=False, markup=False, soft_wrap=True)


def checklist(groups: Mapping[str, Sequence[FinishedRun]]) -> dict[str, Answers]:
    """Answers by section.

    Args:
        groups: by their names, runs of one method that differ in their seed alone.
    """
    every = [run for runs in groups.values() for run in runs]
    sections = {"Runs": experiments(groups)}
    for name, runs in groups.items():
        title = name if len(groups) > 1 else ""
        sections[_of("Method and parameters", title)] = method(runs)
        sections[_of("Results", title)] = metrics(runs)
    sections["Hyper-parameters"] = settings(groups)
    sections["Data"] = data(every)
    sections["Code and determinism"] = code(every)
    return sections


def markdown(answers: Mapping[str, Answers]) -> str:
    """checklist.md: a box is ticked where the runs answer."""
    lines = ["# Reproducibility checklist", ""]
    lines += ["Filled from run directories by `python -m zoo.evidence checklist`. An empty box is for the authors.", ""]
    for section, told in answers.items():
        lines += [f"## {section}", ""]
        for question, answer in told:
            first, *more = answer.splitlines() or [""]
            lines.append(f"- [{' ' if NOT_RECORDED in answer else 'x'}] **{question}:** {first}")
            lines += [f"    - {line}" for line in more]
        lines.append("")
    return "\n".join(lines)


def _of(section: str, title: str) -> str:
    return f"{section}: {title}" if title else section


def _table(section: str, lines: Answers) -> Table:
    table = Table(title=section, title_justify="left", show_header=False, show_lines=True)
    table.add_column(style="bold", ratio=1)
    table.add_column(ratio=3, overflow="fold")
    for question, told in lines:
        table.add_row(Text(question), Text(told, style="red" if NOT_RECORDED in told else ""))
    return table
