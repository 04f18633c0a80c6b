"""A conversation in the terminal: plain lines from a pipe, colours and a prompt where a person looks on."""

import contextlib
import sys
import unicodedata
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from zoo.errors import UserError
from zoo.people.chat.commands import Commands, Leave, begin
from zoo.people.chat.conversation import Conversation
from zoo.people.chat.runs import Runs

HINT = "Say something, or /help. Ctrl-D leaves."


class Terminal:
    """Reads lines until there are no more, and answers each.

    What a person or a model wrote is shown as text: no markup of rich is read, and control characters, which could
    move the cursor or colour the screen, are shown as they are called.

    Args:
        conversation: that is held.
        runs: that can be chosen.
        console: to write on.
    """

    def __init__(self, conversation: Conversation, runs: Runs, console: Console) -> None:
        self.talk, self.console = conversation, console
        self.commands = Commands(conversation, runs)
        self.runs = runs

    def hold(self) -> None:
        """The whole conversation; ends at /quit or the end of the input."""
        for line in begin(self.talk, self.runs):
            self._tell(line)
        if self.console.is_terminal:
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401  (the arrow keys)
            self._tell(HINT)
        with contextlib.suppress(Leave):
            for line in self._lines():
                try:
                    if line.startswith("/"):
                        for told in self.commands(line):
                            self._tell(told)
                    else:
                        self._answer(line)
                except KeyboardInterrupt:  # amid a command: a model that was being read
                    self._tell("(stopped)")
                except UserError as error:
                    self.console.print(Text(printable(str(error)), style="yellow"), highlight=False)

    def _lines(self) -> Iterator[str]:
        """What is typed, without blank lines. Ctrl-C takes back a line that was begun."""
        while True:
            try:
                line = input("you> " if self.console.is_terminal else "")
            except EOFError:
                if self.console.is_terminal:
                    self.console.print()
                return
            except KeyboardInterrupt:
                self.console.print("\n(Ctrl-D or /quit leaves)", style="dim")
                continue
            except UnicodeDecodeError:
                self._tell("That line is no UTF-8 text; nothing was said.")
                continue
            if line.strip():
                yield line.strip()

    def _answer(self, message: str) -> None:
        """Say it, and write the reply as it comes; Ctrl-C ends the reply."""
        said = False
        try:
            for piece in self.talk.say(message):
                if not said:
                    self._name()
                said = True
                self._write(piece)
        except KeyboardInterrupt:  # met in the generator, which ended the reply
            self.console.print(Text(" (stopped)", style="dim"), end="")
        else:
            if not said:
                self._name()
                self.console.print(Text("(nothing)", style="dim"), end="")
        self.console.print()

    def _name(self) -> None:
        self.console.print(Text(printable(f"{self.talk.user or 'model'}> "), style="bold cyan"), end="")

    def _write(self, piece: str) -> None:
        self.console.file.write(printable(piece))
        self.console.file.flush()

    def _tell(self, line: str) -> None:
        self.console.print(Text(printable(line), style="dim"), highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    r"""The text with control characters by their names; blanks of all languages are no such.

    >>> printable("a\x1b[31mb\n")
    'a\\x1b[31mb\n'
    """
    return "".join(sign if _is_shown(sign) else repr(sign)[1:-1] for sign in text)


def _is_shown(sign: str) -> bool:
    return sign.isprintable() or sign in "\n\u200d\u200c" or unicodedata.category(sign) == "Zs"


def console() -> Console:
    """On standard output; wide where it is no terminal."""
    made = Console(highlight=False, markup=False)
    if not made.is_terminal:
        made.width = 120
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return made
