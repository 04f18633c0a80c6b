"""A server that has imported what every run imports, and forks a process for each that asks; and the one who asks.

    python tests/fork_server.py serve SOCKET PYTHON     until standard input ends
    python tests/fork_server.py ask SOCKET WORDS...     as `python WORDS...`

A forked process has the asker's arguments, environment, folder and standard streams, imports the project's own modules
itself, and ends as the interpreter does. Its `sys.executable` is the file PYTHON (a script that asks), so processes
that it starts with that, as Lightning does, are forked too; modules of others are run as ever. Who asks
ends as the forked process ends; when the one who asks is gone, the forked process is killed.
"""

import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
LENGTH = struct.Struct("!i")


def ask(server: str, words: Sequence[str], cwd: str, variables: Mapping[str, str], streams: Sequence[int],
        timeout: float | None = None) -> int:  # fmt: skip
    """Have `python *words` run, with these open files as its standard streams; returns its status as `os.wait` does.

    Raises:
        TimeoutError: it did not end in so many seconds; it is killed.
    """
    message = json.dumps([list(words), cwd, dict(variables)]).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server)
        socket.send_fds(connection, [LENGTH.pack(len(message))], streams)
        connection.sendall(message)
        connection.settimeout(timeout)
        answer = connection.recv(LENGTH.size)
    if len(answer) < LENGTH.size:
        raise RuntimeError("the fork server was killed")
    status: int = LENGTH.unpack(answer)[0]
    return status


def serve(path: str) -> tuple[list[str], dict[str, str]]:
    """Fork processes until standard input ends; returns words and environment, in each forked process."""
    import_what_runs_import()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path + ".new")
        listening.listen(64)
        os.rename(path + ".new", path)  # it is there when it can be asked
        waiting: set[int] = set()
        while True:
            if 0 in select.select([0, listening], [], [])[0]:
                sys.exit()
            connection, _ = listening.accept()
            waiting = {process for process in waiting if os.waitpid(process, os.WNOHANG)[0] == 0}
            forked = os.fork()
            if forked == 0:
                listening.close()
                return run_and_tell(connection)
            waiting.add(forked)
            connection.close()


def import_what_runs_import() -> None:
    """All but the project itself: some of its modules look at the environment when they are imported."""
    sys.path[0] = str(ROOT)
    import zoo.running  # noqa: F401

    for name in [name for name in sys.modules if name.split(".")[0] == "zoo"]:
        del sys.modules[name]


def run_and_tell(connection: socket.socket) -> tuple[list[str], dict[str, str]]:
    """Fork once more: this one waits and tells how the other ended."""
    header, streams, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
    message = connection.makefile("rb").read(LENGTH.unpack(header)[0])
    process = os.fork()
    if process == 0:
        connection.close()
        words, cwd, variables = json.loads(message)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(cwd)
        return words, variables
    for stream in (0, 1, 2, *streams):
        os.close(stream)
    ended = os.pidfd_open(process)
    if ended not in select.select([ended, connection], [], [])[0]:  # the one who asked is gone
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    connection.sendall(LENGTH.pack(status))
    os._exit(0)


def become(words: list[str], variables: dict[str, str], python: str) -> None:
    """Run the program in this process, as if it had been started with these words."""
    os.environ.clear()
    os.environ.update(variables)
    sys.executable = python
    from lightning.fabric.utilities import rank_zero

    rank_zero.rank_zero_only.rank = rank_zero._get_rank() or 0  # type: ignore[attr-defined]  # read when imported
    if words[0] == "-m":
        sys.path[0] = os.getcwd()
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(words[0]).parent.absolute())
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


def end_as(status: int) -> None:
    """End this process as another one ended."""
    if os.WIFSIGNALED(status):
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    sys.exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    role, server, *rest = sys.argv[1:]
    if role == "serve":
        become(*serve(server), rest[0])
        sys.exit()
    words = rest[1:] if rest[0] == "-u" else rest  # torchrun has its workers unbuffered
    if not words[0].startswith("-") or (words[0] == "-m" and words[1].startswith("zoo.")):
        end_as(ask(server, words, os.getcwd(), os.environ, (0, 1, 2)))
    os.execv(sys.executable, [sys.executable, *rest])
