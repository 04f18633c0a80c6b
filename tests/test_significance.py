"""Intervals and tests on numbers whose answer is known, and against scipy."""

import numpy as np
import pytest
from scipy.stats import binomtest

from zoo.significance import draws, holm, sign_test, two_sided_p


def test_p_and_holm() -> None:
    values = np.array([0.0, 1.0, 2.0, 3.0])
    assert two_sided_p(values, 1.5) == pytest.approx(2 * (1 + 1) / 5)  # shifted by nothing: one of four at 0
    assert two_sided_p(values, 3.0) == pytest.approx(2 * (0 + 1) / 5)
    assert two_sided_p(np.array([-1.0, 1.0]), 0.0) == 1
    assert two_sided_p(None, 1.0) is None
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("wins", range(9))
@pytest.mark.parametrize("losses", range(9))
def test_the_sign_test_is_exact(wins: int, losses: int) -> None:
    if wins + losses == 0:
        assert sign_test(wins, losses) == 1
        return
    assert sign_test(wins, losses) == pytest.approx(binomtest(wins, wins + losses).pvalue)


def test_the_sign_test_of_many() -> None:
    assert sign_test(71, 43) == pytest.approx(binomtest(71, 114).pvalue)  # PersonaChatGen's Table 8b, of 150
    assert sign_test(3000, 2000) == pytest.approx(binomtest(3000, 5000).pvalue)


def test_draws_are_of_their_key() -> None:
    one = draws(5, 5, 20, 3, 1)
    assert one.shape == (20, 5)
    assert (one.sum(axis=1) == 5).all()
    assert (one == draws(5, 5, 20, 3, 1)).all()
    assert (one != draws(5, 5, 20, 3, 2)).any()
