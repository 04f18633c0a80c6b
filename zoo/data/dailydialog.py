"""DailyDialog (Li et al. 2017, arXiv:1710.03957): everyday dialogues without personas, each with one of ten topics.

Two forms are read. The authors' text has one dialogue a line, and the topics in a file of numbers beside it, 0 where
the topic is not known::

    Hi , Jim ! __eou__ Hello . __eou__                     dialogues_train.txt, dialogues_validation.txt, ...
    5                                                      dialogues_topic_train.txt, ...

ParlAI's archive has JSON lines, `{"topic": "relationship", "dialogue": [{"text": "Hi , Jim !"}, ...]}`, in train.json,
valid.json and test.json; it lacks the dialogues whose topic is not known.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from zoo.data.corpora import file_sha256
from zoo.data.download import Corpus, fetch
from zoo.data.licence import Licence
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError

END = "__eou__"
TOPICS = (  # number 1 is the first
    "ordinary_life",
    "school_life",
    "culture_and_education",
    "attitude_and_emotion",
    "relationship",
    "tourism",
    "health",
    "work",
    "politics",
    "finance",
)
PARLAI = {"culture_and_educastion": "culture_and_education", "no_topic": ""}  # names of its own
ARCHIVE = Corpus(
    name="dailydialog",
    folder="dailydialog",
    archive="dailydialog.tar.gz",
    urls=("http://parl.ai/downloads/dailydialog/dailydialog.tar.gz",),
    sha256="c3adb09bd715b9fa5cd1ac41613b7de61eb5afbe477826a6146abefef573e6bb",
    licence="CC BY-NC-SA 4.0",
)
FORMAT = f"expected utterances that each end in {END}, at least two"


def read_dailydialog(path: Path | str, topics: Path | str | None = None, topic: int | None = None) -> list[Dialogue]:
    """Read one of the authors' text files.

    Args:
        path: the dialogues.
        topics: their topics, a number a line.
        topic: keep the dialogues of this number only; 0 are those whose topic is not known. Needs `topics`.

    Returns:
        Dialogues in file order with ids `"<file stem>:<line>"`; both speakers, who alternate, are responders.

    Raises:
        UserError: a file is absent, empty or not UTF-8, a line is malformed, or there are more lines in one of them.
    """
    path = Path(path)
    numbers = None if topics is None else _read_topics(Path(topics))
    if topic is not None and numbers is None:
        raise UserError(f"topic={topic} was given for {path} without a file of topics; expected one beside it.")
    dialogues, count = [], 0
    for count, text in enumerate(_lines(path), start=1):
        pieces = [piece.strip() for piece in text.split(END)]
        if len(pieces) < 3 or pieces[-1] or not all(pieces[:-1]):
            reason = f"the line does not end in {END}" if pieces[-1] else "an utterance is empty, or it is the only one"
            raise _malformed(path, count, f"{reason} in {_shown(text)}; {FORMAT}")
        if topic is None or (numbers or [])[count - 1 : count] == [topic]:  # too few topics: told below
            dialogues.append(_dialogue(path, count, pieces[:-1]))
    if not count:
        raise UserError(f"{path} is empty; {FORMAT}, a dialogue a line. Get the file again.")
    if numbers is not None and len(numbers) != count:
        raise UserError(
            f"{path} has {count:,} dialogues, but {topics} has {len(numbers):,} topics; expected one for each. Get "
            "both files again, of one release."
        )
    return dialogues


def read_dailydialog_json(path: Path | str, topic: int | None = None) -> list[Dialogue]:
    """Read one file of ParlAI's archive; arguments, result and errors as of `read_dailydialog`."""
    path = Path(path)
    dialogues, count = [], 0
    for count, text in enumerate(_lines(path), start=1):
        try:
            record = json.loads(text)
            said = [str(entry["text"]).strip() for entry in record["dialogue"]]
            name = PARLAI.get(record["topic"], record["topic"])
            number = topic_number(name) if name else 0
            if len(said) < 2 or not all(said):
                raise ValueError("an utterance is empty, or it is the only one")
        except (ValueError, KeyError, TypeError, UserError) as error:
            raise _malformed(path, count, f"{type(error).__name__}: {error} in {_shown(text)}") from error
        if topic is None or number == topic:
            dialogues.append(_dialogue(path, count, said))
    if not count:
        raise UserError(f"{path} is empty; expected a dialogue a line. Get the file again.")
    return dialogues


def topic_number(topic: str | int) -> int:
    """The number of a topic given as its name ("relationship", "Culture & Education") or number; 0 is "unknown".

    Raises:
        UserError: there is no such topic.
    """
    if isinstance(topic, int) and 0 <= topic <= len(TOPICS):
        return topic
    name = "_".join(str(topic).lower().replace("&", " and ").replace("_", " ").split())
    if name == "unknown":
        return 0
    if name not in TOPICS:
        raise UserError(
            f"topic={topic!r} was given; expected unknown or 0, or one of "
            f"{', '.join(f'{name} ({number})' for number, name in enumerate(TOPICS, start=1))}."
        )
    return TOPICS.index(name) + 1


