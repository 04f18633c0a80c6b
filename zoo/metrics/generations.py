"""`Generation`: one line of generations.jsonl, the only thing that metrics see, and reading and writing such files."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.files import write_atomically

TEACHER_FORCED_FIELDS = frozenset({"target_ids", "argmax_ids", "token_nll"})
_GENERATIONS_FILE = re.compile(r"generations(?:_(?P<test_set>.+))?\.jsonl")
LIKELIHOOD_FIELDS = frozenset({"nll", "n_tokens", "n_words", "n_chars"})  # what validation knows without decoding


def count_words(reference: str) -> int:
    """Events that `ppl_word` shares the likelihood among: the words between blanks, plus one for the reply's end.

    `n_tokens` counts [EOS] in the same way, so both perplexities spread the same sum over their own events. Where a
    language writes no blanks (Japanese) a whole reply is one word; use `bits_per_char` there.
    """
    return len(reference.split()) + 1


def count_chars(reference: str) -> int:
    """Unicode code points of the reference. The end counts for none: bits per character are per character of text."""
    return len(reference)


@dataclass(frozen=True, slots=True)
class Generation:
    """One example as it was evaluated. None stands for what was not measured.

    A field that a metric needs is there for all rows of a corpus or for none of them. Texts are as the corpus has them
    and as they were decoded, whatever the protocol: what a metric takes out of them, it takes out itself.
    """

    id: str  # unique within a file
    user: str
    persona: list[str]
    history: list[str]  # utterances before the response, oldest first
    reference: str
    response: str | None  # None: nothing was decoded; "": an empty reply was
    nll: float | None  # -log p(reference | what stands before it), natural log, summed over its tokens and [EOS]
    n_tokens: int | None  # tokens of that sum, [EOS] included
    n_words: int = -1  # -1: count_words(reference)
    n_chars: int = -1  # -1: count_chars(reference)
    candidate_scores: list[float] | None = None  # higher is better
    gold: int | None = None  # index of the true reply in candidate_scores
    target_ids: list[int] | None = None  # teacher forcing, padded as in its batch
    argmax_ids: list[int] | None = None  # beside target_ids: the likeliest token of each position
    token_nll: list[float] | None = None  # beside target_ids: exactly 0 at padding

    def __post_init__(self) -> None:
        if self.n_words < 0:
            object.__setattr__(self, "n_words", count_words(self.reference))
        if self.n_chars < 0:
            object.__setattr__(self, "n_chars", count_chars(self.reference))


def write_generations(path: str | Path, rows: Iterable[Generation]) -> None:
    """Write one JSON object a line, atomically: keys in the order of `Generation`, floats in full precision.

    Optional lists that are None are left out; `response`, `nll` and `n_tokens` are written as null. A likelihood that
    is not finite is written as NaN or Infinity (Python's JSON), so that recomputing gives what the run gave.
    """
    write_atomically(Path(path), (_to_line(row) for row in rows))


def read_generations(path: str | Path) -> list[Generation]:
    """Read a generations file whole; keys that `Generation` does not have are passed over.

    Raises:
        UserError: no such file, an empty one, or the first bad line with its number: not UTF-8, not a JSON object (a
            run that was stopped while writing leaves half a line), a missing key, a wrong type, an id seen before.
    """
    path = Path(path)
    try:
        lines = path.read_bytes().split(b"\n")  # only "\n" ends a line: texts may hold U+2028 and its like
    except FileNotFoundError:
        raise UserError(f"There is no {path}. Evaluate the run first: that writes it.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    rows: list[Generation] = []
    line_of_id: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = _from_line(line)
        except UnicodeDecodeError as error:
            raise UserError(f"{path}, line {number}: not valid UTF-8 (byte {error.start}). Evaluate again.") from None
        except json.JSONDecodeError as error:
            cut = "; the file ends in the middle of it, so the run was stopped while writing" * (number == len(lines))
            raise UserError(f"{path}, line {number}: not valid JSON ({error}){cut}. Evaluate again.") from None
        except UserError as error:
            raise UserError(f"{path}, line {number}: {error}") from None
        if row.id in line_of_id:
            raise UserError(
                f"{path}, line {number}: id {row.id!r} is that of line {line_of_id[row.id]} already. Every example "
                "counts once; a sampler that repeats examples to even out the processes must be switched off."
            )
        line_of_id[row.id] = number
        rows.append(row)
    if not rows:
        raise UserError(f"{path} holds no examples. Evaluate the run again.")
    return rows


def generations_by_set(run_dir: Path) -> dict[str, list[Generation]]:
    """The rows of generations.jsonl under "", those of generations_<set>.jsonl under <set>.

    Raises:
        UserError: no such folder, no generations in it, or bad lines in them.
    """
    if not run_dir.is_dir():
        raise UserError(f"There is no folder {run_dir}. Give the path that the run printed as its run directory.")
    found = {path: match for path in sorted(run_dir.iterdir()) if (match := _GENERATIONS_FILE.fullmatch(path.name))}
    if not found:
        raise UserError(f"There is no generations.jsonl in {run_dir}. Evaluate the run first: that writes it.")
    return {match["test_set"] or "": read_generations(path) for path, match in found.items()}


def _to_line(row: Generation) -> bytes:
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    record = {key: value for key, value in values.items() if value is not None or key in _REQUIRED}
    try:
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair, which byte-level models can produce: only escapes hold it
        return json.dumps(record).encode() + b"\n"


def _from_line(line: bytes) -> Generation:
    record = json.loads(line.decode("utf-8"))
    if not isinstance(record, dict):
        raise UserError(f"expected an object, got {line[:40].decode(errors='replace')!r}.")
    if missing := [key for key in _REQUIRED if key not in record]:
        raise UserError(f"without {', '.join(missing)}. Expected the keys {', '.join(_REQUIRED)}.")
    given = {key: record[key] for key in _CHECKS if record.get(key) is not None or key in _REQUIRED}
    for key, value in given.items():
        expected, is_right = _CHECKS[key]
        if not is_right(value) and not (value is None and key in _MAY_BE_NULL):
            raise UserError(f"{key} is {str(value)[:40]!r}, expected {expected}.")
    return Generation(**given)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _list_of(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_right, value))


_TEXT = ("a text", lambda value: isinstance(value, str))
_TEXTS = ("a list of texts", _list_of(_TEXT[1]))
_NUMBER = ("a number", _is_number)
_NUMBERS = ("a list of numbers", _list_of(_is_number))
_COUNT = ("a whole number from 0", _is_count)
_IDS = ("a list of whole numbers", _list_of(lambda value: isinstance(value, int) and not isinstance(value, bool)))
_REQUIRED = ("id", "user", "persona", "history", "reference", "response", "nll", "n_tokens", "n_words")
_MAY_BE_NULL = frozenset({"response", "nll", "n_tokens"})
_CHECKS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "id": _TEXT,
    "user": _TEXT,
    "persona": _TEXTS,
    "history": _TEXTS,
    "reference": _TEXT,
    "response": _TEXT,
    "nll": _NUMBER,
    "n_tokens": _COUNT,
    "n_words": _COUNT,
    "n_chars": _COUNT,
    "candidate_scores": _NUMBERS,
    "gold": _COUNT,
    "target_ids": _IDS,
    "argmax_ids": _IDS,
    "token_nll": _NUMBERS,
}
