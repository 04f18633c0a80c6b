"""`Conversation`: who speaks with which model, what was said so far, and the next reply as it is written."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from zoo.data.records import DialogueExample
from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.module import unanswered
from zoo.people.chat.decoding import Settings, Value, changed
from zoo.people.chat.models import ChatModel

PARTNER, RESPONDER = "partner", "responder"  # the person at the keyboard, and the model
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance, with all that decides the next reply: a line of a saved conversation."""

    speaker: str  # "partner" or "responder"
    text: str
    persona: Sequence[str]
    user: str
    seed: int
    decoding: Mapping[str, Value]
    run: str
    profile: Mapping[str, str]
    stopped: bool = False  # the listener ended it early


class Conversation:
    """What was said, and what the next reply depends on. The same of both gives the same reply.

    Args:
        model: who answers.
        persona: sentences of the one who answers.
        user: id of the one who answers; "" is nobody in particular.
        seed: of drawn replies, the same for each.
        settings: changes to the model's own decoding.

    Raises:
        UserError: the model knows no such user, or cannot decode so.
    """

    def __init__(
        self,
        model: ChatModel,
        persona: Sequence[str] = (),
        user: str = "",
        seed: int = 0,
        settings: Mapping[str, Value] | None = None,
    ) -> None:
        self.turns: list[Turn] = []
        self.persona: tuple[str, ...] = ()
        self.user, self.profile = "", dict[str, str]()
        self._seed = 0
        self.speak_with(model)
        self.become(user, persona)
        self.seed = seed
        self.decode(settings or {})

    # -- who answers, and how -----------------------------------------------------------------------------------------

    def speak_with(self, model: ChatModel) -> None:
        """Another model goes on with what was said, decoding in its own way.

        It answers as the same user where it knows them, else as its first, or as nobody in particular.

        Raises:
            UserError: it cannot read the persona; nothing changes.
        """
        user, persona = self.user, self.persona
        if not model.known_user(user):
            user, persona = (model.users[0] if model.needs_user else ""), ()
        model.check(unanswered(["."], persona, user, self.profile), model.settings)
        self.model, self.settings, self.user, self.persona = model, dict(model.settings), user, persona

    def become(self, user: str, persona: Sequence[str] = ()) -> None:
        """Let the model answer as `user`, with these persona sentences. For "" one that needs a user takes its first.

        Raises:
            UserError: it knows nobody of that id, or the persona is too long for it; nothing changes.
        """
        if not user and self.model.needs_user:
            user = self.model.users[0]
        if user and not self.model.known_user(user):
            some = ", ".join(self.model.users[:3])
            known = f"it knows {len(self.model.users):,} ({some}, ...)" if some else "it knows no users"
            raise UserError(f"User {user!r} was chosen, but {self.model.name} has no such user: {known}.")
        kept = tuple(sentence.strip() for sentence in persona if sentence.strip())
        self.model.check(unanswered(["."], kept, user, self.profile), self.settings)
        self.user, self.persona = user, kept

    def set_profile(self, profile: Mapping[str, str]) -> None:
        """Closed attributes of the one who answers (age, gender, ...), for models that read them.

        Raises:
            UserError: it is too long for the model; nothing changes.
        """
        self.model.check(unanswered(["."], self.persona, self.user, profile), self.settings)
        self.profile = dict(profile)

    def decode(self, changes: Mapping[str, Value]) -> None:
        """Change settings of decoding.

        Raises:
            UserError: the model has no such setting, or it cannot have that value; nothing changes.
        """
        new: Settings = changed(self.settings, changes, self.model.setting_names)
        self.model.check(self._example(["."]), new)
        self.settings = new

    @property
    def seed(self) -> int:
        """Of drawn replies."""
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        if not 0 <= seed <= MAX_SEED:
            raise UserError(f"The seed {seed} was given; expected a whole number from 0 to {MAX_SEED}.")
        self._seed = seed

    # -- what is said -------------------------------------------------------------------------------------------------

    @property
    def history(self) -> list[str]:
        """All utterances, oldest first."""
        return [turn.text for turn in self.turns]

    def say(self, message: str, stop: threading.Event | None = None) -> Iterator[str]:
        """Say something, and get the reply in pieces, which add up to it.

        Whoever stops listening, or sets `stop`, ends the reply there: what was said of it stays, and if that was
        nothing, the message is taken back, so that speakers alternate. Nothing is checked or said before the first
        piece is asked for.

        Args:
            message: what the person says.
            stop: ends the reply at its next token.

        Raises:
            UserError: an empty message, or one that the model cannot answer; it is taken back.
        """
        message = self.check(message)
        example = self._example([*self.history, message])
        stop = threading.Event() if stop is None else stop
        question, said, ended = self._question(message), "", False
        try:
            for piece in self.model.reply(example, self.settings, self.seed, stop):
                said += piece
                yield piece
            ended = not stop.is_set()
        finally:
            if said or ended:
                self.turns += [question, replace(question, speaker=RESPONDER, text=said, stopped=not ended)]

    def check(self, message: str) -> str:
        """The message as it will be said.

        Raises:
            UserError: it is empty, or the model could not answer it.
        """
        message = message.encode("utf-8", "replace").decode().strip()  # half characters of a pipe's bytes are none
        if not message:
            raise UserError("An empty message was given; expected something to answer.")
        self.model.check(self._example([*self.history, message]), self.settings)
        return message

    def reset(self) -> None:
        """Forget what was said; who answers and how stays."""
        self.turns.clear()

    # -- keeping it ---------------------------------------------------------------------------------------------------

    def lines(self) -> str:
        """JSON Lines, an object a turn: speaker, text, and all that the reply depended on."""
        return "".join(json.dumps(asdict(turn), ensure_ascii=False) + "\n" for turn in self.turns)

    def save(self, path: Path) -> None:
        """Write `lines` as a file; an older one stays until the new one is whole.

        Raises:
            UserError: nothing was said yet, or the file cannot be written.
        """
        if not self.turns:
            raise UserError("Nothing was said yet, so there is nothing to save.")
        if path.is_dir():
            raise UserError(f"{path} is a folder; expected the name of a file, such as {path / 'chat.jsonl'}.")
        try:
            write_atomically(path, [self.lines().encode("utf-8", "replace")])
        except OSError as error:
            raise UserError(f"{path} could not be written ({error.strerror or error}). Name another file.") from error

    def _example(self, history: Sequence[str]) -> DialogueExample:
        return unanswered(history, self.persona, self.user, self.profile)

    def _question(self, message: str) -> Turn:
        how = (list(self.persona), self.user, self.seed, dict(self.settings), self.model.name, dict(self.profile))
        return Turn(PARTNER, message, *how)
