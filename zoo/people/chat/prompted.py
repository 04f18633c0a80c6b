"""`PromptedModel`: the language model of a run of `python -m zoo.prompted`, which reads a prompt and nothing else."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from zoo.data.records import DialogueExample
from zoo.language_models.base import LanguageModel, Request
from zoo.people.chat.decoding import Settings, Value
from zoo.people.chat.models import ChatModel
from zoo.people.chat.streaming import in_background
from zoo.prompted.prompts import PromptMaker
from zoo.trust import check_parts


class PromptedModel(ChatModel):
    """Answers in the run's wording, by its language model; its file of answers is neither read nor written.

    An endpoint may answer equal requests differently; a local model does not.

    Args:
        config: the run's config.yaml, plain.
        folder: of the run.
        name: of the run.
        users: ids that the run's examples name.

    Raises:
        UserError: the folder would build other things than a model, or the model is not there.
    """

    setting_names = ("temperature", "top_p", "max_new_tokens", "frequency_penalty", "presence_penalty")
    reads_profile = True

    def __init__(self, config: Mapping[str, Any], folder: Path, name: str, users: Sequence[str] = ()) -> None:
        for part in ("language_model", "prompt"):
            check_parts(config[part], folder / "config.yaml")
        self.name, self.users = name, list(users)
        self.maker: PromptMaker = instantiate(config["prompt"])
        self.model: LanguageModel = instantiate(config["language_model"])
        self.settings: Settings = {key: config["reply"][key] for key in self.setting_names if key in config["reply"]}

    def known_user(self, user: str) -> bool:
        """Anyone: only persona sentences and profile reach the prompt."""
        return True

    def check(self, example: DialogueExample, settings: Mapping[str, Value]) -> None:
        """See `ChatModel.check`; how long a prompt may be, the model says when it is asked."""
        self._request(example, settings, 0)

    def why_whole(self, settings: Mapping[str, Value]) -> str | None:
        """See `ChatModel.why_whole`: language models give whole answers here."""
        return "a prompted language model answers at once"

    def reply(
        self, example: DialogueExample, settings: Mapping[str, Value], seed: int, stop: threading.Event
    ) -> Iterator[str]:
        """See `ChatModel.reply`: of one that is stopped there is nothing."""
        request = self._request(example, settings, seed)

        def write(piece: Callable[[str], None]) -> None:
            text = self.maker.reply(self.model.complete([request])[0])
            if not stop.is_set():
                piece(text)

        return in_background(write, stop, nullcontext)

    def _request(self, example: DialogueExample, settings: Mapping[str, Value], seed: int) -> Request:
        decoding: dict[str, Any] = dict(settings)
        return Request(self.maker.prompt(example), stop=self.maker.stop, seed=seed, **decoding)
