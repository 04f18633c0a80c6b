"""How often inferred profiles are right, by posts a unit and number of units, on users whose truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass

from zoo.data.profiles import ATTRIBUTES
from zoo.data.synthetic_users import User, posts
from zoo.errors import UserError
from zoo.profiles.base import ProfileInferer
from zoo.profiles.voting import infer_profile


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Counts over users for one attribute, or over users and attributes."""

    right: int
    decided: int
    asked: int

    @property
    def accuracy(self) -> float | None:
        """Share of the decided that are right; None where nothing was decided."""
        return self.right / self.decided if self.decided else None

    @property
    def coverage(self) -> float:
        """Share that was decided at all."""
        return self.decided / self.asked


@dataclass(frozen=True, slots=True)
class Cell:
    """All users with so many posts; `overall` pools the attributes."""

    posts_per_unit: int
    units: int
    of_attribute: dict[str, Accuracy]

    @property
    def overall(self) -> Accuracy:
        """Over users and attributes."""
        every = self.of_attribute.values()
        return Accuracy(sum(a.right for a in every), sum(a.decided for a in every), sum(a.asked for a in every))


def measure(
    users: Sequence[User], inferer: ProfileInferer, posts_per_unit: Sequence[int], units: Sequence[int]
) -> list[Cell]:
    """A cell for every size and number of units; each user posts exactly `posts_per_unit * units` times in the year.

    Raises:
        UserError: no users, or a size or number below 1.
    """
    if not users or min([*posts_per_unit, *units], default=0) < 1:
        raise UserError(
            f"{len(users)} users, {list(posts_per_unit)} posts a unit and {list(units)} units were given; expected at "
            f"least 1 of each."
        )
    return [_cell(users, inferer, size, number) for size in posts_per_unit for number in units]


def _cell(users: Sequence[User], inferer: ProfileInferer, size: int, number: int) -> Cell:
    right, decided = dict.fromkeys(ATTRIBUTES, 0), dict.fromkeys(ATTRIBUTES, 0)
    for user in users:
        texts = [post.text for post in posts(user, size * number)]
        for attribute, decision in infer_profile(texts, inferer, size).items():
            decided[attribute] += 1
            right[attribute] += decision.value == user.profile[attribute]
    return Cell(size, number, {name: Accuracy(right[name], decided[name], len(users)) for name in ATTRIBUTES})
