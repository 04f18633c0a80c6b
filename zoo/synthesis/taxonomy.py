"""`Taxonomy`: the categories of profile sentences (PersonaChatGen, Tables 15-17), read from a YAML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import UserError

FILE = Path(__file__).with_name("taxonomy.yaml")
GROUPS = ("DEMOGRAPHICS", "PSYCHOGRAPHICS", "WELLNESS")
SIDES = ("paper", "code")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One category: an entity key at the end of a path, e.g. "music artist" under Preference | Music | Artist."""

    id: str
    group: str  # one of GROUPS
    path: tuple[str, ...]  # 1 to 3 levels, as prompts name them
    key: str  # what a value of it is called


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Leaves to write sentences for, and those that only demonstrate; both by id, in the file's order."""

    leaves: Mapping[str, Leaf]
    unused: Mapping[str, Leaf]

    @property
    def keys(self) -> tuple[str, ...]:
        """The distinct entity keys of the leaves: 47, of which four are shared by two leaves each."""
        return tuple(dict.fromkeys(leaf.key for leaf in self.leaves.values()))


def read_taxonomy(path: str | Path | None = None, grouping: str = "code", paths: str = "code") -> Taxonomy:
    """A taxonomy, the paper's if no file is given.

    Args:
        path: a file like `zoo/synthesis/taxonomy.yaml`.
        grouping: "code" counts personal characteristics as demographic (28/19/4), as the paper's Table 11b and the
            released sample do; "paper" as psychographic (25/22/4), as its Table 16.
        paths: whose names of categories prompts show.

    Raises:
        UserError: not such a file, an id that is there twice, or a setting that is none.
    """
    for name, side in (("grouping", grouping), ("paths", paths)):
        if side not in SIDES:
            raise UserError(f"taxonomy.{name}={side} was given; expected one of {', '.join(SIDES)}.")
    file = Path(path) if path is not None else FILE
    try:
        content = yaml.load(file.read_text(), _NoDuplicates)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"The taxonomy {file} cannot be read: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("leaves"), dict) or not content["leaves"]:
        raise UserError(
            f"The taxonomy {file} has no leaves; expected 'leaves:' with one 'id: {{group, path, key}}' each."
        )
    sections = [
        {id: _leaf(id, fields, grouping, paths, file) for id, fields in (content.get(name) or {}).items()}
        for name in ("leaves", "unused")
    ]
    if twice := sections[0].keys() & sections[1].keys():
        raise UserError(f"The taxonomy {file} has {min(twice)} both as a leaf and as unused; expected one of the two.")
    return Taxonomy(*sections)


def _leaf(id: Any, fields: Any, grouping: str, paths: str, file: Path) -> Leaf:
    try:
        code = fields.get("code", {})
        group = code.get("group", fields["group"]) if grouping == "code" else fields["group"]
        shown = code.get("path", fields["path"]) if paths == "code" else fields["path"]
        leaf = Leaf(str(id), group, tuple(level.strip() for level in shown.split("|")), fields["key"])
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"The taxonomy {file} says of {id}: {fields}; expected a group, a path and a key.") from error
    if leaf.group not in GROUPS or not all(leaf.path) or not isinstance(leaf.key, str) or not leaf.key:
        raise UserError(
            f"The taxonomy {file} says of {id}: {fields}; expected a group of {', '.join(GROUPS)}, a path of levels "
            "between | and a key."
        )
    return leaf


class _NoDuplicates(yaml.SafeLoader):
    """YAML takes the last of several equal keys without a word; here they are refused."""


def _mapping(loader: _NoDuplicates, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{key} is there twice", key_node.start_mark)
        seen.add(key)
    return dict(yaml.SafeLoader.construct_mapping(loader, node, deep=True))


_NoDuplicates.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
