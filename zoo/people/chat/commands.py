"""What a line that begins with a slash does to a conversation, and what is told of it."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from zoo.errors import UserError
from zoo.people.chat.conversation import RESPONDER, Conversation
from zoo.people.chat.decoding import described, read_settings
from zoo.people.chat.runs import Runs

SHOWN = 20  # users on a page of the list
DIGITS = 19  # of the largest seed
HELP = {
    "/persona": "show the persona; /persona I sing. | I have two dogs. sets its sentences; /persona clear",
    "/user": "list users; /user ID answers as one of them; /user 2 is the list's second page",
    "/profile": "show the profile; /profile age=30s gender=female sets it; /profile clear",
    "/run": "list the runs; /run NAME goes on with another",
    "/decoding": "show the settings; /decoding temperature=0.7 top_p=0.9 max_new_tokens=40 num_beams=1",
    "/seed": "show the seed; /seed N sets it",
    "/reset": "forget what was said",
    "/save": "/save FILE keeps the conversation as JSON lines",
    "/help": "this list",
    "/quit": "leave; so does Ctrl-D. Ctrl-C stops a reply",
}


class Leave(Exception):  # noqa: N818  (no error)
    """The person is done."""


class Commands:
    """The commands of one conversation; each gives the lines to tell.

    Args:
        conversation: that they change.
        runs: that can be chosen.
    """

    def __init__(self, conversation: Conversation, runs: Runs) -> None:
        self.conversation, self.runs = conversation, runs
        self.page = 1
        self._by_name: dict[str, Callable[[str], Iterator[str]]] = {
            name: getattr(self, name.removeprefix("/")) for name in HELP
        }

    def __call__(self, line: str) -> Iterator[str]:
        """Do what a line says.

        Raises:
            UserError: it cannot be done; nothing changed.
            Leave: at /quit.
        """
        name, _, rest = line.strip().partition(" ")
        if name not in self._by_name:
            raise UserError(f"There is no command {name}; the commands are {', '.join(HELP)}.")
        return self._by_name[name](rest.strip())

    def persona(self, rest: str) -> Iterator[str]:
        """Show, set or clear persona sentences."""
        talk = self.conversation
        if rest:
            sentences = [] if rest == "clear" else rest.split("|")
            talk.become(talk.user, sentences)
        yield from persona_lines(talk)

    def user(self, rest: str) -> Iterator[str]:
        """List users, or choose one with their own persona."""
        talk = self.conversation
        page, model = number(rest or "1"), talk.model  # a page of the list is no id, unless the list has one or ends
        if rest and (page is None or rest in model.users or (model.known_user(rest) and page > pages(talk))):
            talk.become(rest, self.runs.personas(talk.model.name).get(rest, ()))
            yield f"{talk.model.name} answers as user {talk.user}."
            yield from persona_lines(talk)
            return
        yield from user_lines(talk, page or 0)

    def profile(self, rest: str) -> Iterator[str]:
        """Show, set or clear the profile."""
        talk = self.conversation
        if rest:
            pairs = [] if rest == "clear" else [word.partition("=") for word in shlex_split(rest)]
            if wrong := ["".join(pair) for pair in pairs if not all(pair)]:
                raise UserError(f"{wrong[0]!r} was given; expected ATTRIBUTE=VALUE, such as age=30s.")
            talk.set_profile({name: value for name, _, value in pairs})
        shown = ", ".join(f"{name}: {value}" for name, value in talk.profile.items())
        yield f"profile: {shown or 'none'}"
        if talk.profile and not talk.model.reads_profile:
            yield f"{talk.model.name} does not read profiles."

    def run(self, rest: str) -> Iterator[str]:
        """List runs, or go on with another."""
        talk = self.conversation
        if rest:
            talk.speak_with(self.runs.model(rest))
            yield from begin(talk, self.runs)
            return
        for name in self.runs.names:
            yield f"{'*' if name == talk.model.name else ' '} {name}"

    def decoding(self, rest: str) -> Iterator[str]:
        """Show or change settings."""
        talk = self.conversation
        if rest:
            talk.decode(read_settings(rest.split()))
        yield described(talk.settings)
        if why := talk.model.why_whole(talk.settings):
            yield f"Replies come whole: {why}."

    def seed(self, rest: str) -> Iterator[str]:
        """Show or set the seed."""
        if rest:
            if (seed := number(rest)) is None:
                raise UserError(f"/seed {rest} was given; expected a whole number of at most {DIGITS} digits.")
            self.conversation.seed = seed
        yield f"seed {self.conversation.seed}"

    def reset(self, rest: str) -> Iterator[str]:
        """Forget what was said."""
        self.conversation.reset()
        yield "The conversation begins anew."

    def save(self, rest: str) -> Iterator[str]:
        """Write a file."""
        if not rest:
            raise UserError("/save was given without a name; expected /save FILE.")
        self.conversation.save(Path(rest).expanduser())
        replies = sum(turn.speaker == RESPONDER for turn in self.conversation.turns)
        yield f"{rest}: {len(self.conversation.turns)} turns, {replies} of them replies."

    def help(self, rest: str) -> Iterator[str]:
        """What there is."""
        width = max(map(len, HELP))
        for name, what in HELP.items():
            yield f"{name:<{width}}  {what}"

    def quit(self, rest: str) -> Iterator[str]:
        """Leave."""
        raise Leave


def begin(talk: Conversation, runs: Runs) -> Iterator[str]:
    """Who answers, told at the beginning; a user whom the model took by itself comes with their persona."""
    if talk.user and not talk.persona:
        talk.become(talk.user, runs.personas(talk.model.name).get(talk.user, ()))
    if talk.user:
        count = len(talk.model.users)
        yield f"{talk.model.name} answers as user {talk.user} (one of {count:,}; /user lists them)."
    else:
        yield f"{talk.model.name} answers."
    yield from persona_lines(talk)
    if why := talk.model.why_whole(talk.settings):
        yield f"Replies come whole: {why}."


def persona_lines(talk: Conversation) -> Iterator[str]:
    """The persona, and whether it reaches the model."""
    if not talk.persona:
        yield "persona: none" + (" (/persona sets sentences)" if talk.model.reads_persona else "")
        return
    yield "persona:"
    yield from (f"  {sentence}" for sentence in talk.persona)
    if not talk.model.reads_persona:
        yield f"  ({talk.model.name} does not read these sentences; what it knows of a user is in its weights.)"


def user_lines(talk: Conversation, page: int) -> Iterator[str]:
    """A page of the users whom the model knows."""
    users: Sequence[str] = talk.model.users
    if not users:
        yield f"{talk.model.name} knows no users."
        return
    last = pages(talk)
    if not 1 <= page <= last:
        raise UserError(f"/user {page} was given: there is no such user, and the list has {last} pages.")
    for user in users[(page - 1) * SHOWN : page * SHOWN]:
        yield f"{'*' if user == talk.user else ' '} {user}"
    yield f"{len(users):,} users, page {page} of {last}; /user ID chooses one."


def pages(talk: Conversation) -> int:
    """Of the list of users."""
    return -(-len(talk.model.users) // SHOWN)


def number(text: str) -> int | None:
    """A whole number that somebody typed; None for anything else."""
    return int(text) if text.isdecimal() and len(text) <= DIGITS else None


def shlex_split(text: str) -> list[str]:
    """Words, with quoted ones whole.

    Raises:
        UserError: a quotation has no end.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserError(f"{text!r} was given; a quotation mark has no partner.") from error
