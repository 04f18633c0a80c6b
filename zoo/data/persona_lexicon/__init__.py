"""What an offline writer of persona sentences may say: for every category of PersonaChatGen (Tables 15-17) its values,
the first-person sentences around them and the words that show the category.

Written for this project, no list or sentence is taken from a corpus. The words are in the YAML files beside this one,
each a list of leaves with `leaf`, `key`, `exclusive`, `values` (or the id of the leaf whose values it shares),
`templates` and `cues`. The grammar language model writes with them and the lexical scorers read with them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import UserError

FOLDER = Path(__file__).parent
FIELDS = ("leaf", "key", "exclusive", "values", "templates", "cues")
N_VALUES, N_TEMPLATES = 20, 8  # at least so many of each in a leaf
SLOT = "{value}"

# Mild placeholders for what a toxicity model finds, with the weight in (0, 1] that a sentence with one gets.
RUDE_WORDS: Mapping[str, float] = {
    "idiot": 0.95,
    "moron": 0.95,
    "imbecile": 0.9,
    "jerk": 0.85,
    "stupid": 0.8,
    "loser": 0.75,
    "dumb": 0.7,
    "dimwit": 0.7,
    "nitwit": 0.6,
    "blockhead": 0.5,
    "dork": 0.4,
    "twerp": 0.4,
    "darn": 0.1,
}


@dataclass(frozen=True, slots=True)
class LeafLexicon:
    """The words of one category of the taxonomy."""

    leaf: str  # the taxonomy's id
    key: str  # what a value of it is called, e.g. "music artist"
    values: tuple[str, ...]  # at least 20, distinct
    templates: tuple[str, ...]  # at least 8 first-person sentences with "{value}" once; half of them name the key
    cues: tuple[str, ...]  # lower-case words of the templates that show the category, of no other key
    exclusive: bool  # whether two different values contradict each other, as two ages do


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All categories by the id of their leaf, in the files' order."""

    leaves: Mapping[str, LeafLexicon]

    def values(self, key: str) -> tuple[str, ...]:
        """The values of every leaf with this entity key, without repeats; none for a key that no leaf has."""
        return tuple(dict.fromkeys(value for leaf in self._with_key(key) for value in leaf.values))

    def cues(self, key: str) -> tuple[str, ...]:
        """The cues of every leaf with this entity key, without repeats; none for a key that no leaf has."""
        return tuple(dict.fromkeys(cue for leaf in self._with_key(key) for cue in leaf.cues))

    def _with_key(self, key: str) -> Iterable[LeafLexicon]:
        return (leaf for leaf in self.leaves.values() if leaf.key == key)


@cache
def read_lexicon(folder: Path = FOLDER) -> Lexicon:
    """The lexicon of a folder's YAML files, this package's if none is given; read once.

    Raises:
        UserError: a file that cannot be read, a leaf that is there twice or whose words are not as `LeafLexicon` says.
    """
    entries: dict[str, tuple[Path, dict[str, Any]]] = {}
    for file in sorted(folder.glob("*.yaml")):
        for entry in _entries(file):
            if entry["leaf"] in entries:
                raise UserError(
                    f"The lexicon {file} has the leaf {entry['leaf']}, which {entries[entry['leaf']][0]} has already; "
                    "expected every leaf once: take one away."
                )
            entries[entry["leaf"]] = (file, entry)
    if not entries:
        raise UserError(f"The lexicon {folder} has no leaves; expected YAML files with a list of leaves each.")
    for file, entry in entries.values():
        if isinstance(entry["values"], str):  # the id of the leaf that it shares them with
            if entry["values"] not in entries:
                raise UserError(
                    f"The lexicon {file} gives {entry['leaf']} the values of {entry['values']}, which is no leaf; "
                    "expected a list of values or the id of a leaf that has one."
                )
            entry["values"] = entries[entry["values"]][1]["values"]
    return Lexicon({leaf: _leaf(entry, file) for leaf, (file, entry) in entries.items()})


def _entries(file: Path) -> list[dict[str, Any]]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"The lexicon {file} cannot be read: {error}") from error
    if not isinstance(content, list):
        raise UserError(f"The lexicon {file} is no list; expected one leaf an entry, with {', '.join(FIELDS)}.")
    for entry in content:
        if not isinstance(entry, dict) or set(entry) != set(FIELDS) or not isinstance(entry["leaf"], str):
            raise UserError(f"The lexicon {file} has {str(entry)[:80]}; expected a leaf with {', '.join(FIELDS)}.")
    return content


def _leaf(entry: dict[str, Any], file: Path) -> LeafLexicon:
    where = f"The lexicon {file} says of {entry['leaf']}"
    for name, least in (("values", N_VALUES), ("templates", N_TEMPLATES), ("cues", 1)):
        words = entry[name]
        if not isinstance(words, list) or not all(
            isinstance(word, str) and word.strip() == word != "" for word in words
        ):
            raise UserError(f"{where} the {name} {str(words)[:80]}; expected a list of texts (quote numbers).")
        if len(words) < least or len({word.casefold() for word in words}) < len(words):
            raise UserError(f"{where} {len(words)} {name}; expected at least {least}, none of them twice.")
    if wrong := [template for template in entry["templates"] if template.count(SLOT) != 1]:
        raise UserError(f"{where} the template '{wrong[0]}'; expected a sentence with {SLOT} exactly once.")
    if wrong := [cue for cue in entry["cues"] if not any(cue in template.lower() for template in entry["templates"])]:
        raise UserError(f"{where} the cue '{wrong[0]}'; expected lower-case words that one of its templates has.")
    if not isinstance(entry["key"], str) or not entry["key"] or not isinstance(entry["exclusive"], bool):
        raise UserError(
            f"{where} key={entry['key']} and exclusive={entry['exclusive']}; expected a text and true or false."
        )
    return LeafLexicon(
        leaf=entry["leaf"],
        key=entry["key"],
        values=tuple(entry["values"]),
        templates=tuple(entry["templates"]),
        cues=tuple(entry["cues"]),
        exclusive=entry["exclusive"],
    )
