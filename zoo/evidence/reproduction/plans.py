"""The tasks behind a table: preparations, runs, and what follows each run, in the order in which they can be done."""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from zoo.errors import UserError
from zoo.evidence.published import PEOPLE, PublishedRow, PublishedTable
from zoo.evidence.reproduction.scales import Scale

AUTHORS, SOUND = "authors", "sound"
Command = tuple[str, ...]  # words behind "python"


@dataclass(frozen=True, slots=True)
class Task:
    """Something that is done by one process after another, once.

    Attributes:
        name: tells tasks apart, and is printed.
        commands: in order.
        log: the file of what they print.
        after: names of tasks that have to be finished before.
        makes: the folder with what comes out.
        outputs: what else than a run leaves behind; it is done again where something of it was deleted.
        is_run: by run.py: it shows by itself whether it is finished, and can go on after a kill.
    """

    name: str
    commands: tuple[Command, ...]
    log: Path
    after: tuple[str, ...]
    makes: Path
    outputs: tuple[Path, ...] = ()
    is_run: bool = False


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row of a table and its runs.

    Attributes:
        variant: "authors" or "sound" where a row is run in both ways, else "".
        results: folders with the results, one a repeat.
        tasks: names of the tasks that make them, as many.
        missing: why there are none; "" where there are.
    """

    published: PublishedRow
    variant: str = ""
    results: tuple[Path, ...] = ()
    tasks: tuple[str, ...] = ()
    missing: str = ""


@dataclass
class Planner:
    """Collects the tasks of tables; what several tables need is there once.

    Args:
        out: folder of everything that is made.
        data: folder of the corpora.
        extra: overrides for every run, as typed.
        repeats: "seed=36", instead of the scales' own; None leaves these.
    """

    out: Path
    data: Path
    extra: Sequence[str] = ()
    repeats: Sequence[str] | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    _own: dict[str, Command] = field(default_factory=dict)  # a row's program and overrides, by task
    _sources: dict[str, str] = field(default_factory=dict)  # which task trains a source stage that several share

    def table(self, table: PublishedTable, scale: Scale, only: Sequence[str] | None = None) -> list[PlannedRow]:
        """The rows of a table, `only` those of these names; their tasks are added.

        Raises:
            UserError: a name that no row has.
        """
        if unknown := [name for name in only or () if name not in {row.name for row in table.rows}]:
            known = ", ".join(row.name for row in table.rows)
            raise UserError(f"{table.key} has no row {unknown[0]!r}. Expected of {known}.")
        rows = [row for row in table.rows if not only or row.name in only]
        return [planned for row in rows for planned in self._row(row, scale)]

    def _row(self, row: PublishedRow, scale: Scale) -> list[PlannedRow]:
        if row.experiment is None and row.command is None:
            return [PlannedRow(row, missing="" if row.needs == PEOPLE else _why_closed(row))]
        seeds = [f"seed={seed}" for seed in row.seeds] if scale.name == "paper" else []
        repeats = self._repeats(scale) or seeds or scale.repeats
        ways = [(AUTHORS, row.experiment), (SOUND, row.sound)] if row.sound else [("", row.experiment)]
        planned = []
        for variant, experiment in ways:
            if experiment is None:
                tasks = [self._program(row, scale, repeat) for repeat in repeats]
            else:
                tasks = [self._run(experiment, row.overrides, scale, repeat) for repeat in repeats]
            results = [task.makes for task in tasks]
            if row.command is not None and experiment is not None:
                tasks = [self._behind(task, row.command) for task in tasks]
                results = [task.makes for task in tasks]
            planned.append(PlannedRow(row, variant, tuple(results), tuple(task.name for task in tasks)))
        return planned

    def _repeats(self, scale: Scale) -> list[str]:
        """The repeats that were asked for; where the scale's say more than a seed (a fold), those of it.

        Raises:
            UserError: a seed that none of these has.
        """
        if all(len(repeat.split()) == 1 for repeat in scale.repeats):
            return list(self.repeats or ())
        of_seed = {repeat.split()[-1]: repeat for repeat in scale.repeats}
        if unknown := [asked for asked in self.repeats or () if asked not in of_seed]:
            raise UserError(
                f"{unknown[0]} was asked for; {scale.paper} is run at scale={scale.name} with "
                f"{'; '.join(scale.repeats)}. Name seeds of these."
            )
        return [of_seed[asked] for asked in self.repeats or ()]

    def _run(self, experiment: str, own: Sequence[str], scale: Scale, repeat: str) -> Task:
        """An experiment's run."""
        program = ("run.py", f"experiment={experiment}")
        return self._task(experiment, program, own, scale, repeat, is_run=True)

    def _program(self, row: PublishedRow, scale: Scale, repeat: str) -> Task:
        """What a row's command does by itself, with a directory of its own."""
        words = shlex.split(row.command or "")[1:]
        program, own = (words[:2], words[2:]) if words[0] == "-m" else (words[:1], words[1:])
        plain = [word for word in own if "=" not in word]
        settings = [*(word for word in own if "=" in word), *row.overrides]
        label = f"{scale.paper}/{program[-1]}"
        return self._task(label, (*program, *plain), settings, scale, repeat, is_run=False)

    def _task(self, label: str, program: Command, own: Sequence[str], scale: Scale, repeat: str, is_run: bool) -> Task:
        folder = "-".join([label, *(_slug(word.partition("=")[2]) for word in own)])
        name = f"{folder} {repeat}"
        mine = (*program, *own)
        if (other := self._own.setdefault(name, mine)) != mine:
            raise UserError(
                f"Two rows of {scale.paper} would lie in {folder}: {shlex.join(other)}, and {shlex.join(mine)}. Give "
                "the overrides of one of them another value, or one more."
            )
        if name in self.tasks:
            return self.tasks[name]
        values = "-".join(word.partition("=")[2] for word in repeat.split())
        run_dir = self._root(scale) / folder / _slug(values)
        matching = [words for pattern, words in scale.rows if fnmatchcase(folder, pattern)]
        shared = scale.overrides if is_run else ""
        words = [*own, *(word for text in (shared, *matching) for word in shlex.split(text)), *repeat.split()]
        needed: list[str] = []
        filled = [self._filled(word, scale, repeat, needed) for word in words]
        typed = _last_of_each([*filled, *(self.extra if is_run else ())])
        for source in (word.lstrip("+") for word in typed if "source.directory=" in word):
            if (first := self._sources.setdefault(source, name)) != name:
                needed.append(first)
        for number, step in enumerate(scale.prepare):
            if fnmatchcase(folder, step.rows):
                needed.append(self._prepared(number, scale, repeat).name)
        command = (*program, *typed, f"hydra.run.dir={run_dir}")
        log = run_dir.with_name(f"{run_dir.name}.log")
        outputs = () if is_run or "zoo.evidence" in program else (run_dir,)  # which only prints
        self.tasks[name] = Task(name, (command,), log, tuple(dict.fromkeys(needed)), run_dir, outputs, is_run)
        return self.tasks[name]

    def _prepared(self, number: int, scale: Scale, repeat: str) -> Task:
        """A preparation, for each repeat if its commands name it, after those above it that its rows need too."""
        entry = scale.prepare[number]
        name = f"{scale.paper}: {entry.name}"
        if any("{repeat}" in command for command in entry.commands):
            name += f" {repeat}"
        commands = tuple(
            tuple(self._filled(word, scale, repeat, []) for word in shlex.split(command)[1:])
            for command in entry.commands
        )
        above = [n for n in range(number) if scale.prepare[n].rows in ("*", entry.rows)]
        after = tuple(self._prepared(n, scale, repeat).name for n in above)
        folder = self._root(scale) / scale.paper
        words = [word.partition("=")[2] or word for command in commands for word in command]
        outputs = tuple(Path(word) for word in words if f"{word}/".startswith(f"{folder}/"))  # read or written by it
        return self.tasks.setdefault(name, Task(name, commands, folder / f"{_slug(name)}.log", after, folder, outputs))

    def _behind(self, run: Task, command: str) -> Task:
        """A command on a finished run."""
        words = tuple(word.replace("RUN_DIR", str(run.makes)) for word in shlex.split(command)[1:])
        what = "-".join(word for word in words[1:3] if "/" not in word).removeprefix("zoo.")
        makes = run.makes / "questions" if "zoo.questions" in words else run.makes
        log = run.log.with_name(f"{run.makes.name}-{_slug(what)}.log")
        name = f"{run.name}, {what}"
        task = self.tasks.setdefault(name, Task(name, (words,), log, (run.name,), makes, (makes,)))
        if task.commands != (words,):
            raise UserError(
                f"Two rows would lie in {makes}: {shlex.join(task.commands[0])}, and {shlex.join(words)}. Expected one "
                "such command on a run."
            )
        return task

    def _filled(self, word: str, scale: Scale, repeat: str, needed: list[str]) -> str:
        """A word with its placeholders filled; runs that it names are planned, and their names added to `needed`."""

        def run_of(match: re.Match[str]) -> str:
            task = self._run(match[1], (), scale, repeat)
            needed.append(task.name)
            return str(task.makes)

        value = repeat.split()[0].partition("=")[2]
        filled = word.replace("{data}", str(self.data)).replace("{work}", str(self._root(scale) / scale.paper))
        return re.sub(r"\{run:([^}]+)\}", run_of, filled.replace("{repeat}", value))

    def _root(self, scale: Scale) -> Path:
        return self.out / scale.name


def _why_closed(row: PublishedRow) -> str:
    if row.closed:
        return "closed" + (f": {row.stand_in}" if row.stand_in else "")
    return row.stand_in or (f"needs {row.needs}" if row.needs else "nothing to run")


def _last_of_each(words: Iterable[str]) -> list[str]:
    """The last of the words that set the same key, as Hydra refuses some keys twice; "-KEY" takes one back."""
    last: dict[str, str] = {}
    for word in words:
        key = word.partition("=")[0].lstrip("+~-")
        last.pop(key, None)
        if not word.startswith("-"):
            last[key] = word
    return list(last.values())


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-")
