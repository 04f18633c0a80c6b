"""`finished_run(RUN_DIR)`: what a run recorded, if it is finished and its files are still those that it wrote.

Everything that compares, tabulates or hands on runs reads them here, so that an unfinished, foreign or edited directory
is refused in the same words everywhere.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from zoo.errors import UserError
from zoo.metrics.results import Results, read_results
from zoo.provenance import FILES, RECORD, UNFINISHED, edited_files, read_record

KINDS = ("model", "language_model")  # one of them stands in the config.yaml of a run; the second was only prompted


@dataclass(frozen=True)
class FinishedRun:
    """What a run recorded; all values plain.

    Attributes:
        config: config.yaml, how it was trained.
        scored_by: evaluation.yaml where it was scored again, else `config`.
        overrides: what was typed, a line each.
        results: metrics.json; empty for a run that was never tested, if that was allowed.
        provenance: provenance.json.
        source: its source stage, where it started from one that is still there.
        verified: hashes were recorded and all of them match; False for runs from before hashes.
    """

    run_dir: Path
    config: dict[str, Any]
    scored_by: dict[str, Any]
    overrides: list[str]
    results: Results
    provenance: dict[str, Any]
    source: "FinishedRun | None"
    verified: bool

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """The records of all sessions, oldest first. A session that was killed left none."""
        return [*self.provenance.get("earlier", []), self.provenance]

    @property
    def seed(self) -> int | None:
        """That it was trained with."""
        seed = self.config.get("seed")
        return seed if isinstance(seed, int) else None

    @property
    def protocol(self) -> str:
        """The name of the protocol that metrics.json was scored by."""
        protocol = self.scored_by.get("protocol") or "default"
        return str(protocol.get("name", "custom") if isinstance(protocol, Mapping) else protocol)

    @property
    def decoding(self) -> dict[str, Any]:
        """Settings of generation, as the newest test had them."""
        found = self.scored_by.get("decoding") or self.scored_by.get("reply") or {}
        return {key: value for key, value in found.items() if key != "_target_"}

    @property
    def metric_versions(self) -> dict[str, int | str]:
        """By the name of the metric alone."""
        return self.results.versions

    @property
    def splits(self) -> dict[str, dict[str, Any]]:
        """By split: corpus, fingerprint, counts, see `DialogueDataModule.provenance`; the newest session that read it.

        A prompted run has "test" alone.
        """
        found: dict[str, dict[str, Any]] = {}
        for session in self.sessions:
            data = session.get("data") or {}
            found |= data.get("splits", {})
            if "corpus" in data:  # a prompted run
                found["test"] = {key: data[key] for key in ("corpus", "examples_used") if key in data}
        return found

    @property
    def data_hashes(self) -> dict[str, str]:
        """sha256 of the corpus's files by name, and by split the fingerprint of the encoded examples."""
        found: dict[str, str] = {}
        for split, record in self.splits.items():
            found |= dict(_file_hashes(record.get("corpus")))
            if "fingerprint" in record:
                found[split] = record["fingerprint"]
        return found

    @property
    def parameters(self) -> int | None:
        """All parameters of the network, with one user's where every user has some; None for a prompted run."""
        sizes = self.provenance.get("parameters")
        if sizes is None:
            return None
        per_user = sizes.get("trainable_per_user")
        return int(sizes["all"]) if per_user is None else int(sizes["all"] - sizes["trainable"] + per_user)

    @property
    def trained_per_user(self) -> int | None:
        """Parameters that each user has of its own; None where all share theirs."""
        found = (self.provenance.get("parameters") or {}).get("trainable_per_user")
        return None if found is None else int(found)

    @property
    def users(self) -> int | None:
        """How many users have parameters of their own; None where all share theirs."""
        if self.trained_per_user is None:
            return None
        counted = self.provenance["parameters"].get("users")
        return counted if counted is not None else (self.provenance.get("data") or {}).get("users")

    @property
    def trained_parameters(self) -> int | None:
        """Trained in all: of every user together, and of the source stage where there was one; None: prompted."""
        sizes = self.provenance.get("parameters")
        if sizes is None:
            return None
        per_user = self.trained_per_user
        own = int(sizes["trainable"]) if per_user is None else per_user * (self.users or 0)
        return own + ((self.source.trained_parameters or 0) if self.source is not None else 0)

    @property
    def seconds(self) -> float:
        """Wall time of all sessions, the source stage's too; what a killed session took is not known."""
        own = sum(float(session.get("seconds", 0)) for session in self.sessions)
        return own + (self.source.seconds if self.source is not None else 0.0)

    @property
    def training_seconds(self) -> float | None:
        """Wall time of training with its validation, the source stage's too; None where it was not told apart."""
        fits = [session["seconds_of"]["fit"] for session in self.sessions if "fit" in session.get("seconds_of", {})]
        before = self.source.training_seconds if self.source is not None else 0.0
        return None if not fits or before is None else sum(fits) + before

    @property
    def peak_memory_bytes(self) -> int | None:
        """The largest of all sessions and the source stage: of the GPU where there was one, else of the process."""
        return self._peak("peak_memory_bytes")

    @property
    def peak_host_memory_bytes(self) -> int | None:
        """As above, of the process in the machine's memory."""
        return self._peak("peak_host_memory_bytes")

    @property
    def optimizer_steps(self) -> int | None:
        """Where training ended."""
        steps = [int(session["optimizer_steps"]) for session in self.sessions if "optimizer_steps" in session]
        return max(steps) if steps else None

    @property
    def global_batch_size(self) -> int | None:
        """Examples of a step over all devices, as it was trained."""
        sizes = [int(session["global_batch_size"]) for session in self.sessions if "global_batch_size" in session]
        return sizes[0] if sizes else None

    def _peak(self, key: str) -> int | None:
        found = [int(session[key]) for session in self.sessions if session.get(key)]
        if self.source is not None and (of_source := self.source._peak(key)):
            found.append(of_source)
        return max(found) if found else None


