r"""The text that ParlAI's agents read: lines of the persona, then of the dialogue.

Source: ParlAI's task "convai2" in its self view, the input of Blender 90M (Roller et al. 2020, arXiv:2004.13637), which
PersonaChatGen's comparison (Lee et al. 2022, Table 7) trains::

    your persona: i have two dogs .
    your persona: i sing .
    hi there .
    hello , how are you ?

Lines end with the tokenizer's own token of a new line where it has one, `__newln__` of BlenderbotSmall; elsewhere with
whatever it writes for "\n" (one token of a byte-level BPE). Nothing says who speaks: turns alternate.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from zoo.data.records import DialogueExample
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NEWLINE = "__newln__"  # ParlAI's dictionaries have it, and BlenderbotSmall's tokenizer
OWN, PARTNERS = "your persona:", "partner's persona:"
LEAST = 3  # tokens that a turn needs to say anything


class ParlaiTemplate(DialogueTemplate):
    """A `DialogueTemplate` of lines, whose persona and context share one limit.

    The persona is never cut: where the limit is reached the oldest turns go. (ParlAI cuts tokens at the left, which
    are the persona's.)

    Args:
        tokenizer, space_punctuation, persona_order, max_response_tokens, seed: see `DialogueTemplate`.
        added_tokens: none for a tokenizer that can write a new line; `__newln__` for one that cannot.
        persona: "self", "partner", "both" or "none".
        max_text_tokens: of persona and context together, new lines counted.

    Raises:
        UserError: the tokenizer has no token for a new line; later, where a persona leaves no room for what was said.
    """

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        added_tokens: Sequence[str] = (),
        space_punctuation: bool = False,
        persona_order: Literal["as_given", "sorted", "shuffled"] = "as_given",
        persona: Literal["self", "partner", "both", "none"] = "self",
        max_text_tokens: int = 512,
        max_response_tokens: int = 128,
        seed: int = 0,
    ):
        if persona not in ("self", "partner", "both", "none"):
            raise UserError(f"template.persona={persona!r} was given; expected one of self, partner, both, none.")
        super().__init__(
            tokenizer,
            added_tokens,
            persona_mark=OWN,
            partner_mark="",
            responder_mark="",
            separator="\n",
            space_punctuation=space_punctuation,
            persona_order=persona_order,
            persona=persona,
            max_persona_tokens=max_text_tokens,
            max_context_tokens=max_text_tokens,
            max_response_tokens=max_response_tokens,
            seed=seed,
        )
        self._marks[PARTNERS] = self._mark(PARTNERS)

    def persona_text(self, example: DialogueExample) -> str:
        """The persona's lines."""
        return "\n".join(f"{mark} {said}" for mark, sentences in self._persona_parts(example) for said in sentences)

    def context_text(self, example: DialogueExample) -> str:
        """The turns, a line each."""
        return "\n".join(text for _, text in self._turns(example))

    def decode(self, ids: Iterable[int]) -> str:
        """As in the base class; a new line that was written is one."""
        return re.sub(rf" *{NEWLINE} *", "\n", super().decode(ids)).strip()

    def _persona_parts(self, example: DialogueExample) -> list[tuple[str, list[str]]]:
        return [(mark or PARTNERS, sentences) for mark, sentences in super()._persona_parts(example)]

    def _persona_ids(self, example: DialogueExample, ids: dict[str, list[int]]) -> tuple[list[int], bool]:
        if self.persona == "none":
            return [], False
        persona: list[int] = []
        for mark, sentences in self._persona_parts(example):
            for sentence in sentences:
                persona += [*self._marks[mark], *ids[f" {sentence}"], *self._marks[self.separator]]
        if not example.history:  # the last line ends where the text does
            persona = persona[: len(persona) - len(self._marks[self.separator])]
        return persona, False

    def _context_room(self, persona: list[int], example: DialogueExample) -> int:
        room = self.max_context_tokens - len(persona)
        if room < (LEAST if example.history else 0):
            raise UserError(
                f"The persona of example {example.id} takes {len(persona)} of template.max_text_tokens="
                f"{self.max_context_tokens} tokens, which leaves no room for what was said. Allow more tokens (a "
                "BlenderbotSmall has 512 positions), or shorten the persona."
            )
        return room

    def _mark(self, mark: str) -> list[int]:
        if mark != "\n":
            return super()._mark(mark)
        vocabulary: dict[str, Any] = self.tokenizer.get_vocab()
        if NEWLINE in vocabulary:
            return [vocabulary[NEWLINE]]
        written = self._plain.encode("\n", add_special_tokens=False).ids
        if not written or self.tokenizer.unk_token_id in written or "\n" not in self.tokenizer.decode(written):
            raise UserError(
                f"{type(self.tokenizer).__name__} has no token for a new line, between the lines of template=parlai; "
                f'expected one. Give it one: template.added_tokens=["{NEWLINE}"].'
            )
        return list(written)
