"""How many entity values two sources share (PersonaChatGen, Tables 4 and 9): Jaccard similarity for each entity key.

The paper's "PersonaChat" column is no observation: its counts are those of the closed lists of values in the released
code, so its three rows of 0.0 % compare with a placeholder, or country names with demonyms. Here a reference's values
are taken from its sentences (`reference="sentences"`); `reference="inventory"` is the paper's way.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from zoo.errors import UserError
from zoo.synthesis.analyses.values import Values, extracted_values, folded, inventory_values
from zoo.synthesis.records import ProfileSentence
from zoo.synthesis.taxonomy import Taxonomy

REFERENCES = ("sentences", "inventory")


@dataclass(frozen=True, slots=True)
class KeyOverlap:
    """Numbers of distinct values of one entity key."""

    key: str
    reference: int
    generated: int
    common: int

    @property
    def jaccard(self) -> float | None:
        """Share of the values of either source that both have, 0 to 1; None where neither has any."""
        either = self.reference + self.generated - self.common
        return self.common / either if either else None


def generated_values(sentences: Iterable[ProfileSentence], taxonomy: Taxonomy) -> Values:
    """The distinct values of sentences by their leaf's entity key, one sentence after another.

    Leaves that share a key are merged. The key that the model wrote doesn't matter; values without a letter or digit
    are left out.

    Returns:
        Values, folded, for every key of the taxonomy.

    Raises:
        UserError: a sentence of a leaf that the taxonomy doesn't have.
    """
    values: Values = {key: set() for key in taxonomy.keys}
    for sentence in sentences:
        leaf = taxonomy.leaves.get(sentence.leaf)
        if leaf is None:
            raise UserError(
                f"The sentence {sentence.text!r} is of the category {sentence.leaf!r}, which the taxonomy doesn't "
                "have. Give the taxonomy that the sentences were made with."
            )
        if value := folded(sentence.value):
            values[leaf.key].add(value)
    return values


def reference_values(
    generated: Values,
    lists: Mapping[str, Collection[str]],
    sentences: Iterable[str] = (),
    reference: str = "sentences",
    cues: Mapping[str, Collection[str]] | None = None,
) -> Values:
    """What generated values are compared with, see `overlaps`.

    Args:
        generated: by key; they are looked for in the sentences too, or the values shared with a corpus would be those
            that a list happens to have.
        lists: an inventory of values by key.
        sentences: persona sentences of a reference corpus; not read for "inventory".
        reference: "sentences" for the values that these name, "inventory" for the lists themselves.
        cues: see `extracted_values`. The persona lexicon's are those of its own templates: of what ConvAI2's personas
            name they leave next to nothing, so they are for the lexicon's sentences only.

    Raises:
        UserError: an unknown reference, or no lists for "inventory".
    """
    if reference not in REFERENCES:
        raise UserError(f"reference={reference!r} was given; expected one of {', '.join(REFERENCES)}.")
    if reference == "inventory":
        return inventory_values({key: lists.get(key, ()) for key in generated} if lists else {})
    wide = {key: {*values, *lists.get(key, ())} for key, values in generated.items()}
    return extracted_values(sentences, wide, cues)


def overlaps(generated: Values, reference: Values) -> list[KeyOverlap]:
    """Rows for every key of either, the highest Jaccard similarity first (as Table 9), empty ones last."""
    rows = []
    for key in dict.fromkeys([*generated, *reference]):
        theirs, ours = reference.get(key, set()), generated.get(key, set())
        rows.append(KeyOverlap(key, len(theirs), len(ours), len(theirs & ours)))
    return sorted(rows, key=lambda row: (row.jaccard is None, -(row.jaccard or 0.0)))
