import random

import pytest

from zoo.metrics.generations import Generation

TEXT = "i like the cats , dogs and a well-known cat ! don't you ? my name is O'Neil ."


def generation(id="a", reference="", response=None, nll=None, n_tokens=None, **measured):
    return Generation(id, "u", ["i have a cat ."], ["hi !"], reference, response, nll, n_tokens, **measured)


def corpus(n, seed=0):
    """Rows with everything measured: repeated and empty replies, 20 and fewer candidates, ragged ids."""
    draw = random.Random(seed)

    def text(longest):
        return " ".join(draw.choices(TEXT.split(), k=draw.randint(0, longest)))

    rows = []
    for index in range(n):
        n_tokens, length = draw.randint(1, 9), draw.randint(2, 7)
        reference = text(9) or "ok"
        rows.append(
            generation(
                str(index),
                reference,
                draw.choice(["i like cats .", text(7), reference]),
                nll=draw.uniform(0, 40),
                n_tokens=n_tokens,
                candidate_scores=[draw.choice([0.0, 0.5, draw.random()]) for _ in range(draw.choice([20, 20, 3]))],
                gold=draw.randrange(3),
                target_ids=[draw.randrange(9) for _ in range(length)],
                argmax_ids=[draw.randrange(12) for _ in range(length)],
                token_nll=[draw.choice([0.0, draw.uniform(0, 9)]) for _ in range(length)],
            )
        )
    return rows


def measure(metric, rows, batch=3):
    for start in range(0, len(rows), batch):
        metric.update(rows[start : start + batch])
    computed = metric.compute()
    return {name: float(x) for name, x in computed.items()} if isinstance(computed, dict) else float(computed)


@pytest.fixture(name="generation")
def generation_fixture():
    return generation


@pytest.fixture(name="corpus")
def corpus_fixture():
    return corpus


@pytest.fixture(name="measure")
def measure_fixture():
    return measure
