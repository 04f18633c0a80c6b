"""How often a user's examples are drawn where all users train one model together."""

import numpy as np
from numpy.typing import NDArray

from zoo.errors import UserError


def temperature_probabilities(owners: NDArray[np.integer], temperature: float) -> NDArray[np.floating]:
    """Probability of each example: a user is drawn with p_i proportional to n_i^(1/T), then one of its n_i examples.

    Source: Han et al. 2023, "PersonaPKT" (arXiv:2306.08126), section 3.2, T = 10. T = 1 draws all examples alike; the
    higher T, the more alike users are drawn.

    Args:
        owners: [N] the user of every example, any integers.
        temperature: T.

    Returns:
        [N], summing to 1.

    Raises:
        UserError: `temperature` is not above zero.
    """
    check_temperature(temperature)
    _, user, counts = np.unique(owners, return_inverse=True, return_counts=True)
    drawn = np.exp(np.log(counts) / temperature - np.log(counts).max() / temperature)  # of users; safe for a small T
    return (drawn / drawn.sum() / counts)[user]  # type: ignore[no-any-return]


def check_temperature(temperature: float) -> None:
    """Refuse what is no temperature.

    Raises:
        UserError: it is no number above zero.
    """
    if not isinstance(temperature, int | float) or not temperature > 0:
        raise UserError(
            f"data.temperature={temperature} was given (source.data.temperature, of a source stage); expected a number "
            "above 0, or null for no mixing."
        )
