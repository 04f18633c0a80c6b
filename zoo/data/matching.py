"""Who is who where every dialogue shows only a part of a persona.

PersonaChat's dialogues show three to five of their persona's sentences, in any order and spelt in several ways ("i am",
"i'm", "i m"), so one persona looks like several. Two ways to put them together:

* `shared_sentences`: sentences are folded (`fold`), and two personas are of one person when they share enough of them;
  chains count. On ConvAI2 validation this gives the 100 personas that there are.
* `paml_kmeans`: a file that says which sentences are of which cluster, as the k-means clusters behind PAML
  (arXiv:1905.10033) and PersonaPKT (arXiv:2306.08126), which cut some 200 personas of the training split in two.
"""

import hashlib
import itertools
import json
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zoo.data.corpora import DialogueCorpus, describe_corpus, file_sha256
from zoo.data.records import Dialogue, Speaker
from zoo.errors import UserError

log = logging.getLogger(__name__)

Matching = Literal["shared_sentences", "paml_kmeans"]
MinShared = int | Literal["all_but_one"]
SPLITS = ("train", "valid", "test")
_PRONOUN = "i|you|we|they|he|she|it|that|there|what|who|where|how|here"
_CONTRACTIONS = tuple(
    (re.compile(rf"\b(?:{short})\b"), long)
    for short, long in (
        ("i ven t", "i have not"),  # ConvAI2's own "i'ven't", made of "i haven't"
        ("won ?t", "will not"),
        ("can ?t|cannot", "can not"),
        ("(do|does|did|is|are|was|were|has|have|had|could|would|should|must|need|ai)n ?t", r"\1 not"),
        ("i ?m", "i am"),
        ("(i|you|we|they|could|would|should) ?ve", r"\1 have"),
        ("(you|we|they) re", r"\1 are"),
        ("(you|they)re", r"\1 are"),
        ("(he|she|it|that|there|what|who|where|how|here) s", r"\1 is"),
        ("let s", "let us"),
        (f"({_PRONOUN}) ll", r"\1 will"),
        (f"({_PRONOUN}) d", r"\1 would"),
    )
)


@dataclass(frozen=True, slots=True)
class PersonaGroups:
    """`index` is the place in `names` of every persona that was given, -1 for one without sentences.

    `names` are sorted and depend on nothing but the set of personas: neither on their order nor on repetitions.
    """

    index: list[int]
    names: list[str]


def match_personas(
    personas: Iterable[Sequence[str]],
    matching: Matching = "shared_sentences",
    min_shared: MinShared = 2,
    persona_map: Path | str | Sequence[Path | str] | None = None,
) -> PersonaGroups:
    """Say which personas belong to one person.

    Args:
        personas: sentences of each, as a corpus shows them.
        matching: "shared_sentences" or "paml_kmeans".
        min_shared: folded sentences that two personas of one person share; "all_but_one" of those of the smaller one
            (at least one) keeps chains short. Personas with the same sentences belong together whatever their number.
        persona_map: for `paml_kmeans`, `{"cluster": [[sentence, ...], ...]}` as JSON, or several such files. A persona
            that no file has is a group of its own.

    Returns:
        A group for every persona.

    Raises:
        UserError: an unknown or incomplete setting, a file that is no map, or a map that has none of the personas.
    """
    given = [tuple(persona) for persona in personas]
    distinct = [persona for persona in dict.fromkeys(given) if persona]
    if matching == "shared_sentences":
        name_of = _by_shared_sentences(distinct, min_shared)
    elif matching == "paml_kmeans":
        name_of = _by_map(distinct, _paths(persona_map))
    else:
        raise UserError(f"matching={matching!r} was given; expected 'shared_sentences' or 'paml_kmeans'.")
    names = sorted(set(name_of.values()))
    place = {name: number for number, name in enumerate(names)}
    return PersonaGroups([place[name_of[persona]] if persona else -1 for persona in given], names)


