"""Twenty replies to rank at every turn: the right one, near misses and replies from elsewhere, each of them wrong.

Eight distractors follow the same plan with another person's values, so the persona (or the context) must be read to
reject them; three state a true fact of the responder that nobody asked for, so the context must be read; the others
were given by other people to other questions. None repeats the right reply or says the same in other words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zoo.data.demo.draws import Draws
from zoo.data.demo.personas import Person
from zoo.data.demo.replies import SMALL_TALK, Plan, say_reply

CANDIDATES = 20
NEAR_MISSES = 8
OFF_TOPIC = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange in words, with what it came from."""

    plan: Plan
    responder: Person
    partner: Person
    prompt: str
    reply: str


def candidates(draws: Draws, turn: Turn, folk: Sequence[Person], golds: Sequence[Turn]) -> tuple[str, ...]:
    """The right reply of a turn and 19 wrong ones, in a random order.

    `folk` are the people of the split, whose values the near misses borrow; `golds` are all turns of the split.
    """
    wrong: dict[str, None] = {}  # an ordered set
    if turn.plan.mine or turn.plan.yours:
        while len(wrong) < NEAR_MISSES:
            wrong[_near_miss(draws, turn, folk)] = None
    spare = [topic for topic in turn.responder.topics if topic not in turn.plan.mine]
    for _ in range(OFF_TOPIC):
        plan = Plan("answer", mine=(draws.pick(spare),))
        wrong[say_reply(draws, plan, turn.responder, turn.partner)] = None
    wrong.pop(turn.reply, None)
    while len(wrong) < CANDIDATES - 1:
        other = draws.pick(golds)
        if other.reply != turn.reply and not _also_right(other, turn):
            wrong[other.reply] = None
    return tuple(draws.shuffled([turn.reply, *wrong]))


def _near_miss(draws: Draws, turn: Turn, folk: Sequence[Person]) -> str:
    """The same plan in other words, with at least one topic's values taken from another person."""
    plan = turn.plan
    responder, partner = dict(turn.responder.facts), dict(turn.partner.facts)
    places = [(topic, responder) for topic in plan.mine] + [(topic, partner) for topic in plan.yours]
    certain = draws.below(len(places))
    for place, (topic, facts) in enumerate(places):
        if place == certain or draws.chance(0.5):
            _borrow(draws, topic, facts, folk)
    return say_reply(draws, plan, replace(turn.responder, facts=responder), replace(turn.partner, facts=partner))


def _borrow(draws: Draws, topic: str, facts: dict[str, str], folk: Sequence[Person]) -> None:
    """Overwrite a topic in `facts` with the different values of someone else who has that topic."""
    while True:
        other = draws.pick(folk)
        if topic in other.topics and any(facts[slot] != value for slot, value in other.about(topic).items()):
            facts.update(other.about(topic))
            return


def _also_right(other: Turn, turn: Turn) -> bool:
    """Could the other turn's reply stand here? Small talk for small talk, or a fact that the right reply states."""
    if other.plan.kind in SMALL_TALK and turn.plan.kind in SMALL_TALK:
        return True
    return _share(other.plan.mine, other.responder, turn.plan.mine, turn.responder) or _share(
        other.plan.yours, other.partner, turn.plan.yours, turn.partner
    )


def _share(topics: tuple[str, ...], person: Person, others_topics: tuple[str, ...], other: Person) -> bool:
    return any(topic in others_topics and person.about(topic) == other.about(topic) for topic in topics)
