"""A year of posts in units, each judged by itself, and a majority vote over them.

Source: Otsuka et al., section 3.3, after Hirano et al. 2013, whose estimator needs about 150 texts a decision. The
paper is silent on order, remainder, abstentions and ties; the readings chosen are in `cut_into_units` and `vote`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zoo.data.profiles import ATTRIBUTES
from zoo.errors import UserError
from zoo.profiles.base import Inferred, ProfileInferer

UNIT = 150  # posts


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome for one attribute: `votes` of the `voters` units that did not abstain."""

    value: str
    votes: int
    voters: int
    confidence: float  # mean over the votes for the value


def cut_into_units(posts: Sequence[str], size: int = UNIT) -> list[list[str]]:
    """Posts, oldest first, in units of `size`; what remains is kept only where there is no whole unit.

    Raises:
        UserError: a size below 1.
    """
    if size < 1:
        raise UserError(f"Units of {size} posts were asked for; expected at least 1.")
    whole = [list(posts[start : start + size]) for start in range(0, len(posts) - size + 1, size)]
    return whole or ([list(posts)] if posts else [])


def vote(units: Sequence[Inferred]) -> dict[str, Decision]:
    """The majority's value of every attribute, given the units' answers, oldest unit first.

    A unit that leaves an attribute out does not vote on it. A tie goes to the value with the higher summed confidence,
    then to the one that the more recent unit gave.
    """
    decisions = {}
    for attribute in ATTRIBUTES:
        ballots: dict[str, list[tuple[int, float]]] = {}  # value -> (number of the unit, confidence)
        for number, inferred in enumerate(units):
            if attribute in inferred:
                value, confidence = inferred[attribute]
                ballots.setdefault(value, []).append((number, confidence))
        if ballots:
            value = max(ballots, key=lambda name: _rank(ballots[name]))
            won = [confidence for _, confidence in ballots[value]]
            voters = sum(map(len, ballots.values()))
            decisions[attribute] = Decision(value, len(won), voters, sum(won) / len(won))
    return decisions


def infer_profile(posts: Sequence[str], inferer: ProfileInferer, unit: int = UNIT) -> dict[str, Decision]:
    """What a user's posts, oldest first, say about the user; attributes that no unit could tell are left out."""
    return vote(inferer.infer_units(cut_into_units(posts, unit)))


def profile_of(decisions: Mapping[str, Decision]) -> dict[str, str]:
    """The values alone, as a `Speaker.profile`."""
    return {attribute: decision.value for attribute, decision in decisions.items()}


def _rank(ballots: Sequence[tuple[int, float]]) -> tuple[int, float, int]:
    return len(ballots), round(sum(confidence for _, confidence in ballots), 9), ballots[-1][0]
