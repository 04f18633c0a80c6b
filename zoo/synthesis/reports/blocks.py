"""What a report is made of before it becomes HTML or Markdown: sections of text, tables, pictures and dialogues."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoo.synthesis.records import SyntheticDialogue

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `loud` for what must not be overlooked."""

    text: str
    loud: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. Columns whose cells are all numbers (or missing) are aligned to the right."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    def numeric(self, column: int) -> bool:
        """Whether every cell of the column is a number, perhaps with a unit behind it, and one is there at all."""
        cells = [row[column] for row in self.rows if row[column] not in ("", NOTHING)]
        return bool(cells) and all(cell.lstrip("−-+")[:1].isdigit() for cell in cells)


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG and the same as SVG; `name` is their files', without the ending, `alt` says what they show."""

    name: str
    png: bytes
    svg: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class Sentences:
    """A short list under a heading, e.g. a persona; `notes` stand behind the sentences, one each."""

    title: str
    sentences: Sequence[str]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """A dialogue with the personas of its speakers; `scores` has a number for each persona sentence of A and of B."""

    dialogue: SyntheticDialogue
    scores: tuple[Sequence[float], Sequence[float]] = ((), ())


Block = Text | Grid | Picture | Sentences | Conversation


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what follows."""

    title: str
    blocks: list[Block] = field(default_factory=list)


def whole(number: int) -> str:
    """12345 as 12,345."""
    return f"{number:,}"


def decimal(number: float | None, places: int = 2) -> str:
    """With so many places, a dash for None."""
    return NOTHING if number is None else f"{number:,.{places}f}"


def percent(share: float | None, places: int = 1) -> str:
    """0.453 as 45.3 %, a dash for None."""
    return NOTHING if share is None else f"{100 * share:.{places}f} %"


def shown(value: Any) -> str:
    """Any plain value in one cell."""
    if value is None or value == "" or value == [] or value == {} or value == ():
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return whole(value)
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shown(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple | set):
        return ", ".join(map(shown, value))
    return str(value)


def flattened(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted name, value) rows."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            rows += flattened(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", str(value) if type(value) is int else shown(value)))
    return rows
