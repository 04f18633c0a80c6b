"""Synthetic-Persona-Chat: conversations that a language model wrote between PersonaChat's personas.

Source: Jandaghi et al. 2023, "Faithful Persona-based Conversational Dataset Generation with Large Language Models"
(arXiv:2312.10007). A file is CSV; the cells have a sentence or an utterance a line::

    user 1 personas,user 2 personas,Best Generated Conversation
    "I sing.
    I have two dogs.","I bake.","User 1: Hi!
    User 2: Hello, I'm [user 2's name]."

The lines of a conversation are as the model wrote them. Counted over the released validation and test files (1,968
conversations), and done here:

* 99 utterances have asterisks around them ("*User 1:* Hi!"): those are taken off.
* 196 lines name no speaker (scenes, "[Later]", ingredients), 1,976 are blank: left out.
* 70 of 54,320 utterances follow one of the same speaker: joined to it, so that speakers alternate.
* 1,829 utterances, of 828 conversations, hold a placeholder ("[user 1's name]", "(name)", "User 2" for a name): kept,
  or left out (`placeholders="drop"`; then 173 are joined).
* Two conversations, one empty and one that names no speaker: left out.

Personas and split are PersonaChat's. The validation file has the personas of ConvAI2's validation file: do not train on
it and then report that. The test file shares 14 of its 492 sentences with it.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from zoo.data.convai2_style import convai2_style
from zoo.data.corpora import file_sha256
from zoo.data.download import Corpus, fetch_file
from zoo.data.licence import Licence
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError

Style = Literal["released", "lower", "convai2"]
Placeholders = Literal["keep", "drop"]
COLUMNS = ("user 1 personas", "user 2 personas", "Best Generated Conversation")
PLACES = (
    "https://huggingface.co/datasets/google/Synthetic-Persona-Chat/resolve/main/data",
    "https://raw.githubusercontent.com/google-research-datasets/Synthetic-Persona-Chat/"
    "065fc5eb10b3e99715356844081c5057a4062a2b/data",
)
LICENCE = Licence("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/")
SHA256 = {  # of the training file none is known to us
    "Synthetic-Persona-Chat_valid.csv": "e8128d2b7b0eed8064715cb1d71cdd241a3fa28ddf6fb80ece5c8156c1fd819d",
    "Synthetic-Persona-Chat_test.csv": "531356d642b426ef8fc4d65446330cb34c7b473a4cf482ad12a8cf7838fe52a8",
}
COUNTED = (
    *("conversations", "left_out", "conversations_with_placeholders", "utterances", "with_asterisks"),
    *("with_placeholders", "joined", "unlabelled_lines", "blank_lines"),
)
SPELL: dict[str, Callable[[str], str]] = {"released": str, "lower": str.lower, "convai2": convai2_style}
LABELLED = re.compile(r"([*\s]*)User ([12])\s*:\s*(.*)", re.IGNORECASE)
PLACEHOLDER = re.compile(r"\[[^\]]*\]|\((?:[^)]* )?name\)|\buser ?[12]", re.IGNORECASE)


def read_synthetic_persona_chat(
    path: Path | str, style: Style = "released", placeholders: Placeholders = "keep"
) -> tuple[list[Dialogue], dict[str, int]]:
    """Read one file.

    Args:
        path: the CSV file.
        style: "released"; "lower" case; or "convai2", which also spells utterances as ConvAI2 does, see
            `zoo.data.convai2_style`. ConvAI2's persona sentences are lower-case and nothing else: so are these.
        placeholders: of names that nobody filled in: "keep" them, or "drop" the utterances that have one.

    Returns:
        One `Dialogue` a conversation, in file order, with ids `"<file stem>:<row, from 1>"`; user 1 is speaker 0, both
        speakers are responders and have their personas. And how many were met of `COUNTED`: conversations, those
        left_out (of less than two turns), those with placeholders; utterances, those with asterisks, with placeholders,
        and joined to one of the same speaker; lines of nobody and blank ones.

    Raises:
        UserError: the file is absent, empty, not UTF-8 or no such CSV, or a row is malformed; names file and row.
    """
    if style not in get_args(Style) or placeholders not in get_args(Placeholders):
        raise UserError(
            f"style={style!r}, placeholders={placeholders!r} was given; expected one of {', '.join(get_args(Style))}, "
            f"and one of {', '.join(get_args(Placeholders))}."
        )
    path = Path(path)
    dialogues, counts = [], Counter[str]()
    for number, line, cells in _rows(path):
        personas = [[s.strip() for s in cell.split("\n") if s.strip()] for cell in cells[:2]]
        if not all(personas):
            raise _malformed(path, number, line, "a cell of persona sentences is empty")
        said = _conversation(cells[2], style, placeholders, counts)
        counts["conversations"] += 1
        if len(said) < 2:
            counts["left_out"] += 1
            continue
        one, two = (Speaker(tuple(s if style == "released" else s.lower() for s in persona)) for persona in personas)
        dialogues.append(Dialogue(f"{path.stem}:{number}", (one, two), tuple(said), responders=(0, 1)))
    if not dialogues:
        raise UserError(
            f"{path} has no conversation in the {counts['conversations']} rows below its head; expected lines "
            "'User 1: ...' and 'User 2: ...' in its third column. Get the file again."
        )
    return dialogues, {name: counts[name] for name in COUNTED}


def _conversation(cell: str, style: Style, placeholders: Placeholders, counts: Counter[str]) -> list[Utterance]:
    """The turns of one conversation, speakers alternating; what was met is added to `counts`."""
    said: list[Utterance] = []
    is_open = False  # holds a placeholder
    for line in cell.split("\n"):
        if not line.strip():
            counts["blank_lines"] += bool(cell.strip())
            continue
        label = LABELLED.fullmatch(line.strip())
        text = "" if label is None else label[3].strip("* ") if "*" in label[1] else label[3]
        spelt = SPELL[style](text)
        if label is None or not spelt:
            counts["unlabelled_lines"] += 1
            continue
        counts["utterances"] += 1
        counts["with_asterisks"] += "*" in label[1]
        if PLACEHOLDER.search(text):
            counts["with_placeholders"] += 1
            is_open = True
            if placeholders == "drop":
                continue
        speaker = int(label[2]) - 1
        if said and said[-1].speaker == speaker:
            counts["joined"] += 1
            said[-1] = Utterance(speaker, f"{said[-1].text} {spelt}")
        else:
            said.append(Utterance(speaker, spelt))
    counts["conversations_with_placeholders"] += is_open
    return said


def _rows(path: Path) -> Iterator[tuple[int, int, list[str]]]:
    """Number (from 1, the head not counted), first line and three cells of every row."""
    number, line = 0, 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            head = next(reader, [])
            if tuple(head) != COLUMNS:
                raise UserError(
                    f"{path} begins with the columns {head[:6]}; expected {', '.join(COLUMNS)}. Get the file again."
                )
            line = reader.line_num + 1
            for number, cells in enumerate(reader, start=1):
                if len(cells) != len(COLUMNS):
                    raise _malformed(path, number, line, f"there are {len(cells)} cells")
                yield number, line, cells
                line = reader.line_num + 1
    except (csv.Error, UnicodeDecodeError) as error:
        raise _malformed(path, number + 1, line, f"it is no CSV in UTF-8 ({error})") from error
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror or error}); expected a file of Synthetic-Persona-Chat."
        ) from error


def _malformed(path: Path, number: int, line: int, reason: str) -> UserError:
    return UserError(
        f"{path}, row {number} (from line {line} on): {reason}; expected three cells: {', '.join(COLUMNS)}. Mend the "
        "row or get the file again."
    )


class SyntheticPersonaChatCorpus:
    """Synthetic-Persona-Chat; both speakers of a conversation are responders.

    Args:
        root: the folder of the files.
        train_file, valid_file, test_file: below it; another file of the same columns will do, e.g. the release's
            New-Persona-New-Conversations.csv.
        style, placeholders: see `read_synthetic_persona_chat`.
        download: fetch a missing validation or test file; the training file has to be there.
    """

    licence = LICENCE
    may_publish_models = LICENCE.may_publish_models

    def __init__(
        self,
        root: Path | str,
        train_file: str = "Synthetic-Persona-Chat_train.csv",
        valid_file: str = "Synthetic-Persona-Chat_valid.csv",
        test_file: str = "Synthetic-Persona-Chat_test.csv",
        style: Style = "released",
        placeholders: Placeholders = "keep",
        download: bool = False,
    ):
        self.root = Path(root)
        self.files = {"train": train_file, "valid": valid_file, "test": test_file}
        self.style, self.placeholders, self.download = style, placeholders, download
        self._counts: dict[str, dict[str, int] | None] = {}  # of the splits that were asked for

    def prepare(self, splits: Collection[str]) -> None:
        """Fetch what is missing of these splits, if `download` is on."""
        for file in {self.files[split] for split in splits}:
            if self.download and file in SHA256 and not (self.root / file).is_file():
                urls = tuple(f"{place}/{file}" for place in PLACES)
                fetch_file(Corpus("synthetic_persona_chat", "", file, urls, SHA256[file], LICENCE.name), self.root)

    def load(self, split: str) -> list[Dialogue]:
        """Read a split.

        Raises:
            UserError: the file is absent or malformed.
        """
        dialogues, self._counts[split] = read_synthetic_persona_chat(self._path(split), self.style, self.placeholders)
        return dialogues

    def describe(self, split: str) -> dict[str, Any]:
        """The file's sha256, how it is read, and the licence."""
        path = self._path(split)
        self._counts.setdefault(split, None)
        return {
            "corpus": "synthetic_persona_chat",
            "files": {path.name: file_sha256(path)},
            "style": self.style,
            "placeholders": self.placeholders,
            "licence": self.licence.describe(),
        }

    def report(self) -> dict[str, Any]:
        """What was met in the splits that were loaded or described."""
        for split in [split for split, counts in self._counts.items() if counts is None]:
            self.load(split)
        return dict(self._counts)

    def _path(self, split: str) -> Path:
        path = self.root / self.files[split]
        if not path.is_file():
            known = SHA256.get(path.name)
            raise UserError(
                f"The {split} file of Synthetic-Persona-Chat, {path}, is not there. Fetch {PLACES[0]}/{path.name}"
                f"{f' (sha256 {known})' if known else ''} and put it there"
                f"{', or set data.download=true' if known else ''}; or name another with data.{split}_file=."
            )
        return path
