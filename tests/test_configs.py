"""Composition: who names the backbone, what a recipe sets, and that everything offered composes."""

import re
from collections.abc import Callable

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from tests.conftest import ROOT, TINY

CONF = ROOT / "conf"


def choices(group: str) -> list[str]:
    """Files of a group that a user can choose."""
    return sorted(path.stem for path in (CONF / group).glob("[!_]*.yaml"))


@pytest.mark.parametrize(
    ("overrides", "backbone"),
    [
        (["model=paa", "data=convai2"], "gpt2"),  # the model names the paper's
        (["model=paa", "data=demo"], "tiny"),  # embedded data bring the tiny one
        (["model=finetune", "data=demo"], "tiny"),
        (["model=paa", "data=convai2", "backbone=gpt2-large"], "gpt2-large"),  # the command line wins
        (["model=paa", "data=demo", "backbone=gpt2"], "gpt2"),
        (["model=paa", "data=jsonl"], "gpt2"),
        ([], "tiny"),
    ],
)
def test_who_names_the_backbone(composed: Callable[..., DictConfig], overrides: list[str], backbone: str) -> None:
    assert composed(*overrides).backbone.name == backbone


def test_the_published_recipe_is_found_by_name(composed: Callable[..., DictConfig]) -> None:
    cfg = composed("model=paa", "data=convai2", "trainer.devices=4")
    assert cfg.optimizer.lr == 8e-6
    assert cfg.data.batch_size == 32  # whatever the number of devices
    assert cfg.trainer.devices == 4
    assert cfg.trainer.max_epochs == 30
    assert cfg.trainer.gradient_clip_val == 0.1
    assert composed("model=paa", "data=convai2", "optimizer.lr=1").optimizer.lr == 1
    assert composed("model=paa", "data=demo").optimizer.lr != 8e-6
    assert composed("model=paa", "data=convai2", "~recipe").optimizer.lr != 8e-6


def test_recipes_hold_values_only() -> None:
    files = list((CONF / "recipe").glob("*.yaml"))
    assert files
    for path in files:
        assert path.read_text().startswith("# @package _global_\n"), path
        assert "defaults" not in (OmegaConf.load(path) or {}), path


@pytest.mark.parametrize(
    ("group", "choice"),
    [
        (group, choice)
        for group in ("backbone", "data", "decoding", "logger", "callbacks", "trainer", "protocol", "optimizer",
                      "scheduler", "template", "learner", "model", "preset", "scorer", "embedder")
        for choice in choices(group)
    ],
)  # fmt: skip
def test_every_choice_composes_and_resolves(
    composed: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch, group: str, choice: str
) -> None:
    cfg = composed(f"{group}={choice}")
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize("group", ["decoding", "callbacks", "trainer", "protocol"])
def test_what_composes_can_be_built(composed: Callable[..., DictConfig], group: str) -> None:
    for choice in choices(group):
        cfg = composed(f"{group}={choice}", "trainer.accelerator=cpu", "trainer.devices=1")
        built = instantiate(cfg[group], **({"logger": False} if group == "trainer" else {}))
        assert built is not None


def test_presets_change_a_small_run_that_still_builds(composed: Callable[..., DictConfig]) -> None:
    other = {"paa_reference_gpt2": "finetune", "paa_reference_encoder_gpt2": "encoder_gpt2"}
    for preset in [name for name in choices("preset") if name.startswith("paa_")]:
        cfg = composed(f"model={other.get(preset, 'paa')}", f"preset={preset}", *TINY)
        config = instantiate(cfg.model).net.lm.config
        if preset not in other:
            assert config.gate_input == cfg.model.net.gate_input


def readme_commands() -> list[str]:
    """Every line of the README's shell blocks that starts run.py, also by torchrun or srun."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if re.match(r"(torchrun|srun|python) .*\brun\.py", line)]


@pytest.mark.parametrize("line", readme_commands())
def test_commands_of_the_readme_compose(composed: Callable[..., DictConfig], line: str) -> None:
    typed = line.split("run.py", 1)[1].split()
    arguments = [a for a in typed if not a.startswith(("-", "hydra.run.dir"))]
    for argument in arguments:
        if "," in argument and "[" not in argument:  # a sweep: each value
            key, values = argument.split("=")
            for value in values.split(","):
                composed(f"{key}={value}")
    composed(*[a for a in arguments if "," not in a or "[" in a])


def test_the_readme_has_commands() -> None:
    assert len(readme_commands()) >= 6
    assert {"make run", "make test"} <= set(re.findall(r"^make [\w-]+", (ROOT / "README.md").read_text(), re.MULTILINE))


def test_the_readme_is_finished() -> None:
    assert "_TABLE" not in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("data", [name for name in choices("data") if name != "streamed"])
@pytest.mark.parametrize("protocol", ["default", "personapkt", "user_lora", "user_lora_ja"])
def test_prompted_baselines_compose_with_all_data(data: str, protocol: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("prompted", [f"data={data}", f"protocol={protocol}", "run_dir=unused"])
    for part in ("data", "protocol", "prompt", "reply"):
        OmegaConf.to_container(cfg[part], resolve=True)
