"""Reader of ConvAI2 and PersonaChat text as ParlAI ships it (Zhang et al. 2018, arXiv:1801.07243; Dinan et al. 2019).

Every dialogue *side* is a block whose line numbers restart at 1::

    1 your persona: i have two dogs.
    2 partner's persona: i am a baker.
    3 hi , how are you ?<TAB>i'm great .
    4 what do you do ?<TAB>i walk dogs .<TAB><TAB>i sing .|i walk dogs .

"Your persona" is the persona of the one who answers. Speaker 0 is the partner, who speaks first; speaker 1 answers.
`__SILENCE__` (the side that opens the conversation) stays as text. Original or revised personas, one persona or both,
are other files of the same format.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError

OWN, PARTNER = "your persona: ", "partner's persona: "
FORMAT = "expected '<number> your persona: ...', '<number> partner's persona: ...' or '<number> query<TAB>response'"


@dataclass(slots=True)
class _Side:
    """One block of lines while it is being read."""

    first_line: int
    own: list[str] = field(default_factory=list)
    partner: list[str] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)


def read_convai2(path: Path | str) -> list[Dialogue]:
    """Read one ConvAI2 or PersonaChat file, plain or gzipped.

    Args:
        path: the text file; a name that ends in `.gz` is unpacked while reading.

    Returns:
        One `Dialogue` a side, in file order, with ids `"<file stem>:<running number, from 1>"`.

    Raises:
        UserError: the file is absent, empty, cut off, not UTF-8, or a line is malformed; names file and line.
    """
    path = Path(path)
    sides: list[_Side] = []
    previous = 0  # the number that the line before carried
    for line, text in _lines(path):
        number, body = _split_number(path, line, text)
        if number == 1:
            if sides:
                _check_turns(path, sides[-1], f"the next dialogue starts at line {line}")
            sides.append(_Side(first_line=line))
        elif not sides or number != previous + 1:
            raise _malformed(path, line, text, f"the number is {number} where 1 or {previous + 1} was expected")
        previous = number
        _add(path, line, body, sides[-1])
    if not sides:
        raise UserError(f"{path} is empty; {FORMAT}. Get the file again or point data.root at a whole copy.")
    _check_turns(path, sides[-1], "the file ends there")
    stem = path.name.removesuffix(".gz").removesuffix(".txt")
    return [
        Dialogue(
            id=f"{stem}:{index}",
            speakers=(Speaker(persona=tuple(side.partner)), Speaker(persona=tuple(side.own))),
            utterances=tuple(side.utterances),
        )
        for index, side in enumerate(sides, start=1)
    ]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of every line that is not blank; bytes are decoded line by line to name the bad one."""
    line = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            for line, raw in enumerate(stream, start=1):
                text = raw.decode("utf-8").rstrip("\r\n")
                if text.strip():
                    yield line, text
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}, line {line}: byte {error.start} of the line is not UTF-8 ({error.reason}); expected UTF-8 text. "
            f"Convert the file, e.g. with iconv -f latin1 -t utf-8, or get it again."
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(
            f"{path} cannot be unpacked after line {line} ({error}); expected a whole gzip file. Get the file again."
        ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); expected a ConvAI2 text file.") from error


def _split_number(path: Path, line: int, text: str) -> tuple[int, str]:
    number, blank, body = text.partition(" ")
    if not (number.isascii() and number.isdigit() and blank):
        raise _malformed(path, line, text, "the line does not start with a number and a blank")
    return int(number), body


def _add(path: Path, line: int, body: str, side: _Side) -> None:
    """Put one line, without its number, where it belongs in `side`."""
    is_own, is_partner = body.startswith(OWN), body.startswith(PARTNER)
    if (is_own or is_partner) and "\t" not in body:
        if side.utterances:
            raise _malformed(path, line, body, "a persona line stands after the first turn of its dialogue")
        (side.own if is_own else side.partner).append(body.removeprefix(OWN if is_own else PARTNER).strip())
        return
    fields = body.split("\t")
    if len(fields) < 2 or not fields[0].strip() or not fields[1].strip():
        raise _malformed(path, line, body, "there is no tab between a query and a response, or one of them is empty")
    query, response = fields[0].strip(), fields[1].strip()
    candidates = tuple(candidate.strip() for candidate in fields[3].split("|")) if len(fields) > 3 else ()
    if candidates and response not in candidates:
        raise _malformed(path, line, body, f"the response {response!r} is not among its {len(candidates)} candidates")
    side.utterances += [Utterance(0, query), Utterance(1, response, candidates)]


def _check_turns(path: Path, side: _Side, where: str) -> None:
    if not side.utterances:
        raise UserError(
            f"{path}, line {side.first_line}: the dialogue that starts here has persona lines but no turns ({where}); "
            f"expected at least one '<number> query<TAB>response' line. The file is probably cut off: get it again."
        )


def _malformed(path: Path, line: int, text: str, reason: str) -> UserError:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return UserError(f"{path}, line {line}: {reason} in {shown!r}; {FORMAT}. Mend the line or get the file again.")
