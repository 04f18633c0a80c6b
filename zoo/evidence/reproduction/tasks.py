"""Doing tasks: what is finished stays, what was stopped goes on, several at once, and one that fails stops no other."""

import fcntl
import json
import os
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from rich.console import Console

from zoo.errors import UserError
from zoo.evidence.reproduction.plans import Command, Task
from zoo.evidence.reproduction.programs import Programs
from zoo.files import write_atomically
from zoo.provenance import UNFINISHED, read_record

NOT_COMPARED = re.compile(r"\+*(ckpt_path=|hydra[./])")  # how a run went on, where it lies, how it is launched


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: `failure` in words, "" if it is done; `seconds` of this time, 0 if it was done before."""

    failure: str = ""
    seconds: float = 0.0


@dataclass
class _Running:
    task: Task
    left: list[Command]
    process: BaseProcess
    began: float


class Workshop:
    """Works tasks off.

    Args:
        tasks: by name.
        jobs: processes at once.
        console: has a line for every task that ends.
    """

    def __init__(self, tasks: Mapping[str, Task], jobs: int, console: Console) -> None:
        self.tasks = tasks
        self.jobs = jobs
        self.console = console
        self.outcomes: dict[str, Outcome] = {}
        self._programs = Programs(threads=max(1, (os.cpu_count() or 1) // jobs))
        self._waiting: dict[str, Task] = {}
        self._running: dict[str, _Running] = {}

    def work(self, out: Path) -> dict[str, Outcome]:
        """Do all tasks; nobody else works in their folder `out` meanwhile.

        Raises:
            UserError: another process is at work there.
        """
        with _alone_in(out):
            finished = {name: task for name, task in self.tasks.items() if is_finished(task)}
            self.outcomes = {name: Outcome() for name, task in finished.items() if not self._changed(task)}
            self._waiting = {name: task for name, task in self.tasks.items() if name not in self.outcomes}
            if self.outcomes:
                self._tell(f"{len(self.outcomes)} of {len(self.tasks)} steps were finished before")
            try:
                while self._waiting or self._running:
                    self._begin_what_can()
                    if self._running:  # waiting for nothing takes for ever
                        wait([one.process.sentinel for one in self._running.values()])
                    for name in list(self._running):
                        self._look_at(name)
            finally:
                for one in self._running.values():
                    one.process.terminate()
        return self.outcomes

    def _begin_what_can(self) -> None:
        """Start tasks whose own needs are met; those whose needs failed fail, and so may others that need them."""
        while refused := self._begin_or_refuse():
            self._end(*refused)  # so what waits for it, above in the list too, can be refused

    def _begin_or_refuse(self) -> tuple[str, Outcome] | None:
        for name, task in list(self._waiting.items()):
            if not set(task.after) <= self.outcomes.keys():
                continue
            failed = [other for other in task.after if self.outcomes[other].failure]
            refusal = f"needs {failed[0]}, which failed" if failed else self._refusal(task)
            if refusal or len(self._running) < self.jobs:
                del self._waiting[name]
                if refusal:
                    return name, Outcome(refusal)
                _marker(task).unlink(missing_ok=True)  # of the time before
                write_atomically(_needs(task), [json.dumps(self._behind(task)).encode()])
                self._start(task, commands_of(task), time.monotonic())
        return None

    def _refusal(self, task: Task) -> str:
        """As `refusal_of`, and of a run that was begun from other things; what is no run is simply done again."""
        if not task.is_run or not (task.makes / "overrides.txt").is_file():
            return ""
        if changed := self._changed(task):
            return (
                f"{task.makes} has a run that was begun when {changed[0]} was made in another way; move it away, or "
                "choose another out="
            )
        return refusal_of(task)

    def _changed(self, task: Task) -> list[str]:
        """Tasks behind a task that have other commands now than when it was begun; none where that is not known."""
        path = _needs(task)
        then = json.loads(path.read_text()) if path.is_file() else {}
        return [name for name, commands in self._behind(task).items() if then.get(name, commands) != commands]

    def _behind(self, task: Task) -> dict[str, list[list[str]]]:
        """Commands by name of all tasks that a task needs, and these need.

        Left out are runs that only train the source stage that they share: run.py itself compares that with the task's.
        """
        found: dict[str, list[list[str]]] = {}
        for name in task.after:
            needed = self.tasks[name]
            if needed.is_run and not any(str(needed.makes) in word for words in task.commands for word in words):
                continue
            found |= {name: [list(command) for command in needed.commands]} | self._behind(needed)
        return found

    def _start(self, task: Task, commands: list[Command], began: float) -> None:
        process = self._programs.start(commands[0], task.log)
        self._running[task.name] = _Running(task, commands[1:], process, began)

    def _look_at(self, name: str) -> None:
        one = self._running[name]
        if one.process.exitcode is None:
            return
        del self._running[name]
        if one.process.exitcode == 0 and one.left:
            self._start(one.task, one.left, one.began)
            return
        failure = "" if one.process.exitcode == 0 else told_by(one.task.log, one.process.exitcode)
        if not failure:
            _mark(one.task)
        self._end(name, Outcome(failure, time.monotonic() - one.began))

    def _end(self, name: str, outcome: Outcome) -> None:
        self.outcomes[name] = outcome
        what = f"failed: {outcome.failure}" if outcome.failure else f"{outcome.seconds:.0f} s"
        self._tell(f"[{len(self.outcomes)}/{len(self.tasks)}] {name}: {what}")

    def _tell(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)


def is_finished(task: Task) -> bool:
    """Is there what the task makes, made by the same commands?"""
    if task.is_run:
        record = read_record(task.makes)
        ended = record is not None and not record.get(UNFINISHED)
        return ended and (task.makes / "metrics.json").is_file() and not refusal_of(task)
    marker = _marker(task)
    done = marker.is_file() and json.loads(marker.read_text()) == [list(command) for command in task.commands]
    return done and all(path.exists() for path in task.outputs)


def refusal_of(task: Task) -> str:
    """Why a run cannot be done where it should lie; "" where it can."""
    typed = task.makes / "overrides.txt"
    if not task.is_run or not typed.is_file():
        return ""
    differing = sorted(_settings(typed.read_text().splitlines()) ^ _settings(task.commands[0][1:]))
    if not differing:
        return ""
    return (
        f"{task.makes} has a run with other settings ({', '.join(differing[:4])}); move it away, or choose another out="
    )


def commands_of(task: Task) -> list[Command]:
    """A task's commands; a run that was stopped goes on from its last checkpoint."""
    stages = (task.makes, task.makes / "source")
    stopped = task.is_run and any((folder / "checkpoints" / "last.ckpt").is_file() for folder in stages)
    return [(*task.commands[0], "ckpt_path=last")] if stopped else list(task.commands)


