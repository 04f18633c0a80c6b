"""`Demonstrations`: profile sentences with their entities, by category, that prompts show five of."""

import json
import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import UserError
from zoo.synthesis.taxonomy import Leaf, Taxonomy

FILE = Path(__file__).with_name("demonstrations.yaml")
SHOWN = 5  # sentences that one prompt shows; a category with fewer is of no use
NEVER = "WELLNESS"  # the group that never demonstrates
# Relations of DialogueNLI by the leaves whose entities they name. Where there are several, the value decides.
RELATIONS: Mapping[str, tuple[str, ...]] = {
    "place_origin": ("place_origin_citystate", "place_origin_country"),
    "live_in_citystatecountry": ("live_in_citystatecountry_citystate", "live_in_citystatecountry_country"),
    "nationality": ("nationality_country",),
    "employed_by_company": ("employed_by_company_company",),
    "employed_by_general": ("employed_by_general_location",),
    "has_profession": ("has_profession_profession",),
    "previous_profession": ("previous_profession_profession",),
    "job_status": ("job_status_job_status",),
    "teach": ("teach_subject", "teach_activity"),
    "school_status": ("school_status_school_status",),
    "has_degree": ("has_degree_degree_type", "has_degree_subject"),
    "attend_school": ("attend_school_school_name", "attend_school_school_type"),
    "have_sibling": ("have_sibling_family",),
    "have_children": ("have_children_family",),
    "have_family": ("have_family_family",),
    "have_pet": ("have_pet_animal",),
    "have_vehicle": ("have_vehicle_vehicle",),
    "marital_status": ("marital_status_marital",),
    "has_age": ("has_age_number",),
    "gender": ("gender_gender",),
    "physical_attribute": ("physical_attribute_person_attribute",),
    "misc_attribute": ("misc_attribute_personality_trait",),
    **{f"{verb}_{thing}": (f"like_{thing}",) for verb in ("like", "favorite") for thing in ("food", "drink", "animal")},
    **dict.fromkeys(("like_movie", "favorite_movie"), ("like_movie_genre", "like_movie_title")),
    **dict.fromkeys(
        ("like_music", "favorite_music"), ("like_music_genre", "like_music_artist", "like_music_instrument")
    ),
    "favorite_music_artist": ("like_music_artist",),
    **dict.fromkeys(("like_read", "favorite_book"), ("like_book_genre", "like_book_author", "like_book_title")),
    **dict.fromkeys(("like_sports", "favorite_sport"), ("like_sport",)),
    "like_goto": ("like_acitvity_goto",),
    "like_watching": ("like_activity_watching",),
    "favorite_color": ("like_color",),
    "favorite_show": ("like_activity_show",),
    "favorite_place": ("like_activity_place",),
    "favorite_hobby": ("like_hobby",),
    "favorite_season": ("like_season",),
    **dict.fromkeys(("like_activity", "favorite_activity"), ("preference_activity",)),
    "has_hobby": ("hobby_activity", "hobby_sport"),
    "has_ability": ("hobby_ability",),
    "member_of": ("hobby_organization",),
    "want_job": ("want_profession",),
    "want_do": ("want_activity",),
}


@dataclass(frozen=True, slots=True)
class Demonstration:
    """The sentences of one category, without repeats, each with its entity's value."""

    leaf: Leaf
    sentences: tuple[tuple[str, str], ...]  # (sentence, value), at least SHOWN of them

    def draw(self, seed: int | str) -> tuple[tuple[str, str], ...]:
        """`SHOWN` distinct sentences with their values; the same ones for one seed."""
        return tuple(random.Random(seed).sample(self.sentences, SHOWN))


