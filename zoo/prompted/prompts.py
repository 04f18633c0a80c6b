"""`PromptMaker`: from an example to a prompt, and from a model's answer to a reply.

A prompt has the paper's parts in its order: the instruction to play a role, the profile of the speaker and of the
partner, the speaker's introduction of themselves (persona sentences), up to 10 turns of history, the instruction to
give the next utterance. The wordings are data, see conf/prompt.
"""

from collections.abc import Mapping
from typing import Any

from zoo.data.profiles import Language, rendered_profile
from zoo.data.records import DialogueExample
from zoo.errors import UserError

PARTS = ("role", "profile", "partner_profile", "persona", "history", "instruction")
UNKNOWN = ("", "unknown", "不明")  # values of attributes that are as good as none


class PromptMaker:
    """Writes prompts in one wording.

    Args:
        language: in which known values of profiles are written; free text stays as it is.
        mode: which of `wordings`: "chat" instructs, "completions" begins a text to go on with.
        max_turns: utterances of history at most, the latest.
        speaker, partner: what the two are called; the speaker is played.
        turn: one utterance of history, of {name} and {text}.
        attribute: one attribute of a profile, of {name} and {value}.
        attribute_separator, sentence_separator: what stands between attributes, and between persona sentences.
        attributes: what a profile's attributes are called, in the order in which they stand; others follow.
        wordings: by mode, the `PARTS` as texts of {speaker}, {partner} and {attributes}, {sentences} or {turns}, and
            `stop`, where an answer ends.

    Raises:
        UserError: an unknown mode, a part too few or too many, or a place in a text that nothing fills.
    """

    def __init__(
        self,
        language: Language,
        mode: str,
        max_turns: int,
        speaker: str,
        partner: str,
        turn: str,
        attribute: str,
        attribute_separator: str,
        sentence_separator: str,
        attributes: Mapping[str, str],
        wordings: Mapping[str, Mapping[str, Any]],
    ) -> None:
        if mode not in wordings:
            raise UserError(f"prompt.mode={mode} was given; this prompt has wordings for {', '.join(wordings)}.")
        if wrong := sorted(set(wordings[mode]) ^ {*PARTS, "stop"}):
            raise UserError(
                f"prompt.wordings.{mode} has too little or too much: {', '.join(wrong)}; expected {', '.join(PARTS)} "
                "and stop."
            )
        if max_turns < 1:
            raise UserError(f"prompt.max_turns={max_turns} was given; expected at least 1, the one to answer.")
        self.language: Language = language
        self.wording = wordings[mode]
        self.stop: tuple[str, ...] = tuple(self.wording["stop"])
        self.max_turns = max_turns
        self.speaker, self.partner = speaker, partner
        self.turn, self.attribute = turn, attribute
        self.attribute_separator, self.sentence_separator = attribute_separator, sentence_separator
        self.attributes = attributes
        known = {"age": "30s"}
        self.prompt(DialogueExample("", "", ("I sing.",), ("Hi.",), (False,), "", profile=known, partner_profile=known))

    def prompt(self, example: DialogueExample) -> str:
        """The prompt for an example's reply; a part with nothing to tell is left out."""
        turns = [
            _fill(self.turn, name=self.speaker if own else self.partner, text=text)
            for text, own in zip(example.history, example.history_by_responder, strict=True)
        ]
        contents = {
            "role": {},
            "profile": {"attributes": self.profile(example.profile)},
            "partner_profile": {"attributes": self.profile(example.partner_profile)},
            "persona": {"sentences": self.sentence_separator.join(example.persona)},
            "history": {"turns": "\n".join(turns[-self.max_turns :])},
            "instruction": {},
        }
        known = [part for part in PARTS if all(contents[part].values())]
        return "\n".join(
            _fill(self.wording[part], speaker=self.speaker, partner=self.partner, **contents[part]) for part in known
        )

    def profile(self, profile: Mapping[str, str]) -> str:
        """A profile's known attributes on one line."""
        profile = rendered_profile(profile, self.language)
        order = [*self.attributes, *(name for name in profile if name not in self.attributes)]
        known = [name for name in order if profile.get(name, "").strip().lower() not in UNKNOWN]
        return self.attribute_separator.join(
            _fill(self.attribute, name=self.attributes.get(name, name), value=profile[name]) for name in known
        )

    def reply(self, answer: str) -> str:
        """The reply in a model's answer: its first line that is not blank, without the speaker's name before it."""
        line = next((line.strip() for line in answer.splitlines() if line.strip()), "")
        for colon in (":", "："):
            line = line.removeprefix(f"{self.speaker}{colon}")
        return line.strip()


def _fill(text: str, /, **values: str) -> str:
    try:
        return text.format(**values)
    except (KeyError, IndexError, ValueError) as error:
        raise UserError(
            f"The prompt's wording {text!r} cannot be filled ({error!r}); expected no other places than "
            f"{', '.join(f'{{{name}}}' for name in values)}."
        ) from None
