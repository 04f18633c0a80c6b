"""JPersonaChat and JEmpatheticDialogues: Japanese dialogues in xlsx files, which a user gets under NTT's licence.

Sugiyama et al. 2021, arXiv:2109.05217; https://github.com/nttcslab/japanese-dialog-transformers links the files and has
the scripts that this reading follows::

    JPersonaChat           ペルソナリスト   No, dialogue, persona of A, persona of B (one sentence a line)
                           対話             No, dialogue, speaker (A or B), utterance
    JEmpatheticDialogues   状況文           dialogue, emotion, situation (not read: no dialogue model here uses them)
                           対話             dialogue, speaker, utterance

Rows of one dialogue stand together. Nothing names a person: users are the personas (`data.users=persona`).
"""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from zoo.data.corpora import file_sha256
from zoo.data.licence import NTT_EVALUATION
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.data.spreadsheet import malformed, read_sheet
from zoo.errors import UserError

PERSONAS, DIALOGUES = "ペルソナリスト", "対話"
PAGE = "https://github.com/nttcslab/japanese-dialog-transformers"


def read_jpersonachat(path: Path | str) -> list[Dialogue]:
    """Read JPersonaChat: speaker 0 is A and speaker 1 is B, both have a persona and both are responders.

    Returns:
        One `Dialogue` a dialogue, in file order, with ids `"<file stem>:<dialogue>"`.

    Raises:
        UserError: the file cannot be read, or a row is not as described above; names sheet and row.
    """
    path = _existing(path)
    personas: dict[str, tuple[Speaker, Speaker]] = {}
    for row, (_, dialogue, *texts) in read_sheet(path, PERSONAS, ("No", "dialogue", "persona A", "persona B"), "No"):
        if dialogue in personas:
            raise malformed(path, PERSONAS, row, f"dialogue {dialogue} has personas already")
        first, second = (Speaker(persona=_sentences(text)) for text in texts)
        personas[dialogue] = (first, second)
    said: dict[str, list[Utterance]] = {}
    current = ""
    for row, (_, dialogue, name, text) in read_sheet(path, DIALOGUES, ("No", "dialogue", "speaker", "utterance"), "No"):
        if dialogue not in personas:
            raise malformed(path, DIALOGUES, row, f"dialogue {dialogue} has no row in sheet {PERSONAS!r}")
        speaker = unicodedata.normalize("NFKC", name).upper()
        if speaker not in ("A", "B"):
            raise malformed(path, DIALOGUES, row, f"the speaker is {name!r} where A or B was expected")
        current = _begin(path, row, said, dialogue, current)
        said[dialogue].append(Utterance("AB".index(speaker), _line(text)))
    return _dialogues(path, said, personas)


def read_jempathetic(path: Path | str) -> list[Dialogue]:
    """Read JEmpatheticDialogues: no personas; speaker 0 is whoever speaks first, both are responders.

    An empty first utterance is left out, as the authors' script does: nothing replies to it.

    Returns:
        One `Dialogue` a dialogue, in file order, with ids `"<file stem>:<dialogue>"`.

    Raises:
        UserError: the file cannot be read, or a row is not as described above; names sheet and row.
    """
    path = _existing(path)
    said: dict[str, list[Utterance]] = {}
    names: list[str] = []
    current = ""
    for row, (dialogue, name, text) in read_sheet(path, DIALOGUES, ("dialogue", "speaker", ""), "ID"):
        if dialogue != current:
            current, names = _begin(path, row, said, dialogue, current), []
        if not text:
            if names:
                raise malformed(path, DIALOGUES, row, "column C (utterance) is empty where text was expected")
            continue
        if name not in names:
            names.append(name)
        if len(names) > 2:
            raise malformed(path, DIALOGUES, row, f"{name!r} speaks too, after {names[0]!r} and {names[1]!r}")
        said[dialogue].append(Utterance(names.index(name), _line(text)))
    return _dialogues(path, said, {})


