"""Every user's dialogues cut into train, valid and test: what personal models are trained and tested on.

A cut is by dialogue, never by turn: turns of one dialogue share their words.
"""

import random
from collections.abc import Collection, Mapping, Sequence
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
        max_users: a seeded choice of this many users; None is all. With `parts`, of each part that is tested; those
            that are only trained on stay whole.
        parts: which parts' users to keep in each split, by the corpus's own `part_of(user)`; None asks for no parts.
            With several parts in "test", each is a test set.
        only: ids of the users to keep, of the tested parts where there are parts; None is all. What a user's dialogues
            are cut into depends on nobody else.
        seed: of the cut and the choice.
    """

    def __init__(
        self,
        corpus: DialogueCorpus,
        splits: Sequence[str] = ("train",),
        min_dialogues: int = 3,
        max_users: int | None = None,
        only: Sequence[str] | None = None,
        parts: Mapping[str, Sequence[str]] | None = None,
        seed: int = 0,
    ):
        if min_dialogues < 3:
            raise UserError(f"min_dialogues={min_dialogues} was given; expected at least 3, one for each split.")
        if parts is not None and not hasattr(corpus, "part_of"):
            raise UserError(
                f"parts={dict(parts)} was given for a {type(corpus).__name__}, whose users are in no parts."
            )
        if parts is not None:
            known = corpus.part_names  # type: ignore[attr-defined]
            for setting, names in (("parts", parts["train"]), ("test_parts", parts["test"])):
                if set(names) - set(known):
                    raise UserError(f"data.{setting}={list(names)} was given; expected some of {', '.join(known)}.")
        check_max_users(max_users)
        self.corpus, self.splits = corpus, tuple(splits)
        self.min_dialogues, self.max_users, self.seed = min_dialogues, max_users, seed
        self.only = None if only is None else tuple(only)
        self.parts = None if parts is None else {split: tuple(names) for split, names in parts.items()}
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
        if self.parts is None:
            return self._cut[split]
        named = [(self._part_of(dialogue), dialogue) for dialogue in self._cut[split]]
        own = [(part, dialogue) for part, dialogue in named if part in self.parts[split]]
        if split != "test" or not self.test_sets():
            return [dialogue for _, dialogue in own]
        return [replace(dialogue, id=f"{part}/{dialogue.id}") for part, dialogue in own]

    def test_sets(self) -> tuple[str, ...]:
        """The parts that are tested one by one; none where there are fewer than two."""
        tested = () if self.parts is None else self.parts["test"]
        return tested if len(tested) > 1 else ()

    def _part_of(self, dialogue: Dialogue) -> str | None:
        return self.corpus.part_of(dialogue.speakers[dialogue.responders[0]].user)  # type: ignore[attr-defined,no-any-return]

    def describe(self, split: str) -> dict[str, Any]:
        """The corpus and the rule."""
        return {
            "corpus": {source: describe_corpus(self.corpus, source) for source in self.splits},
            "within_users": [split, self.min_dialogues, self.max_users, self.only, self.seed],
            "parts": self.parts,
        }

    def report(self) -> dict[str, Any]:
        """The corpus's own."""
        return dict(self.corpus.report()) if hasattr(self.corpus, "report") else {}

    def _which(self, pools: Sequence[Sequence[str]]) -> str:
        """The tested part with the fewest users, for a message; nothing where there are not several."""
        tested = self.test_sets()
        return f" in part {min(zip(pools, tested, strict=True), key=lambda one: len(one[0]))[1]}" if tested else ""

    def _cut_users(self) -> dict[str, list[Dialogue]]:
        of_user: dict[str, list[Dialogue]] = {}
        for source in self.splits:
            for dialogue in self.corpus.load(source):
                sides: dict[str, list[int]] = {}  # somebody who talks to themselves has one dialogue, not two
                for responder in dialogue.responders:
                    sides.setdefault(dialogue.speakers[responder].user, []).append(responder)
                for user, own in sides.items():
                    name = f"{source}/{dialogue.id}/{'+'.join(map(str, own))}"
                    of_user.setdefault(user, []).append(replace(dialogue, id=name, responders=tuple(own)))
        enough = sorted(user for user, own in of_user.items() if user and len(own) >= self.min_dialogues)
        pools, whole = [enough], list[str]()  # users to choose from, and users whom no choice concerns
        if self.parts is not None:
            part_of = self.corpus.part_of  # type: ignore[attr-defined]
            trained = {part for names in self.parts.values() for part in names} - set(self.parts["test"])
            whole = [user for user in enough if part_of(user) in trained]
            pools = [[user for user in enough if part_of(user) == part] for part in self.parts["test"]]
        if self.only is not None:
            if strangers := sorted(set(self.only) - {user for pool in pools for user in pool}):
                raise UserError(
                    f"data.only names {', '.join(map(repr, strangers[:3]))}, who is none of the "
                    f"{sum(map(len, pools))} users with at least {self.min_dialogues} dialogues that can be chosen."
                )
            pools = [[user for user in pool if user in self.only] for pool in pools]
        fewest = min(map(len, pools))
        if not fewest or (self.max_users is not None and self.max_users > fewest):
            raise UserError(
                f"{self.max_users or 'Some'} users with at least {self.min_dialogues} dialogues were asked for, but "
                f"the {'+'.join(self.splits)} dialogues have {fewest} such (and {len(of_user)} users altogether)"
                f"{self._which(pools)}. Lower data.max_users or "
                "data.min_dialogues, name users of every tested part in data.only, or say who is who by data.users=."
            )
        if self.max_users is not None:
            pools = [random.Random(self.seed).sample(pool, self.max_users) for pool in pools]
        enough = sorted({user for pool in pools for user in pool} | set(whole))
        cut: dict[str, list[Dialogue]] = {"train": [], "valid": [], "test": []}
        for user in enough:
            dialogues = of_user[user]
            random.Random(f"{self.seed}:{user}").shuffle(dialogues)
            held_out = held_out_of(len(dialogues))
            cut["test"] += dialogues[:held_out]
            cut["valid"] += dialogues[held_out : 2 * held_out]
            cut["train"] += dialogues[2 * held_out :]
        return cut


def check_max_users(given: int | None) -> None:
    """Refuse a choice of nobody, or of fewer.

    Raises:
        UserError: it is below one.
    """
    if given is not None and given < 1:
        raise UserError(f"data.max_users={given} was given; expected at least 1, or null for all users.")


def held_out_of(dialogues: int) -> int:
    """Dialogues for validation, and again for testing, of a user's n: max(1, round(n / 10)), halves upwards."""
    return max(1, int(dialogues / 10 + 0.5))
