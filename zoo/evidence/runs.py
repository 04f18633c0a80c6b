"""Reading what a run left behind, with errors that say which run lacks what."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from zoo.errors import UserError
from zoo.metrics.generations import Generation, generations_by_set
from zoo.run_record import read_configuration


def checked(run_dir: Path) -> Path:
    """The run directory, which has to be there.

    Raises:
        UserError: it is not.
    """
    if not run_dir.is_dir():
        raise UserError(f"There is no folder {run_dir}. Give the path that the run printed as its run directory.")
    return run_dir


def user_reports(run_dir: Path) -> list[dict[str, Any]]:
    """users.jsonl: one record a user, see `zoo.users.learner.PerUser.reports`.

    Raises:
        UserError: there is none, or a line of it is no JSON object.
    """
    path = checked(run_dir) / "users.jsonl"
    if not path.is_file():
        raise UserError(f"There is no {path}: this run trained no users one by one. Expected one with users=each.")
    records = [_parsed(path, line) for line in path.read_bytes().split(b"\n") if line.strip()]
    if not records:
        raise UserError(f"{path} holds no users. Train the run again: that writes it.")
    return records


def provenance(run_dir: Path) -> dict[str, Any]:
    """provenance.json: how the run came about, see `zoo.rundir.RunDirectory.write_provenance`.

    Raises:
        UserError: there is none, or it is no JSON object.
    """
    path = checked(run_dir) / "provenance.json"
    if not path.is_file():
        raise UserError(f"There is no {path}. Finish the run first: that writes it.")
    return _parsed(path, path.read_bytes())


def data_report(run_dir: Path) -> dict[str, Any]:
    """What the corpus counted: provenance.json, data.report; empty where it counted nothing.

    Raises:
        UserError: there is no provenance.json, or it is no JSON object.
    """
    data = provenance(run_dir).get("data")
    report = data.get("report") if isinstance(data, dict) else None
    return report if isinstance(report, dict) else {}


def gate_record(run_dir: Path) -> dict[str, Any]:
    """gates.json: what PAA's masks kept, see `zoo.gates.GateStatistics.record`.

    Raises:
        UserError: there is none, or it is no JSON object.
    """
    path = checked(run_dir) / "gates.json"
    if not path.is_file():
        raise UserError(
            f"There is no {path}: nobody counted what this run's masks keep. Test it again, with python run.py "
            f"hydra.run.dir={run_dir} ckpt_path=best run=[test] callbacks=gates; its model has to be PAA, with a "
            "fusion that has masks."
        )
    return _parsed(path, path.read_bytes())


def run_names(run_dirs: Sequence[Path], given: str | None) -> list[str]:
    """What the runs are called: as given, or their folders' names.

    Raises:
        UserError: the names are too few, too many, or not all different.
    """
    names = [path.resolve().name for path in run_dirs] if given is None else [name.strip() for name in given.split(",")]
    if len(names) != len(run_dirs) or len(set(names)) != len(names) or "" in names:
        raise UserError(
            f"{len(run_dirs)} runs are called {', '.join(map(repr, names))}; expected a different name for each. Give "
            "them by --names a,b,..."
        )
    return names


def generations(run_dir: Path) -> list[Generation]:
    """The rows of all test sets.

    Raises:
        UserError: there are none.
    """
    return [row for rows in generations_by_set(run_dir).values() for row in rows]


def replies(run_dir: Path) -> list[Generation]:
    """The rows of all test sets, each with its reply.

    Raises:
        UserError: there are none, or some were not decoded.
    """
    rows = generations(run_dir)
    if any(row.response is None for row in rows):
        raise UserError(f"The run {run_dir} decoded no replies. Score it again with run=[test] and a decoding.")
    return rows


def configuration(run_dir: Path) -> DictConfig:
    """config.yaml: how the run was trained.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    path = checked(run_dir) / "config.yaml"
    if not path.is_file():
        raise UserError(f"There is no {path}; expected the directory of a run.")
    return read_configuration(path)


def setting(run_dir: Path, name: str) -> float:
    """A number of config.yaml, say `learner.epochs`.

    Raises:
        UserError: there is no such file or setting, or it is no number.
    """
    config = configuration(run_dir)
    try:
        value = OmegaConf.select(config, name)
    except OmegaConfBaseException as error:
        raise UserError(f"{run_dir / 'config.yaml'} cannot be read: {error}") from error
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(
            f"{name} is {value!r} in {run_dir / 'config.yaml'}; expected the name of a setting that is a number there."
        )
    return float(value)


def _parsed(path: Path, text: bytes) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}). Run again to have it written anew.") from None
    if not isinstance(record, dict):
        raise UserError(f"{path} holds {str(record)[:40]!r}; expected an object. Run again to have it written anew.")
    return record
