"""Where dialogues come from: one small class a corpus, all with `load(split)`; splits are train, valid and test."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from zoo.data.convai2 import read_convai2
from zoo.data.download import CORPORA, PersonaText, PersonaView, corpus_files, fetch
from zoo.data.jsonl import read_jsonl
from zoo.data.licence import Licence
from zoo.data.records import Dialogue, Utterance
from zoo.errors import UserError


class DialogueCorpus(Protocol):
    """What a datamodule needs.

    Four methods are optional:

    * `prepare(splits)` fetches what is missing of these splits; one process calls it.
    * `describe(split)` tells everything that decides the dialogues, in plain types, without reading them all. Without
      it the dialogues are loaded and hashed at every start. A corpus of others puts its licence there too, see
      `zoo.data.licence`: what may not be published is known by it.
    * `test_sets()` names several test sets: the id of every test dialogue begins with "<set>/", and each set is
      evaluated by itself.
    * `report()` tells what was counted while the dialogues were made, in plain types, for provenance.json.
    """

    def load(self, split: str) -> list[Dialogue]:
        """The dialogues of "train", "valid" or "test"."""
        ...


class ConvAI2Corpus:
    """ConvAI2 (or PersonaChat) from ParlAI's text files.

    ConvAI2's official test set is hidden, so **its test split is the validation file** unless `test_file` is given:
    test and validation numbers are the same, and selecting a checkpoint on it is selecting on the test set. Published
    ConvAI2 tables do the same. PersonaChat has a test file of its own.

    Args:
        root: the folder with the text files, or where the archive is fetched to and unpacked.
        name: "convai2" or "personachat".
        persona_view: "self", or "both" for the partner's persona too.
        persona_text: "original" or "revised" (rewritten, harder) sentences.
        candidates: keep the 20 replies to rank: True, False, or the splits that need them, e.g. ("valid", "test").
        train_file, valid_file, test_file: other files of the same format, absolute or below `root`; their sizes are not
            checked.
        download: fetch the archive where the file of a split that is used is missing; False is offline.
    """

    def __init__(
        self,
        root: Path | str,
        name: Literal["convai2", "personachat"] = "convai2",
        persona_view: PersonaView = "self",
        persona_text: PersonaText = "original",
        candidates: bool | Sequence[str] = False,
        train_file: Path | str | None = None,
        valid_file: Path | str | None = None,
        test_file: Path | str | None = None,
        download: bool = True,
    ):
        if name not in CORPORA:
            raise UserError(f"The corpus {name!r} was given; expected one of {', '.join(CORPORA)}.")
        if persona_view not in ("self", "both") or persona_text not in ("original", "revised"):
            raise UserError(
                f"persona_view={persona_view!r}, persona_text={persona_text!r} was given; expected 'self' or 'both', "
                f"and 'original' or 'revised'."
            )
        self.root = Path(root)
        self.source = CORPORA[name]
        self.licence = Licence(self.source.licence)
        self.may_publish_models = self.licence.may_publish_models
        self.persona_view: PersonaView = persona_view
        self.persona_text: PersonaText = persona_text
        if isinstance(candidates, bool):
            self.candidates = frozenset(("train", "valid", "test") if candidates else ())
        else:
            self.candidates = frozenset(candidates)
        self.files = {"train": train_file, "valid": valid_file, "test": test_file}
        self.download = download

    def prepare(self, splits: Collection[str]) -> None:
        """Fetch the archive if the official file of one of `splits` is missing and `download` is on."""
        if self.download and any(self._official(split) and self._find(split) is None for split in splits):
            fetch(self.source, self.root)

    def path(self, split: str) -> Path:
        """The file of a split.

        Raises:
            UserError: there is none; says where it was looked for and how to get it.
        """
        if (found := self._find(split)) is not None:
            return found
        if self.files[self._file_split(split)] is not None:
            raise UserError(
                f"The {split} file {self.files[self._file_split(split)]} was given, but it is neither there nor below "
                f"{self.root}; expected a ConvAI2 text file."
            )
        name = f"{self._file_split(split)}_{self.persona_view}_{self.persona_text}.txt"
        other = "" if split in self.candidates else " (or _no_cands.txt)"
        raise UserError(
            f"No {split} file of {self.source.name}: {name}{other} or the same "
            f"with .gz was expected in {self.root} or {self.root / self.source.folder}. Set "
            f"data.download=true, or fetch {self.source.urls[0]} (sha256 {self.source.sha256}) and put it at "
            f"{self.root / self.source.archive}."
        )

    def load(self, split: str) -> list[Dialogue]:
        """Read a split; the sizes of official files are checked.

        Raises:
            UserError: a file is missing, malformed, of the wrong size, or lacks the candidates asked for.
        """
        path = self.path(split)
        dialogues = read_convai2(path)
        expected = self.source.sizes.get(self._file_split(split)) if self._official(split) else None
        found = len(dialogues), sum(len(dialogue.utterances) // 2 for dialogue in dialogues)
        if expected is not None and found != expected:
            raise UserError(
                f"{path} holds {found[0]:,} dialogue sides and {found[1]:,} examples; the official file has "
                f"{expected[0]:,} and {expected[1]:,}. Get the whole file again, or name it as "
                f"data.corpus.{self._file_split(split)}_file to use it as it is."
            )
        if split not in self.candidates:
            return [_without_candidates(dialogue) for dialogue in dialogues]
        if not any(utterance.candidates for dialogue in dialogues for utterance in dialogue.utterances):
            raise UserError(
                f"Candidates were asked for the {split} split, but {path} has none; expected the file without "
                f"_no_cands in its name. Name the splits that have them, e.g. data.corpus.candidates=[valid,test]."
            )
        return dialogues

    def describe(self, split: str) -> dict[str, Any]:
        """Name, options, the file's sha256 and the licence."""
        path = self.path(split)
        return {
            "corpus": self.source.name,
            "files": {path.name: file_sha256(path)},
            "candidates": split in self.candidates,
            "licence": self.licence.describe(),
        }

    def _find(self, split: str) -> Path | None:
        file_split = self._file_split(split)
        given = self.files[file_split]
        if given is None:
            wanted = split in self.candidates
            return corpus_files(self.root, self.source, file_split, self.persona_view, self.persona_text, wanted)
        return next((path for path in (self.root / given, Path(given)) if path.is_file()), None)

    def _file_split(self, split: str) -> str:
        """The split whose file is read: ConvAI2's test split is its validation file."""
        if split == "test" and self.files["test"] is None and self.source.name == "convai2":
            return "valid"
        return split

    def _official(self, split: str) -> bool:
        return self.files[self._file_split(split)] is None


