"""What the page does to a visitor's fields and conversations, without a browser."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.people.chat_models import tiny_module
from zoo.errors import UserError
from zoo.people.chat.models import ChatModel, TrainedModel
from zoo.people.chat.page import Page
from zoo.people.chat.runs import Runs
from zoo.people.chat.start import Start

TYPED = ["top_k=1", "temperature=3", "repetition_penalty=1.5", "num_beams=12"]


@pytest.fixture(scope="module")
def model(zoo_cache: Path) -> ChatModel:
    """A network that nobody trained."""
    return TrainedModel(tiny_module("finetune"), "run")


@pytest.fixture
def page(model: ChatModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """Of one run, with decoding of the command."""
    (tmp_path / "config.yaml").write_text("model: {}\n")
    model.name = str(tmp_path)
    monkeypatch.setattr(Runs, "model", lambda runs, name: model)
    return Page(Runs([tmp_path]), Start(decoding=TYPED))


def opened(page: Page) -> tuple[Any, dict[Any, Any]]:
    *_, fields = page.opened()
    return fields[page.at.visit], fields


def sent(page: Page, visit: Any, message: str, how: str = "sampled") -> Iterator[dict[Any, Any]]:
    side = (visit.sides[0].conversation.model.name, "", "", "")
    yield from page.answered(visit, message, "One", *side, *side, how, 1.5, 1.0, 1, 12, 3)


def test_decoding_of_the_command_holds_where_the_page_has_no_field(page: Page) -> None:
    visit, _ = opened(page)
    for how in ("sampled", "likeliest"):
        list(sent(page, visit, "hello .", how))
    drawn, likeliest = (turn.decoding for turn in visit.sides[0].conversation.turns[1::2])
    assert (drawn["top_k"], drawn["temperature"], drawn["repetition_penalty"], drawn["num_beams"]) == (1, 1.5, 1.5, 1)
    assert likeliest == {"do_sample": False, "repetition_penalty": 1.5, "num_beams": 1, "max_new_tokens": 12}


def test_a_field_can_have_what_the_command_said(page: Page) -> None:
    """Gradio refuses what lies outside of a range."""
    _, fields = opened(page)
    at = page.at.decoding
    for part, value in ((at.temperature, 3), (at.beams, 12), (at.longest, 12)):
        assert fields[part]["value"] == value
        assert fields[part].get("minimum", part.minimum) <= value <= fields[part].get("maximum", part.maximum)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_message_that_was_not_answered_can_be_sent_again(
    stopped: bool, page: Page, model: ChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit, _ = opened(page)

    def reply(example: Any, settings: Mapping[str, Any], seed: int, stop: threading.Event) -> Iterator[str]:
        if not stopped:
            raise UserError("The endpoint is gone.")
        stop.set()
        yield from ()

    monkeypatch.setattr(model, "reply", reply)
    steps: Sequence[dict[Any, Any]] = list(sent(page, visit, "hello ."))
    assert steps[0][page.at.message] == ""
    assert steps[-1][page.at.message] == "hello ."
    assert ("The endpoint is gone" in steps[-1][page.at.note]) is not stopped
    assert not visit.writing.locked()
    assert visit.turns == 0
