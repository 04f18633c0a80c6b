"""Python programs in processes of their own that have torch and lightning already: importing them takes seconds.

Processes are forked from one server that has imported them and done nothing else (`multiprocessing`'s forkserver; where
there is none, each imports for itself). What a program prints goes to its log.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


class Programs:
    """Starts programs of this project, `threads` threads each."""

    def __init__(self, threads: int) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # read when torch is imported
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
        if forks:
            self._context.set_forkserver_preload(["zoo.running", __name__])

    def start(self, command: Sequence[str], log: Path) -> BaseProcess:
        """Start `python *command`; its exit code is the process's."""
        log.parent.mkdir(parents=True, exist_ok=True)
        process: BaseProcess = self._context.Process(
            target=_run, args=(list(command), str(log)), name=" ".join(command)
        )
        process.start()
        return process


def _run(command: list[str], log: str) -> None:
    """In the new process: `python *command`, printing to the log's end."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    print(f"$ python {' '.join(command)}", flush=True)
    sys.path.insert(0, str(ROOT))
    try:
        if command[0] == "-m":
            sys.argv = command[1:]
            runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = [str(ROOT / command[0]), *command[1:]]
            runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _end_with_parent() -> None:
    """Where whoever started this process is gone, nobody waits for it: it stops as by Ctrl-C, its children with it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGINT)
