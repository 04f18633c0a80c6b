"""The dialogues of synthetic users as a corpus: every user talks with several partners, several times with each."""

from typing import Any

from zoo.data.demo.draws import Draws
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.data.synthetic_users.dialogues import converse
from zoo.data.synthetic_users.users import User, synthetic_user
from zoo.data.synthetic_users.wording import Language, wording
from zoo.errors import UserError


class SyntheticUsersCorpus:
    """Multi-partner dialogues of embedded users; all of them are "train", whoever needs other splits cuts them.

    Both speakers are responders, with their user id, self-introduction (as persona) and the known part of the profile.

    Args:
        language: "en" or "ja".
        num_users: how many talk; more than `partners`.
        partners: whom each of them talks with; an even number.
        dialogues_per_pair: how often two of them talk.
        turns: fewest and most utterances of a dialogue; at least 4.
        profile_known: share of profile attributes that `Speaker.profile` shows, drawn for each user and attribute.
        seed: other seeds give other users.

    Raises:
        UserError: a setting out of its range.
    """

    def __init__(
        self,
        language: Language = "en",
        num_users: int = 60,
        partners: int = 8,
        dialogues_per_pair: int = 3,
        turns: tuple[int, int] = (8, 14),
        profile_known: float = 1.0,
        seed: int = 0,
    ):
        wording(language)  # refuses other languages
        if partners % 2 or not 2 <= partners < num_users:
            raise UserError(
                f"partners={partners} was given for num_users={num_users}; expected an even number of partners, at "
                f"least 2 and below the number of users."
            )
        low, high = turns
        if dialogues_per_pair < 1 or not 4 <= low <= high or not 0 <= profile_known <= 1 or seed < 0:
            raise UserError(
                f"dialogues_per_pair={dialogues_per_pair}, turns={tuple(turns)}, profile_known={profile_known}, "
                f"seed={seed} was given; expected at least 1 dialogue, turns as [fewest, most] with at least 4, a "
                f"share from 0 to 1 and a seed of at least 0."
            )
        self.language: Language = language
        self.num_users, self.partners, self.dialogues_per_pair = num_users, partners, dialogues_per_pair
        self.turns, self.profile_known, self.seed = (low, high), profile_known, seed

    @property
    def users(self) -> list[User]:
        """Everybody who talks, with the truth about them."""
        return [synthetic_user(self.language, number, self.seed) for number in range(self.num_users)]

    def load(self, split: str) -> list[Dialogue]:
        """All dialogues, for "train".

        Raises:
            UserError: another split.
        """
        if split != "train":
            raise UserError(
                f"The {split} split of the synthetic users was asked for; they have train alone, out of which a "
                f"hold-out cuts the others."
            )
        users = self.users
        speakers = [speaker_of(user, self.profile_known) for user in users]
        made = []
        for first, second in self._pairs():
            for number in range(self.dialogues_per_pair):
                draws = Draws(self.seed, self.language, "dialogue", first, second, number)
                sides = draws.shuffled([first, second])
                low, high = self.turns
                said = converse(draws, (users[sides[0]], users[sides[1]]), low + draws.below(high - low + 1))
                made.append(
                    Dialogue(
                        id=f"synthetic-{self.language}-{self.seed}-{first:04d}-{second:04d}-{number}",
                        speakers=(speakers[sides[0]], speakers[sides[1]]),
                        utterances=tuple(Utterance(turn % 2, text) for turn, text in enumerate(said)),
                        responders=(0, 1),
                    )
                )
        return made

    def describe(self, split: str) -> dict[str, Any]:
        """Nothing else decides the dialogues but the code."""
        settings = {name: value for name, value in vars(self).items() if name != "turns"}
        return {"corpus": "synthetic_users", "split": split, **settings, "turns": list(self.turns), "files": {}}

    def _pairs(self) -> list[tuple[int, int]]:
        """Unordered pairs of numbers, the lower first: neighbours up to partners/2 seats away at a shuffled table."""
        table = Draws(self.seed, "table", self.num_users).shuffled(range(self.num_users))
        pairs = {
            (min(a, b), max(a, b))
            for distance in range(1, self.partners // 2 + 1)
            for a, b in zip(table, table[distance:] + table[:distance], strict=True)
        }
        return sorted(pairs)


def speaker_of(user: User, profile_known: float, introduced: bool = True) -> Speaker:
    """A user as a corpus shows one."""
    return Speaker(
        persona=user.introduction if introduced else (), user=user.id, profile=user.shown_profile(profile_known)
    )
