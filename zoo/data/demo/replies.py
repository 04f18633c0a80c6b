"""How a turn is put into words: the partner's prompt and the responder's reply, from the same plan.

A `Plan` says which topics a turn is about, never how it is phrased, so that a wrong reply (another person's value in
the same plan) can be worded as freely as the right one and is not betrayed by its phrasing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from zoo.data.demo.draws import Draws
from zoo.data.demo.personas import Person
from zoo.data.demo_lexicon import TOPICS, second_person

HABIT = 0.9  # how often people put a fact as their persona does, and not in any of the topic's ways


@dataclass(frozen=True, slots=True)
class Plan:
    """What one exchange is about."""

    kind: str  # a key of PROMPTS
    mine: tuple[str, ...] = ()  # topics the reply states of the responder
    yours: tuple[str, ...] = ()  # topics the reply repeats of the partner
    asked: int = 0  # how many of `mine` the partner asks for; the rest is volunteered
    guess: str = ""  # the value that a yes/no question names
    back: bool = False  # does the reply end with "what about you ?"


# {tell}: the partner's own fact, {ask}: the question, {guess}: the yes/no question, {recall}: "where i live"
PROMPTS: Mapping[str, tuple[str, ...]] = {
    "greeting": ("hello , how are you today ?", "hi there , how is it going ?", "hey , how was your day ?"),
    "answer": ("{ask} ?", "tell me , {ask} ?", "i am curious , {ask} ?"),
    "both": ("{tell} . {ask} ?", "well , {tell} . {ask} ?"),
    "same": ("{tell} . what about you ?", "well , {tell} . and you ?"),  # the question is left to the context
    "echo": ("{tell} .", "you know , {tell} .", "by the way , {tell} ."),
    "recall": ("do you remember {recall} ?", "i told you {recall} , do you still know it ?"),
    "verify": ("{guess} ?", "let me guess , {guess} ?"),
    "closing": ("it was nice to talk to you .", "i have to go now , bye .", "thanks for the chat , good night ."),
}
# {mine}: the responder's own facts, {yours}: the partner's facts in the second person
REPLIES: Mapping[str, tuple[str, ...]] = {
    "greeting": ("i am fine , thanks .", "pretty good so far .", "not bad at all ."),
    "introduction": ("i am fine , thanks . {mine} .", "pretty good so far . {mine} ."),
    "answer": ("{mine} .", "well , {mine} .", "hmm , {mine} ."),
    "both": ("{yours} ? nice . {mine} .", "so {yours} . {mine} ."),
    "echo": ("so {yours} .", "oh , {yours} ? nice .", "wow , {yours} ."),
    "recall": ("you said {yours} .", "of course , {yours} ."),
    "yes": ("yes , {mine} .", "that is right , {mine} ."),
    "no": ("no , {mine} .", "not at all , {mine} ."),
    "closing": ("bye , take care .", "see you soon .", "good night , it was fun ."),
}
SMALL_TALK = ("greeting", "closing")


def say_prompt(draws: Draws, plan: Plan, partner: Person) -> str:
    """The partner's utterance that a plan begins with."""
    frame = draws.pick(PROMPTS[plan.kind])
    topics = [TOPICS[name] for name in plan.mine]
    parts = {"ask": " and ".join(draws.pick(topic.questions) for topic in topics[: plan.asked])}
    if plan.yours:
        parts["tell"] = _state(draws, plan.yours, partner)
        parts["recall"] = TOPICS[plan.yours[0]].recall
    if plan.guess:
        parts["guess"] = topics[0].guess.format(**{topics[0].guessed: plan.guess})
    return frame.format(**parts)


def say_reply(draws: Draws, plan: Plan, responder: Person, partner: Person) -> str:
    """The responder's reply; `responder` and `partner` must have the topics `plan.mine` and `plan.yours`."""
    mine = _state(draws, plan.mine, responder)
    yours = second_person(_state(draws, plan.yours, partner))
    text = draws.pick(REPLIES[_reply_kind(plan, responder)]).format(mine=mine, yours=yours)
    return f"{text} what about you ?" if plan.back else text


def _reply_kind(plan: Plan, responder: Person) -> str:
    if plan.kind == "verify":
        return "yes" if plan.guess in responder.facts.values() else "no"
    if plan.kind == "greeting" and plan.mine:
        return "introduction"
    return "both" if plan.kind == "same" else plan.kind


def _state(draws: Draws, topics: tuple[str, ...], person: Person) -> str:
    phrases = [
        person.phrases[topic] if draws.chance(HABIT) else draws.pick(TOPICS[topic].statements) for topic in topics
    ]
    return " and ".join(phrases).format_map(person.facts)
