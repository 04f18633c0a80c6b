"""The demo corpus: 2,000 dialogues between invented people, generated in a second, the same everywhere.

The partner (speaker 0) greets, asks, tells and guesses; the responder (speaker 1) replies. What a reply says follows
from the responder's persona (answers), from what the partner said (echoes, recalls) or from both (a yes or no to a
guess, an echo with an answer, an answer to "what about you ?"), so a model needs both encoders. A responder states a
fact once, so that the context does not give away the persona, and many dialogues end before every fact is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from zoo.data.demo.candidates import Turn, candidates
from zoo.data.demo.draws import Draws
from zoo.data.demo.personas import Person, people
from zoo.data.demo.replies import Plan, say_prompt, say_reply
from zoo.data.demo_lexicon import TOPICS, VALUES
from zoo.data.records import Dialogue, Speaker, Utterance

SHORTEST = 3  # exchanges
EXCHANGES = (3, 3, 4, 4, 5, 5, 6, 7)  # a dialogue's length, the short ones more often
DIALOGUES_EACH = 5  # dialogues a person is the responder of: 1,600 in train, 200 each in valid and test


def demo_dialogues(split: str, seed: int = 0) -> list[Dialogue]:
    """All dialogues of one split ("train", "valid" or "test"); other seeds give other corpora of the same size.

    Utterances alternate, the partner begins, and every utterance of the responder has 20 candidates. `Speaker.user`
    names the person; every person of a split is the responder of five dialogues.

    Raises:
        UserError: for a split that does not exist.
    """
    folk = people(split, seed)
    turns: list[list[Turn]] = []
    for number in range(len(folk) * DIALOGUES_EACH):
        draws = Draws(seed, split, "dialogue", number)
        responder = folk[number % len(folk)]
        partner = folk[(number + 1 + draws.below(len(folk) - 1)) % len(folk)]  # anyone else
        turns.append(_converse(draws, responder, partner))
    return _as_dialogues(split, turns, folk, seed)


def demo_dialogues_between(name: str, pairs: Sequence[tuple[Person, Person]], seed: int = 0) -> list[Dialogue]:
    """A dialogue for each (responder, partner), in the manner of `demo_dialogues`; `name` stands in their ids."""
    turns = [_converse(Draws(seed, name, "between", number), *pair) for number, pair in enumerate(pairs)]
    return _as_dialogues(name, turns, people("train", seed), seed)  # so many that wrong replies can be had of them


def _as_dialogues(name: str, turns: Sequence[list[Turn]], folk: Sequence[Person], seed: int) -> list[Dialogue]:
    golds = [turn for dialogue in turns for turn in dialogue]
    ranking = Draws(seed, name, "candidates")
    return [
        Dialogue(
            id=f"demo-{name}-{number:04d}",
            speakers=(_speaker(dialogue[0].partner), _speaker(dialogue[0].responder)),
            utterances=tuple(
                utterance
                for turn in dialogue
                for utterance in (
                    Utterance(0, turn.prompt),
                    Utterance(1, turn.reply, candidates(ranking, turn, folk, golds)),
                )
            ),
        )
        for number, dialogue in enumerate(turns)
    ]


def _speaker(person: Person) -> Speaker:
    return Speaker(persona=person.sentences, user=person.user)


@dataclass(slots=True)
class _Agenda:
    """What is still to be said in one dialogue."""

    mine: list[str]  # topics that the responder may still state
    yours: list[str]  # topics that the partner may still tell
    told: list[str] = field(default_factory=list)  # by the partner, an exchange or more ago

    def kinds(self) -> list[str]:
        """The kinds of exchange that are possible now, as often as they are likely."""
        kinds = ["answer"] * 6 + ["verify"] * 2 if self.mine else []
        kinds += ["both"] * 2 if self.mine and self.yours else []
        kinds += ["same"] * 3 if set(self.mine) & set(self.yours) else []
        kinds += ["echo"] if self.yours else []
        return kinds + (["recall"] if self.told else [])


def _converse(draws: Draws, responder: Person, partner: Person) -> list[Turn]:
    """Three to seven exchanges."""
    agenda = _Agenda(draws.shuffled(responder.topics), draws.shuffled(partner.topics))
    exchanges = draws.pick(EXCHANGES)
    plans = []
    if draws.chance(0.5):
        plans.append(Plan("greeting", mine=(agenda.mine.pop(),) if draws.chance(0.7) else ()))
    while len(plans) < exchanges and (kinds := agenda.kinds()):
        plans.append(_plan(draws, draws.pick(kinds), agenda, responder))
        if not agenda.mine and len(plans) >= SHORTEST and draws.chance(0.6):  # nothing left that needs the persona
            break
    if draws.chance(0.25):
        plans[-1] = Plan("closing")
    return [
        Turn(
            plan,
            responder,
            partner,
            prompt=say_prompt(draws, plan, partner),
            reply=say_reply(draws, plan, responder, partner),
        )
        for plan in plans
    ]


def _plan(draws: Draws, kind: str, agenda: _Agenda, responder: Person) -> Plan:
    if kind == "recall":
        return Plan(kind, yours=(agenda.told.pop(draws.below(len(agenda.told))),))
    if kind == "echo":
        agenda.told.append(topic := agenda.yours.pop())
        return Plan(kind, yours=(topic,))
    if kind == "same":
        topic = next(name for name in agenda.mine if name in agenda.yours)
        agenda.mine.remove(topic)
        agenda.yours.remove(topic)
        agenda.told.append(topic)
        return Plan(kind, mine=(topic,), yours=(topic,))
    mine: tuple[str, ...] = (agenda.mine.pop(),)
    if kind == "verify":
        slot = TOPICS[mine[0]].guessed
        right = draws.chance(0.5)
        return Plan(kind, mine, guess=responder.facts[slot] if right else draws.pick(VALUES[slot]))
    asked = 1
    if agenda.mine and draws.chance(0.35):  # a second fact, asked for or volunteered
        asked += draws.chance(0.6)
        mine += (agenda.mine.pop(),)
    if kind == "both":
        agenda.told.append(topic := agenda.yours.pop())
        return Plan(kind, mine, yours=(topic,), asked=asked)
    return Plan(kind, mine, asked=asked)
