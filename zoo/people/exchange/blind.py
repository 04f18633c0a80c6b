"""What other tools may know of an item: a name that tells nothing of its row, and sides and an order by chance."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zoo.people.preparation import study_digests
from zoo.people.records import PAIR, Item
from zoo.people.store import StudyStore
from zoo.people.views import View, view_of

TOKEN = 16  # hexadecimal digits


@dataclass(frozen=True, slots=True)
class Blind:
    """An item as others see it; `swapped`: the second reply of the pair is shown first."""

    name: str
    item: Item
    swapped: bool

    @property
    def view(self) -> View:
        """Titles and texts."""
        return view_of(self.item, self.swapped)


def blinded(store: StudyStore) -> list[Blind]:
    """All items, attention checks among them, in an order by the study's seed: their own would tell rows apart.

    Names are made with the secret of the file of judgements, so that nobody can tell from them what an item's own name
    is; sides are of the seed.
    """
    items = list(store.items().values())
    seed = study_digests(store).get("seed")
    tokens = store.tokens(f"item/{item.id}" for item in items)
    found = [
        Blind(
            tokens[f"item/{item.id}"][:TOKEN],
            item,
            item.kind == PAIR and random.Random(f"{seed}/exchange/{item.id}").random() < 0.5,
        )
        for item in items
    ]
    return random.Random(f"{seed}/exchange").sample(found, len(found))


def by_name(store: StudyStore) -> Mapping[str, Blind]:
    """The same, to find what came back."""
    return {one.name: one for one in blinded(store)}


def fields(view: View) -> Iterator[tuple[str, str, str | list[dict[str, str]]]]:
    """Name, title and content of each part: "persona_1", "fact_1", "dialogue", "reply_1"; a dialogue is a list."""
    for number, (title, told) in enumerate(view.facts, start=1):
        yield f"fact_{number}", title, told
    for number, (title, sentences) in enumerate(view.personas, start=1):
        yield f"persona_{number}", title, "\n".join(sentences)
    if view.turns:
        yield "dialogue", "Conversation", [{"speaker": speaker, "text": text} for speaker, text in view.turns]
    for number, (title, text) in enumerate(view.replies, start=1):
        yield f"reply_{number}", title, text


def titles(found: list[Blind]) -> dict[str, str]:
    """All parts that some item has, by name, in the order in which they are shown."""
    parts = [(name, title) for one in found for name, title, _ in fields(one.view)]
    order = ("fact", "persona", "dialogue", "reply")
    return dict(sorted(dict(parts).items(), key=lambda part: (order.index(part[0].partition("_")[0]), part[0])))


def contents(one: Blind, parts: Mapping[str, str]) -> dict[str, str | list[dict[str, str]]]:
    """What an item has in each of these parts; nothing where it has none."""
    own = {name: content for name, _, content in fields(one.view)}
    return {name: own.get(name, [] if name == "dialogue" else "") for name in parts}
