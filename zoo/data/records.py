"""The two records between a corpus and a template: `Dialogue` (what a reader makes) and `DialogueExample` (one reply).

Every corpus becomes `Dialogue`s; everything after the reader is the same for all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Speaker:
    """One side of a dialogue.

    `persona` holds persona sentences as the corpus has them; `user` is the stable id of the person behind the
    utterances ("" where the corpus names none); `profile` holds closed attributes (age, gender, ...).
    """

    persona: tuple[str, ...] = ()
    user: str = ""
    profile: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one speaker says in one turn; `candidates` are the replies to rank at this turn, the gold one among them."""

    speaker: int  # index into Dialogue.speakers
    text: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation of two speakers; `responders` are the speakers whose utterances are replies to learn."""

    id: str
    speakers: tuple[Speaker, Speaker]
    utterances: tuple[Utterance, ...]
    responders: tuple[int, ...] = (1,)


@dataclass(frozen=True, slots=True)
class DialogueExample:
    """One reply with everything that may be known before it is given."""

    id: str  # "<dialogue id>/<index of the utterance>", unique within a split
    dialogue: str  # id of the dialogue it comes from
    persona: tuple[str, ...]  # of the responder
    history: tuple[str, ...]  # utterances before the response, oldest first
    history_by_responder: tuple[bool, ...]  # beside `history`: did the responder say it?
    response: str
    user: str = ""
    profile: Mapping[str, str] = field(default_factory=dict)
    partner: str = ""  # the partner's user id
    partner_persona: tuple[str, ...] = ()
    partner_profile: Mapping[str, str] = field(default_factory=dict)
    candidates: tuple[str, ...] = ()
