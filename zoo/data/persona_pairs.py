"""The corpus of "Building a Personalized Dialogue System with Prompt-Tuning" (Kasahara et al. 2022, arXiv:2206.05399).

Section 4.1: dialogue pairs of PersonaChat, grouped by the responder's persona; the three personas with the most pairs,
185, 167 and 166; 9:1 for training and evaluation. As many pairs of general talk, from DailyDialog's dialogues about
relationships, both sides shorter than 50 characters, are mixed into the training pairs. Two test sets: the tenth that
was held out, and general pairs that were not used in training.

Readings of what the paper leaves open, each a setting: both speakers are responders (the three largest personas of
PersonaChat's validation file then have the paper's 185, 167 and 166 pairs; with one side the largest has 139); general
pairs are adjacent turns, measured as they are and then written in lower case; a tenth of the training pairs, general
ones too, is for validation, since training "until the loss converges" needs a loss to watch.
"""

import random
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from zoo.data.corpora import DialogueCorpus, describe_corpus
from zoo.data.matching import Matching, MinShared, describe_matching, fold, match_personas
from zoo.data.pairs import Pair, Sides, SplitUnit, dialogue_pairs, hold_out, share, short_pairs
from zoo.data.records import Dialogue, Speaker
from zoo.errors import UserError

PERSONA_EVAL, GENERAL_EVAL = "persona_eval", "general_eval"


