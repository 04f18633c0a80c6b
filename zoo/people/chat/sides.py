"""What a visitor of the page holds: one conversation or two, apart from everybody else's."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from zoo.errors import UserError
from zoo.people.chat.agreement import Verdict, verdicts
from zoo.people.chat.conversation import RESPONDER, Conversation
from zoo.people.chat.decoding import Value
from zoo.people.chat.models import ChatModel
from zoo.people.chat.runs import Runs
from zoo.people.chat.shown import transcript
from zoo.scorers.base import NliScorer


@dataclass(frozen=True)
class Chosen:
    """What the page's fields say of one side when a message is sent."""

    run: str
    user: str
    persona: str  # a sentence a line
    profile: str  # age=30s, one a line


class Side:
    """One conversation as a page shows it.

    Args:
        runs: that can be chosen.
        scorer: of replies and persona sentences.
        typed: decoding of the command, which holds where the page has no field for it.
    """

    def __init__(self, runs: Runs, scorer: NliScorer, typed: Mapping[str, Value]) -> None:
        self.runs, self.scorer, self.typed = runs, scorer, typed
        self.conversation: Conversation | None = None
        self.verdicts: dict[int, list[Verdict]] = {}
        self.pending: tuple[str, str] | None = None

    def choose(self, run: str) -> ChatModel:
        """Let a run's model answer from now on; what was said stays.

        Raises:
            UserError: it cannot be had; the former one stays.
        """
        model = self.runs.model(run)
        if self.conversation is None:
            self.conversation = Conversation(model)
        elif self.conversation.model is not model:
            self.conversation.speak_with(model)
        return model

    def prepare(self, chosen: Chosen, message: str, decoding: Mapping[str, Value], seed: int) -> None:
        """Make the conversation what the fields say, and see whether the message can be answered.

        Raises:
            UserError: they say something that cannot be.
        """
        if self.conversation is None or self.conversation.model.name != chosen.run:
            self.choose(chosen.run)
        talk = self.conversation
        assert talk is not None
        talk.become(chosen.user.strip(), chosen.persona.splitlines())
        talk.set_profile(read_profile(chosen.profile))
        talk.settings = dict(talk.model.settings)
        typed = {name: value for name, value in self.typed.items() if name in talk.model.setting_names}
        talk.decode(typed | offered(talk.model, decoding))
        talk.seed = seed
        talk.check(message)

    def say(self, message: str, stop: threading.Event) -> Iterator[str]:
        """The transcript again and again while the reply is written, and with verdicts at the end.

        Raises:
            UserError: the model cannot answer; nothing was said.
        """
        talk = self.conversation
        assert talk is not None
        said = ""
        self.pending = (message, "")
        try:
            for piece in talk.say(message, stop):
                said += piece
                self.pending = (message, said)
                yield self.shown()
        finally:
            self.pending = None
        if talk.turns and talk.turns[-1].speaker == RESPONDER:
            number = len(talk.turns) - 1
            self.verdicts[number] = verdicts(self.scorer, talk.turns[-1].text, talk.persona)
        yield self.shown()

    def shown(self) -> str:
        """The transcript."""
        talk = self.conversation
        if talk is None:
            return transcript([], {}, None, "")
        return transcript(talk.turns, self.verdicts, self.pending, talk.user or talk.model.name)

    def reset(self) -> None:
        """Begin anew."""
        self.verdicts.clear()
        if self.conversation is not None:
            self.conversation.reset()

    def lines(self) -> str:
        """The conversation as JSON lines."""
        return "" if self.conversation is None else self.conversation.lines()


@dataclass
class Visit:
    """One visitor's two sides; the second is used where two are compared.

    Attributes:
        writing: held while replies are written: a second click says nothing twice.
        stop: set to end the replies under way.
    """

    sides: tuple[Side, Side]
    writing: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def turns(self) -> int:
        """Said so far, on both sides."""
        return sum(len(side.conversation.turns) for side in self.sides if side.conversation is not None)


def offered(model: ChatModel, decoding: Mapping[str, Value]) -> dict[str, Value]:
    """The page's settings in the model's words: without draws, a language model has the temperature 0."""
    asked = dict(decoding)
    if not asked.get("do_sample"):
        for name in ("temperature", "top_p"):
            asked.pop(name, None)
        if "do_sample" not in model.setting_names:
            asked["temperature"] = 0.0
    return {name: value for name, value in asked.items() if name in model.setting_names}


def read_profile(text: str) -> dict[str, str]:
    """`age=30s`, one a line.

    Raises:
        UserError: a line is none.
    """
    found = {}
    for line in filter(str.strip, text.splitlines()):
        name, _, value = (part.strip() for part in line.partition("="))
        if not name or not value:
            raise UserError(f"The profile has the line {line!r}; expected ATTRIBUTE=VALUE, such as age=30s.")
        found[name] = value
    return found
