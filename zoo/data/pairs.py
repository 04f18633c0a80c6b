"""Dialogue pairs: an utterance and the response to it, one round trip, nothing before."""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError

Sides = Literal["both", "self"]
SplitUnit = Literal["pair", "dialogue"]
_SILENCE = re.compile(r"_+\s*silence\s*_+", re.IGNORECASE)  # stands for what nobody said


@dataclass(frozen=True, slots=True)
class Pair:
    """`persona` is the responder's, as its dialogue shows it; `conversation` is the same for all pairs of a dialogue.

    ConvAI2 has its training dialogues twice, once from each side: these are one conversation.
    """

    id: str  # "<dialogue id>:<index of the response>"
    conversation: str
    utterance: str
    response: str
    persona: tuple[str, ...] = ()

    @property
    def text(self) -> tuple[str, str]:
        """The words alone."""
        return self.utterance, self.response

    def dialogue(self, prefix: str, responder: Speaker) -> Dialogue:
        """The pair as a dialogue of two utterances, in which speaker 1 responds."""
        said = (Utterance(0, self.utterance), Utterance(1, self.response))
        return Dialogue(f"{prefix}/{self.id}", (Speaker(), responder), said, responders=(1,))


def dialogue_pairs(dialogues: Iterable[Dialogue], sides: Sides = "both") -> list[Pair]:
    """All pairs of a turn and the other speaker's next one.

    A pair with a silence placeholder is left out, and so is one that another view of its conversation had already.

    Args:
        dialogues: with the persona of whoever is to be a responder.
        sides: "both" makes every speaker a responder, "self" only those that the corpus calls so.

    Raises:
        UserError: an unknown side.
    """
    if sides not in ("both", "self"):
        raise UserError(f"sides={sides!r} was given; expected 'both' or 'self'.")
    pairs: list[Pair] = []
    first_view: dict[object, str] = {}
    seen: set[object] = set()
    for dialogue in dialogues:
        said = [(i, u) for i, u in enumerate(dialogue.utterances) if not _SILENCE.fullmatch(u.text.strip())]
        personas = frozenset(frozenset(speaker.persona) for speaker in dialogue.speakers)
        opening = tuple(utterance.text for _, utterance in said[:2])
        conversation = first_view.setdefault((opening, personas), dialogue.id)
        for place in range(1, len(said)):
            (before, one), (after, other) = said[place - 1], said[place]
            if after != before + 1 or one.speaker == other.speaker:
                continue
            if sides == "self" and other.speaker not in dialogue.responders:
                continue
            key = (conversation, place, one.text, other.text)
            if key not in seen:
                seen.add(key)
                persona = dialogue.speakers[other.speaker].persona
                pairs.append(Pair(f"{dialogue.id}:{after}", conversation, one.text, other.text, persona))
    return pairs


def short_pairs(dialogues: Iterable[Dialogue], max_chars: int | None, lowercase: bool) -> list[Pair]:
    """Pairs of general talk, every wording once: both sides shorter than `max_chars`, measured as the corpus has them.

    Args:
        dialogues: personas do not matter.
        max_chars: the length, in characters, that neither side may reach; None is no limit.
        lowercase: write them in lower case, as PersonaChat is.
    """
    found: dict[tuple[str, str], Pair] = {}
    for pair in dialogue_pairs(dialogues):
        if max_chars is None or max(map(len, pair.text)) < max_chars:
            if lowercase:
                pair = replace(pair, utterance=pair.utterance.lower(), response=pair.response.lower())
            found.setdefault(pair.text, pair)
    return list(found.values())


def share(count: int, fraction: float) -> int:
    """`fraction` of `count`, to the nearest whole number, halves upwards, with the decimal fraction that was meant."""
    return int(count * fraction + 0.5 + 1e-9)


def hold_out(
    pairs: Sequence[Pair], fraction: float, unit: SplitUnit, draw: random.Random
) -> tuple[list[Pair], list[Pair]]:
    """Take a share of the pairs, at least one, away.

    Args:
        pairs: at least two; of at least two conversations where `unit` is "dialogue".
        fraction: of the pairs to take.
        unit: "pair" draws pairs, so that a dialogue is on both sides; "dialogue" draws conversations until they have
            enough pairs, but never the last one.
        draw: the source of randomness.

    Returns:
        What stays and what was taken, both in the order of `pairs`.
    """
    wanted = max(1, share(len(pairs), fraction))
    if unit == "pair":
        taken = set(draw.sample(range(len(pairs)), min(wanted, len(pairs) - 1)))
    else:
        conversations = list(dict.fromkeys(pair.conversation for pair in pairs))
        draw.shuffle(conversations)
        taken = set()
        for conversation in conversations[:-1]:
            if len(taken) >= wanted:
                break
            taken |= {place for place, pair in enumerate(pairs) if pair.conversation == conversation}
    stay = [pair for place, pair in enumerate(pairs) if place not in taken]
    return stay, [pairs[place] for place in sorted(taken)]