def finished_run(run_dir: str | Path, scored: bool = True) -> FinishedRun:
    """Read a run directory.

    Args:
        run_dir: that run.py or zoo.prompted filled.
        scored: it has to be tested too; else `results` may be empty.

    Raises:
        UserError: there is no such folder; it is no run's; the run is not finished; or files were edited since.
    """
    folder = Path(run_dir)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}. Give the path that the run printed as its run directory.")
    config = _configuration(folder)
    if config is None:
        raise UserError(
            f"{folder} is not a run directory: it has no config.yaml. Give the path that the run printed as its run "
            "directory."
        )
    if not any(kind in config for kind in KINDS) or "data" not in config:
        raise UserError(
            f"{folder} is not the directory of a run: its config.yaml has no model and data. Give the path that run.py "
            "printed as its run directory."
        )
    record = read_record(folder)
    _refuse_unfinished(folder, config, record, scored)
    assert record is not None
    edited = edited_files(folder)
    if edited:
        what = ", ".join(f"{name} {'is gone' if how == 'gone' else 'has another hash'}" for name, how in edited.items())
        raise UserError(
            f"{folder} was edited after the run wrote it: {what}, against {RECORD}. Expected the files as they were "
            f"written; bring them back, or {_again(folder, config, edited)}"
        )
    has_results = (folder / "metrics.json").is_file()
    hashed = record.get(FILES, {})
    return FinishedRun(
        run_dir=folder,
        config=config,
        scored_by=_configuration(folder, "evaluation.yaml") or config,
        overrides=_overrides(folder),
        results=read_results(folder / "metrics.json") if has_results else Results({}, {}, 0, config.get("seed")),
        provenance=record,
        source=_source(folder, config),
        verified="config.yaml" in hashed and (not has_results or "metrics.json" in hashed),
    )


