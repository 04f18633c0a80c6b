"""`PersonaSets`: personas of five sentences that fit together, drawn from consistent pools (PersonaChatGen, 5.3)."""

import random
from collections.abc import Iterable, Mapping, Sequence

from zoo.errors import UserError
from zoo.synthesis.personas.conl import Conl
from zoo.synthesis.personas.conl_steps import Candidates, Consistent
from zoo.synthesis.personas.pool import SentencePool
from zoo.synthesis.personas.sets_report import SetsReport
from zoo.synthesis.records import PersonaSet, ProfileSentence
from zoo.synthesis.taxonomy import Taxonomy

COMPOSITION = {"DEMOGRAPHICS": 2, "PSYCHOGRAPHICS": 2, "WELLNESS": 1}
POOLS_AT_ONCE = 64  # advance together: one batch of scores for all
GIVE_UP = 64  # pools in a row without a new set
MISSES = 50  # draws in a row of one pool that gave no new set


class PersonaSets:
    """Draws sets of sentences of different categories that do not contradict each other.

    The published code draws 200 sets of one pool of 51 sentences, so that a wellness sentence is in some 50 of them;
    here every set has a pool of its own unless `sets_per_pool` says otherwise. The same sentences (in any order),
    settings and seed give the same sets.

    Args:
        taxonomy: of the sentences' categories.
        conl: makes pools consistent.
        n_sets: sets to make. No two have the same sentences.
        composition: sentences of each group in a set, in this order.
        sets_per_pool: sets to draw of one consistent pool.
        max_uses: sets that one sentence may be in; None for any number. Pools start 64 together, before their sets are
            drawn, so that some find their sentences used up and give none.
        categories: random categories that a pool is made of, enough for the composition among them; None for all, as
            published. Scores for a pool grow faster than with the square of this number: with all 51 and 3 % of pairs
            contradictory it takes some 10,000, with the five of a set some 20.
        seed: of all draws.

    Raises:
        UserError: settings that cannot be.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        conl: Conl,
        n_sets: int,
        composition: Mapping[str, int] = COMPOSITION,
        sets_per_pool: int = 1,
        max_uses: int | None = None,
        categories: int | None = None,
        seed: int = 0,
    ) -> None:
        self.taxonomy, self.conl, self.n_sets, self.sets_per_pool = taxonomy, conl, n_sets, sets_per_pool
        self.composition = {group: n for group, n in composition.items() if n != 0}
        self.max_uses, self.categories, self.seed = max_uses, categories, seed
        self._groups = {leaf.id: leaf.group for leaf in taxonomy.leaves.values()}
        for name, value in (("n_sets", n_sets), ("sets_per_pool", sets_per_pool), ("max_uses", max_uses)):
            if value is not None and value < 1:
                raise UserError(f"persona sets: {name}={value} was given; expected a whole number of at least 1.")
        for group, n in self.composition.items():
            if group not in self._groups.values() or n < 0:
                raise UserError(
                    f"persona sets: composition says {group}: {n}; expected a number of sentences for a group of the "
                    f"taxonomy ({', '.join(sorted(set(self._groups.values())))})."
                )
        self.size = sum(self.composition.values())
        if not self.size or (categories is not None and categories < self.size):
            raise UserError(
                f"persona sets: a composition of {self.size} sentences of as many categories and categories="
                f"{categories} were given; expected at least one sentence, and at least as many categories as that."
            )

    def make(self, sentences: Iterable[ProfileSentence]) -> tuple[list[PersonaSet], SetsReport]:
        """The sets, as many as can be made, and a report that says what they took and why some are missing.

        Args:
            sentences: read once and kept; at least the composition's number of categories must have some.

        Raises:
            UserError: fewer categories with sentences than one set needs, or sentences of unknown categories.
        """
        pool = SentencePool(sentences, self.taxonomy, self.max_uses)
        if lack := self._lack(pool.leaves):
            raise UserError(
                f"{pool.size} sentences were given for persona sets, but {lack}; no set can be made. Generate more "
                "sentences, loosen the filters before, or ask for another composition."
            )
        conl, scores = self.conl, self.conl.scores
        report = SetsReport(conl.mode, conl.threshold, conl.both_directions, self.n_sets, empty=pool.empty)
        made: dict[frozenset[str], PersonaSet] = {}
        fruitless, calls = 0, scores.calls
        while len(made) < self.n_sets:
            if lack := self._lack(pool.usable_leaves()):
                report.shortfall = f"With at most {self.max_uses} uses of a sentence {lack} any more."
                break
            if fruitless >= GIVE_UP:
                report.shortfall = f"{fruitless} pools in a row gave no set that is new."
                break
            for result, rng in self._consistent_pools(pool, report.pools, self.n_sets - len(made)):
                before = len(made)
                self._draw(result, pool, rng, made)
                fruitless = 0 if len(made) > before else fruitless + 1
                report.pools += 1
                report.fruitless_pools += len(made) == before
                report.incomplete_pools += not result.complete
                report.dropped.update(result.dropped)
        sets = list(made.values())
        report.made, report.calls = len(sets), scores.calls - calls
        report.contradictory_pairs = sum(len(scores.contradictory(one.texts, conl.threshold)) for one in sets)
        report.check_calls = scores.calls - calls - report.calls
        report.sentences = pool.size
        report.uses.update(pool.uses.values())
        report.uses[0] = pool.size - len(pool.uses)
        return sets, report

    def _consistent_pools(self, pool: SentencePool, first: int, wanted: int) -> list[tuple[Consistent, random.Random]]:
        """The next pools, at most as many as the wanted sets need, each with the generator of its draws."""
        usable = pool.usable_leaves()
        n_pools = min(POOLS_AT_ONCE, -(-wanted // self.sets_per_pool))
        rngs = [random.Random(f"sets {self.seed} {number}") for number in range(first, first + n_pools)]
        pools: list[tuple[Candidates, str]] = [
            (self._some(usable, rng), f"conl {self.seed} {number}") for number, rng in enumerate(rngs, first)
        ]
        return list(zip(self.conl.together(pools), rngs, strict=True))

    def _some(self, leaves: Candidates, rng: random.Random) -> Candidates:
        """`categories` of the leaves, enough of each group for a set, in their order."""
        if self.categories is None or self.categories >= len(leaves):
            return leaves
        chosen: set[str] = set()
        for group, n in self.composition.items():
            chosen |= set(rng.sample([leaf for leaf in leaves if self._groups[leaf] == group], n))
        chosen |= set(rng.sample([leaf for leaf in leaves if leaf not in chosen], self.categories - len(chosen)))
        return {leaf: sentences for leaf, sentences in leaves.items() if leaf in chosen}

    def _draw(
        self, result: Consistent, pool: SentencePool, rng: random.Random, made: dict[frozenset[str], PersonaSet]
    ) -> None:
        """Up to `sets_per_pool` new sets of a consistent pool, added to `made`."""
        misses, end = 0, min(self.n_sets, len(made) + self.sets_per_pool)
        while len(made) < end and misses < MISSES:
            taken = {leaf: [sentence] for leaf, sentence in result.taken.items() if pool.usable(sentence)}
            if self._lack(taken):
                return
            chosen = [
                result.taken[leaf]
                for group, n in self.composition.items()
                for leaf in rng.sample([leaf for leaf in taken if self._groups[leaf] == group], n)
            ]
            misses += 1
            texts = frozenset(sentence.text for sentence in chosen)
            if len(texts) == self.size and texts not in made:
                misses = 0
                made[texts] = PersonaSet(f"set{len(made):05d}", tuple(chosen))
                for sentence in chosen:
                    pool.use(sentence)

    def _lack(self, leaves: Mapping[str, Sequence[ProfileSentence]]) -> str | None:
        """What is missing for one set, as words."""
        for group, n in self.composition.items():
            found = sum(self._groups[leaf] == group for leaf in leaves)
            if found < n:
                return f"{found} categories of {group} have some, where a set needs {n}"
        return None
