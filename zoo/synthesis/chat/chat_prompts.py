"""`ChatPrompt`: what two language models, or one, are given to continue as two friends (PersonaChatGen, Table 14).

Two prompts each know their own persona only. Roles are mirrored: who a prompt plays is "You:" in it and "Friend:" in
the other. A demonstration is mirrored too, so it opens with "You:" in A's prompt and with "Friend:" in B's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from zoo.errors import UserError
from zoo.synthesis.chat.chat_demonstrations import ChatDemonstration

Layout = Literal["code", "paper"]
Knowledge = Literal["own", "both"]
YOU, FRIEND = "You:", "Friend:"
STOP = (YOU, FRIEND, "\n")
Personas = tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Writes prompts.

    Args:
        implicit: RAW+ asks for a conversation "implicitly containing the given persona", which the paper introduced
            because under RAW too many profile sentences were copied. RAW's exact wording is unpublished; here it lacks
            that word.
        shots: demonstrations before the personas to write for, 1 as in the paper or 0.
        layout: "code" heads a persona with "### Persona:", as the published template; "paper" with "Persona:", as
            Table 14 is printed.
        knowledge: "own": two prompts, each with one persona. "both": one prompt with both personas, whose lines A says
            as "You:" and B as "Friend:", what the paper calls cheating. It has no wording for that: the headings
            "Persona of You:" and "Persona of Friend:" and the plural in the sentence below them are ours.

    Raises:
        UserError: an unknown setting.
    """

    implicit: bool = True
    shots: int = 1
    layout: Layout = "code"
    knowledge: Knowledge = "own"

    def __post_init__(self) -> None:
        if self.shots not in (0, 1):
            raise UserError(f"shots={self.shots} was given for the chat prompt; expected 1 demonstration, or 0.")
        for name, given, known in (
            ("layout", self.layout, get_args(Layout)),
            ("knowledge", self.knowledge, get_args(Knowledge)),
        ):
            if given not in known:
                raise UserError(f"{name}={given} was given for the chat prompt; expected one of {', '.join(known)}.")

    @property
    def name(self) -> str:
        """For reports, e.g. "RAW+, 1-shot, code layout, own persona only"."""
        knows = "own persona only" if self.knowledge == "own" else "both personas"
        return f"{'RAW+' if self.implicit else 'RAW'}, {self.shots}-shot, {self.layout} layout, {knows}"

    def beginnings(self, personas: Personas, demonstration: ChatDemonstration | None = None) -> tuple[str, str]:
        """A's and B's prompt up to where the conversation starts; one text twice where one prompt knows both.

        Args:
            personas: A's and B's sentences.
            demonstration: for one shot; not read for none.

        Raises:
            UserError: one shot, and no demonstration.
        """
        if self.shots and demonstration is None:
            raise UserError("A one-shot chat prompt was asked for without a demonstration; give one, or shots=0.")
        return self._beginning(personas, demonstration, 0), self._beginning(personas, demonstration, 1)

    def prompt(self, beginnings: tuple[str, str], utterances: Sequence[str], cut: int = 0) -> str:
        """The prompt for the next utterance: the speaker's beginning, what was said so far, and the speaker's mark.

        The first `cut` utterances are left out of it.
        """
        speaker = len(utterances) % 2
        said = "".join(f"{self._mark(speaker, t % 2)} {text}\n" for t, text in enumerate(utterances) if t >= cut)
        return beginnings[speaker] + said + self._mark(speaker, speaker)

    def _beginning(self, personas: Personas, demonstration: ChatDemonstration | None, speaker: int) -> str:
        shown = ""
        if self.shots and demonstration is not None:
            said = (f"{self._mark(speaker, t % 2)} {text}" for t, text in enumerate(demonstration.utterances))
            shown = self._scene(demonstration.personas, speaker) + "\n".join(said) + "\n\n"
        return shown + self._scene(personas, speaker)

    def _scene(self, personas: Personas, speaker: int) -> str:
        """Personas under their headings, and the sentence before the conversation."""
        sign = "### " if self.layout == "code" else ""
        how = "implicitly containing" if self.implicit else "containing"
        if self.knowledge == "own":
            blocks, given = [("Persona:", personas[speaker])], "persona"
        else:
            blocks = [(f"Persona of {mark}", one) for mark, one in zip((YOU, FRIEND), personas, strict=True)]
            given = "personas"
        headed = ("\n".join([sign + heading, *sentences]) + "\n\n" for heading, sentences in blocks)
        return "".join(headed) + f"The following is a daily conversation with your friend {how} the given {given}.\n"

    def _mark(self, prompt: int, speaker: int) -> str:
        """What a speaker's lines begin with in one of the two prompts."""
        return YOU if speaker == (prompt if self.knowledge == "own" else 0) else FRIEND