def fold(sentence: str) -> str:
    """One spelling for all: lower case, contractions written out, no punctuation, single blanks.

    >>> fold("I'm sure they DON'T .") == fold("i m sure they don t") == "i am sure they do not"
    True
    """
    text = _plain(sentence)
    for contraction, long in _CONTRACTIONS:
        text = contraction.sub(long, text)
    return text


def _plain(sentence: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", sentence.lower()).split())


def _folded(persona: Sequence[str]) -> frozenset[str]:
    return frozenset(folded for sentence in persona if (folded := fold(sentence)))


def _name(folded: Iterable[frozenset[str]]) -> str:
    """A name for a group of folded personas; no two groups have one in common."""
    text = "\n\n".join(sorted("\n".join(sorted(persona)) for persona in folded))
    return "persona-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def _by_shared_sentences(personas: Sequence[tuple[str, ...]], min_shared: MinShared) -> dict[tuple[str, ...], str]:
    if min_shared != "all_but_one" and (not isinstance(min_shared, int) or min_shared < 1):
        raise UserError(f"min_shared={min_shared!r} was given; expected a number from 1, or 'all_but_one'.")
    folded = {persona: _folded(persona) for persona in personas}
    sets = sorted(set(folded.values()), key=sorted)
    having: dict[str, list[int]] = {}
    for number, sentences in enumerate(sets):
        for sentence in sentences:
            having.setdefault(sentence, []).append(number)
    shared = Counter(pair for numbers in having.values() for pair in itertools.combinations(numbers, 2))
    parent = list(range(len(sets)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    for (one, other), count in shared.items():
        smaller = min(len(sets[one]), len(sets[other]))
        if count >= (smaller - 1 if min_shared == "all_but_one" else min_shared):
            parent[root(one)] = root(other)
    members: dict[int, list[frozenset[str]]] = {}
    for number, sentences in enumerate(sets):
        members.setdefault(root(number), []).append(sentences)
    name_of = {sentences: name for group in members.values() for name in [_name(group)] for sentences in group}
    return {persona: name_of[sentences] for persona, sentences in folded.items()}


def _by_map(personas: Sequence[tuple[str, ...]], paths: Sequence[Path]) -> dict[tuple[str, ...], str]:
    """Look every persona up as the map spells it, then folded: the first cluster in the files' order has it."""
    spelt: dict[frozenset[str], str] = {}
    folded: dict[frozenset[str], str] = {}
    for path in paths:
        for cluster, subsets in read_persona_map(path).items():
            for subset in subsets:
                spelt.setdefault(frozenset(map(_plain, subset)), f"{path.stem}-{cluster}")
                folded.setdefault(_folded(subset), f"{path.stem}-{cluster}")
    name_of: dict[tuple[str, ...], str] = {}
    alone, different = set(), set()
    for persona in personas:
        sentences = _folded(persona)
        different.add(sentences)
        found = spelt.get(frozenset(map(_plain, persona))) or folded.get(sentences)
        if found is None:
            alone.add(sentences)
        name_of[persona] = found or _name([sentences])
    if alone and alone == different:
        raise UserError(
            f"None of the {len(alone):,} personas is in {', '.join(map(str, paths))}; expected the map that was "
            "made of these dialogues (a file for every split that is read). Name it with data.persona_map=, or match "
            "by data.users=shared_sentences."
        )
    if alone:
        log.warning("%d of %d personas are in no persona map: groups of their own", len(alone), len(different))
    return name_of


def read_persona_map(path: Path | str) -> dict[str, list[list[str]]]:
    """Read `{"cluster": [[sentence, ...], ...]}`.

    Raises:
        UserError: no such file, or another content.
    """
    path = Path(path)
    try:
        contents = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(
            f"The persona map {path} cannot be read ({error}); expected JSON that gives every cluster its lists of "
            "persona sentences. Name another file with data.persona_map=."
        ) from error
    if not isinstance(contents, dict) or not all(
        isinstance(subsets, list)
        and all(isinstance(s, list) and s and all(isinstance(text, str) for text in s) for s in subsets)
        for subsets in contents.values()
    ):
        raise UserError(
            f"{path} is no persona map; expected an object of the kind "
            '{"12": [["i sing", "i have two dogs"], ...], ...}. Name another file with data.persona_map=.'
        )
    return contents


def _paths(persona_map: Path | str | Sequence[Path | str] | None) -> list[Path]:
    given = [persona_map] if isinstance(persona_map, str | Path) else list(persona_map or ())
    paths = [Path(path) for path in given]
    if not paths or len({path.stem for path in paths}) < len(paths):
        raise UserError(
            f"persona_map={persona_map} was given with matching by 'paml_kmeans'; expected the path of a persona map, "
            "or several whose names differ. Set data.persona_map=."
        )
    return paths


def describe_matching(
    matching: str, min_shared: MinShared, persona_map: Path | str | Sequence[Path | str] | None
) -> dict[str, Any]:
    """What decides `match_personas` besides the personas, in plain types."""
    if matching == "paml_kmeans":
        return {"matching": matching, "persona_map": {path.name: file_sha256(path) for path in _paths(persona_map)}}
    return {"matching": matching, "min_shared": min_shared}


class MatchedUsers:
    """Another corpus in which every speaker with a persona is somebody.

    Personas are matched over all of `splits` together, so that a person who is in several splits has one id. Speakers
    whom the corpus names keep their names.

    Args:
        corpus: whose dialogues.
        matching, min_shared, persona_map: see `match_personas`.
        splits: those whose personas are matched; only these can be loaded.
    """

    def __init__(
        self,
        corpus: DialogueCorpus,
        matching: Matching = "shared_sentences",
        min_shared: MinShared = 2,
        persona_map: Path | str | Sequence[Path | str] | None = None,
        splits: Sequence[str] = SPLITS,
    ):
        self.corpus, self.matching = corpus, matching
        self.min_shared, self.persona_map = min_shared, persona_map
        self.splits = tuple(splits)
        self._user_of: Mapping[tuple[str, ...], str] | None = None

    def prepare(self, splits: Collection[str]) -> None:
        """Fetch what the corpus lacks: of all splits, because all decide who is who."""
        if hasattr(self.corpus, "prepare"):
            self.corpus.prepare(self.splits)

    def load(self, split: str) -> list[Dialogue]:
        """The dialogues of a split, with users.

        Raises:
            UserError: a split cannot be read, or the personas cannot be matched.
        """
        dialogues = self.corpus.load(split)
        if self._user_of is None:
            loaded = [dialogues if name == split else self.corpus.load(name) for name in self.splits]
            personas = dict.fromkeys(
                speaker.persona
                for part in loaded
                for dialogue in part
                for speaker in dialogue.speakers
                if speaker.persona and not speaker.user
            )
            groups = match_personas(personas, self.matching, self.min_shared, self.persona_map)
            self._user_of = {
                persona: groups.names[place] for persona, place in zip(personas, groups.index, strict=True)
            }
        return [self._named(dialogue, self._user_of) for dialogue in dialogues]

    def describe(self, split: str) -> dict[str, Any]:
        """The split's own description, the rule, and all splits, since all decide who is who."""
        described = {name: describe_corpus(self.corpus, name) for name in self.splits}
        rule = describe_matching(self.matching, self.min_shared, self.persona_map)
        return {**described[split], "users": {**rule, "matched_over": described}}

    def test_sets(self) -> tuple[str, ...]:
        """The corpus's own."""
        return tuple(self.corpus.test_sets()) if hasattr(self.corpus, "test_sets") else ()

    def report(self) -> dict[str, Any]:
        """The corpus's own."""
        return dict(self.corpus.report()) if hasattr(self.corpus, "report") else {}

    def _named(self, dialogue: Dialogue, user_of: Mapping[tuple[str, ...], str]) -> Dialogue:
        one, other = (
            speaker if speaker.user else Speaker(speaker.persona, user_of.get(speaker.persona, ""), speaker.profile)
            for speaker in dialogue.speakers
        )
        return Dialogue(dialogue.id, (one, other), dialogue.utterances, dialogue.responders)
