"""Labelled pairs about the demo's people, in the form of DialogueNLI's files."""

from collections.abc import Iterator, Sequence

from zoo.data.demo.draws import Draws
from zoo.data.demo.personas import Person
from zoo.data.demo_lexicon import TOPICS


def nli_pairs(folk: Sequence[Person], seed: int = 0) -> Iterator[dict[str, str]]:
    """Three pairs for every sentence of everybody's persona: sentence1, sentence2 and label as DialogueNLI has them.

    "positive": the same facts, put in any of the topic's ways; "negative": the topic with somebody else's facts;
    "neutral": another topic of the same person.
    """
    draws = Draws(seed, "nli")
    for person in folk:
        for topic, other in zip(person.topics, (*person.topics[1:], person.topics[0]), strict=True):
            said = f"{draws.pick(TOPICS[topic].statements).format_map(person.facts)} ."
            own, unlike = (f"{person.phrases[name].format_map(person.facts)} ." for name in (topic, other))
            yield {"sentence1": said, "sentence2": own, "label": "positive"}
            yield {"sentence1": said, "sentence2": unlike, "label": "neutral"}
            others = [one for one in folk if topic in one.topics and one.about(topic) != person.about(topic)]
            if others:
                denied = f"{person.phrases[topic].format_map(draws.pick(others).facts)} ."
                yield {"sentence1": said, "sentence2": denied, "label": "negative"}
