"""What can be talked to by the name of its folder: prompted language models, and what is no run."""

import json
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.conftest import ROOT
from tests.language_models.conftest import causal  # noqa: F401  (a fixture)
from zoo.errors import UserError
from zoo.language_models.base import LanguageModel, Request
from zoo.people.chat.conversation import Conversation
from zoo.people.chat.runs import Runs


@pytest.fixture
def prompted(tmp_path: Path, causal: Path) -> Path:  # noqa: F811
    """The folder of a run of `python -m zoo.prompted` with a tiny language model and two users."""
    folder = tmp_path / "prompted"
    folder.mkdir()
    local = [f"language_model.path={causal}", "language_model.device=cpu", "language_model.dtype=fp64"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("prompted", [f"run_dir={folder}", f"answers={tmp_path}", *local, "reply.max_new_tokens=8"])
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True))
    rows = [{"user": "anna", "persona": ["i sing ."]}, {"user": "bo", "persona": ["i swim ."]}, {"user": "anna"}]
    (folder / "generations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


class StoppedMeanwhile:
    """A language model that is waited for no longer."""

    def __init__(self, model: LanguageModel, stop: threading.Event) -> None:
        self.model, self.stop = model, stop

    def complete(self, requests: Sequence[Request]) -> list[str]:
        """Of the one that it stands for."""
        self.stop.set()
        return self.model.complete(requests)


def test_a_prompted_language_model_answers_whole(prompted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs([prompted])
    model = runs.model(str(prompted))
    assert list(model.users) == ["anna", "bo"]
    assert runs.personas(str(prompted))["bo"] == ("i swim .",)
    talk = Conversation(model, ["i sing ."], "anna", seed=3)
    pieces = [list(talk.say("hello .")), list(talk.say("and you ?"))]
    assert [len(some) for some in pieces] == [1, 1]
    assert model.why_whole(talk.settings) == "a prompted language model answers at once"
    again = Conversation(model, ["i sing ."], "anna", seed=3)
    assert ["".join(again.say(message)) for message in talk.history[::2]] == talk.history[1::2]
    other = Conversation(model, ["i own a boat ."], "bo", seed=3)
    assert "".join(other.say("hello .")) != talk.history[1], "the prompt has the persona"
    stop = threading.Event()
    monkeypatch.setattr(model, "model", StoppedMeanwhile(model.model, stop))  # type: ignore[attr-defined]
    assert list(talk.say("and then ?", stop)) == []
    assert len(talk.turns) == 4, "a whole answer to somebody who stopped it is not shown as a part of it"
    talk.decode({"temperature": 1.5, "max_new_tokens": 4})
    assert "".join(talk.say("so ?")) == talk.history[-1]
    with pytest.raises(UserError, match="num_beams was given"):
        talk.decode({"num_beams": 2})


def test_a_folder_that_goes_is_told_and_what_was_loaded_goes_on(prompted: Path) -> None:
    runs = Runs([prompted])
    talk = Conversation(runs.model(str(prompted)))
    said = "".join(talk.say("hello ."))
    shutil.rmtree(prompted)
    with pytest.raises(UserError, match="is no longer there"):
        runs.model(str(prompted))
    "".join(talk.say("and now ?"))
    assert talk.history[1] == said
    assert len(talk.history) == 4


def test_a_language_model_that_is_gone_is_told(prompted: Path) -> None:
    """Hydra, which builds it, wraps what it meets."""
    config = OmegaConf.load(prompted / "config.yaml")
    config.language_model.path = str(prompted / "gone")
    OmegaConf.save(config, prompted / "config.yaml")
    with pytest.raises(UserError, match=r"There is no language model .*gone"):
        Runs([prompted]).model(str(prompted))


def test_examples_that_are_no_text_name_nobody(prompted: Path) -> None:
    with (prompted / "generations.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\n")
    assert list(Runs([prompted]).personas(str(prompted))) == ["anna", "bo"]


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (None, "is not a run directory: it has no config.yaml"),
        ("seed: 3\n", "describes nothing that answers"),
        ("- 1\n", "describes nothing that answers"),
        ("model: {a\n", "cannot be read"),
        ("model: none\n", "describes nothing that answers"),
    ],
)
def test_what_is_no_run(config: str | None, complaint: str, tmp_path: Path) -> None:
    if config is not None:
        (tmp_path / "config.yaml").write_text(config)
    with pytest.raises(UserError, match=complaint):
        Runs([tmp_path])


def test_a_prompted_run_builds_nothing_but_a_language_model(prompted: Path) -> None:
    config = OmegaConf.load(prompted / "config.yaml")
    config.language_model = {"_target_": "os.system", "command": "true"}
    OmegaConf.save(config, prompted / "config.yaml")
    with pytest.raises(UserError, match=r"would build os\.system"):
        Runs([prompted]).model(str(prompted))


def test_only_named_runs_can_be_chosen(prompted: Path) -> None:
    with pytest.raises(UserError, match="is none of the runs that were named"):
        Runs([prompted]).model(str(prompted.parent))
    with pytest.raises(UserError, match="named twice"):
        Runs([prompted, prompted])
