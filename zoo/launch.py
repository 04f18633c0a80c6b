"""What stands between the command line and `main`: readable errors, and child processes that run the right job.

Two things are repaired here. A user's mistake ends in one paragraph and exit code 2, whoever noticed it (we, Hydra,
Lightning). And a sweep over several devices gives each child process the one job it belongs to: Lightning 2.6 hands it
the whole sweep, which then runs twice, in two directories, or with half of its processes.
"""

import errno
import os
import re
import sys
import textwrap
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG, errno.EPERM}
SEEN_AT_START = "ZOO_CUDA_VISIBLE_DEVICES"
DDP_VARIABLES = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn a user's mistake into one paragraph on standard error and exit code 2; other exceptions pass."""
    from zoo.errors import UserError

    warnings.filterwarnings("ignore", r"\s*'hydra/launcher/")  # our files of submitit's names are held to its fields
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing its own traceback and exiting
    try:
        yield
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        if _is_submitit_job():  # who started it reads it from there; a cause would be lost on the way
            raise UserError(message) from None
        if IS_CHILD:
            time.sleep(3)  # a mistake that the first process met too has it stop this one meanwhile: told once
        print("\n" + textwrap.fill(f"error: {message}", 120, break_long_words=False), file=sys.stderr, flush=True)
        sys.exit(2)


def user_message(error: BaseException) -> str | None:
    """The paragraph for a mistake that a user can mend, or None for a fault of the program.

    Mistakes are `UserError`, what Hydra and OmegaConf say of a configuration, Lightning's misconfiguration, a missing
    optional package, and a disk that is full or closed to us.
    """
    from hydra.errors import HydraException, InstantiationException
    from omegaconf.errors import OmegaConfBaseException

    from zoo.errors import UserError

    chain = [error]
    while (
        inner := chain[-1].__cause__ or (None if chain[-1].__suppress_context__ else chain[-1].__context__)
    ) is not None:
        chain.append(inner)
    for link in chain:  # the outermost UserError knows most of what the user did
        if isinstance(link, UserError):
            return str(link)
    cause = chain[1] if isinstance(error, InstantiationException) and len(chain) > 1 else error
    if type(cause).__name__ == "MisconfigurationException":
        return f"{cause} (this is about the settings under `trainer`)"
    if type(cause).__module__.startswith("wandb.") and type(cause).__name__ in ("UsageError", "AuthenticationError"):
        return f"W&B says: {cause} Or log into a folder with logger=wandb_offline, or without W&B by logger=csv."
    if isinstance(error, InstantiationException) and str(error).endswith("full_key: trainer"):
        return (
            f"The Trainer refused its settings ({' '.join(str(cause).split()) or 'a value of the wrong kind'}); see "
            "trainer.* of this run."
        )
    if isinstance(cause, ValueError | RuntimeError) and re.match("You set `(devices|num_nodes|--ntasks)=", str(cause)):
        return (
            f"{' '.join(str(cause).split())} trainer.devices and trainer.num_nodes must be what torchrun or srun "
            "started: as many processes on each node, and as many nodes."
        )
    if isinstance(cause, ModuleNotFoundError):
        return f"{cause}. Install the package that this choice needs; pyproject.toml lists the extras."
    if isinstance(cause, TypeError) and cause is not error and "unexpected keyword" in str(cause):
        return " ".join(str(error).split())
    if isinstance(cause, OSError) and cause.errno in DISK_ERRORS:
        return (
            f"{cause.filename or 'A file'} could not be written ({cause.strerror}). Free space, or choose a folder "
            "that can be written: hydra.run.dir=, data.cache_dir=, or the environment variable ZOO_CACHE."
        )
    if isinstance(error, InstantiationException):
        return None
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _without_search_path(" ".join(" ".join(dict.fromkeys(str(link).strip() for link in chain[:2])).split()))
    return None


def _without_search_path(message: str) -> str:
    """What Hydra says of a choice that does not exist, without where it looked and the files that others include."""
    found = re.fullmatch(r"(.*Available options in '[^']*':)(.*?)(Config search path: .*)?", message)
    if found is None:
        return message
    return " ".join([found[1], *(option for option in found[2].split() if not option.startswith("_"))])


def resumed_arguments(typed: Sequence[str]) -> list[str]:
    """The command line of a run that goes on: what was typed the first time, then what is typed now.

    With `ckpt_path=last` or `best` and `hydra.run.dir=DIR`, DIR's overrides.txt is read; a setting that is typed again
    takes its new value.
    """
    given = dict(argument.split("=", 1) for argument in typed if "=" in argument)
    saved = Path(given.get("hydra.run.dir", "").strip("\"'")) / "overrides.txt"
    if given.get("ckpt_path") not in ("last", "best") or "hydra.run.dir" not in given or not saved.is_file():
        return list(typed)
    again = {_setting(argument) for argument in typed}
    return [line for line in saved.read_text().splitlines() if line and _setting(line) not in again] + list(typed)


