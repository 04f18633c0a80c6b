"""Commands in processes of their own, as tests start them: `run_py` and `run_module` wait for exit code and texts.

Importing torch, lightning and transformers takes more processor time than most runs of tests, so these processes, and
the ones that they start, are forked from a server that has imported them (tests/fork_server.py, one for each process of
pytest). Where the process is itself what is tested (it is killed, or started by torchrun, submitit or a user), tests
start `command(...)` without it.
"""

import atexit
import multiprocessing
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.fork_server import ask

# For functions instead of programs: multiprocessing's own server, which imports what these functions need.
functions: Any = multiprocessing.get_context("forkserver")
functions.set_forkserver_preload(
    ["tests.adapters.victims", "torchmetrics", "zoo.metrics.suite", "zoo.scorers.lexical", "zoo.backbones"]
)
FORKS = hasattr(os, "pidfd_open")  # Linux; elsewhere each process imports for itself

Finished = subprocess.CompletedProcess[str]


def command(*arguments: str) -> list[str]:
    """The command line of run.py with these arguments."""
    return [sys.executable, str(ROOT / "run.py"), *arguments]


def environment(**variables: str) -> dict[str, str]:
    """Ours without traces of a process group, some variables more; one thread, as processes share two cores."""
    ours = {name: value for name, value in os.environ.items() if name not in ("LOCAL_RANK", "WORLD_SIZE")}
    return ours | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | variables


def run_py(*arguments: str, cwd: Path, **variables: str) -> Finished:
    """`python run.py *arguments` in `cwd`, with some variables of the environment."""
    return run_forked([str(ROOT / "run.py"), *arguments], cwd, environment(**variables))


def run_module(module: str, *arguments: str, cwd: Path = ROOT, variables: Mapping[str, str] | None = None) -> Finished:
    """`python -m module *arguments`; `variables` are the whole environment where they are given."""
    return run_forked(["-m", module, *arguments], cwd, environment() if variables is None else variables)


def run_forked(words: Sequence[str], cwd: Path, variables: Mapping[str, str], timeout: float = 500) -> Finished:
    """`python *words`, a program or `-m` and a module: its exit code, output and errors."""
    if not FORKS:
        return subprocess.run(
            [sys.executable, *words], cwd=cwd, env=dict(variables), capture_output=True, text=True, timeout=timeout
        )
    with (
        open(os.devnull) as nothing,
        tempfile.TemporaryFile("w+") as output,
        tempfile.TemporaryFile("w+") as errors,
    ):
        streams = [file.fileno() for file in (nothing, output, errors)]
        status = ask(str(server() / "socket"), words, str(cwd), variables, streams, timeout)
        texts = [(file.seek(0), file.read())[1] for file in (output, errors)]
    return subprocess.CompletedProcess(list(words), os.waitstatus_to_exitcode(status), *texts)


def forking_python() -> str:
    """A file that takes Python's place: programs and modules of this project are forked."""
    return str(server() / "python") if FORKS else sys.executable


@cache
def server() -> Path:
    """The folder of the server's socket, and of `python`, which asks it; it is started on first use."""
    folder = Path(tempfile.mkdtemp(prefix="zoo"))  # a socket's path has 107 characters at most
    program, python = str(ROOT / "tests" / "fork_server.py"), folder / "python"
    asking = [sys.executable, "-IS", program, "ask", str(folder / "socket")]
    python.write_text(f'#!/bin/sh\nexec {shlex.join(asking)} "$@"\n')
    python.chmod(0o755)
    serving = subprocess.Popen(
        [sys.executable, program, "serve", str(folder / "socket"), str(python)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment(),
    )

    def stop() -> None:
        serving.communicate()  # closes its standard input
        for file in (folder / "socket", python):
            file.unlink(missing_ok=True)
        folder.rmdir()

    atexit.register(stop)
    while not (folder / "socket").exists():
        if serving.poll() is not None:
            raise RuntimeError("the fork server did not start")
        time.sleep(0.05)
    return folder
