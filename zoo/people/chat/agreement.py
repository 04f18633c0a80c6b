"""Which persona sentences a reply agrees with: what `c_score` counts, one sentence at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from zoo.scorers.base import LABELS, NliScorer


class Verdict(NamedTuple):
    """What a reply says of one persona sentence.

    Args:
        sentence: of the persona.
        label: the likeliest of entailment, neutral and contradiction.
        probability: that the scorer gives the label.
    """

    sentence: str
    label: str
    probability: float


def verdicts(scorer: NliScorer, reply: str, persona: Sequence[str]) -> list[Verdict]:
    """One verdict a sentence, the reply as premise; none for an empty reply."""
    if not reply.strip() or not persona:
        return []
    scores = scorer.score([(reply, sentence) for sentence in persona])  # [sentences, 3]
    best = scores.argmax(dim=-1).tolist()
    return [
        Verdict(sentence, LABELS[label], float(scores[row, label]))
        for row, (sentence, label) in enumerate(zip(persona, best, strict=True))
    ]


def scorer_of(folder: Path | None) -> NliScorer:
    """The lexical scorer, or the NLI model in a folder.

    Raises:
        UserError: there is no model that gives three labels.
    """
    if folder is None:
        from zoo.scorers.lexical import LexicalNli

        return LexicalNli()
    from zoo.scorers.transformers_nli import TransformersNli

    return TransformersNli(folder)
