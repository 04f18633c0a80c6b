"""Prompts with profiles: what a user-specific model reads before it answers.

Source: Otsuka et al. 2024, "User-Specific Dialogue Generation with User Profile-Aware Pre-Training Model and
Parameter-Efficient Fine-Tuning", section 3.4 (PSP, PPP) and 4.1.3 (One-ID)::

    plain                                                    [SPK2] hi [SPK1] hello [SPK2] how are you
    psp            [USER] 20s, Female, Kanto [SEP]           [SPK2] hi ...
    ppp            [USER1] 20s, Female [USER2] 30s [SEP]     [SPK2] hi ...
    one_id     k3x9  before any of them

[USER] and [USER1] are who is to answer, [USER2] the partner. The paper prints no marks within the context; these are of
its authors' earlier systems (Sugiyama et al. 2021), without [SEP] between turns, which here ends the profiles alone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from zoo.data.profiles import ATTRIBUTES, Language, rendered_profile
from zoo.data.records import DialogueExample
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PROMPTS = ("plain", "psp", "ppp")
PROFILE_TOKENS = ("[USER]", "[USER1]", "[USER2]", "[SEP]", "[SPK1]", "[SPK2]")
UNKNOWN = {"omit": None, "literal": "unknown"}
SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"


class ProfileTemplate(DialogueTemplate):
    """A `DialogueTemplate` whose persona segment is the profiles, between the One-ID string and [SEP].

    The same for pre-training, adaptation and every user's own training. Nothing of a profile is ever cut: it takes its
    room from the oldest turns.

    Args:
        tokenizer, added_tokens, space_punctuation, max_response_tokens: see `DialogueTemplate`.
        prompt: "plain", "psp" (the profile of who answers) or "ppp" (the partner's too).
        one_id: begin with a string of the user's own.
        id_length: signs of that string; four in the paper.
        unknown: what is not known of somebody is left out ("omit") or written "unknown" ("literal").
        with_keys: "age: 20s" instead of "20s".
        language: in which known values are written; free text stays as it is.
        max_source_tokens: of profiles and context together.
        seed: of the One-ID strings.

    Raises:
        UserError: an option is unknown; later, where two users get the same string, or profiles leave no room.
    """

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        added_tokens: Sequence[str] = PROFILE_TOKENS,
        prompt: Literal["plain", "psp", "ppp"] = "plain",
        one_id: bool = False,
        id_length: int = 4,
        unknown: Literal["omit", "literal"] = "omit",
        with_keys: bool = False,
        language: Language = "en",
        space_punctuation: bool = False,
        max_source_tokens: int = 512,
        max_response_tokens: int = 128,
        seed: int = 0,
    ):
        for name, value, known in (
            ("prompt", prompt, PROMPTS), ("unknown", unknown, tuple(UNKNOWN)),
            ("language", language, get_args(Language)),
        ):  # fmt: skip
            if value not in known:
                raise UserError(f"template.{name}={value!r} was given; expected one of {', '.join(known)}.")
        if id_length < 1:
            raise UserError(f"template.id_length={id_length} was given; expected at least one sign.")
        super().__init__(
            tokenizer,
            added_tokens,
            persona_mark="[USER]",
            partner_mark="[SPK2]",
            responder_mark="[SPK1]",
            separator="",
            space_punctuation=space_punctuation,
            max_persona_tokens=max_source_tokens,  # longer ones are refused
            max_context_tokens=max_source_tokens,
            max_response_tokens=max_response_tokens,
            seed=seed,
        )
        self.prompt, self.one_id, self.id_length = prompt, one_id, id_length
        self.unknown, self.with_keys, self.language = unknown, with_keys, language
        self._marks |= {mark: self._mark(mark) for mark in ("", "[USER1]", "[USER2]", "[SEP]")}
        self._user_of: dict[str, str] = {}  # by One-ID string

    def settings(self) -> dict[str, Any]:
        """As in the base class."""
        own = "prompt one_id id_length unknown with_keys language"
        return super().settings() | {name: getattr(self, name) for name in own.split()}

    def id_of(self, user: str) -> str:
        """A user's One-ID string: random signs that follow from seed and user.

        Raises:
            UserError: it is another user's too.
        """
        number = int.from_bytes(hashlib.sha256(f"{self.seed}:{user}".encode()).digest())
        string = "".join(SIGNS[number // len(SIGNS) ** place % len(SIGNS)] for place in range(self.id_length))
        if (other := self._user_of.setdefault(string, user)) != user:
            raise UserError(
                f"The users {other!r} and {user!r} would both be called {string!r} in the prompt; expected strings of "
                f"their own. Take another template.seed, or more signs than template.id_length={self.id_length}."
            )
        return string

    def profile_text(self, profile: Mapping[str, str]) -> str:
        """A profile as it stands in a prompt: known attributes in their order, then others, e.g. "20s, Female"."""
        word = UNKNOWN[self.unknown]
        missing = {} if word is None else dict.fromkeys(ATTRIBUTES, word)
        written = missing | {key: value for key, value in rendered_profile(profile, self.language).items() if value}
        keys = [*ATTRIBUTES, *(key for key in profile if key not in ATTRIBUTES)]
        return ", ".join(f"{key}: {written[key]}" if self.with_keys else written[key] for key in keys if key in written)

    def _persona_parts(self, example: DialogueExample) -> list[tuple[str, list[str]]]:
        parts: list[tuple[str, list[str]]] = [("", [self.id_of(example.user)])] if self.one_id else []
        if self.prompt == "plain":
            return parts
        marks = ("[USER]",) if self.prompt == "psp" else ("[USER1]", "[USER2]")
        for mark, profile in zip(marks, (example.profile, example.partner_profile), strict=False):
            text = self.profile_text(profile)
            parts.append((mark, [self.spaced(text)] if text else []))
        return [*parts, ("[SEP]", [])]

    def _context_room(self, persona: list[int], example: DialogueExample) -> int:
        room = self.max_context_tokens - len(persona)
        if room < 3:
            raise UserError(
                f"The profiles of example {example.id} take {len(persona)} of template.max_source_tokens="
                f"{self.max_context_tokens} tokens, which leaves no room for what was said. Allow more tokens, or "
                "shorten the profiles."
            )
        return room
