"""`Conl`: one sentence a category such that no two contradict each other (PersonaChatGen, section 5.3)."""

import random
from collections.abc import Generator, Mapping, Sequence
from itertools import combinations

from zoo.errors import UserError
from zoo.synthesis.personas.conl_released import LIMIT, released
from zoo.synthesis.personas.conl_steps import Candidates, Consistent, Other, Pace, Steps, fits, in_order
from zoo.synthesis.personas.pair_scores import Pair, PairScores
from zoo.synthesis.personas.pool import shuffled
from zoo.synthesis.records import ProfileSentence

MODES = ("greedy", "paper_pairwise", "released")


class Conl:
    """Contradiction-based iterative sentence replacement.

    - greedy: visits categories in random order and takes a category's first candidate, in random order, that does not
      contradict any sentence taken before.
    - paper_pairwise: draws a sentence for every category, then replaces p_i wherever a pair i < j contradicts itself,
      until the new p_i fits all others; since it fits all, one scan leaves no such pair. The same guarantee for more
      calls.
    - released: what the published code does. It leaves contradictions and can cost hundreds of thousands of calls.

    A category whose candidates run out is dropped. A candidate is scored in batches against a few others each, so that
    one which fails early costs little; several pools advance together, one batch for all of them.

    Args:
        scores: of pairs.
        threshold: a contradiction is above it (the paper's 0.9).
        mode: one of the above.
        both_directions: whether a pair must pass as premise and hypothesis in either order; otherwise the sentence
            taken first, or of the earlier category, is the premise. The released code knows one direction only.
        limit: scores for one pool in the released mode, after which it stops as it is.

    Raises:
        UserError: a mode or a threshold that is none.
    """

    def __init__(
        self,
        scores: PairScores,
        threshold: float = 0.9,
        mode: str = "greedy",
        both_directions: bool = True,
        limit: int = LIMIT,
    ) -> None:
        if mode not in MODES:
            raise UserError(f"conl.mode={mode} was given; expected one of {', '.join(MODES)}.")
        if not 0 <= threshold < 1:
            raise UserError(
                f"conl.threshold={threshold} was given; expected a probability of contradiction of at least 0 and "
                "below 1, as the paper's 0.9: at 1 nothing would count as a contradiction."
            )
        self.scores, self.threshold, self.mode, self.limit = scores, threshold, mode, limit
        self.both_directions = both_directions and mode != "released"

    def consistent(self, pool: Candidates, seed: int | str = 0) -> Consistent:
        """One sentence for each category of one pool; see `together`."""
        return self.together([(pool, seed)])[0]

    def together(self, pools: Sequence[tuple[Candidates, int | str]]) -> list[Consistent]:
        """One sentence for each category, of each pool for itself.

        Args:
            pools: category -> candidates, and a seed. The same order of categories and candidates and the same seed
                give the same sentences, whatever pools are beside it.
        """
        running = [self._steps(pool, random.Random(seed)) for pool, seed in pools]
        results: dict[int, Consistent] = {}
        answers: dict[int, list[float] | None] = dict.fromkeys(range(len(running)))
        while answers:
            asked: dict[int, list[Pair]] = {}
            for place, answer in answers.items():
                try:
                    asked[place] = next(running[place]) if answer is None else running[place].send(answer)
                except StopIteration as end:
                    results[place] = end.value
            scores = iter(self.scores.directed([pair for pairs in asked.values() for pair in pairs]))
            answers = {place: [next(scores) for _ in pairs] for place, pairs in asked.items()}
        return [results[place] for place in range(len(running))]

    def _steps(self, pool: Candidates, rng: random.Random) -> Steps:
        if self.mode == "greedy":
            return greedy(pool, rng, self.threshold, self.both_directions)
        if self.mode == "paper_pairwise":
            return paper_pairwise(pool, rng, self.threshold, self.both_directions)
        return released(pool, rng, self.threshold, self.limit)


def greedy(pool: Candidates, rng: random.Random, threshold: float, both_directions: bool) -> Steps:
    """The steps of the mode of that name."""
    order = list(pool)
    rng.shuffle(order)
    taken: dict[str, ProfileSentence] = {}
    pace = Pace()
    for category in order:
        others = [Other(sentence.text, first=True) for sentence in taken.values()]
        for candidate in shuffled(pool[category], rng):
            if (yield from fits(candidate, others, pace, threshold, both_directions)):
                taken[category] = candidate
                break
    return Consistent.of(pool, taken)


def paper_pairwise(pool: Candidates, rng: random.Random, threshold: float, both_directions: bool) -> Steps:
    """The steps of the mode of that name; i < j is the pool's order of categories."""
    left = {category: shuffled(candidates, rng) for category, candidates in pool.items()}
    current = {category: first for category, more in left.items() if (first := next(more, None)) is not None}
    bad = yield from _contradictory(current, threshold, both_directions)
    pace = Pace()
    for i in list(current):
        if not any(first == i for first, _ in bad):
            continue  # of i's pairs only those with earlier categories have changed, and what was taken there fits i
        del current[i]
        others = _around(pool, current, i)
        for candidate in left[i]:
            if (yield from fits(candidate, others, pace, threshold, both_directions)):
                current[i] = candidate
                break
    return Consistent.of(pool, current)


def _contradictory(
    current: Mapping[str, ProfileSentence], threshold: float, both_directions: bool
) -> Generator[list[Pair], list[float], set[tuple[str, str]]]:
    """The pairs of categories whose sentences contradict each other, or are the same sentence."""
    places = list(combinations(current, 2))
    ways = [in_order(current[i].text, current[j].text, True, both_directions) for i, j in places]
    scores = iter((yield [pair for way in ways for pair in way]))
    worst = [max(next(scores) for _ in way) for way in ways]
    return {
        (i, j)
        for (i, j), score in zip(places, worst, strict=True)
        if score > threshold or current[i].text == current[j].text
    }


def _around(pool: Candidates, current: Mapping[str, ProfileSentence], category: str) -> list[Other]:
    """The other categories' current sentences."""
    names = list(pool)
    place = names.index(category)
    return [Other(current[name].text, first=n < place) for n, name in enumerate(names) if name in current]