def check_started(typed: Sequence[str], variables: Mapping[str, str] = os.environ) -> None:
    """Refuse what several processes that torchrun or srun started cannot agree on.

    Raises:
        UserError: no run directory was named, or a multirun is to be started several times.
    """
    from zoo.errors import UserError

    started = started_outside(variables)
    if started == 1 or any(argument.startswith("hydra/launcher=") for argument in typed):
        return
    if {"-m", "--multirun"} & set(typed):
        raise UserError(
            f"A multirun was started in {started} processes at once (torchrun, srun); expected one, which starts the "
            "others: hydra/launcher=submitit_slurm on SLURM, trainer.devices= on one machine."
        )
    if not any(argument.startswith("hydra.run.dir=") for argument in typed):
        raise UserError(
            f"The run was started in {started} processes (torchrun, srun), and each would make a run directory of its "
            "own; expected one name for all of them, in a folder that all nodes see: hydra.run.dir=DIR."
        )


def started_outside(variables: Mapping[str, str] = os.environ) -> int:
    """How many processes torchrun or srun started for this run; 1 where neither did. As Lightning finds out."""
    if "TORCHELASTIC_RUN_ID" in variables:
        return int(variables["WORLD_SIZE"])
    if variables.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return 1
    return int(variables.get("SLURM_NTASKS", 1))


def _setting(argument: str) -> str:
    return argument.split("=", 1)[0].lstrip("+~")


def child_command(local_rank: int) -> tuple[Sequence[str], str]:
    """The command line of process `local_rank` of the current job: this one job, in this run directory."""
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    command = [sys.executable, program(), "--config-name", str(hydra.job.config_name)]
    flags = {"main": "--config-path", "command-line": "--config-dir"}
    for source in hydra.runtime.config_sources:
        if source.provider in flags and source.schema == "file":
            command += [flags[source.provider], source.path]
    command += [override for override in hydra.overrides.hydra if override.lstrip("+").startswith("hydra.searchpath=")]
    command += [
        *(override for override in hydra.overrides.task if override.split("=")[0] not in _OF_STAGE),
        *(f"{setting}={value}" for setting, value in _OF_STAGE.items()),
        f'hydra.run.dir="{hydra.runtime.output_dir}"',
        "hydra.mode=RUN",
        "hydra.output_subdir=null",
        f"hydra.job.name=process_{local_rank}",
    ]
    return command, str(hydra.runtime.cwd)


def program() -> str:
    """The program that this process runs; a job that submitit started has that one's, which cannot be run again."""
    beside_us = Path(__file__).parents[1] / "run.py"
    return str(beside_us) if _is_submitit_job() else os.path.abspath(sys.argv[0])


def _is_submitit_job() -> bool:
    specification = getattr(sys.modules["__main__"], "__spec__", None)
    return specification is not None and specification.name.startswith("submitit.")


def see_gpus() -> None:
    """In a job of submitit on this machine: see the GPUs that were seen where the multirun was started.

    submitit hides all that a job did not ask for, and lets every job that asks have the same first ones.
    """
    if not _is_submitit_job():
        if "CUDA_VISIBLE_DEVICES" in os.environ:
            os.environ[SEEN_AT_START] = os.environ["CUDA_VISIBLE_DEVICES"]
    elif os.environ.get("SUBMITIT_EXECUTOR") == "local" and os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        del os.environ["CUDA_VISIBLE_DEVICES"]
        if SEEN_AT_START in os.environ:
            os.environ["CUDA_VISIBLE_DEVICES"] = os.environ[SEEN_AT_START]


@contextmanager
def children_with(**settings: str) -> Iterator[None]:
    """Within it, child processes get other settings than those typed: they run this stage only."""
    _OF_STAGE.update(settings)
    try:
        yield
    finally:
        _OF_STAGE.clear()


def repair_child_processes() -> None:
    """Make Lightning start children with `child_command`."""
    import lightning.pytorch.strategies.launchers.subprocess_script as launcher

    launcher._hydra_subprocess_cmd = child_command


def forget_processes() -> None:
    """Leave the process group and its environment, so that the next job of a sweep starts its own processes.

    Processes that torchrun or srun started stay a group, which the next stage finds: a second one would meet what the
    first one left in their common store, and hang.
    """
    import torch.distributed as dist

    if started_outside() > 1:
        return
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
    if started_children():
        for variable in DDP_VARIABLES:
            os.environ.pop(variable, None)


def started_children() -> bool:
    """Are the DDP variables of our own making? Under srun, torchrun or in a child they came with the process."""
    return _VARIABLES_AT_START.isdisjoint(DDP_VARIABLES)


_OF_STAGE: dict[str, str] = {}
_VARIABLES_AT_START = frozenset(os.environ)
IS_CHILD = any(os.environ.get(variable, "0") != "0" for variable in ("LOCAL_RANK", "RANK", "SLURM_PROCID"))