class _NttCorpus(ABC):
    """What the two have in common: one file, the authors' split, the licence."""

    name: str
    default_file: str

    licence = NTT_EVALUATION
    may_publish_models = licence.may_publish_models

    def __init__(self, root: Path | str, file: str, first_valid_pair: int, first_test_pair: int):
        self.path = Path(root) / file
        self.firsts = (first_valid_pair, first_test_pair)
        if not 0 < first_valid_pair <= first_test_pair:
            raise UserError(
                f"first_valid_pair={first_valid_pair}, first_test_pair={first_test_pair} was given; expected numbers "
                "above 0, the second not below the first."
            )

    @abstractmethod
    def _read(self) -> list[Dialogue]:
        """All dialogues of the file."""

    @cached_property
    def _splits(self) -> dict[str, list[Dialogue]]:
        return split_by_pairs(self._read(), *self.firsts)

    def load(self, split: str) -> list[Dialogue]:
        """The dialogues of a split.

        Raises:
            UserError: the file is absent or malformed, or too small to have this split.
        """
        if not self._splits[split]:
            pairs = sum(len(dialogue.utterances) - 1 for part in self._splits.values() for dialogue in part)
            raise UserError(
                f"{self.path} has {pairs:,} pairs, so nothing is left for the {split} split, where validation begins "
                f"after {self.firsts[0]:,} and test after {self.firsts[1]:,}. Set data.first_valid_pair and "
                "data.first_test_pair."
            )
        return self._splits[split]

    def describe(self, split: str) -> dict[str, Any]:
        """The file's sha256, where it is cut, and the licence."""
        return {
            "corpus": self.name,
            "split": split,
            "files": {self.path.name: file_sha256(_existing(self.path))},
            "first_pairs": list(self.firsts),
            "licence": self.licence.describe(),
        }


class JPersonaChatCorpus(_NttCorpus):
    """JPersonaChat, 5,000 dialogues of 100 personas, with the split of its authors' script (56,000 pairs and more).

    Models trained on it may not be published: `zoo.data.licence.refuse_to_publish`.

    Args:
        root: the folder of the file.
        file: its name; never downloaded, because getting it means accepting the licence.
        first_valid_pair: dialogues before which more pairs (utterance, response) stand are validation.
        first_test_pair: likewise, test.
    """

    name = "jpersonachat"

    def __init__(
        self,
        root: Path | str,
        file: str = "japanese_persona_chat.xlsx",
        first_valid_pair: int = 50_000,
        first_test_pair: int = 53_000,
    ):
        super().__init__(root, file, first_valid_pair, first_test_pair)

    def _read(self) -> list[Dialogue]:
        return read_jpersonachat(self.path)


class JEmpatheticDialoguesCorpus(_NttCorpus):
    """JEmpatheticDialogues, 20,000 dialogues without personas; arguments, split and licence as of JPersonaChat."""

    name = "jempatheticdialogues"

    def __init__(
        self,
        root: Path | str,
        file: str = "japanese_empathetic_dialogues.xlsx",
        first_valid_pair: int = 50_000,
        first_test_pair: int = 55_000,
    ):
        super().__init__(root, file, first_valid_pair, first_test_pair)

    def _read(self) -> list[Dialogue]:
        return read_jempathetic(self.path)


def split_by_pairs(dialogues: Sequence[Dialogue], first_valid: int, first_test: int) -> dict[str, list[Dialogue]]:
    """Cut in file order, between dialogues: the split of the authors' scripts.

    A dialogue with more than `first_test` pairs before it is test, with more than `first_valid` validation, else train.
    """
    parts: dict[str, list[Dialogue]] = {"train": [], "valid": [], "test": []}
    pairs = 0
    for dialogue in dialogues:
        parts["test" if pairs > first_test else "valid" if pairs > first_valid else "train"].append(dialogue)
        pairs += len(dialogue.utterances) - 1
    return parts


def _existing(path: Path | str) -> Path:
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f"There is no {path}. It is not downloaded for you: {PAGE} links the file, and using it means accepting "
            f"its licence ({NTT_EVALUATION.reason}). Put it there, or name it with data.root= and data.file=."
        )
    return path


def _begin(path: Path, row: int, said: dict[str, list[Utterance]], dialogue: str, current: str) -> str:
    """Make room for a dialogue at its first row. Returns its name."""
    if dialogue != current and dialogue in said:
        raise malformed(path, DIALOGUES, row, f"dialogue {dialogue} goes on here, after dialogue {current} began")
    said.setdefault(dialogue, [])
    return dialogue


def _dialogues(
    path: Path, said: dict[str, list[Utterance]], speakers: dict[str, tuple[Speaker, Speaker]]
) -> list[Dialogue]:
    nobody = (Speaker(), Speaker())
    found = [
        Dialogue(f"{path.stem}:{name}", speakers.get(name, nobody), tuple(utterances), responders=(0, 1))
        for name, utterances in said.items()
        if utterances
    ]
    if not found:
        raise UserError(f"{path}, sheet {DIALOGUES!r} holds no dialogues; get the file again.")
    return found


def _sentences(text: str) -> tuple[str, ...]:
    """Persona sentences: lines, or what ends in "。" where all stand in one line."""
    return tuple(sentence.strip() for sentence in re.split(r"\n|(?<=。)", text) if sentence.strip())


def _line(text: str) -> str:
    """An utterance in one line; Japanese breaks lines inside words, so nothing takes the place of a break."""
    return re.sub(r"\s*\n\s*", "", text).strip()
