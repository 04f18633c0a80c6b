"""Is a reply true? Decided by the grammar that wrote the corpus, so a model's persona consistency needs no judge.

Works on any text: statements of the demo grammar are found wherever they stand, everything else is ignored.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from zoo.data.demo_lexicon import TOPICS, pattern, second_person

_STATEMENTS = [phrase for topic in TOPICS.values() for phrase in topic.statements]
_PATTERNS = [  # is it said of the speaker?, the words before the first value (quick to look for), the pattern
    (of_speaker, phrase.partition("{")[0], pattern(phrase))
    for of_speaker, phrases in ((True, _STATEMENTS), (False, map(second_person, _STATEMENTS)))
    for phrase in phrases
]
_GUESSES = [pattern(topic.guess) for topic in TOPICS.values()]


class Verdict(enum.StrEnum):
    """What the persona and the history say about a reply."""

    CONSISTENT = "consistent"  # states something of the responder, and nothing it states is denied
    CONTRADICTS = "contradicts"  # states something that the persona or the history denies
    NOT_ABOUT_PERSONA = "not_about_persona"  # states nothing that the persona could confirm or deny


@dataclass(frozen=True, slots=True)
class Claim:
    """One value that a sentence gives to a slot: of its speaker, or of the person spoken to."""

    of_speaker: bool
    slot: str
    value: str


@dataclass(frozen=True, slots=True)
class ReplyCheck:
    """The verdict with the claims behind it."""

    verdict: Verdict
    true: tuple[Claim, ...] = ()
    false: tuple[Claim, ...] = ()
    unknown: tuple[Claim, ...] = ()  # of slots on which the persona is silent


def claims(text: str) -> tuple[Claim, ...]:
    """Everything that a text in the words of the demo states of its speaker ("i ...") and of the other ("you ...")."""
    found = []
    for of_speaker, beginning, regex in _PATTERNS:
        for match in regex.finditer(text) if beginning in text else ():
            if of_speaker or not text[: match.start()].endswith(("do ", "are ")):  # not "do you play the lute ?"
                found += [Claim(of_speaker, slot, value) for slot, value in match.groupdict().items()]
    return tuple(found)


def check_reply(example_persona: Sequence[str], history: Sequence[str], reply: str) -> ReplyCheck:
    """Compare a reply with the responder's persona and, for what it says of the partner, with the partner's words.

    `history` ends with the utterance that is answered and alternates between the speakers. A yes or no that does not
    fit the guess before it contradicts the persona; so does any false claim about the partner. A claim about the
    partner that the partner never made is false.
    """
    persona = {(claim.slot, claim.value) for sentence in example_persona for claim in claims(sentence)}
    partner = {(claim.slot, claim.value) for said in history[::-1][::2] for claim in claims(said) if claim.of_speaker}
    known = {slot for slot, _ in persona}
    true, false, unknown = [], [], []
    for claim in claims(reply):
        if (claim.slot, claim.value) in (persona if claim.of_speaker else partner):
            true.append(claim)
        elif claim.of_speaker and claim.slot not in known:
            unknown.append(claim)
        else:
            false.append(claim)
    if false or not _answers_guess(persona, history, reply):
        verdict = Verdict.CONTRADICTS
    elif any(claim.of_speaker for claim in true):
        verdict = Verdict.CONSISTENT
    else:
        verdict = Verdict.NOT_ABOUT_PERSONA
    return ReplyCheck(verdict, tuple(true), tuple(false), tuple(unknown))


def _answers_guess(persona: set[tuple[str, str]], history: Sequence[str], reply: str) -> bool:
    """False where a reply says yes or no to a guess about the persona and is wrong."""
    guesses = [match for regex in _GUESSES if history and (match := regex.search(history[-1]))]
    yes = reply.startswith(("yes ,", "that is right ,"))
    no = reply.startswith(("no ,", "not at all ,"))
    if not guesses or not (yes or no):
        return True
    [(slot, value)] = guesses[0].groupdict().items()
    return slot not in {known for known, _ in persona} or yes == ((slot, value) in persona)
