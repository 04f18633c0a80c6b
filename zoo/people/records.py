"""What people are asked about, and what they answered: plain data between a study, its pages and its results."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

REPLY, PAIR, DIALOGUE, SENTENCE = KINDS = ("reply", "pair", "dialogue", "sentence")
HUMAN = "human"  # the row of people's own replies
JUDGE, VALIDATOR = ROLES = ("judge", "validator")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be judged, with all that a judge sees of it.

    Attributes:
        id: unique in the study.
        kind: "reply" (the last of `texts` answers the turns), "pair" (two replies to choose between), "dialogue" or
            "sentence" (of a profile).
        rows: labels of what made `texts`, one each; a judge never sees them.
        texts: the reply, both replies, or the sentence; empty of a dialogue.
        turns: who spoke ("A" is whoever is judged, "B" the partner) and what, oldest first.
        personas: sentences of each persona that is shown: one of whoever answers; both of a dialogue.
        facts: what else is shown, by its name: the category and entity of a profile sentence.
        example: id of the example in generations.jsonl, the same for all rows.
        user: who answers.
        group: the test set or entity key, for results by group; empty where there is one.
        expected: of an attention check: the answers by criterion that pass it; empty of every real item.
    """

    id: str
    kind: str
    rows: tuple[str, ...]
    texts: tuple[str, ...] = ()
    turns: tuple[tuple[str, str], ...] = ()
    personas: tuple[tuple[str, ...], ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    example: str = ""
    user: str = ""
    group: str = ""
    expected: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Item":
        """From what `plain` gave, also after JSON made lists of its tuples."""
        return cls(
            **{
                **plain,
                "rows": tuple(plain["rows"]),
                "texts": tuple(plain["texts"]),
                "turns": tuple((speaker, text) for speaker, text in plain["turns"]),
                "personas": tuple(tuple(persona) for persona in plain["personas"]),
                "expected": {name: tuple(values) for name, values in plain["expected"].items()},
            }
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """One judge's answer to one criterion of one item.

    Attributes:
        value: of the criterion's options; of a choice 1 for the first row, -1 for the second, 0 for a tie, whichever
            side they were shown on.
        role: "judge", or "validator" of those who look at the judges' answers again.
        at: seconds since 1970 when it was last changed.
    """

    item: str
    judge: str
    criterion: str
    value: int
    role: str = JUDGE
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What two validators settled on where they or the judges disagreed.

    Attributes:
        how: "discussion" or "average".
    """

    item: str
    criterion: str
    value: float
    how: str
