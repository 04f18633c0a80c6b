"""Users mixed by a temperature."""

import numpy as np
import pytest

from zoo.data.mixing import temperature_probabilities
from zoo.data.sampler import GlobalBatches
from zoo.errors import UserError

OWNERS = np.repeat([7, 3, 5], [100, 10, 1])  # any ids, in any order


@pytest.mark.parametrize("temperature", [0.5, 1.0, 10.0])
def test_users_are_drawn_by_the_equation(temperature: float) -> None:
    drawn = temperature_probabilities(OWNERS, temperature)
    weights = {7: 100 ** (1 / temperature), 3: 10 ** (1 / temperature), 5: 1.0}
    for user, weight in weights.items():
        assert drawn[user == OWNERS].sum() == pytest.approx(weight / sum(weights.values()))
        assert np.ptp(drawn[user == OWNERS]) == 0  # one user's examples alike


def test_a_temperature_of_one_draws_examples_alike_and_a_tiny_one_is_finite() -> None:
    np.testing.assert_allclose(temperature_probabilities(OWNERS, 1.0), 1 / 111)
    assert temperature_probabilities(OWNERS, 1e-3).sum() == pytest.approx(1)


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_a_temperature_is_above_zero(temperature: float) -> None:
    with pytest.raises(UserError, match="above 0"):
        temperature_probabilities(OWNERS, temperature)


def test_an_epoch_draws_anew_and_resumes() -> None:
    lengths = np.random.default_rng(0).integers(1, 50, (111, 3))
    probabilities = temperature_probabilities(OWNERS, 10.0)
    epochs = []
    for epoch in range(60):
        sampler = GlobalBatches(lengths, 8, probabilities=probabilities)
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    assert epochs[0] != epochs[1]
    rows = np.concatenate([row for batches in epochs for row in batches])
    assert len(rows) == 60 * 111
    shares = [(OWNERS[rows] == user).mean() for user in (7, 3, 5)]
    expected = [probabilities[user == OWNERS].sum() for user in (7, 3, 5)]
    np.testing.assert_allclose(shares, expected, atol=0.02)
    resumed = GlobalBatches(lengths, 8, probabilities=probabilities)
    resumed.load_state_dict(resumed.state_dict() | {"epoch": 5, "position": 4})
    assert list(resumed) == epochs[5][4:]
