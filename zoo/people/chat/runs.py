"""`Runs`: the folders that were named to a chat, each read once and kept, and who is known in them."""

import json
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from zoo.errors import UserError
from zoo.launch import user_message

if TYPE_CHECKING:  # a page is shown before torch is imported
    from zoo.people.chat.models import ChatModel

KINDS = ("model", "language_model")  # one of them stands in the config.yaml of whatever can be talked to


class Runs:
    """Runs and exported folders by name. Nothing but these can be chosen on a page.

    Args:
        folders: as they were typed; no model is read yet.

    Raises:
        UserError: a folder is none of a run, or named twice.
    """

    def __init__(self, folders: Sequence[str | Path]) -> None:
        self._folders = {str(folder): Path(folder) for folder in folders}
        if len(self._folders) < len(folders):
            raise UserError("A run directory was named twice; expected each once.")
        for folder in self._folders.values():
            check_folder(folder)
        self._models: dict[str, ChatModel] = {}
        self._reading = threading.Lock()

    @property
    def names(self) -> list[str]:
        """In the order in which they were typed."""
        return list(self._folders)

    def model(self, name: str) -> "ChatModel":
        """The run's model, read when it is first asked for. Whoever has it keeps it when the folder goes.

        Raises:
            UserError: no such run was named, its folder is gone, or it cannot be read.
        """
        if name not in self._folders:
            raise UserError(f"{name!r} is none of the runs that were named: {', '.join(self._folders)}.")
        folder = self._folders[name]
        if not folder.is_dir():
            self._models.pop(name, None)
            raise UserError(f"{name} is no longer there, so it cannot be chosen; what was loaded before goes on.")
        with self._reading:
            if name not in self._models:
                self._models[name] = read_model(folder, name)
                self.personas(name)  # while the file is there
        return self._models[name]

    def personas(self, name: str) -> Mapping[str, Sequence[str]]:
        """Persona sentences by user, as the run's own examples have them; empty where it has none."""
        return personas_of(self._folders[name])


def check_folder(folder: Path) -> dict[str, Any]:
    """The folder's config.yaml.

    Raises:
        UserError: there is none, or it is not of something that answers.
    """
    advice = "Give the directory that run.py or python -m zoo.prompted printed, or a folder of python -m zoo.export."
    path = folder / "config.yaml"
    if not path.is_file():
        raise UserError(f"{folder} is not a run directory: it has no config.yaml. {advice}")
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read ({str(error).splitlines()[0]}). {advice}") from error
    if not isinstance(config, dict) or not any(isinstance(config.get(kind), dict) for kind in KINDS):
        raise UserError(f"{path} describes nothing that answers: it has neither model nor language_model. {advice}")
    return config


def read_model(folder: Path, name: str) -> "ChatModel":
    """What answers for a folder. No reply is written meanwhile: loading seeds the process's random numbers.

    Raises:
        UserError: it cannot be read.
    """
    config = check_folder(folder)
    users = [user for user in personas_of(folder) if user]
    from zoo.people.chat.streaming import GENERATING

    try:
        with GENERATING:
            if isinstance(config.get("language_model"), dict):
                from zoo.people.chat.prompted import PromptedModel

                return PromptedModel(config, folder, name, users)
            from zoo.loading import load
            from zoo.people.chat.models import TrainedModel

            return TrainedModel(load(folder), name, users)
    except Exception as error:
        if (told := user_message(error)) is None:
            raise
        raise UserError(told) from error  # Hydra wraps what it meets in an error of its own


@cache
def personas_of(folder: Path) -> Mapping[str, Sequence[str]]:
    """By user, of the first example that names them in generations*.jsonl."""
    found: dict[str, Sequence[str]] = {}
    for path in sorted(folder.glob("generations*.jsonl")):
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    row = json.loads(line)
                    found.setdefault(str(row["user"]), tuple(map(str, row["persona"])))
                except (ValueError, KeyError, TypeError):
                    break  # not ours to mend: somebody's users stay without sentences
    return found
