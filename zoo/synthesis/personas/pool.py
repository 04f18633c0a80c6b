"""`SentencePool`: profile sentences by category, and how often each was used."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from zoo.errors import UserError
from zoo.synthesis.records import ProfileSentence
from zoo.synthesis.taxonomy import Taxonomy

T = TypeVar("T")


class SentencePool:
    """All sentences by leaf. The order they come in makes no difference: each leaf's are sorted by their text.

    A text that a leaf has twice is there once (the first of `sentences`). Uses are counted by text: a sentence that
    two leaves share is one sentence.

    Args:
        sentences: read once and kept.
        taxonomy: of their leaves.
        max_uses: how often a text may be used, None for any number.

    Attributes:
        leaves: leaf id -> its sentences, in the taxonomy's order; leaves without sentences are absent.
        empty: leaves of the taxonomy without sentences.
        uses: text -> how often `use` was told of it.

    Raises:
        UserError: a sentence of a leaf that the taxonomy does not have.
    """

    def __init__(self, sentences: Iterable[ProfileSentence], taxonomy: Taxonomy, max_uses: int | None = None) -> None:
        found: dict[str, dict[str, ProfileSentence]] = {leaf: {} for leaf in taxonomy.leaves}
        for sentence in sentences:
            if sentence.leaf not in found:
                raise UserError(
                    f"The sentence {sentence.text!r} is of the category {sentence.leaf!r}, which the taxonomy does not "
                    "have. Expected the id of a leaf; read the sentences with the taxonomy they were made with."
                )
            found[sentence.leaf].setdefault(sentence.text, sentence)
        self.leaves: Mapping[str, Sequence[ProfileSentence]] = {
            leaf: [texts[text] for text in sorted(texts)] for leaf, texts in found.items() if texts
        }
        self.empty = tuple(leaf for leaf, texts in found.items() if not texts)
        self.max_uses = max_uses
        self.uses: Counter[str] = Counter()

    @property
    def size(self) -> int:
        """Distinct texts."""
        return len({sentence.text for sentences in self.leaves.values() for sentence in sentences})

    def use(self, sentence: ProfileSentence) -> None:
        """Count one more use."""
        self.uses[sentence.text] += 1

    def usable(self, sentence: ProfileSentence) -> bool:
        """Is it still below `max_uses`?"""
        return self.max_uses is None or self.uses[sentence.text] < self.max_uses

    def usable_leaves(self) -> dict[str, Sequence[ProfileSentence]]:
        """Leaf id -> its sentences below `max_uses`, without leaves that have none left."""
        if self.max_uses is None:
            return dict(self.leaves)
        left = {leaf: list(filter(self.usable, sentences)) for leaf, sentences in self.leaves.items()}
        return {leaf: sentences for leaf, sentences in left.items() if sentences}


def shuffled(items: Sequence[T], rng: random.Random) -> Iterator[T]:
    """The items in random order; only as much is shuffled as is taken (a category's first few, of hundreds)."""
    moved: dict[int, int] = {}  # Fisher-Yates, the places that hold another item than their own
    for place in range(len(items)):
        other = rng.randrange(place, len(items))
        here, there = moved.get(place, place), moved.get(other, other)
        moved[other] = here
        yield items[there]
