r"""Completions of profile prompts: a list of up to five sentences, each with its entity in brackets at the end.

A prompt ends in "1.", so the completion goes on with the first entry:

    ` I love pizza. (food: pizza)\n2. I often eat sushi. (food: sushi)\n...`

Three modes:

* `paper`: Appendix J's pattern, `(?P<utter>.*)[\(|\[](?P<attr>.*): (?P<value>.*)[\)|\]]`, from the entry's start.
  As printed, `|` is a bracket too, the last ": " separates key from value, and what follows the last closing bracket
  is dropped. Blanks around the parts are taken off.
* `code`: as released. The first character of the completion is dropped, whatever it is, and there has to be a blank
  before the opening bracket.
* `strict`: the bracket group that ends the line, of one sort of bracket and balanced, is split at its first ": "; no
  part may be empty. Any number with "." or ")" opens an entry; other lines are no entries.

The greedy pattern takes cubic time on lines of many brackets; here its matches are found in linear time.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from zoo.errors import UserError

Mode = Literal["paper", "code", "strict"]
PER_PROMPT = 5  # sentences that a prompt asks for
LONGEST = 1000  # characters; a longer line is no sentence, in any mode
_ENTRY = re.compile(r"\n[2-5]\. ")
_NUMBER = re.compile(r"\s*\d{1,3}[.)]\s")
_OPEN, _CLOSE = "(|[", ")|]"
_PARTNER = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Parsed:
    """An entry that has its form."""

    sentence: str
    key: str  # as the model wrote it
    value: str


def check_mode(mode: str) -> None:
    """Refuse what is no `Mode`.

    Raises:
        UserError: it is none.
    """
    if mode not in get_args(Mode):
        raise UserError(f"The regex mode {mode} was given; expected one of {', '.join(get_args(Mode))}.")


def split_profile(text: str, mode: Mode = "paper", per_prompt: int = PER_PROMPT) -> list[str]:
    r"""The first `per_prompt` entries of a completion that have any text: the raw sentences that Table 1 begins with.

    >>> split_profile(" I eat. (food: rice)\n2. I drink. (drink: tea)")
    ['I eat. (food: rice)', 'I drink. (drink: tea)']
    """
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair could not be written to a file
    if mode == "strict":
        first, *others = text.strip().split("\n")
        entries = [_NUMBER.sub("", line, 1) for line in (first, *(line for line in others if _NUMBER.match(line)))]
    else:
        entries = _ENTRY.split(text[1:] if mode == "code" else text)
    if mode != "code":
        entries = [entry.strip() for entry in entries]
    return [entry for entry in entries if entry.strip()][:per_prompt]


def parse_line(line: str, mode: Mode = "paper") -> Parsed | None:
    """The parts of an entry, None where it has another form.

    >>> parse_line("I saw all of it. [movie title: Star Wars: A New Hope]")
    Parsed(sentence='I saw all of it.', key='movie title: Star Wars', value='A New Hope')
    >>> parse_line("I saw all of it. [movie title: Star Wars: A New Hope]", "strict")
    Parsed(sentence='I saw all of it.', key='movie title', value='Star Wars: A New Hope')
    """
    if len(line) > LONGEST:
        return None
    if mode == "strict":
        return _strict(line)
    line = line.partition("\n")[0]  # the pattern's dot takes no newline
    close = max(line.rfind(mark) for mark in _CLOSE)
    colon = line.rfind(": ", 0, max(close, 0))
    before = " " if mode == "code" else ""
    opening = max(line.rfind(before + mark, 0, max(colon, 0)) for mark in _OPEN)
    if opening < 0:
        return None
    parts = line[:opening], line[opening + len(before) + 1 : colon], line[colon + 2 : close]
    return Parsed(*parts) if mode == "code" else Parsed(*(part.strip() for part in parts))


def _strict(line: str) -> Parsed | None:
    line = line.strip()
    if not line or line[-1] not in _PARTNER:
        return None
    close, depth = line[-1], 0
    for place in range(len(line) - 1, -1, -1):
        depth += (line[place] == close) - (line[place] == _PARTNER[close])
        if depth == 0:
            break
    else:
        return None
    key, colon, value = line[place + 1 : -1].partition(": ")
    parts = [part.strip() for part in (line[:place], key, value)]
    return Parsed(*parts) if colon and all(parts) else None
