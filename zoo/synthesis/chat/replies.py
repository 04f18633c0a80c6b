"""`ReplyRules`: what becomes of what a model says in a dialogue, from nothing at all to 10,000 characters.

The published code takes everything: it drops the first character, a blank with the model it was made for, and keeps
empty utterances (conf/replies/released.yaml). The paper says nothing. A dialogue with holes teaches a model to be
silent, and a header in an utterance would be read as a header by whoever reads the prompt after it, so the defaults
mend.
"""

import re
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from zoo.errors import UserError

Empty = Literal["retry", "keep", "drop"]
Leak = Literal["cut", "retry", "keep", "drop"]
Long = Literal["clip", "retry", "keep", "drop"]
Trim = Literal["blanks", "first_character"]
Verdict = Literal["take", "retry", "drop"]
_SCAFFOLD = re.compile(r"#{2,}|\bPersona(?: of \w+)?:|\bThe following is a (?:daily )?conversation\b")
_SURROGATES = re.compile(r"[\ud800-\udfff]")  # halves of characters: no file can hold them


@dataclass(frozen=True, slots=True)
class ReplyRules:
    """Named ways with bad replies. "retry" asks again with another seed, "drop" gives the dialogue up.

    Args:
        empty: a reply without a character that is not blank. Default: another chance, for silence is mostly a draw;
            where `retries` are silent too, the dialogue is dropped. "keep" is the published code's.
        leak: a reply with a piece of the prompt's scaffold ("### Persona:"). Default: "cut" before it, and the rest is
            looked at again, so an utterance that is a leak alone is an empty one. What is said of a persona in plain
            words is for the copy-paste filter.
        long: a reply of more than `max_characters`. Default: "clip" at the last blank that fits; the sentence may end
            in the middle, as those of the published data that ran into the token limit do.
        max_characters: 128 tokens of English have some 500.
        trim: "blanks" around a reply are taken off, and runs of them are one; "first_character" takes that off,
            whatever it is, as the published code does.
        retries: for one utterance, at most.

    Raises:
        UserError: an unknown setting.
    """

    empty: Empty = "retry"
    leak: Leak = "cut"
    long: Long = "clip"
    max_characters: int = 1000
    trim: Trim = "blanks"
    retries: int = 3

    def __post_init__(self) -> None:
        for name, known in (("empty", Empty), ("leak", Leak), ("long", Long), ("trim", Trim)):
            if getattr(self, name) not in get_args(known):
                raise UserError(
                    f"replies.{name}={getattr(self, name)} was given; expected one of {', '.join(get_args(known))}."
                )
        if self.max_characters < 1 or self.retries < 0:
            raise UserError(
                f"replies.max_characters={self.max_characters}, retries={self.retries} was given; expected at least 1 "
                "character, and no fewer than 0 retries."
            )

    def judge(self, answer: str, report: "WritingReport") -> tuple[Verdict, str]:
        """What to do with an answer, and the utterance if it is taken; what was found is counted."""
        text = _SURROGATES.sub("\ufffd", answer)
        text = text[1:] if self.trim == "first_character" else " ".join(text.split())
        if leak := _SCAFFOLD.search(text):
            report.leaking += 1
            if self.leak == "retry" or self.leak == "drop":
                return self.leak, ""
            text = text[: leak.start()].rstrip() if self.leak == "cut" else text
        if len(text) > self.max_characters:
            report.long += 1
            if self.long == "retry" or self.long == "drop":
                return self.long, ""
            text = _clipped(text, self.max_characters) if self.long == "clip" else text
        if not text.strip():
            report.empty += 1
            return ("take" if self.empty == "keep" else self.empty), text
        return "take", text


@dataclass(slots=True)
class WritingReport:
    """What was met while dialogues were written; counts of replies include those that were asked for again."""

    begun: int = 0  # dialogues
    finished: int = 0
    dropped: int = 0
    replies: int = 0
    retried: int = 0
    empty: int = 0
    leaking: int = 0
    long: int = 0
    cut: int = 0  # replies to a prompt without the conversation's oldest turns, which it had no room for
    too_long: int = 0  # dialogues that were dropped because a prompt was too long for the model

    def to_dict(self) -> dict[str, int]:
        """Plain, for JSON."""
        return asdict(self)


def _clipped(text: str, limit: int) -> str:
    whole, blank, _ = text[: limit + 1].rpartition(" ")
    return whole if blank else text[:limit]
