"""CoNL as published, mistakes included: to measure what it costs and what it leaves. Use another mode to make data.

Written from a description of the behaviour. Its mistakes: a replacement is taken as soon as one sentence accepts it;
after a nested replacement the outer loop goes on with its own and overwrites the newer one; later rows compare the
sentences drawn first; marks of exhausted categories can be overwritten or outweighed by probabilities in a sum; one
direction only; a replacement is compared with the sentence that it replaces; inner comparisons write into the outer
comparison's row. Its recursion, as deep as pools are large, is a stack here.
"""

import random
from collections.abc import Iterator
from itertools import combinations

from zoo.synthesis.personas.conl_steps import Candidates, Consistent, Steps
from zoo.synthesis.personas.pool import shuffled
from zoo.synthesis.records import ProfileSentence

LIMIT = 2_000_000  # scores of one pool


def released(pool: Candidates, rng: random.Random, threshold: float, limit: int = LIMIT) -> Steps:
    """The steps: one pair each, as the published code scores them. Stops as it is after `limit` scores."""
    left = {category: shuffled(candidates, rng) for category, candidates in pool.items()}
    initial = {category: first for category, more in left.items() if (first := next(more, None)) is not None}
    current, names = dict(initial), list(initial)
    matrix = [[0.0] * len(names) for _ in names]
    n_scores = 0
    for i, j in combinations(range(len(names)), 2):
        column = names[j]
        # what is still to be compared: (premises, hypothesis), the innermost last
        stack: list[tuple[Iterator[str], ProfileSentence]] = [(iter([names[i]]), initial[column])]
        while stack:
            premises, hypothesis = stack[-1]
            k = next(premises, None)
            if k is None:
                stack.pop()
                continue
            if n_scores == limit:
                return Consistent.of(pool, current, complete=False)
            outermost = len(stack) == 1
            premise = initial[k] if outermost else current[k]
            (score,) = yield [(premise.text, hypothesis.text)]
            n_scores += 1
            if score <= threshold:
                matrix[i][j] = score
                if not outermost:
                    current[column] = hypothesis
            elif (replacement := next(left[column], None)) is not None:
                stack.append((iter(names), replacement))
            else:
                for row in range(i + 1):
                    matrix[row][j] = -1.0
    sums = {name: sum(row[j] for row in matrix) for j, name in enumerate(names)}
    return Consistent.of(pool, {name: current[name] for name in names if sums[name] >= 0})
