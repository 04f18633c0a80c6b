"""How a run's settings differ from those that its row's experiment composes to, at the size the paper has.

Settings that only say where something lies, what is printed or on how many devices are left out; whatever else differs
is told, under the test split, the backbone, or the training (decoding, templates and which weights were scored among
it).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from zoo.errors import UserError
from zoo.evidence.seed_groups import SeedRun, differing, leaves
from zoo.metrics.protocols import PROTOCOLS
from zoo.run_record import FinishedRun, read_configuration

PLACES = {"cache_dir", "root", "download", "num_workers", "saved", "directory", "dirpath", "candidates"}
TRAINING_DATA = {"batch_size", "train_percent", "subset_rule", "temperature", "order", "pad_left", "train_file"}
COPIES = {"datamodule", "corpus", "eval_batch_size"}  # of data: told elsewhere
TRAINER = {
    *("precision", "max_epochs", "max_steps", "min_epochs", "min_steps", "max_time", "limit_train_batches"),
    *("gradient_clip_val", "gradient_clip_algorithm", "fast_dev_run", "overfit_batches"),
    *("val_check_interval", "check_val_every_n_epoch", "limit_val_batches"),
}
SECTIONS = ("template", "learner", "users", "source", "optimizer", "scheduler", "decoding", "init_from", "transfer")
NET_COPIES = {"backbone", "tokenizer", "template"}
FIRST = (
    "run",
    "train_percent",
    "train_file",
    "max_epochs",
    "max_steps",
    "batch_size",
    "optimizer.lr",
)  # told before others
OF_REPEATS = {"fold", "profiles", "path", "start_from", "init_from"}  # may differ from seed to seed
ABSENT = "nothing"
NONE = (None, ABSENT)  # the same to every part of the program
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Conditions:
    """What of a run is not as its experiment has it; "" where nothing is."""

    split: str = ""
    stand_in: str = ""  # the data that stand for the experiment's
    backbone: str = ""
    training: str = ""
    details: tuple[str, ...] = ()  # every setting that differs


def conditions(run: SeedRun, record: FinishedRun, experiment: str, overrides: tuple[str, ...]) -> Conditions:
    """A run beside its experiment.

    Args:
        run: as read.
        record: what it recorded.
        experiment: below conf/experiment.
        overrides: what else is typed for the row.

    Raises:
        UserError: there is no such experiment.
    """
    expected = composed(experiment, overrides, run.seed, str(run.trained_by.get("run_dir")))
    own = run.trained_by | {key: run.scored_by[key] for key in ("decoding", "data") if key in run.scored_by}
    split = _differing(_split(own), _split(expected))
    backbone = _differing(_backbone(own), _backbone(expected))
    published = _training(expected, expected) | {"checkpoint": _checkpoint(expected)}
    training = _differing(_training(run.trained_by, own) | {"checkpoint": _checkpoint(run.scored_by)}, published)
    if (trainer := trainer_of(run.scored_by)) is not None:
        scored = {"checkpoint": Path(run.scored_by["ckpt_path"]).stem}
        training = _differing(_training(trainer, own) | scored, published) | {
            key: values for key, values in training.items() if key not in ("run", "checkpoint")
        }
    stand_in = ""
    if _classes(own["data"].get("corpus")) != _classes(expected["data"].get("corpus")):
        stand_in = _data_name(run)
        split = {}
    part = _part(own, record)
    shown = {key: values for key, values in split.items() if not part or key != "data.max_eval_examples"}
    told = [f"stand-in data: {stand_in}"] * bool(stand_in) + [part] * bool(part) + _shown(shown)
    details = tuple(f"{key} {_plain(is_)} ({_plain(was)})" for key, (is_, was) in (split | backbone | training).items())
    return Conditions(
        "; ".join(told), stand_in, _backbone_told(own, expected, backbone), "; ".join(_shown(training)), details
    )


def differing_runs(runs: Sequence[SeedRun]) -> list[str]:
    """Settings in which runs of one row differ from its first, but for their seeds, folds and places."""
    keys = dict.fromkeys(key for run in runs[1:] for key in differing(runs[0], run))
    found = [key for key in keys if key.split(".")[-1] not in PLACES | OF_REPEATS and not key.endswith("seed")]
    weights = {("fit" in (run.trained_by.get("run") or ()), Path(_checkpoint(run.scored_by)).stem) for run in runs}
    return found + ["the weights that were scored"] * (len(weights) > 1)


@lru_cache(maxsize=256)
def composed(experiment: str, overrides: tuple[str, ...], seed: int, run_dir: str) -> dict[str, Any]:
    """The configuration of an experiment as run.py would get it, plain.

    Raises:
        UserError: it does not compose.
    """
    typed = [f"experiment={experiment}", *(text for text in overrides if not text.startswith("hydra."))]
    try:
        with initialize_config_dir(str(PROTOCOLS.parent), version_base="1.3"):
            config = compose("config", [*typed, f"seed={seed}", f"run_dir='{run_dir}'"])
        plain: Any = OmegaConf.to_container(config, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"{' '.join(typed)} does not compose: {' '.join(str(error).split())}") from error
    found: dict[str, Any] = plain
    return found


def _split(config: Mapping[str, Any]) -> dict[str, Any]:
    leave = TRAINING_DATA | COPIES
    return {f"data.{key}": value for key, value in _kept(config["data"]) if key.split(".")[0] not in leave}


def _backbone(config: Mapping[str, Any]) -> dict[str, Any]:
    return {f"backbone.{key}": value for key, value in _kept(config["backbone"]) if key != "dtype"}


def _training(config: Mapping[str, Any], scored_by: Mapping[str, Any]) -> dict[str, Any]:
    found = {"run": "fit" if {"fit", "source"} & set(config.get("run") or ()) else "not trained"}
    for section in SECTIONS:
        source = scored_by if section == "decoding" else config
        if section in source:
            for key, value in leaves(source[section], f"{section}."):
                parts = key.split(".")
                if not NET_COPIES & set(parts[1:]) and parts[-1] not in PLACES and not parts[-1].endswith("seed"):
                    found[key] = value
    found |= {f"data.{key}": value for key, value in _kept(config["data"]) if key.split(".")[0] in TRAINING_DATA}
    found |= {f"trainer.{key}": config["trainer"].get(key) for key in TRAINER if key in config["trainer"]}
    net = config.get("model", {}).get("net") or {}
    found |= {f"model.net.{key}": value for key, value in _kept(net) if not NET_COPIES & set(key.split("."))}
    if "dtype" in config["backbone"]:
        found["backbone.dtype"] = config["backbone"]["dtype"]
    for name, callback in (config.get("callbacks") or {}).items():
        if isinstance(callback, Mapping):  # what stops it, and which of its weights are the best
            stops = "EarlyStopping" in str(callback.get("_target_"))
            own = ((key, value) for key, value in _kept(callback) if stops or key in ("monitor", "mode"))
            found |= {f"callbacks.{name}.{key}": value for key, value in own}
    return found


def _checkpoint(config: Mapping[str, Any]) -> str:
    """Which weights were scored: the best of a run that trained them, unless others were named."""
    given = config.get("ckpt_path")
    if "fit" in (config.get("run") or ()):
        return "best"
    if given is None:
        return "none"
    own = given in ("best", "last") or Path(given).parent == Path(str(config.get("run_dir"))) / "checkpoints"
    return Path(given).stem if own else str(given)


def trainer_of(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The configuration of the run, another one, whose checkpoint was scored; None where there is none any more."""
    given = config.get("ckpt_path")
    if "fit" in (config.get("run") or ()) or given in (None, "best", "last"):
        return None
    folder = Path(given).parent.parent
    if str(folder) == str(config.get("run_dir")) or not (folder / "config.yaml").is_file():
        return None
    found: Any = OmegaConf.to_container(read_configuration(folder / "config.yaml"))
    trainer: dict[str, Any] = found
    return trainer