def read_demonstrations(taxonomy: Taxonomy, path: str | Path | None = None) -> dict[str, Demonstration]:
    """Demonstrations by the id of their leaf, in the file's order; this project's own if no file is given.

    Raises:
        UserError: not such a file, a category that the taxonomy lacks, one of wellness, or one with too few sentences.
    """
    file = Path(path) if path is not None else FILE
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"The demonstrations {file} cannot be read: {error}") from error
    if not isinstance(content, dict) or not content:
        raise UserError(
            f"The demonstrations {file} have no categories; expected 'leaf: [a sentence (its value), ...]'."
        )
    known = {**taxonomy.leaves, **taxonomy.unused}
    found: dict[str, Demonstration] = {}
    for id, lines in content.items():
        leaf = known.get(str(id))
        if leaf is None or leaf.group == NEVER:
            raise UserError(
                f"The demonstrations {file} have the category {id}, which is "
                f"{'none of the taxonomy' if leaf is None else 'of wellness, which never demonstrates'}; expected ids "
                "of its leaves or its unused leaves, wellness left out."
            )
        sentences = _distinct(_pair(line, file, leaf.id) for line in (lines if isinstance(lines, list) else [lines]))
        if len(sentences) < SHOWN:
            raise UserError(
                f"The demonstrations {file} have {len(sentences)} distinct sentences of {id}; expected at least "
                f"{SHOWN}, as a prompt shows so many. Add some, or take the category out."
            )
        found[leaf.id] = Demonstration(leaf, sentences)
    return found


def from_dialogue_nli(
    taxonomy: Taxonomy, paths: Iterable[str | Path], values: Mapping[str, Collection[str]] | None = None
) -> dict[str, Demonstration]:
    """The paper's source rebuilt: PersonaChat's sentences that DialogueNLI annotates with a relation and a value.

    A relation of one leaf is that leaf's. Where a relation has several (`RELATIONS`), or `values` has the leaf, the
    value must be in the leaf's list. Categories with fewer than `SHOWN` distinct sentences are left out, as are
    wellness and what the taxonomy lacks. Sentences are capitalised and their punctuation attached, as in Table 13.

    Args:
        taxonomy: whose leaves count.
        paths: DialogueNLI's files, e.g. dialogue_nli_train.jsonl: JSON arrays, despite their extension.
        values: closed lists of values by leaf, compared without regard to case.

    Raises:
        UserError: a file cannot be read, or holds no such array.
    """
    known = {id: leaf for id, leaf in {**taxonomy.leaves, **taxonomy.unused}.items() if leaf.group != NEVER}
    lists = {id: {value.casefold() for value in some} for id, some in (values or {}).items()}
    found: dict[str, list[tuple[str, str]]] = {id: [] for id in known}
    for path in paths:
        for sentence, relation, value in _triples(Path(path)):
            candidates = RELATIONS.get(relation, ())
            for id in candidates:
                listed = value.casefold() in lists[id] if id in lists else len(candidates) == 1
                if id in known and listed:
                    found[id].append((_written(sentence), value))
                    break
    distinct = {id: _distinct(pairs) for id, pairs in found.items()}
    return {id: Demonstration(known[id], pairs) for id, pairs in distinct.items() if len(pairs) >= SHOWN}


def _triples(file: Path) -> Iterator[tuple[str, str, str]]:
    """(sentence, relation, value) of both sides of every pair."""
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"DialogueNLI's file {file} cannot be read as one JSON array: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(
            f"DialogueNLI's file {file} is no array of objects; expected a file as its authors give it out."
        )
    for entry in entries:
        for side in ("1", "2"):
            sentence, triple = entry.get(f"sentence{side}"), entry.get(f"triple{side}")
            if isinstance(sentence, str) and isinstance(triple, list) and len(triple) == 3:
                relation, value = triple[1], triple[2]
                if isinstance(relation, str) and isinstance(value, str) and value.strip():
                    yield sentence, relation, value.strip()


def _written(sentence: str) -> str:
    """PersonaChat's tokens as a written sentence: `i like tea , too .` becomes `I like tea, too.`"""
    words = " ".join("I" if word == "i" else word for word in sentence.split())
    for mark in (" .", " ,", " !", " ?", " ;"):
        words = words.replace(mark, mark[1])
    return words[:1].upper() + words[1:]


def _pair(line: Any, file: Path, id: str) -> tuple[str, str]:
    sentence, _, value = str(line).strip().rpartition(" (")
    if not sentence.strip() or not value.endswith(")") or not value[:-1].strip():
        raise UserError(
            f"The demonstrations {file} have under {id}: {line}; expected a sentence and its entity's value in round "
            "brackets, e.g. 'I have a cat. (cat)'."
        )
    return sentence.strip(), value[:-1].strip()


def _distinct(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The first of each sentence."""
    found: dict[str, str] = {}
    for sentence, value in pairs:
        found.setdefault(sentence, value)
    return tuple(found.items())