def _refuse_unfinished(folder: Path, config: Mapping[str, Any], record: Mapping[str, Any] | None, scored: bool) -> None:
    going_on = _going_on(folder, config)
    if record is None:
        raise UserError(f"{folder} holds an unfinished run: there is no {RECORD}, which comes last. {going_on}")
    if record.get(UNFINISHED) == "training":
        raise UserError(f"{folder} holds an unfinished run: training went on and was stopped. {going_on}")
    testing = f"Test it: python run.py hydra.run.dir={folder} ckpt_path=best run=[test]"
    if record.get(UNFINISHED):
        raise UserError(
            f"{folder} was being scored again, which was stopped: metrics.json does not belong to evaluation.yaml. "
            f"{testing}"
        )
    verbs = [session.get("run") for session in (*record.get("earlier", []), record)]
    trains = "model" in config and "fit" in (config.get("run") or [])
    if trains and None not in verbs and not any("fit" in of_session for of_session in verbs):
        raise UserError(f"{folder} holds an unfinished run: it was tested, but its training was stopped. {going_on}")
    if scored and not (folder / "metrics.json").is_file():
        raise UserError(f"{folder} holds a run without results: there is no metrics.json. {testing}")


def _going_on(folder: Path, config: Mapping[str, Any]) -> str:
    if "model" not in config:
        return f"Go on with it: the same command as before, with hydra.run.dir={folder}"
    whole, stage = (folder, "") if not _is_source(folder) else (folder.parent, ", whose source stage it is")
    if not any(place.is_file() for place in (folder / "checkpoints/last.ckpt", whole / "checkpoints/last.ckpt")):
        return f"It has no checkpoint to go on from{stage}: run it again, with hydra.run.dir={whole}"
    return f"Go on with it{stage}: python run.py hydra.run.dir={whole} ckpt_path=last"


def _again(folder: Path, config: Mapping[str, Any], edited: Iterable[str]) -> str:
    if "model" not in config:
        return f"ask again with hydra.run.dir={folder}: answers are kept."
    if set(edited) == {"metrics.json"}:
        return f"compute them again from the replies: python -m zoo.metrics {folder} --write"
    if any(name in ("config.yaml", "overrides.txt", "users.jsonl") for name in edited):
        return "train again in another directory."
    return f"write results anew: python run.py hydra.run.dir={folder} ckpt_path=best run=[test]"


def _is_source(folder: Path) -> bool:
    return folder.name == "source" and (folder.parent / "config.yaml").is_file()


def _source(folder: Path, config: Mapping[str, Any]) -> FinishedRun | None:
    """The source stage: the run's own, else where the run says it was; None where that is no run (any more)."""
    chosen = config.get("source") or {}
    if "learner" not in chosen:
        return None
    for place in (folder / "source", Path(str(chosen.get("saved") or chosen.get("directory") or folder / "source"))):
        if (place / RECORD).is_file() and (place / "config.yaml").is_file():
            return finished_run(place, scored=False)
    return None


def read_configuration(path: Path) -> DictConfig:
    """A file as config.yaml is. A report asks for the same ones often, so each state of a file is parsed once.

    Raises:
        UserError: it cannot be read, or is no mapping.
    """
    state = path.stat()
    return copy.deepcopy(_parsed(path.absolute(), state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=1024)
def _parsed(path: Path, changed: int, size: int) -> DictConfig:
    try:
        config = OmegaConf.load(path)
    except (OmegaConfBaseException, YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, DictConfig):
        raise UserError(f"{path} holds a list, expected a mapping.")
    return config


def _configuration(folder: Path, name: str = "config.yaml") -> dict[str, Any] | None:
    path = folder / name
    if not path.is_file():
        return None
    plain: Any = OmegaConf.to_container(read_configuration(path))
    return {str(key): value for key, value in plain.items()}


def _overrides(folder: Path) -> list[str]:
    path = folder / "overrides.txt"
    return [line for line in path.read_text().splitlines() if line.strip()] if path.is_file() else []


def _file_hashes(described: Any) -> Iterator[tuple[str, str]]:
    """(name, sha256) of every file in a corpus's description, however it is nested."""
    if isinstance(described, Mapping):
        for key, value in described.items():
            if key == "files" and isinstance(value, Mapping):
                yield from ((str(name), str(hashed)) for name, hashed in value.items())
            else:
                yield from _file_hashes(value)
    elif isinstance(described, list | tuple):
        for value in described:
            yield from _file_hashes(value)
