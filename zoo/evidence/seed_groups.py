"""Runs that differ in nothing but their seed: reading them, finding out which they are, and what to call them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from zoo.errors import UserError
from zoo.evidence.curves import read_lines
from zoo.evidence.runs import checked, configuration
from zoo.metrics.protocols import run_config
from zoo.metrics.results import Results, read_results

# settings that say where something lies, what is printed or which verbs ran when; at the root of a configuration
PLACES = {"run_dir", "logger", "show_replies", "ckpt_path", "run", "hydra"}
ANY_PLACES = {"cache_dir"}  # anywhere in it
DEFAULTS = "the defaults"
SCORING = "evaluation."  # before the settings that a run was scored by
NOWHERE = ("nothing", "nothing")


@dataclass(frozen=True)
class SeedRun:
    """A finished run.

    Attributes:
        seed: that it was trained with.
        stored: its metrics.json.
        trained_by, scored_by: config.yaml, and evaluation.yaml where it was scored again.
        overrides: what was typed, value by key, without seed and places.
    """

    run_dir: Path
    seed: int
    stored: Results
    trained_by: dict[str, Any]
    scored_by: dict[str, Any]
    overrides: dict[str, str]


def read_groups(given: Sequence[str], finished: bool = True) -> dict[str, list[SeedRun]]:
    """NAME=RUN_DIR,RUN_DIR,... and folders of runs as runs by the name of their group.

    Folders without a name are grouped by their settings and called by what they were typed with.

    Args:
        given: from the command line.
        finished: whether results have to be there.

    Raises:
        UserError: a run without a name or results, given twice, or of a seed that its group has already.
    """
    lines = [text for text in given if "=" in text and not Path(text).is_dir()]
    groups = {name: [read_run(path, finished) for path in paths] for name, paths in read_lines(lines).items()}
    found = named(grouped([read_run(Path(text), finished) for text in given if text not in lines]))
    for name, runs in found.items():
        groups[f"{name} (found)" if name in groups else name] = runs
    place: dict[Path, str] = {}
    for name, runs in groups.items():
        of_seed: dict[int, SeedRun] = {}
        for run in runs:
            if (path := run.run_dir.resolve()) in place:
                raise UserError(f"The run {run.run_dir} was given twice; expected each run once.")
            place[path] = name
            other = of_seed.setdefault(run.seed, run)
            if other is not run:
                raise UserError(
                    f"{other.run_dir} and {run.run_dir} both have seed {run.seed} and are both of the group {name!r}; "
                    "expected each seed once. Leave one of them out, or name groups: NAME=RUN_DIR,RUN_DIR,..."
                )
    return groups


def read_run(run_dir: Path, finished: bool = True) -> SeedRun:
    """What a run directory holds, but for its texts; without results where it need not be `finished` and is not.

    Raises:
        UserError: there is no such folder, no metrics.json or no config.yaml, or they are not what a run writes.
    """
    path = checked(run_dir) / "metrics.json"
    stored = read_results(path) if finished or path.is_file() else Results({}, {}, 0, None)
    trained_by: Any = OmegaConf.to_container(configuration(run_dir))
    seed = trained_by.get("seed")
    if not isinstance(seed, int):
        raise UserError(f"{run_dir / 'config.yaml'} has the seed {seed!r}; expected a whole number, as a run writes.")
    scored_by = run_config(run_dir) if (run_dir / "evaluation.yaml").exists() else trained_by
    return SeedRun(run_dir, seed, stored, trained_by, scored_by, _overrides(run_dir))


def grouped(runs: Sequence[SeedRun]) -> list[list[SeedRun]]:
    """Runs of the same settings together, in the order given."""
    groups: list[list[SeedRun]] = []
    for run in runs:
        for group in groups:
            if not differing(group[0], run):
                group.append(run)
                break
        else:
            groups.append([run])
    return groups


def named(groups: Sequence[Sequence[SeedRun]]) -> dict[str, list[SeedRun]]:
    """Groups by what they were typed with and others were not; a single one by its experiment, model and data.

    Of a setting that only others typed, the value in config.yaml is told.
    """
    typed = [dict(set.intersection(*(set(run.overrides.items()) for run in group))) for group in groups]
    everywhere = set.intersection(*(set(own.items()) for own in typed)) if typed else set()
    if len(typed) == 1:
        everywhere = {(key, value) for key, value in everywhere if key not in ("experiment", "model", "data")}
    keys = {key for own in typed for key, value in own.items() if (key, value) not in everywhere}
    order = {key: None for group in groups for key in group[0].overrides if key in keys}  # as typed
    names: dict[str, list[SeedRun]] = {}
    for own, group in zip(typed, groups, strict=True):
        configured = dict(leaves(group[0].trained_by))
        told = {key: own.get(key, configured.get(key)) for key in order if key in own or key in configured}
        name = " ".join(key if key.startswith("~") else f"{key}={value}" for key, value in told.items()) or DEFAULTS
        if name in names:  # what tells them apart was not typed: a default that changed, another way of scoring
            key, (_, value) = next(iter(differing(names[name][0], group[0]).items()))
            name += f" {key}={value}"
        while name in names:
            name += " (another)"
        names[name] = list(group)
    return names


def differing(one: SeedRun, other: SeedRun) -> dict[str, tuple[Any, Any]]:
    """Settings in which two runs differ, with both values; not seeds, what follows from them, and places."""
    first, second = _comparable(one), _comparable(other)
    found: dict[str, tuple[Any, Any]] = {}
    for key in dict.fromkeys([*first, *second]):
        values, others = first.get(key, NOWHERE), second.get(key, NOWHERE)
        if all(a != b for a, b in zip(values, others, strict=True)):
            found.setdefault(key.removeprefix(SCORING), (values[0], others[0]))
    return found


def _comparable(run: SeedRun) -> dict[str, tuple[Any, Any]]:
    """Every setting as it is, and with marks for the run's seed and directory."""
    found: dict[str, tuple[Any, Any]] = {}
    for prefix, config in (("", run.trained_by), (SCORING, run.scored_by)):
        for key, value in leaves(config):
            parts = key.split(".")
            if parts[0] not in PLACES and parts[-1] not in ANY_PLACES:
                found[prefix + key] = (value, _marked(parts[-1], value, config))
    return found


def _marked(key: str, value: Any, config: Mapping[str, Any]) -> Any:
    seed, run_dir = config.get("seed"), config.get("run_dir")
    if isinstance(value, str):
        inside = value.replace(run_dir, "<run_dir>") if run_dir else value
        return re.sub(rf"(?<!\d){seed}(?!\d)", "<seed>", inside)
    return "<seed>" if key.endswith("seed") and value == seed else value


def leaves(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """("optimizer.lr", 0.001) and so on; an empty list or mapping is a value too."""
    if not isinstance(config, dict | list) or not config:
        yield prefix[:-1], config
        return
    for key, value in config.items() if isinstance(config, dict) else enumerate(config):
        yield from leaves(value, f"{prefix}{key}.")


def _overrides(run_dir: Path) -> dict[str, str]:
    path = run_dir / "overrides.txt"
    lines = path.read_text().splitlines() if path.is_file() else []
    typed = (line.strip().lstrip("+").partition("=") for line in lines if line.strip())
    return {key: value for key, _, value in typed if key.lstrip("~").split(".")[0] not in PLACES | {"seed"}}
