"""`Parts`: what the stages of a synthesis share, built from one configuration."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import track

from zoo.errors import UserError
from zoo.language_models.cache import CachedLanguageModel
from zoo.scorers.text_scorers import TextScorer
from zoo.synthesis.taxonomy import Taxonomy

T = TypeVar("T")
AT_ONCE = {"in_flight", "batch", "requests_at_once", "chunk"}  # settings of speed and memory alone
SCORERS = ("category", "contradiction", "toxicity")


class Parts:
    """Each part is made when a stage first wants it, and its weights are loaded when it is first asked.

    Raises:
        UserError: a seed that is none; and, when a part is made, a file, a folder or a setting that is none.
    """

    def __init__(self, cfg: DictConfig) -> None:
        if not isinstance(cfg.seed, int):
            raise UserError(f"seed={cfg.seed} was given; expected a whole number.")
        self.cfg = cfg
        self.seed: int = cfg.seed

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The categories."""
        taxonomy: Taxonomy = instantiate(self.cfg.taxonomy)
        return taxonomy

    @cached_property
    def model(self) -> CachedLanguageModel:
        """Writes."""
        return CachedLanguageModel(instantiate(self.cfg.language_model), self.cfg.answers)

    def scorer(self, name: str) -> Any:
        """One of `SCORERS`, made once."""
        if name not in self._scorers:
            self._scorers[name] = instantiate(self.cfg[f"{name}_scorer"])
        return self._scorers[name]

    @cached_property
    def _scorers(self) -> dict[str, TextScorer[Any]]:
        return {}

    def settings(self, section: str, scorers: Sequence[str], read: Mapping[str, Any], writes: bool) -> dict[str, Any]:
        """What decides the outcome of a stage, as JSON has it.

        Models and scorers count by what they are, and `read` (taxonomies, demonstrations) by what is in it; where on
        this machine they lie, and how much is done at once, does not.

        Args:
            section: of the configuration.
            scorers: those that the stage asks.
            read: what it reads from files beside those of the stages before, by name.
            writes: whether it asks the language model.
        """
        return {
            "settings": _decisive(OmegaConf.to_container(self.cfg[section], resolve=True)),
            "seed": self.seed,
            "model": self.model.identity if writes else None,
            "scorers": {name: f"{self.scorer(name).kind} {self.scorer(name).identity}" for name in scorers},
            "read": {name: hashlib.sha256(repr(content).encode()).hexdigest() for name, content in read.items()},
        }


def build(node: DictConfig, **objects: Any) -> Any:
    """What a node with `_target_` describes, with `objects` beside its values.

    Given to Hydra as they are, those that are dataclasses would come back as dictionaries.

    Raises:
        UserError: values that it does not have, or of the wrong kind; and whatever it raises itself.
    """
    try:
        return instantiate(node, _partial_=True, _convert_="all")(**objects)
    except (TypeError, ValueError) as error:
        name = str(node["_target_"]).rpartition(".")[2]
        given = ", ".join(f"{key!s}={value}" for key, value in node.items() if key != "_target_")
        raise UserError(f"{name} was given {given}, and says: {error}. Mend the setting that it names.") from error


def watched(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """`items`, with a bar on standard error where a person looks on."""
    console = Console(stderr=True)
    yield from track(items, what, total=total, console=console, transient=True, disable=not console.is_terminal)


def _decisive(values: Any) -> Any:
    """Without settings of speed, and without where demonstrations lie."""
    if not isinstance(values, dict):
        return values
    return {key: _decisive(value) for key, value in values.items() if key not in AT_ONCE | {"demonstrations"}}
