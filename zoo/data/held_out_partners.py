"""Users' dialogues cut by partner: what somebody says to people they are met with for the first time in the test.

Source: Otsuka et al. 2024, "User-Specific Dialogue Generation with User Profile-Aware Pre-Training Model and
Parameter-Efficient Fine-Tuning", section 4.2.1: per user the dialogues with 30 % of the partners are for development
and testing, the rest for training, three times over; section 4.1.3: half of every user's training data adapts the model
to the domain, the other half is for the user's own training.

The paper cuts per user, so that A's test utterances to B can be the context that B is trained on. Here *pairs* are held
out, for both of their members, so no held-out utterance stands in anybody's training data; and the halves are drawn by
dialogue, so the two have no context in common.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from zoo.data.corpora import DialogueCorpus, describe_corpus
from zoo.data.partners import Half, cut_pairs, halves_of, pair_of, partners_of
from zoo.data.records import Dialogue
from zoo.data.within_users import check_max_users
from zoo.errors import UserError


class HeldOutPartners:
    """Another corpus, cut anew by its users' partners.

    Args:
        corpus: whose dialogues; `Speaker.user` says who talks to whom. A dialogue whose other speaker is not named
            counts as one with a partner of its own.
        splits: the corpus's own splits to take them from.
        held_out: share of a user's partners that are for validation and test, one half each; rounded up.
        fold: which of the drawings; a pair is held out a second time only where the former folds left too few.
        half: of the training dialogues, "adaptation" or "personal"; None is both. Validation and test are the same.
        both_sides: both speakers' utterances are replies to learn; else those that the corpus calls so.
        one_partner: "refuse" users who talk to one partner only, of whom nothing could be held out, or "leave_out".
        max_users: a seeded choice of this many users, the first of any larger choice; None is all. Nobody's cut depends
            on it.
        only: ids of the users to keep; None is all.
        seed: of the cut and the choice.

    Raises:
        UserError: at the first `load`, where there are too few users or partners.
    """

    def __init__(
        self,
        corpus: DialogueCorpus,
        splits: Sequence[str] = ("train",),
        held_out: float = 0.3,
        fold: int = 0,
        half: Half | None = None,
        both_sides: bool = True,
        one_partner: Literal["refuse", "leave_out"] = "refuse",
        max_users: int | None = None,
        only: Sequence[str] | None = None,
        seed: int = 0,
    ):
        if not 0 < held_out < 1:
            raise UserError(f"data.held_out={held_out} was given; expected a share of the partners between 0 and 1.")
        if fold < 0:
            raise UserError(f"data.fold={fold} was given; expected 0, 1, 2, ...: which of the drawings.")
        if half not in (None, *get_args(Half)):
            raise UserError(f"data.half={half!r} was given; expected {' or '.join(get_args(Half))}, or null for both.")
        check_max_users(max_users)
        self.corpus, self.splits, self.held_out, self.fold, self.half = corpus, tuple(splits), held_out, fold, half
        self.both_sides, self.one_partner = both_sides, one_partner
        self.max_users, self.only, self.seed = max_users, None if only is None else tuple(only), seed
        self._cut: dict[str, list[Dialogue]] | None = None
        self._report: dict[str, Any] = {}

    def prepare(self, splits: Collection[str]) -> None:
        """Fetch what the corpus lacks."""
        if hasattr(self.corpus, "prepare"):
            self.corpus.prepare(self.splits)

    def load(self, split: str) -> list[Dialogue]:
        """The dialogues of a split; of each, those speakers answer who are among the chosen users."""
        if self._cut is None:
            self._cut = self._cut_dialogues()
        return self._cut[split]

    def describe(self, split: str) -> dict[str, Any]:
        """The corpus and the rule."""
        rule = (self.held_out, self.fold, self.half, self.both_sides, self.one_partner, self.max_users, self.only)
        return {
            "corpus": {source: describe_corpus(self.corpus, source) for source in self.splits},
            "held_out_partners": [split, *rule, self.seed],
        }

    def report(self) -> dict[str, Any]:
        """The corpus's own, and how many pairs and dialogues the cut has."""
        self.load("train")
        own = dict(self.corpus.report()) if hasattr(self.corpus, "report") else {}
        return own | {"held_out_partners": self._report}

    def _cut_dialogues(self) -> dict[str, list[Dialogue]]:
        dialogues = list(self._dialogues())
        partners = partners_of(pair_of(dialogue) for dialogue in dialogues)
        users = self._chosen(partners)
        pairs = sorted({pair_of(dialogue) for dialogue in dialogues}, key=sorted)
        of_pair = cut_pairs(pairs, self.held_out, self.fold, self.seed)
        cut: dict[str, list[Dialogue]] = {"train": [], "valid": [], "test": []}
        for dialogue in dialogues:
            cut[of_pair.get(pair_of(dialogue), "train")].append(dialogue)
        halves = halves_of(cut["train"], self.seed)
        if self.half is not None:
            cut["train"] = [dialogue for dialogue in cut["train"] if halves[dialogue.id] == self.half]
        chosen = {split: list(_answered_by(users, part)) for split, part in cut.items()}
        answering = {split: Counter(_responders(part)) for split, part in chosen.items()}
        self._report = {
            "users": len(users),
            "fold": self.fold,
            "half": self.half,
            "pairs": {split: sum(of_pair.get(pair, "train") == split for pair in pairs) for split in cut},
            "dialogues": {split: len(part) for split, part in chosen.items()},
            "users_without": {split: len(users - set(found)) for split, found in answering.items()},
        }
        silent = sorted(users - set(answering["train"]))
        if silent and self.half != "adaptation":  # which is everybody's together
            raise UserError(
                f"{len(silent)} of {len(users)} users ({', '.join(map(repr, silent[:3]))}) have no dialogue left to "
                f"train on (data.half={self.half}, data.fold={self.fold}, data.held_out={self.held_out}). Hold out "
                "fewer partners, leave out data.half, or choose users with more dialogues by data.only."
            )
        return chosen

    def _dialogues(self) -> Iterator[Dialogue]:
        for source in self.splits:
            for dialogue in self.corpus.load(source):
                named = tuple(i for i, speaker in enumerate(dialogue.speakers) if speaker.user)
                own = named if self.both_sides else tuple(i for i in dialogue.responders if i in named)
                if own:
                    yield replace(dialogue, id=f"{source}/{dialogue.id}", responders=own)

    def _chosen(self, partners: Mapping[str, Collection[str]]) -> set[str]:
        enough = sorted(user for user, own in partners.items() if len(own) > 1)
        lonely = sorted(partners.keys() - set(enough))
        if lonely and self.one_partner == "refuse":
            raise UserError(
                f"{len(lonely)} of {len(partners)} users ({', '.join(map(repr, lonely[:3]))}) talk to one partner "
                "only, so nothing of theirs can be held out for a test on a new partner. Give dialogues with more "
                "partners, or leave these users out by data.one_partner=leave_out."
            )
        if self.only is not None:
            if strangers := sorted(set(self.only) - set(enough)):
                raise UserError(
                    f"data.only names {', '.join(map(repr, strangers[:3]))}, who is none of the {len(enough)} users "
                    "with two partners or more."
                )
            enough = [user for user in enough if user in self.only]
        if not enough or (self.max_users is not None and self.max_users > len(enough)):
            raise UserError(
                f"{self.max_users or 'Some'} users with two partners or more were asked for, but the "
                f"{'+'.join(self.splits)} dialogues have {len(enough)}. Lower data.max_users, or say who is who by "
                "data.users= or data.matching=."
            )
        return set(random.Random(self.seed).sample(enough, len(enough))[: self.max_users])


def _answered_by(users: Collection[str], dialogues: Iterable[Dialogue]) -> Iterator[Dialogue]:
    for dialogue in dialogues:
        if own := tuple(i for i in dialogue.responders if dialogue.speakers[i].user in users):
            yield replace(dialogue, responders=own)


def _responders(dialogues: Iterable[Dialogue]) -> Iterator[str]:
    return (dialogue.speakers[i].user for dialogue in dialogues for i in dialogue.responders)
