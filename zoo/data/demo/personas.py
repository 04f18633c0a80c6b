"""The people of the demo corpus: four or five topics each, no two people alike, every value met in train."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zoo.data.demo.draws import Draws
from zoo.data.demo_lexicon import TOPICS, VALUES
from zoo.errors import UserError

PEOPLE = {"train": 320, "valid": 40, "test": 40}  # people a split; a person belongs to one split only


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who speaks."""

    user: str
    facts: Mapping[str, str]  # slot -> value
    phrases: Mapping[str, str]  # topic -> the statement with which the persona puts it, in the persona's order

    @property
    def topics(self) -> tuple[str, ...]:
        """What the persona is about."""
        return tuple(self.phrases)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The persona as text."""
        return tuple(phrase.format_map(self.facts) + " ." for phrase in self.phrases.values())

    def about(self, topic: str) -> dict[str, str]:
        """The slots of one topic with this person's values."""
        return {slot: self.facts[slot] for slot in TOPICS[topic].slots}


def people(split: str, seed: int = 0) -> list[Person]:
    """Everyone in a split. All splits are drawn from one stream, so no two people share all their facts.

    Raises:
        UserError: for a split that does not exist.
    """
    if split not in PEOPLE:
        raise UserError(f"the demo corpus has no split {split!r}; choose one of {', '.join(PEOPLE)}.")
    draws = Draws(seed, "people")
    decks = {slot: _deck(draws, values) for slot, values in VALUES.items()}
    seen: set[frozenset[tuple[str, str]]] = set()
    for name, count in PEOPLE.items():
        found: list[Person] = []
        while len(found) < count:
            person = _person(draws, decks, f"demo-{name}-{len(found):03d}")
            if (key := frozenset(person.facts.items())) not in seen:
                seen.add(key)
                found.append(person)
        if name == split:
            break
    return found


def _person(draws: Draws, decks: Mapping[str, Iterator[str]], user: str) -> Person:
    topics = tuple(draws.shuffled(list(TOPICS))[: 4 + draws.below(2)])
    facts = {slot: next(decks[slot]) for topic in topics for slot in TOPICS[topic].slots}
    return Person(user, facts, {topic: draws.pick(TOPICS[topic].statements) for topic in topics})


def _deck(draws: Draws, values: tuple[str, ...]) -> Iterator[str]:
    """Values like cards from a shuffled deck, again and again: all are used before one returns, so train sees all."""
    while True:
        yield from draws.shuffled(values)
