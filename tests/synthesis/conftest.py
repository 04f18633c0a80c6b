"""Whole syntheses at a tiny size, in process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from tests.conftest import ROOT
from tests.language_models.conftest import causal, server  # noqa: F401

Configured = Callable[..., DictConfig]
TINY_SIZE = (
    "size.trials=1",
    "size.max_demonstrations=1",
    "size.persona_sets=8",
    "size.dialogues=8",
    "size.comparison_dialogues=2",
    "size.comparison_trials=1",
    "dialogues.writer.turns=6",
    "dialogues.blocks=2",
    "personas.sets.categories=8",
    "language_model.closing=5",
)


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    """`configured("seed=1")`: what python -m zoo.synthesis would get, tiny, with a run directory and a cache here."""

    def compose_config(*overrides: str) -> DictConfig:
        sizes = [size for size in TINY_SIZE if not (size.startswith("language_model") and _other_model(overrides))]
        folders = [f"run_dir={tmp_path}/run", f"answers={tmp_path}/answers"]
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            return compose("synthesis", [*folders, *sizes, *overrides])

    return compose_config


def _other_model(overrides: tuple[str, ...]) -> bool:
    return any(override.startswith("language_model=") for override in overrides)