class JsonlCorpus:
    """Your own dialogues, see `zoo.data.jsonl` for the format; without a test file, test is the validation file."""

    def __init__(
        self,
        root: Path | str,
        train_file: str = "train.jsonl",
        valid_file: str = "valid.jsonl",
        test_file: str | None = None,
    ):
        self.root = Path(root)
        self.files = {"train": train_file, "valid": valid_file, "test": test_file or valid_file}

    def load(self, split: str) -> list[Dialogue]:
        """Read a split."""
        return read_jsonl(self.root / self.files[split])

    def describe(self, split: str) -> dict[str, Any]:
        """The file's sha256."""
        path = self.root / self.files[split]
        return {"corpus": "jsonl", "files": {path.name: file_sha256(path)}}


class DemoCorpus:
    """The embedded toy corpus: small, made on the spot, nothing to download.

    Args:
        seed: of the grammar.
        candidates: keep the 20 replies to rank; they are most of the tokens.
    """

    def __init__(self, seed: int = 0, candidates: bool = False):
        self.seed, self.candidates = seed, candidates

    def load(self, split: str) -> list[Dialogue]:
        """Make a split; the splits share no dialogue."""
        from zoo.data.demo import demo_dialogues

        dialogues = demo_dialogues(split, self.seed)
        return dialogues if self.candidates else [_without_candidates(dialogue) for dialogue in dialogues]

    def describe(self, split: str) -> dict[str, Any]:
        """Nothing else decides the dialogues but the code."""
        return {"corpus": "demo", "split": split, "seed": self.seed, "candidates": self.candidates, "files": {}}


def describe_corpus(corpus: DialogueCorpus, split: str) -> dict[str, Any]:
    """`corpus.describe(split)`, or, where there is none, a hash of the dialogues themselves."""
    if hasattr(corpus, "describe"):
        return corpus.describe(split)
    digest = hashlib.sha256()
    for dialogue in corpus.load(split):
        digest.update(repr(dialogue).encode())
    return {"corpus": type(corpus).__name__, "split": split, "dialogues_sha256": digest.hexdigest(), "files": {}}


def file_sha256(path: Path) -> str:
    """The sha256 sum of a file's bytes.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); expected a corpus file there.") from error


def _without_candidates(dialogue: Dialogue) -> Dialogue:
    utterances = tuple(Utterance(utterance.speaker, utterance.text) for utterance in dialogue.utterances)
    return Dialogue(dialogue.id, dialogue.speakers, utterances, dialogue.responders)