def told_by(log: Path, exitcode: int | None) -> str:
    """What a program said at its end: its error's paragraph, else its last line."""
    lines = log.read_text(errors="replace").split("\n")
    begins = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    paragraph = lines[begins[-1] :] if begins and exitcode == 2 else [line for line in lines if line.strip()][-1:]
    until = paragraph.index("") if "" in paragraph else len(paragraph)
    said = " ".join(line.strip() for line in paragraph[:until]).removeprefix("error: ")
    return f"{said} (exit code {exitcode}, {log})"


def _settings(words: Sequence[str]) -> set[str]:
    """Overrides among words, but for those that do not tell runs apart."""
    return {word for word in words if "=" in word and not NOT_COMPARED.match(word)}


def _marker(task: Task) -> Path:
    return task.log.with_suffix(".done.json")


def _needs(task: Task) -> Path:
    return task.log.with_suffix(".needs.json")


def _mark(task: Task) -> None:
    if not task.is_run:
        write_atomically(_marker(task), [json.dumps([list(command) for command in task.commands]).encode()])


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system takes back when this process ends, however it does."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"Another process is at work in {out}. Wait for it, or choose another folder by out=."
            ) from None
        yield


def shown(task: Task) -> str:
    """A task's commands as they would be typed, a line each."""
    return "\n".join(shlex.join(("python", *command)) for command in task.commands)