class PersonaPairsCorpus:
    """Pairs of some personas, each a user, with general pairs mixed in.

    A general pair belongs to a user as well: its responder has that user's id and persona, and every user has a sample
    of its own. Ids begin with "persona/" or "general/", in the test split with the test set.

    Args:
        personas: whose dialogues show personas; for `sides="both"` those of both speakers.
        general: whose dialogues are general talk: its train split for training, its test split for the test set.
        persona_splits: of `personas`, pooled; what two of them have in common counts once. The paper's numbers of pairs
            are those of the validation file alone.
        sides: "both" or "self", see `zoo.data.pairs.dialogue_pairs`.
        matching, min_shared, persona_map: which dialogues are of one persona, see `zoo.data.matching.match_personas`.
        num_personas: this many, those with the most pairs; None is all with at least `min_pairs`.
        min_pairs: only where `num_personas` is None.
        rank: keep only the persona in this place, from 1, of those chosen: for models that are trained one by one.
        persona_sentences: "group" gives every pair all sentences that its persona's dialogues show, in the order of
            their first appearance; "shown" gives a persona's pair those of its own dialogue.
        split_unit: "pair" (the paper, as far as it says) or "dialogue" (no dialogue is in training and test).
        test_fraction: of a persona's pairs.
        valid_fraction: of what is left, and of the general training pairs.
        general_per_persona: general training pairs for each of a persona's training pairs (validation's counted in).
        general_eval_pairs: of the general test set, the same for every user.
        max_general_chars: both sides of a general pair are shorter; None is no limit.
        lowercase_general: write general pairs in lower case.
        seed: of all draws; a persona's draws depend on no other persona.

    Raises:
        UserError: a setting out of range.
    """

    def __init__(
        self,
        personas: DialogueCorpus,
        general: DialogueCorpus,
        persona_splits: Sequence[str] = ("valid",),
        sides: Sides = "both",
        matching: Matching = "shared_sentences",
        min_shared: MinShared = 2,
        persona_map: Path | str | Sequence[Path | str] | None = None,
        num_personas: int | None = 3,
        min_pairs: int = 20,
        rank: int | None = None,
        persona_sentences: Literal["group", "shown"] = "group",
        split_unit: SplitUnit = "pair",
        test_fraction: float = 0.1,
        valid_fraction: float = 0.1,
        general_per_persona: float = 1.0,
        general_eval_pairs: int = 50,
        max_general_chars: int | None = 50,
        lowercase_general: bool = True,
        seed: int = 0,
    ):
        if persona_sentences not in ("group", "shown") or split_unit not in ("pair", "dialogue"):
            raise UserError(
                f"persona_sentences={persona_sentences!r}, split_unit={split_unit!r} was given; expected 'group' or "
                "'shown', and 'pair' or 'dialogue'."
            )
        if not (0 < test_fraction < 1 and 0 < valid_fraction < 1) or general_per_persona < 0 or general_eval_pairs < 0:
            raise UserError(
                f"test_fraction={test_fraction}, valid_fraction={valid_fraction}, general_per_persona="
                f"{general_per_persona}, general_eval_pairs={general_eval_pairs} was given; expected fractions between "
                "0 and 1, and numbers from 0."
            )
        if (num_personas is not None and num_personas < 1) or (
            rank is not None and not 1 <= rank <= (num_personas or rank)
        ):
            raise UserError(
                f"num_personas={num_personas}, rank={rank} was given; expected at least one persona, and a rank from 1 "
                "to their number."
            )
        self.personas, self.general, self.persona_splits = personas, general, tuple(persona_splits)
        self.sides, self.matching, self.min_shared, self.persona_map = sides, matching, min_shared, persona_map
        self.num_personas, self.min_pairs, self.rank = num_personas, min_pairs, rank
        self.persona_sentences, self.split_unit = persona_sentences, split_unit
        self.test_fraction, self.valid_fraction = test_fraction, valid_fraction
        self.general_per_persona, self.general_eval_pairs = general_per_persona, general_eval_pairs
        self.max_general_chars, self.lowercase_general = max_general_chars, lowercase_general
        self.seed = seed
        self._splits: dict[str, list[Dialogue]] = {}
        self._counts: dict[str, Any] = {}

    def prepare(self, splits: Collection[str]) -> None:
        """Fetch what the two corpora lack; every split is made of all of it."""
        for corpus, needed in ((self.personas, self.persona_splits), (self.general, self._general_splits)):
            if needed and hasattr(corpus, "prepare"):
                corpus.prepare(needed)

    def load(self, split: str) -> list[Dialogue]:
        """The pairs of a split, as dialogues of two utterances.

        Raises:
            UserError: a corpus cannot be read, it has too few personas or pairs, or it names no personas.
        """
        if not self._splits:
            self._make()
        return self._splits[split]

    def test_sets(self) -> tuple[str, ...]:
        """`persona_eval` and, unless it is to be empty, `general_eval`."""
        return (PERSONA_EVAL, GENERAL_EVAL) if self.general_eval_pairs else (PERSONA_EVAL,)

    def describe(self, split: str) -> dict[str, Any]:
        """Both corpora and every setting."""
        return {
            "corpus": "persona_pairs",
            "split": split,
            "personas": {name: describe_corpus(self.personas, name) for name in self.persona_splits},
            "general": {name: describe_corpus(self.general, name) for name in self._general_splits},
            **describe_matching(self.matching, self.min_shared, self.persona_map),
            "settings": [
                self.sides, self.num_personas, self.min_pairs, self.rank, self.persona_sentences, self.split_unit,
                self.test_fraction, self.valid_fraction, self.general_per_persona, self.general_eval_pairs,
                self.max_general_chars, self.lowercase_general, self.seed,
            ],
        }  # fmt: skip

    def report(self) -> dict[str, Any]:
        """How many personas and pairs there are, and how many of them every user has where."""
        self.load("train")
        return self._counts

    @property
    def _general_splits(self) -> tuple[str, ...]:
        return (("train",) if self.general_per_persona else ()) + (("test",) if self.general_eval_pairs else ())

    def _make(self) -> None:
        pairs_of = self._personas_with_pairs()
        chosen = self._choose(pairs_of)
        pool, general_eval = self._general_pairs()
        splits: dict[str, list[Dialogue]] = {"train": [], "valid": [], "test": []}
        self._counts = {
            "personas": len(pairs_of),
            "pairs": sum(map(len, pairs_of.values())),
            "general_pairs": {"train": len(pool), GENERAL_EVAL: len(general_eval)},
            "users": {},
        }
        for user in chosen:
            parts = self._parts(user, pairs_of[user], pool) | {("test", GENERAL_EVAL): general_eval}
            sentences: dict[str, str] = {}  # spelt as they first appear
            for pair in pairs_of[user]:
                for sentence in pair.persona:
                    sentences.setdefault(fold(sentence), sentence)
            whole = Speaker(tuple(sentences.values()), user)
            for (split, kind), pairs in parts.items():
                own = kind in ("persona", PERSONA_EVAL) and self.persona_sentences == "shown"
                splits[split] += [
                    pair.dialogue(f"{kind}/{user}", Speaker(pair.persona, user) if own else whole) for pair in pairs
                ]
            self._counts["users"][user] = {"pairs": len(pairs_of[user])} | {
                kind if split == "test" else f"{kind}_{split}": len(pairs) for (split, kind), pairs in parts.items()
            }
        self._splits = splits

    def _parts(self, user: str, pairs: list[Pair], pool: list[Pair]) -> dict[tuple[str, str], list[Pair]]:
        """A user's own pairs by split and kind."""
        draw = random.Random(f"{self.seed}:{user}")
        train, test = hold_out(pairs, self.test_fraction, self.split_unit, draw)
        wanted = share(len(train), self.general_per_persona)
        if wanted > len(pool):
            raise UserError(
                f"Persona {user} has {len(train):,} training pairs and wants {wanted:,} general ones for them, but "
                f"there are {len(pool):,} ({self._filter()}). Lower data.general_per_persona, raise "
                "data.max_general_chars or choose another data.general_topic."
            )
        general = [pool[place] for place in sorted(draw.sample(range(len(pool)), wanted))]
        train, valid = hold_out(train, self.valid_fraction, self.split_unit, draw)
        parts = {("train", "persona"): train, ("valid", "persona"): valid, ("test", PERSONA_EVAL): test}
        conversations = len({pair.conversation for pair in general})
        if min(len(general), conversations if self.split_unit == "dialogue" else len(general)) > 1:
            parts["train", "general"], parts["valid", "general"] = hold_out(
                general, self.valid_fraction, self.split_unit, draw
            )
        else:
            parts["train", "general"] = general
        return parts

    def _personas_with_pairs(self) -> dict[str, list[Pair]]:
        """Every persona's pairs, by the name of its group."""
        dialogues: dict[str, Dialogue] = {}
        for split in self.persona_splits:
            for dialogue in self.personas.load(split):
                if dialogues.setdefault(dialogue.id, dialogue) != dialogue:
                    raise UserError(
                        f"Two dialogues of {'+'.join(self.persona_splits)} have the id {dialogue.id!r}; expected "
                        "different ids, or the same dialogue. Give each an id of its own."
                    )
        pairs = dialogue_pairs(dialogues.values(), self.sides)
        if nobody := sum(not pair.persona for pair in pairs):
            raise UserError(
                f"{nobody:,} of {len(pairs):,} pairs have a responder without persona sentences; expected a persona "
                "for every responder. Use files that show both personas (persona_view both), or data.sides=self."
            )
        groups = match_personas([pair.persona for pair in pairs], self.matching, self.min_shared, self.persona_map)
        pairs_of: dict[str, list[Pair]] = {}
        for place, pair in zip(groups.index, pairs, strict=True):
            pairs_of.setdefault(groups.names[place], []).append(pair)
        return pairs_of

    def _choose(self, pairs_of: dict[str, list[Pair]]) -> list[str]:
        """The personas to keep, those with the most pairs first."""
        order = sorted(pairs_of, key=lambda user: (-len(pairs_of[user]), user))
        if self.num_personas is not None and self.num_personas > len(order):
            raise UserError(
                f"num_personas={self.num_personas} was given, but the {'+'.join(self.persona_splits)} dialogues have "
                f"{len(order)} personas. Lower data.num_personas, or set it to null for all with data.min_pairs."
            )
        chosen = [user for user in order if self.num_personas is not None or len(pairs_of[user]) >= self.min_pairs]
        chosen = chosen[: self.num_personas]
        if not chosen:
            most = len(pairs_of[order[0]]) if order else 0
            raise UserError(
                f"No persona has min_pairs={self.min_pairs} pairs; the most that one has is {most}. Lower "
                "data.min_pairs."
            )
        for user in chosen:
            unit = "pairs" if self.split_unit == "pair" else "dialogues"
            found = len(pairs_of[user] if unit == "pairs" else {pair.conversation for pair in pairs_of[user]})
            if found < 3:
                raise UserError(
                    f"Persona {user} has {found} {unit}; expected at least 3, for training, validation and test. Lower "
                    "data.num_personas, or set it to null and raise data.min_pairs."
                )
        if self.rank is not None and self.rank > len(chosen):
            raise UserError(f"rank={self.rank} was given, but {len(chosen)} personas are chosen. Lower data.rank.")
        return chosen if self.rank is None else [chosen[self.rank - 1]]

    def _general_pairs(self) -> tuple[list[Pair], list[Pair]]:
        """The pool that training pairs are drawn from, and the general test set; no wording is in both."""
        pairs = {
            split: short_pairs(self.general.load(split), self.max_general_chars, self.lowercase_general)
            for split in self._general_splits
        }
        found = pairs.get("test", [])
        if len(found) < self.general_eval_pairs:
            raise UserError(
                f"general_eval_pairs={self.general_eval_pairs} was given, but the test split has {len(found):,} "
                f"general pairs ({self._filter()}). Lower data.general_eval_pairs, or raise data.max_general_chars."
            )
        draw = random.Random(f"{self.seed}:{GENERAL_EVAL}")
        test = [found[place] for place in sorted(draw.sample(range(len(found)), self.general_eval_pairs))]
        unseen = {pair.text for pair in test}
        return [pair for pair in pairs.get("train", []) if pair.text not in unseen], test

    def _filter(self) -> str:
        limit = "" if self.max_general_chars is None else f", both sides below {self.max_general_chars} characters"
        return f"different ones{limit}"
