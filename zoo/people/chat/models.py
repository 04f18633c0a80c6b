"""`ChatModel`: what is talked to. `TrainedModel`: the network of a run or of an exported folder."""

import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteriaList

from zoo.data.profile_template import ProfileTemplate
from zoo.data.records import DialogueExample
from zoo.errors import UserError
from zoo.module import DialogueModule, unanswered
from zoo.people.chat.decoding import OF_DRAWS, SETTINGS, Settings, Value
from zoo.people.chat.streaming import Pieces, StopsWhen, in_background


class ChatModel(ABC):
    """Something that answers.

    Attributes:
        name: what its run is called.
        users: ids that it can speak as; empty where it knows nobody.
        needs_user: can it answer as one of `users` alone?
        reads_persona: do persona sentences reach it as words?
        reads_profile: do profiles?
        setting_names: that it decodes by.
        settings: its own decoding.
    """

    name: str
    users: Sequence[str] = ()
    needs_user: bool = False
    reads_persona: bool = True
    reads_profile: bool = False
    setting_names: Sequence[str]
    settings: Settings

    @abstractmethod
    def check(self, example: DialogueExample, settings: Mapping[str, Value]) -> None:
        """Refuse what it could not answer.

        Raises:
            UserError: an unknown user, a persona that is too long, settings that do not fit.
        """

    def why_whole(self, settings: Mapping[str, Value]) -> str | None:
        """Why a reply comes all at once under these settings; None where it comes as it is written."""
        return None

    def known_user(self, user: str) -> bool:
        """Can it speak as `user`? "" is nobody in particular."""
        return user in self.users

    @abstractmethod
    def reply(
        self, example: DialogueExample, settings: Mapping[str, Value], seed: int, stop: threading.Event
    ) -> Iterator[str]:
        """The reply in pieces. Equal arguments give equal replies; `stop` ends it early."""


class TrainedModel(ChatModel):
    """A network of `zoo.load`.

    Args:
        module: as loaded.
        name: of its run.
        users: ids that the run's own examples name, for models that have no state per user.
    """

    def __init__(self, module: DialogueModule, name: str, users: Sequence[str] = ()) -> None:
        self.module, self.name = module, name
        template = module.template
        self.needs_user = bool(module.net.has_user_rows)
        self.users = list(module.net.users) if self.needs_user else list(users)
        self.reads_persona = template.persona in ("self", "both") and not isinstance(template, ProfileTemplate)
        self.reads_id = template.persona == "id" or bool(getattr(template, "one_id", False))
        self.reads_profile = isinstance(template, ProfileTemplate) and template.prompt != "plain"
        self.setting_names = [name for name in SETTINGS if not name.endswith("_penalty") or name in _OURS]
        own = {name: getattr(module.decoding, name, None) for name in self.setting_names}
        sampled = bool(own["do_sample"])
        self.settings = {
            name: value
            for name, value in own.items()
            if value is not None and not (name in OF_DRAWS and not sampled) and value != _UNSAID.get(name)
        } | {"do_sample": sampled, "num_beams": own["num_beams"] or 1}

    def known_user(self, user: str) -> bool:
        """As in the base class; an id that stands in the prompt alone may be anyone's."""
        return user in self.users or (not self.needs_user and (user == "" or self.reads_id))

    def check(self, example: DialogueExample, settings: Mapping[str, Value]) -> None:
        """See `ChatModel.check`."""
        module = self.module
        module.net.row_of(example.user)
        alone = unanswered(["."], example.persona, example.user, example.profile, example.partner_profile)
        template = module.template
        if template.encode(alone).truncated:
            raise UserError(
                f"The persona was given {len(example.persona)} sentences, {len(' '.join(example.persona))} characters "
                f"in all; {self.name} reads at most {template.max_persona_tokens} tokens of a persona. Leave some out."
            )
        encoded = template.encode(example)
        prompt = sum(len(getattr(encoded, segment)) for segment in module.net.prompt_segments)
        answer = int(self.decoding(settings).max_new_tokens)
        needed, limit = module.net.positions_needed(prompt, answer)
        if limit is not None and needed > limit:
            raise UserError(
                f"The conversation takes {prompt} tokens and the reply up to {answer}, but {self.name} has {limit} "
                "positions. Set a lower max_new_tokens, give fewer persona sentences, or begin anew."
            )

    def decoding(self, settings: Mapping[str, Value]) -> GenerationConfig:
        """The run's own decoding with these settings.

        Raises:
            UserError: transformers refuses them.
        """
        decoding = copy.deepcopy(self.module.decoding)
        for name in self.setting_names:
            if name in settings:
                setattr(decoding, name, settings[name])
        if not settings["do_sample"]:
            decoding.temperature = decoding.top_p = decoding.top_k = None
        try:
            decoding.validate()
        except ValueError as error:
            raise UserError(f"These decoding settings do not go together: {str(error).splitlines()[0]}") from error
        return decoding

    def why_whole(self, settings: Mapping[str, Value]) -> str | None:
        """See `ChatModel.why_whole`: beams are compared until the last token."""
        return "beams are compared until the end" if settings.get("num_beams", 1) > 1 else None

    def reply(
        self, example: DialogueExample, settings: Mapping[str, Value], seed: int, stop: threading.Event
    ) -> Iterator[str]:
        """See `ChatModel.reply`: the text of `module.reply(..., seed=seed)` under the same decoding."""
        module, decoding = self.module, self.decoding(settings)

        def write(piece: Callable[[str], None]) -> None:
            torch.manual_seed(seed)
            pieces = Pieces(module.template.decode, piece)
            options: dict[str, Any] = {} if self.why_whole(settings) else {"streamer": pieces}
            options["stopping_criteria"] = StoppingCriteriaList([StopsWhen(stop)])
            ids = module.net.generate(module.asked([example]), decoding, **options)
            pieces.finish(module.template.decode(ids[0].tolist()))

        return in_background(write, stop, self._draws)

    @contextmanager
    def _draws(self) -> Iterator[None]:
        device = self.module.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield


_OURS = ("length_penalty", "repetition_penalty")  # of penalties: the others are an endpoint's
_UNSAID = {"length_penalty": 1.0, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "min_new_tokens": 0}
