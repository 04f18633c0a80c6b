"""Every user's dialogues cut into train, valid and test: what personal models are trained and tested on.

A cut is by dialogue, never by turn: turns of one dialogue share their words.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from zoo.data.corpora import DialogueCorpus, describe_corpus
from zoo.data.records import Dialogue
from zoo.errors import UserError


class WithinUsers:
    """Another corpus, cut anew within its users.

    Of a user's n dialogues max(1, round(n / 10)) are for validation, as many for testing, and the rest for training:
    the rule behind PersonaPKT's Table 1 (arXiv:2306.08126).

    Args:
        corpus: whose dialogues; the responder's `Speaker.user` says whose they are.
        splits: the corpus's own splits to take them from.
        min_dialogues: users with fewer are left out; at least 3, one for each split.
        max_users: a seeded choice of this many users; None is all.
        only: ids of the users to keep; None is all. What a user's dialogues are cut into depends on nobody else.
        seed: of the cut and the choice.
    """

    def __init__(
        self,
        corpus: DialogueCorpus,
        splits: Sequence[str] = ("train",),
        min_dialogues: int = 3,
        max_users: int | None = None,
        only: Sequence[str] | None = None,
        seed: int = 0,
    ):
        if min_dialogues < 3:
            raise UserError(f"min_dialogues={min_dialogues} was given; expected at least 3, one for each split.")
        self.corpus, self.splits = corpus, tuple(splits)
        self.min_dialogues, self.max_users, self.seed = min_dialogues, max_users, seed
        self.only = None if only is None else tuple(only)
        self._cut: dict[str, list[Dialogue]] | None = None

    def prepare(self, splits: Collection[str]) -> None:
        """Fetch what the corpus lacks."""
        if hasattr(self.corpus, "prepare"):
            self.corpus.prepare(self.splits)

    def load(self, split: str) -> list[Dialogue]:
        """The part of every user's dialogues that belongs to a split.

        Raises:
            UserError: no user has enough dialogues, or there are fewer users than asked for.
        """
        if self._cut is None:
            self._cut = self._cut_users()
        return self._cut[split]

    def describe(self, split: str) -> dict[str, Any]:
        """The corpus and the rule."""
        return {
            "corpus": {source: describe_corpus(self.corpus, source) for source in self.splits},
            "within_users": [split, self.min_dialogues, self.max_users, self.only, self.seed],
        }

    def report(self) -> dict[str, Any]:
        """The corpus's own."""
        return dict(self.corpus.report()) if hasattr(self.corpus, "report") else {}

    def _cut_users(self) -> dict[str, list[Dialogue]]:
        of_user: dict[str, list[Dialogue]] = {}
        for source in self.splits:
            for dialogue in self.corpus.load(source):
                for responder in dialogue.responders:
                    user = dialogue.speakers[responder].user
                    own = replace(dialogue, id=f"{source}/{dialogue.id}/{responder}", responders=(responder,))
                    of_user.setdefault(user, []).append(own)
        enough = sorted(user for user, own in of_user.items() if user and len(own) >= self.min_dialogues)
        if not enough or (self.max_users is not None and self.max_users > len(enough)):
            raise UserError(
                f"{self.max_users or 'Some'} users with at least {self.min_dialogues} dialogues were asked for, but "
                f"the {'+'.join(self.splits)} dialogues have {len(enough)} of {len(of_user)}. Lower data.max_users or "
                "data.min_dialogues, or say who is who by data.users=."
            )
        if self.only is not None:
            if strangers := sorted(set(self.only) - set(enough)):
                raise UserError(
                    f"data.only names {', '.join(map(repr, strangers[:3]))}, who is none of the {len(enough)} users "
                    f"with at least {self.min_dialogues} dialogues."
                )
            enough = sorted(self.only)
        if self.max_users is not None:
            enough = sorted(random.Random(self.seed).sample(enough, self.max_users))
        cut: dict[str, list[Dialogue]] = {"train": [], "valid": [], "test": []}
        for user in enough:
            dialogues = of_user[user]
            random.Random(f"{self.seed}:{user}").shuffle(dialogues)
            held_out = held_out_of(len(dialogues))
            cut["test"] += dialogues[:held_out]
            cut["valid"] += dialogues[held_out : 2 * held_out]
            cut["train"] += dialogues[2 * held_out :]
        return cut


def held_out_of(dialogues: int) -> int:
    """Dialogues for validation, and again for testing, of a user's n: max(1, round(n / 10)), halves upwards."""
    return max(1, int(dialogues / 10 + 0.5))
