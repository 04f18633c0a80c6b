"""Lines that begin with a slash, and what is told of them."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.people.chat_models import tiny_module
from zoo.errors import UserError
from zoo.people.chat.commands import HELP, Commands, Leave
from zoo.people.chat.conversation import Conversation
from zoo.people.chat.models import ChatModel, TrainedModel
from zoo.people.chat.runs import Runs
from zoo.people.chat.terminal import Terminal


@pytest.fixture(scope="module")
def model(zoo_cache: Path) -> ChatModel:
    """LoRA of three users."""
    return TrainedModel(tiny_module("lora"), "here")


@pytest.fixture
def commands(model: ChatModel, tmp_path: Path) -> Commands:
    """Over a folder where examples say what the users are like."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "config.yaml").write_text("model: {}\n")
    (folder / "generations.jsonl").write_text(json.dumps({"user": "bo", "persona": ["i swim ."]}) + "\n")
    model.name = str(folder)
    return Commands(Conversation(model), Runs([folder]))


def told(commands: Commands, line: str) -> str:
    return "\n".join(commands(line))


def test_every_command_is_in_the_help(commands: Commands) -> None:
    assert all(name in told(commands, "/help") for name in HELP)


def test_users_are_listed_and_chosen_with_their_persona(commands: Commands) -> None:
    assert told(commands, "/user").startswith("* anna\n  bo\n")
    assert "3 users, page 1 of 1" in told(commands, "/user")
    assert "i swim ." in told(commands, "/user bo")
    assert (commands.conversation.user, commands.conversation.persona) == ("bo", ("i swim .",))
    assert "* bo" in told(commands, "/user 1")
    for line in ("/user nobody", "/user 2"):
        with pytest.raises(UserError, match="no such user"):
            told(commands, line)
    assert commands.conversation.user == "bo"


def test_many_users_come_by_pages(model: ChatModel, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    known = model.users
    try:
        model.users = [f"user {number:03}" for number in range(45)]
        assert told(commands, "/user 2").splitlines()[0] == "  user 020"
        assert told(commands, "/user 3").splitlines()[-1].startswith("45 users, page 3 of 3")
        with pytest.raises(UserError, match="no such user"):
            told(commands, "/user 4")
        monkeypatch.setattr(model, "known_user", lambda user: True)  # as a prompted model answers as anyone
        assert told(commands, "/user 3").splitlines()[-1].startswith("45 users, page 3 of 3")
    finally:
        model.users = known


def test_persona_profile_seed_and_decoding(commands: Commands) -> None:
    talk = commands.conversation
    assert "does not read these sentences" in told(commands, "/persona i sing. | i have two dogs. |")
    assert talk.persona == ("i sing.", "i have two dogs.")
    assert told(commands, "/persona clear") == "persona: none"
    assert "does not read profiles" in told(commands, "/profile age=30s place='New York'")
    assert talk.profile == {"age": "30s", "place": "New York"}
    for line in (
        "/profile age",
        "/profile a='b",
        "/seed x",
        f"/seed {'9' * 20}",
        f"/seed {'9' * 5000}",
        "/decoding heat=1",
        "/save",
    ):
        with pytest.raises(UserError):
            told(commands, line)
    assert told(commands, "/seed 7") == "seed 7"
    assert "Replies come whole: beams" in told(commands, "/decoding num_beams=2")
    assert (talk.seed, talk.settings["num_beams"]) == (7, 2)


def test_what_is_no_command(commands: Commands) -> None:
    with pytest.raises(UserError, match="There is no command /sing; the commands are /persona, /user"):
        told(commands, "/sing")
    with pytest.raises(Leave):
        told(commands, "/quit")
    with pytest.raises(UserError, match="none of the runs"):
        told(commands, "/run elsewhere")
    assert told(commands, "/run") == f"* {commands.conversation.model.name}"


def test_ctrl_c_amid_a_command_ends_the_command(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said stays."""

    def interrupted(name: str) -> ChatModel:
        raise KeyboardInterrupt

    lines = iter(["hi", "/run elsewhere"])
    written = io.StringIO()
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines, None) or (_ for _ in ()).throw(EOFError))
    terminal = Terminal(commands.conversation, commands.runs, Console(file=written, width=200, markup=False))
    monkeypatch.setattr(commands.runs, "model", interrupted)
    terminal.hold()
    assert "(stopped)" in written.getvalue()
    assert len(commands.conversation.turns) == 2


def test_words_do_not_steer_the_terminal(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither rich's markup nor control characters, whoever wrote them."""
    written = io.StringIO()
    lines = iter(["/persona [red]i sing[/red] \x1b[2J.", "hi \x1b[31m", "/nope\x07"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines, None) or (_ for _ in ()).throw(EOFError))
    terminal = Terminal(commands.conversation, commands.runs, Console(file=written, width=200, markup=False))
    terminal.hold()
    terminal._write("a reply \x1b[2J[red]")
    assert "a reply \\x1b[2J[red]" in written.getvalue()
    assert "[red]i sing[/red] \\x1b[2J." in written.getvalue()
    assert "/nope\\x07" in written.getvalue()
    assert not {"\x1b", "\x07"} & set(written.getvalue())
    assert len(commands.conversation.turns) == 2
