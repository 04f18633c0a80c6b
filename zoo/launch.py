"""What stands between the command line and `main`: readable errors, and child processes that run the right job.

Two things are repaired here. A user's mistake ends in one paragraph and exit code 2, whoever noticed it (we, Hydra,
Lightning). And a sweep over several devices gives each child process the one job it belongs to: Lightning 2.6 hands it
the whole sweep, which then runs twice, in two directories, or with half of its processes.
"""

import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

DDP_VARIABLES = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn a user's mistake into one paragraph on standard error and exit code 2; other exceptions pass."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing its own traceback and exiting
    try:
        yield
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        if os.environ.get("LOCAL_RANK", "0") == "0":  # one paragraph, not one a process
            print("\n" + textwrap.fill(f"error: {message}", 120, break_long_words=False), file=sys.stderr)
        sys.exit(2)


def user_message(error: BaseException) -> str | None:
    """The paragraph for a mistake that a user can mend, or None for a fault of the program.

    A mistake is a `UserError`, what Hydra and OmegaConf say of a configuration, a ValueError of a constructor that
    Hydra called, or Lightning's misconfiguration; the innermost of a chain says it best.
    """
    from hydra.errors import HydraException, InstantiationException
    from omegaconf.errors import OmegaConfBaseException

    from zoo.errors import UserError

    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    for link in chain:
        if isinstance(link, UserError):
            return str(link)
    if type(error).__name__ == "MisconfigurationException":
        return f"{error} (this is about the settings under `trainer`)"
    if isinstance(error, InstantiationException):
        if isinstance(error.__cause__, ValueError):
            return str(error.__cause__)
        if type(error.__cause__).__name__ == "MisconfigurationException":
            return f"{error.__cause__} (this is about the settings under `trainer`)"
        if isinstance(error.__cause__, ModuleNotFoundError):
            return f"{error.__cause__}. Install the package that this choice needs; pyproject.toml lists the extras."
        if isinstance(error.__cause__, TypeError) and "unexpected keyword" in str(error.__cause__):
            return " ".join(str(error).split())
        return None
    if isinstance(error, HydraException | OmegaConfBaseException):
        return " ".join(str(link) for link in dict.fromkeys(str(e).strip() for e in chain[:2])).replace("\n", " ")
    return None


def child_command(local_rank: int) -> tuple[Sequence[str], str]:
    """The command line of process `local_rank` of the current job: this one job, in this run directory."""
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    command = [sys.executable, os.path.abspath(sys.argv[0]), "--config-name", str(hydra.job.config_name)]
    for flag in ("--config-dir", "--config-path", "-cd", "-cp"):
        for position, argument in enumerate(sys.argv):
            if argument == flag:
                command += [flag, os.path.abspath(sys.argv[position + 1])]
            elif argument.startswith(flag + "="):
                command += [flag, os.path.abspath(argument.split("=", 1)[1])]
    command += [
        *hydra.overrides.task,
        f'hydra.run.dir="{hydra.runtime.output_dir}"',
        "hydra.mode=RUN",
        "hydra.output_subdir=null",
        f"hydra.job.name=process_{local_rank}",
    ]
    return command, str(hydra.runtime.cwd)


def repair_child_processes() -> None:
    """Make Lightning start children with `child_command`."""
    import lightning.pytorch.strategies.launchers.subprocess_script as launcher

    launcher._hydra_subprocess_cmd = child_command


def forget_processes() -> None:
    """Leave the process group and its environment, so that the next job of a sweep starts its own processes."""
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
    if started_children():
        for variable in DDP_VARIABLES:
            os.environ.pop(variable, None)


def started_children() -> bool:
    """Are the DDP variables of our own making? Under srun, torchrun or in a child they came with the process."""
    return _VARIABLES_AT_START.isdisjoint(DDP_VARIABLES)


_VARIABLES_AT_START = frozenset(os.environ)
