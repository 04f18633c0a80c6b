"""X-Persona: ConvAI2 in six other languages (Lin et al. 2020, arXiv:2003.07568), here above all the Japanese one.

A file is one JSON list::

    [{"persona": ["私は2匹の犬を飼っています。", ...], "dialogue": [["こんにちは", "やあ"], ...]}, ...]

The pairs are (user's utterance, response); the persona is the responder's. Validation and test files are ConvAI2's
*validation* set, translated and corrected by people: do not train on them and then report ConvAI2 validation.
"""

import json
from pathlib import Path
from typing import Any

from zoo.data.corpora import file_sha256
from zoo.data.licence import Licence
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.errors import UserError

FORMAT = 'expected {"persona": [sentences], "dialogue": [[utterance, response], ...]}'


def read_xpersona(path: Path | str) -> list[Dialogue]:
    """Read one file; blanks around texts and the zero-width ones (U+200B) that translation left in words are dropped.

    Returns:
        One `Dialogue` an entry, in file order, with ids `"<file stem>:<running number, from 1>"`.

    Raises:
        UserError: the file is absent, no JSON, empty, or an entry is malformed; names file and entry.
    """
    path = Path(path)
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); expected an X-Persona file.") from error
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors too
        raise UserError(f"{path} is no JSON file in UTF-8 ({error}); get the file again.") from error
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{path} holds no list of dialogues; {FORMAT} for each. Get the file again.")
    return [_dialogue(path, number, entry) for number, entry in enumerate(entries, start=1)]


def _dialogue(path: Path, number: int, entry: Any) -> Dialogue:
    persona = entry.get("persona") if isinstance(entry, dict) else None
    pairs = entry.get("dialogue") if isinstance(entry, dict) else None
    if not isinstance(persona, list) or not _are_texts(persona):
        raise _malformed(path, number, f"'persona' is {str(persona)[:60]!r}")
    if not isinstance(pairs, list) or not pairs:
        raise _malformed(path, number, f"'dialogue' is {str(pairs)[:60]!r}")
    said = []
    for turn, pair in enumerate(pairs, start=1):
        if not _are_texts(pair) or len(pair) != 2 or not all(map(_clean, pair)):
            raise _malformed(path, number, f"turn {turn} is {str(pair)[:60]!r}")
        said += [Utterance(0, _clean(pair[0])), Utterance(1, _clean(pair[1]))]
    sentences = tuple(filter(None, map(_clean, persona)))
    return Dialogue(f"{path.stem}:{number}", (Speaker(), Speaker(persona=sentences)), tuple(said))


def _clean(text: str) -> str:
    return text.replace("\u200b", "").strip()


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _malformed(path: Path, number: int, reason: str) -> UserError:
    return UserError(f"{path}, entry {number}: {reason}; {FORMAT}. Mend the entry or get the file again.")


class XPersonaCorpus:
    """X-Persona of one language.

    Args:
        root: the folder of the files.
        train_file: machine translated, and linked apart from the other two; None where there is none.
        valid_file, test_file: the files of the repository.
    """

    licence = Licence("MIT", "https://github.com/HLTCHKUST/Xpersona")
    may_publish_models = licence.may_publish_models

    def __init__(self, root: Path | str, train_file: str | None, valid_file: str, test_file: str):
        self.root = Path(root)
        self.files = {"train": train_file, "valid": valid_file, "test": test_file}

    def load(self, split: str) -> list[Dialogue]:
        """Read a split.

        Raises:
            UserError: the file is absent or malformed, or it is the training file and none was named.
        """
        return read_xpersona(self._path(split))

    def describe(self, split: str) -> dict[str, Any]:
        """The file's sha256 and the licence."""
        path = self._path(split)
        return {"corpus": "xpersona", "files": {path.name: file_sha256(path)}, "licence": self.licence.describe()}

    def _path(self, split: str) -> Path:
        file = self.files[split]
        if file is None:
            raise UserError(
                f"X-Persona has no {split} file among those in {self.root}: name one of the same format with "
                f"data.{split}_file=. To try things out, train on one of the two files and evaluate on the other."
            )
        return self.root / file
