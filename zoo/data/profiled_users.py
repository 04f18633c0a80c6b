"""Users' profiles: checked against the closed sets, and read from a file where a corpus has none."""

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.data.corpora import DialogueCorpus, describe_corpus, file_sha256
from zoo.data.profiles import UnknownValues, checked_profile
from zoo.data.records import Dialogue, Speaker
from zoo.errors import UserError

log = logging.getLogger(__name__)


class ProfiledUsers:
    """Another corpus, whose speakers have profiles of the five closed attributes.

    Args:
        corpus: whose dialogues, with users named.
        profiles: a file of one JSON object a line, `{"user": "anna", "profile": {"age": "30s"}}`, as `python -m
            zoo.profiles infer` writes it; what it says of a user is laid over the dialogues' own profile. None for the
            dialogues' own alone.
        unknown_values: attributes and values that are in no closed set are refused, or kept as free text ("keep").

    Raises:
        UserError: at `load`, with the file and the user.
    """

    def __init__(
        self,
        corpus: DialogueCorpus,
        profiles: Path | str | None = None,
        unknown_values: UnknownValues = "refuse",
    ):
        self.corpus, self.profiles, self.unknown_values = corpus, profiles, unknown_values

    def prepare(self, splits: Collection[str]) -> None:
        """Fetch what the corpus lacks."""
        if hasattr(self.corpus, "prepare"):
            self.corpus.prepare(splits)

    def load(self, split: str) -> list[Dialogue]:
        """A split of the corpus, with profiles."""
        read = {} if self.profiles is None else read_profiles(Path(self.profiles))
        given = {
            user: checked_profile(profile, self.unknown_values, f"user {user!r} of {self.profiles}") if profile else {}
            for user, profile in read.items()
        }
        profiled, dialogues = [], self.corpus.load(split)
        speaking = {speaker.user for dialogue in dialogues for speaker in dialogue.speakers} - {""}
        if given and not given.keys() & speaking:
            log.warning(
                "data.profiles=%s has profiles of %d users (%s), none of whom speaks in the %s split's dialogues (%s); "
                "users are named alike in both where a profile is to be theirs",
                self.profiles, len(given), ", ".join(sorted(given)[:3]), split, ", ".join(sorted(speaking)[:3]),
            )  # fmt: skip
        for dialogue in dialogues:
            one, other = (self._profiled(speaker, dialogue.id, given) for speaker in dialogue.speakers)
            profiled.append(replace(dialogue, speakers=(one, other)))
        return profiled

    def describe(self, split: str) -> dict[str, Any]:
        """The corpus, and the file of profiles."""
        profiles = None if self.profiles is None else file_sha256(Path(self.profiles))
        return {
            "corpus": describe_corpus(self.corpus, split), "profiles": profiles, "unknown_values": self.unknown_values
        }  # fmt: skip

    def report(self) -> dict[str, Any]:
        """The corpus's own."""
        return dict(self.corpus.report()) if hasattr(self.corpus, "report") else {}

    def _profiled(self, speaker: Speaker, dialogue: str, given: Mapping[str, Mapping[str, str]]) -> Speaker:
        profile = {**speaker.profile, **given.get(speaker.user, {})}
        if not profile:
            return speaker
        where = f"user {speaker.user!r} of dialogue {dialogue}"
        return replace(speaker, profile=checked_profile(profile, self.unknown_values, where))


def read_profiles(path: Path) -> dict[str, dict[str, str]]:
    """Profiles by user.

    Raises:
        UserError: the file cannot be read, a line is not as described, or a user stands in it twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The file of profiles {path} cannot be read ({error}).") from error
    found: dict[str, dict[str, str]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            user, profile = record["user"], record["profile"]
            whole = isinstance(user, str) and all(isinstance(value, str) for value in profile.values())
        except (ValueError, TypeError, KeyError, AttributeError):
            whole = False
        if not whole:
            raise UserError(
                f'{path}, line {number}: expected {{"user": "anna", "profile": {{"age": "30s"}}}}, not {line[:80]!r}.'
            )
        if user in found:
            raise UserError(f"{path}, line {number}: user {user!r} has a profile already; expected one line a user.")
        found[user] = profile
    return found