class DailyDialogCorpus:
    """DailyDialog: 11,118 / 1,000 / 1,000 dialogues, both speakers responders, no personas and no users.

    Args:
        root: the folder of the files, of either form; the authors' folders train, validation and test below it will do.
        topic: keep one topic, by name or number; None is all.
        download: fetch ParlAI's archive where a file is missing.
    """

    def __init__(self, root: Path | str, topic: str | int | None = None, download: bool = False):
        self.root = Path(root)
        self.topic = None if topic is None else topic_number(topic)
        self.download = download
        self.licence = Licence(ARCHIVE.licence, "https://creativecommons.org/licenses/by-nc-sa/4.0/")
        self.may_publish_models = self.licence.may_publish_models

    def prepare(self, splits: Collection[str]) -> None:
        """Fetch the archive if a file of one of `splits` is missing and `download` is on."""
        if self.download and not all(self._find(split) for split in splits):
            fetch(ARCHIVE, self.root)

    def load(self, split: str) -> list[Dialogue]:
        """The dialogues of a split, of the topic.

        Raises:
            UserError: a file is missing or malformed, or no dialogue is of the topic.
        """
        path, topics = self._files(split)
        if path.suffix == ".json":
            dialogues = read_dailydialog_json(path, self.topic)
        else:
            dialogues = read_dailydialog(path, topics, self.topic)
        if not dialogues:
            raise UserError(
                f"{topics or path} has no dialogue of topic {self.topic}; expected at least one. Choose another topic, "
                "or null for all."
            )
        return dialogues

    def describe(self, split: str) -> dict[str, Any]:
        """The files' sha256, the topic and the licence."""
        return {
            "corpus": "dailydialog",
            "files": {path.name: file_sha256(path) for path in self._files(split) if path is not None},
            "topic": self.topic,
            "licence": self.licence.describe(),
        }

    def _files(self, split: str) -> tuple[Path, Path | None]:
        """Dialogues and, where they are asked for and in a file of their own, topics."""
        path = self._find(split)
        name = "validation" if split == "valid" else split
        if path is None:
            raise UserError(
                f"There is neither dialogues_{name}.txt nor {split}.json of DailyDialog in {self.root}. Set "
                f"download=true, or fetch {ARCHIVE.urls[0]} (sha256 {ARCHIVE.sha256}, licence {ARCHIVE.licence}) and "
                f"put it at {self.root / ARCHIVE.archive}."
            )
        if path.suffix == ".json" or self.topic is None:
            return path, None
        topics = path.with_name(f"dialogues_topic_{name}.txt")
        if not topics.is_file():
            raise UserError(
                f"topic={TOPICS[self.topic - 1] if self.topic else 'unknown'} was asked for, but there is no {topics}; "
                "expected a file with a topic's number for every dialogue. ParlAI's archive has the topics "
                f"({ARCHIVE.urls[0]})."
            )
        return path, topics

    def _find(self, split: str) -> Path | None:
        name = "validation" if split == "valid" else split
        places = [folder / f"dialogues_{name}.txt" for folder in (self.root, self.root / name)]
        places += [folder / f"{split}.json" for folder in (self.root, self.root / ARCHIVE.folder)]
        return next((path for path in places if path.is_file()), None)


def _read_topics(path: Path) -> list[int]:
    numbers = []
    for line, text in enumerate(_lines(path), start=1):
        if not (text.strip().isascii() and text.strip().isdigit() and int(text) <= len(TOPICS)):
            raise _malformed(path, line, f"{_shown(text)} is no topic; expected a number from 0 to {len(TOPICS)}")
        numbers.append(int(text))
    return numbers


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file, as they are numbered: only the end of the file may be blank."""
    line = 0
    try:
        contents = path.read_bytes().rstrip()
        for line, raw in enumerate(contents.split(b"\n") if contents else (), start=1):
            text = raw.decode("utf-8").strip()
            if not text:
                raise _malformed(path, line, "the line is blank")
            yield text
    except UnicodeDecodeError as error:
        raise _malformed(path, line, f"byte {error.start} of the line is not UTF-8") from error
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror or error}); expected a file of DailyDialog."
        ) from error


def _dialogue(path: Path, line: int, said: list[str]) -> Dialogue:
    utterances = tuple(Utterance(place % 2, text) for place, text in enumerate(said))
    return Dialogue(f"{path.stem}:{line}", (Speaker(), Speaker()), utterances, responders=(0, 1))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _malformed(path: Path, line: int, reason: str) -> UserError:
    return UserError(f"{path}, line {line}: {reason}. Mend the line or get the file again.")
