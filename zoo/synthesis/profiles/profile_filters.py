"""`ProfileFilters`: which of a model's profile sentences are kept (PersonaChatGen, §5.2.2, Table 1). Streamed."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Literal, get_args

from zoo.errors import UserError
from zoo.scorers.text_scorers import CategoryScorer
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.profiles.parsing import Mode, check_mode, parse_line
from zoo.synthesis.profiles.profile_gen import RawLine
from zoo.synthesis.profiles.seen import Seen
from zoo.synthesis.records import ProfileSentence
from zoo.synthesis.taxonomy import Taxonomy

Exact = Literal["value_only", "key_and_value"]
Within = Literal["leaf", "all"]
STAGES = ("raw", "regex", "exact", "category", "duplicates")


class ProfileFilters:
    """Four filters, one after the other; what is kept stays in order.

    1. `regex`: the line has a sentence, a key and a value, see `zoo.synthesis.profiles.parsing`.
    2. `exact`: the sentence contains the value, which is not empty; with "key_and_value", the key that the model wrote
       too. The paper asks for both; the released code has the test of the key commented out.
    3. `category`: the scorer's probability that the sentence is about the entity key of the leaf that it was asked for
       ("music artist", not its path) is at least `threshold`. It is kept in the sentence's `scores["category"]`.
    4. `duplicates`: the first of equal sentences is kept, within one leaf as in the released code, or over all.

    Memory does not grow with the number of sentences, but for 10 to 16 bytes for each that is kept. Each call of `kept`
    knows its own sentences alone.

    Args:
        taxonomy: has the key of each leaf.
        scorer: asked for (sentence, key).
        regex, exact, threshold, duplicates: see above.
        casefold: letters' case does not count for `exact`; it does in the released code.
        batch: sentences that the scorer is given at once.

    Raises:
        UserError: a setting that is none.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        scorer: CategoryScorer,
        regex: Mode = "paper",
        exact: Exact = "value_only",
        casefold: bool = False,
        threshold: float = 0.9,
        duplicates: Within = "leaf",
        batch: int = 256,
    ) -> None:
        check_mode(regex)
        if exact not in get_args(Exact) or duplicates not in get_args(Within) or not 0 <= threshold <= 1 or batch < 1:
            raise UserError(
                f"exact={exact}, duplicates={duplicates}, threshold={threshold}, batch={batch} was given for the "
                f"filters of profile sentences; expected exact to be {' or '.join(get_args(Exact))}, duplicates to be "
                f"{' or '.join(get_args(Within))}, a threshold from 0 to 1, and at least 1 sentence in a batch."
            )
        self.keys = {id: leaf.key for id, leaf in taxonomy.leaves.items()}
        self.scorer, self.regex, self.exact, self.casefold = scorer, regex, exact, casefold
        self.threshold, self.duplicates, self.batch = threshold, duplicates, batch

    def kept(self, lines: Iterable[RawLine], funnel: Funnel | None = None) -> Iterator[ProfileSentence]:
        """The sentences that pass all filters, each as soon as it has; the funnel counts those of every stage.

        Raises:
            UserError: a line of a leaf that the taxonomy lacks, or the scorer's.
        """
        funnel = funnel if funnel is not None else Funnel(STAGES[0])
        raw = funnel.count("raw", lines)
        formed = funnel.count("regex", self._formed(raw))
        exact = funnel.count("exact", (sentence for sentence in formed if self._is_exact(sentence)))
        category = funnel.count("category", self._of_category(exact))
        return funnel.count("duplicates", self._first(category))

    def _formed(self, lines: Iterable[RawLine]) -> Iterator[ProfileSentence]:
        for line in lines:
            if line.leaf not in self.keys:
                raise UserError(
                    f"The line '{line.text[:80]}' was asked for the category {line.leaf}, which is none of the "
                    "taxonomy's; expected lines that were made with the same taxonomy."
                )
            parsed = parse_line(line.text, self.regex)
            if parsed is not None:
                yield ProfileSentence(parsed.sentence, line.leaf, parsed.key, parsed.value, line.source)

    def _is_exact(self, sentence: ProfileSentence) -> bool:
        wanted = [sentence.value] if self.exact == "value_only" else [sentence.value, sentence.key]
        texts = [sentence.text, *wanted]
        text, *wanted = [text.casefold() for text in texts] if self.casefold else texts
        return all(part and part in text for part in wanted)

    def _of_category(self, sentences: Iterator[ProfileSentence]) -> Iterator[ProfileSentence]:
        while batch := list(islice(sentences, self.batch)):
            scores = self.scorer.score([(sentence.text, self.keys[sentence.leaf]) for sentence in batch])
            passes = (scores >= self.threshold).tolist()  # in the scores' own precision: 0.9 passes 0.9
            for sentence, score, passed in zip(batch, scores.tolist(), passes, strict=True):
                if passed:
                    yield replace(sentence, scores={**sentence.scores, "category": round(score, 6)})

    def _first(self, sentences: Iterable[ProfileSentence]) -> Iterator[ProfileSentence]:
        seen = Seen()
        for sentence in sentences:
            if seen.add(sentence.leaf if self.duplicates == "leaf" else "", sentence.text):
                yield sentence
