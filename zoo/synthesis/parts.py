"""`Parts`: what the stages of a synthesis share, built from one configuration."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import track

from zoo.language_models.cache import CachedLanguageModel
from zoo.scorers.text_scorers import CategoryScorer, ContradictionScorer, TextScorer, ToxicityScorer
from zoo.synthesis.taxonomy import Taxonomy

T = TypeVar("T")


@dataclass(frozen=True)
class Parts:
    """Models load their weights when they are first asked: a stage that needs none of them starts at once."""

    cfg: DictConfig
    taxonomy: Taxonomy
    model: CachedLanguageModel
    category: CategoryScorer
    contradiction: ContradictionScorer
    toxicity: ToxicityScorer

    @classmethod
    def of(cls, cfg: DictConfig) -> "Parts":
        """Build them.

        Raises:
            UserError: a file, a folder or a setting that is none.
        """
        return cls(
            cfg,
            instantiate(cfg.taxonomy),
            CachedLanguageModel(instantiate(cfg.language_model), cfg.answers),
            instantiate(cfg.category_scorer),
            instantiate(cfg.contradiction_scorer),
            instantiate(cfg.toxicity_scorer),
        )

    def settings(self, *sections: str) -> dict[str, Any]:
        """What decides the outcome of stages with these sections of the configuration, as JSON has it."""
        plain = {name: OmegaConf.to_container(self.cfg[name], resolve=True) for name in sections}
        return plain | {"seed": self.cfg.seed, "model": self.model.identity}

    @property
    def backend(self) -> str:
        """grammar, transformers or openai."""
        return self.model.identity.split()[0]

    @property
    def scorers(self) -> Mapping[str, str]:
        """Kind and identity of each scorer, for reports."""
        by_name: dict[str, TextScorer[Any]] = {
            "category": self.category,
            "contradiction": self.contradiction,
            "toxicity": self.toxicity,
        }
        return {name: scorer.short for name, scorer in by_name.items()}


def build(node: DictConfig, **objects: Any) -> Any:
    """What a node with `_target_` describes, with `objects` beside its values.

    Given to Hydra as they are, those that are dataclasses would come back as dictionaries.
    """
    return instantiate(node, _partial_=True, _convert_="all")(**objects)


def watched(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """`items`, with a bar on standard error where a person looks on."""
    console = Console(stderr=True)
    yield from track(items, what, total=total, console=console, transient=True, disable=not console.is_terminal)
