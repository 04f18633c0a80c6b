"""Every file of conf/experiment composes, and says what it is."""

from collections.abc import Callable

import pytest
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from tests.conftest import ROOT

EXPERIMENTS = sorted(path.relative_to(ROOT / "conf" / "experiment") for path in ROOT.glob("conf/experiment/*/*.yaml"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=str)
def test_an_experiment_composes_and_names_its_source(path, composed: Callable[..., DictConfig]) -> None:
    cfg = composed(f"experiment={path.with_suffix('')}")
    assert OmegaConf.to_container(cfg, resolve=True)
    get_class(cfg.model.net._target_)
    get_class(cfg.data.corpus._target_)
    text = (ROOT / "conf" / "experiment" / path).read_text()
    assert "Table" in text or "Figure" in text


def test_rows_of_the_prompt_tuning_paper(composed: Callable[..., DictConfig]) -> None:
    prompt = composed("experiment=prompt_tuning/pt_gpt2xl")
    assert prompt.backbone.name == "gpt2-xl"
    assert (prompt.model.net.num_virtual_tokens, prompt.model.net.start) == (200, "text")
    assert (prompt.learner.lr, prompt.model.net.shared) == (1e-3, False)
    assert composed("experiment=prompt_tuning/pt_gptj6b").backbone.name == "gpt-j-6b"
    added, none = (composed(f"experiment=prompt_tuning/ft_{row}_gpt2xl") for row in ("added", "none"))
    assert (added.template.persona, none.template.persona) == ("self", "none")
    assert added.optimizer.lr == none.optimizer.lr == 5e-5
    japanese = composed("experiment=prompt_tuning/pt_gpt1b_ja")
    assert japanese.backbone.name == "rinna-gpt-1b"
    assert japanese.data.general_per_persona == 0.1
    assert composed("experiment=prompt_tuning/ft_none_gpt1b_ja").optimizer.lr == 1e-5
