"""Dialogues that `python -m zoo.synthesis` made, in ConvAI2's text format: PersonaChatGen's, or one's own like it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from zoo.data.convai2 import read_convai2
from zoo.data.convai2_style import convai2_style
from zoo.data.corpora import file_sha256
from zoo.data.download import PersonaView
from zoo.data.records import Dialogue, Speaker
from zoo.errors import UserError

Style = Literal["released", "lower", "convai2"]
EXPORT = "export"  # below the folder of a synthesis
FACTS = "export.json"  # in it: which model made the data, and how many there are
SILENCE = "__SILENCE__"  # stands in ConvAI2's files where nothing was said


def text_file(split: str, persona_view: str) -> str:
    """The name of a split's text file, as ParlAI names PersonaChat's."""
    return f"{split}_{persona_view}_original_no_cands.txt"


class PersonaChatGenCorpus:
    """What a synthesis exported; every dialogue is there twice, for each speaker as the one who answers, as in ConvAI2.

    Args:
        folder: of a synthesis, or the one in it with the text files.
        persona_view: "self", or "both" for the partner's persona too.
        style: "released" as the model wrote; "lower" case; or "convai2", which also spells utterances as ConvAI2 does,
            see `zoo.data.convai2_style`, to mix both. ConvAI2's persona sentences are lower-case and nothing else: so
            are these.

    Raises:
        UserError: an unknown setting.
    """

    def __init__(self, folder: Path | str, persona_view: PersonaView = "self", style: Style = "released"):
        if persona_view not in ("self", "both") or style not in get_args(Style):
            raise UserError(
                f"persona_view={persona_view!r}, style={style!r} was given; expected 'self' or 'both', and one of "
                f"{', '.join(get_args(Style))}."
            )
        self.folder, self.persona_view, self.style = Path(folder), persona_view, style

    def path(self, split: str) -> Path:
        """The file of a split.

        Raises:
            UserError: there is none; says where it was looked for and how to make one.
        """
        name = text_file(split, self.persona_view)
        for folder in (self.folder, self.folder / EXPORT):
            if (folder / name).is_file():
                return folder / name
        what = "no such folder" if not self.folder.is_dir() else f"neither {name} nor {EXPORT}/{name} in it"
        raise UserError(
            f"No synthetic dialogues for the {split} split at {self.folder}: there is {what}. Expected the folder of a "
            f"synthesis that left at least one dialogue in each split. Make one with python -m zoo.synthesis, and give "
            f"the run directory that it prints: data.folder=FOLDER."
        )

    def load(self, split: str) -> list[Dialogue]:
        """Read a split.

        Raises:
            UserError: the file is missing or malformed.
        """
        return [self._spelt(dialogue) for dialogue in read_convai2(self.path(split))]

    def describe(self, split: str) -> dict[str, Any]:
        """The file's sha256, the spelling, which language model made the data, and licences that it hands on."""
        path = self.path(split)
        return {
            "corpus": "personachatgen",
            "files": {path.name: file_sha256(path)},
            "style": self.style,
            **_facts(path.with_name(FACTS)),
        }

    def _spelt(self, dialogue: Dialogue) -> Dialogue:
        if self.style == "released":
            return dialogue
        one, two = (Speaker(tuple(map(str.lower, speaker.persona))) for speaker in dialogue.speakers)
        said = tuple(replace(utterance, text=self._spelling(utterance.text)) for utterance in dialogue.utterances)
        return replace(dialogue, speakers=(one, two), utterances=said)

    def _spelling(self, text: str) -> str:
        if text == SILENCE:
            return text
        lower = text.lower()
        return (convai2_style(text) or lower) if self.style == "convai2" else lower  # a smiley is all of some


def _facts(facts: Path) -> dict[str, Any]:
    """What the record beside the texts says: `made_by`, None without one, and `made_under` where there are licences."""
    try:
        record = json.loads(facts.read_text(encoding="utf-8"))
        found: dict[str, Any] = {"made_by": [str(model) for model in record["models"]]}
        if record.get("licences"):
            found["made_under"] = [{"licence": one} for one in record["licences"]]
        return found
    except FileNotFoundError:
        return {"made_by": None}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{facts} is no record of a synthesis ({error}); expected the file that python -m zoo.synthesis wrote "
            "beside the dialogues. Export them again, or move it away."
        ) from error
