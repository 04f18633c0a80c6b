"""Whether a checkpoint belongs to a run, by the settings it was trained under."""

import pytest

from zoo.checkpoints import check_settings
from zoo.errors import UserError


def config(**net: object) -> dict:
    """A configuration of fine-tuning, as far as checkpoints look at it."""
    return {"model": {"net": {"_target_": "zoo.models.finetune.FineTune", **net}}, "template": {"persona": "self"}}


def test_a_setting_that_came_later_counts_with_its_default() -> None:
    check_settings(config(dropout=0.1), config(dropout=0.1, shared=True))
    with pytest.raises(UserError, match=r"model\.net\.shared: True -> False"):
        check_settings(config(dropout=0.1), config(dropout=0.1, shared=False))


def test_settings_that_differ_are_named() -> None:
    with pytest.raises(UserError, match=r"template\.persona: self -> id"):
        check_settings(config(), config() | {"template": {"persona": "id"}})