def _kept(section: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in leaves(section):
        last = key.split(".")[-1]
        if last not in PLACES and not last.endswith("seed"):
            yield key, value


def _differing(own: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    keys = dict.fromkeys([*own, *expected])
    values = {key: (own.get(key, ABSENT), expected.get(key, ABSENT)) for key in keys}
    return {key: pair for key, pair in values.items() if pair[0] != pair[1] and any(one not in NONE for one in pair)}


def _shown(differing: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """The first settings; what differs by its classes (another optimizer) is told by them."""
    first = [place for key in FIRST for place in differing if place.endswith(key)]
    order = list(dict.fromkeys([*first, *differing]))
    told = [f"{key.rpartition('.')[2]} {_plain(differing[key][0])} ({_plain(differing[key][1])})" for key in order]
    more = len(told) - SHOWN
    return told if more <= 1 else [*told[:SHOWN], f"{more} more"]


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _backbone_told(
    own: Mapping[str, Any], expected: Mapping[str, Any], differing: Mapping[str, tuple[Any, Any]]
) -> str:
    if not differing:
        return ""
    mine, theirs = own["backbone"], expected["backbone"]
    told = str(mine.get("name"))
    if mine.get("pretrained") is False:
        told += ", random weights"
    told += "".join(f", {key} {mine[key]}" for key in ("width", "depth", "heads") if mine.get(key) is not None)
    if mine.get("path") not in (None, theirs.get("path")):
        told += f", from {mine['path']}"
    return f"{told} (published: {theirs.get('name')})"


def _part(config: Mapping[str, Any], record: FinishedRun) -> str:
    """Which part of the test split was scored."""
    test = record.splits.get("test", {})
    whole, used = test.get("examples"), test.get("examples_used")
    if isinstance(whole, int) and isinstance(used, int) and used < whole:
        return f"part: {used:,} of {whole:,} examples"
    limit = config["trainer"].get("limit_test_batches", 1.0)
    return "" if limit in (1.0, None) else f"part: limit_test_batches {limit}"


def _classes(corpus: Any) -> list[Any]:
    return [value for key, value in leaves(corpus) if key.split(".")[-1] in ("_target_", "name")]


def _data_name(run: SeedRun) -> str:
    """What was typed, else the corpus' own name, else its class."""
    corpus = run.trained_by["data"]["corpus"]
    names = [str(value) for key, value in leaves(corpus) if key.split(".")[-1] == "name"]
    return run.overrides.get("data") or next(iter(names), str(corpus["_target_"]).rpartition(".")[2])
