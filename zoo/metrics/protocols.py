"""Which metrics a run is scored by: protocols by name, the judges they ask, and what a run recorded of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from zoo.errors import UserError
from zoo.metrics.suite import MetricSuite

PROTOCOLS = Path(__file__).parents[2] / "conf" / "protocol"
JUDGES = {"scorer": "lexical", "embedder": "characters"}  # parts of metrics that a run chooses, and the usual choice
WITH_MODEL = {"scorer": "nli", "embedder": "sentence_model"}


def load_protocol(
    protocol: Any, chosen: Mapping[str, Any] | None = None, usual: Mapping[str, Any] | None = None
) -> MetricSuite:
    """The suite that a name (a file of conf/protocol), a path or a configuration describes.

    Args:
        protocol: name, path or configuration.
        chosen: configurations of a "scorer" and an "embedder" that take the place of its metrics' own.
        usual: what `${scorer}` and `${embedder}` in a protocol's file stand for, else the lexical one and characters.

    Raises:
        UserError: there is no such protocol, or it is not one of metrics.
    """
    try:
        suite = instantiate(plain_protocol(protocol, chosen, usual))
    except (HydraException, OmegaConfBaseException, YAMLError, TypeError) as error:
        if isinstance(error.__cause__, UserError):  # of a metric's settings
            raise error.__cause__ from error
        raise UserError(f"The protocol {protocol!r} cannot be read: {error}") from error
    if not isinstance(suite, MetricSuite):
        raise UserError(f"The protocol {protocol!r} does not describe a zoo.metrics.suite.MetricSuite.")
    return suite


def plain_protocol(
    protocol: Any, chosen: Mapping[str, Any] | None = None, usual: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The configuration of `load_protocol`'s suite, resolved; raises what OmegaConf and Hydra say of a bad one."""
    described = _described(protocol) if isinstance(protocol, str) else protocol
    chosen, usual = chosen or {}, usual or {}
    judges = {
        judge: chosen.get(judge) or usual.get(judge) or described_judge(judge, name) for judge, name in JUDGES.items()
    }
    root = OmegaConf.merge(judges, described)
    plain: Any = OmegaConf.to_container(root, resolve=True)  # beside the judges, as in run.py's configuration
    for judge in JUDGES:
        del plain[judge]
        for metric in plain.get("metrics", {}).values():
            if judge in chosen and judge in metric:
                metric[judge] = chosen[judge]
    found: dict[str, Any] = plain
    return found


def _described(protocol: str) -> Any:
    """A file of conf/protocol, composed as run.py does it, or one of the user's own as it is."""
    if (PROTOCOLS / f"{protocol}.yaml").is_file():
        with initialize_config_dir(str(PROTOCOLS.parent), version_base="1.3"):
            return compose(f"protocol/{protocol}").protocol
    path = Path(protocol)
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        known = ", ".join(sorted(file.stem for file in PROTOCOLS.glob("*.yaml")))
        raise UserError(f"There is no protocol {protocol!r}. Choose {known or 'the path of a YAML file'}.")
    return OmegaConf.load(path)


def described_judge(judge: str, name: str) -> Any:
    """The configuration of a "scorer" or "embedder" that is named: the usual one, or the path of a model."""
    usual = name == JUDGES[judge]
    config = OmegaConf.load(PROTOCOLS.with_name(judge) / f"{name if usual else WITH_MODEL[judge]}.yaml")
    if not usual:
        config.path = name
    return OmegaConf.to_container(config, resolve=True)


def recorded_protocol(run_dir: Path) -> Any:
    """The protocol in the run's own configuration, else "default"."""
    return run_config(run_dir).get("protocol") or "default"


def run_config(run_dir: Path) -> dict[str, Any]:
    """What the run was scored by, plain: RUN_DIR/evaluation.yaml, else config.yaml; empty where there is neither.

    Raises:
        UserError: it is no YAML mapping.
    """
    path = run_dir / "evaluation.yaml"
    if not path.exists():
        path = run_dir / "config.yaml"
    if not path.exists():
        return {}
    try:
        config = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except (OmegaConfBaseException, YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} holds a list, expected a mapping.")
    return {str(key): value for key, value in config.items()}
