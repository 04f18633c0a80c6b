"""From words to token ids and back: the only place where speaker marks, order and truncation live.

The layout is that of "Personalized Dialogue Generation with Persona-Adaptive Attention" (arXiv:2210.15088)::

    persona   P: sentence sentence ...
    context   Q: query [SEP] R: response [SEP] ... [SEP] Q: query        (oldest first)
    response  words of the response [EOS]                                 (no mark)

In `fixed` (`lone_blanks=False`) marks are inserted as ids and text is encoded by a tokenizer that knows no added token,
so that words such as "[SEP]" in a user's text stay words. In `reference` (`lone_blanks=True`) the whole string is
tokenised as text, as the release does: the blank before every mark becomes a token of its own (GPT-2's 'Ġ').
The ids of `fixed` are those of `reference` without these lone blanks; in both, a response starts without a blank.
"""

import hashlib
import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tokenizers import Tokenizer

from zoo.data.blenderbot_words import BlenderbotWords, reads_blenderbot_words
from zoo.data.records import DialogueExample
from zoo.errors import UserError

if TYPE_CHECKING:  # only a name here, and slow to import
    from transformers import PreTrainedTokenizerBase

ADDED_TOKENS = ("[SEP]", "Q:", "R:", "P:", "[CLS]", "[BOS]", "[EOS]", "[PAD]")  # order gives GPT-2 ids 50257-50264
END_MARK = "<eos>"  # as a mark or separator: the tokenizer's own end token, whatever it is called
ROLES = {"cls": "[CLS]", "sep": "[SEP]", "bos": "[BOS]", "eos": "[EOS]", "pad": "[PAD]"}


def add_dialogue_tokens(tokenizer: "PreTrainedTokenizerBase", added_tokens: Sequence[str]) -> None:
    """Add `added_tokens` to `tokenizer`, in order, as plain tokens; those in `ROLES` become its cls, sep, bos, ...

    Doing it again changes nothing.
    """
    tokenizer.add_tokens(list(added_tokens))
    for role, token in ROLES.items():
        if token in added_tokens:
            setattr(tokenizer, f"{role}_token", token)


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """Token ids of one example, without padding; `response` and every candidate end with the end token."""

    persona: list[int]
    context: list[int]
    response: list[int]
    candidates: list[list[int]]
    num_words: int  # of what `response` holds: the reference as the corpus has it, or the part kept of a cut one
    num_characters: int  # likewise; words are split at blanks, and neither counts the end token
    truncated: bool  # was a segment cut?


class DialogueTemplate:
    """Serialises examples for one tokenizer.

    Args:
        tokenizer: a transformers fast tokenizer, or BlenderbotSmall's, of which there is no fast one. It is changed by
            `add_dialogue_tokens`. Build it with `from_pretrained(folder)`: `GPT2TokenizerFast(vocab_file=...)` has one
            token in transformers 5.
        added_tokens: tokens to add; empty for a tokenizer that is to stay as it is (T5).
        persona_mark, partner_mark, responder_mark: stand before the persona, the partner's and the responder's
            utterances; `partner_mark` also before the partner's persona. A mark that is no added token is encoded as
            text; "" is no mark, "<eos>" the tokenizer's end token.
        separator: stands between utterances of the context; "" is none.
        lone_blanks: False is `fixed`, True is `reference`, see the head of this module.
        target_end: "eos" ends a response with the eos token; "blank_eos" puts a lone blank before it (`reference`).
        space_punctuation: surround each of `. , ?` by blanks and collapse runs of blanks.
        persona_order: "as_given", "sorted", or "shuffled" (drawn from `seed` and the example's id).
        persona: whose sentences fill the persona segment; "none" leaves it empty, "id" puts the user's id there.
        max_persona_tokens: a longer persona loses its end; None is no limit.
        max_context_tokens: a longer context loses whole turns, oldest first; a single turn that is still too long loses
            its oldest tokens and keeps its mark.
        max_response_tokens: a longer response loses its last words and keeps its end; counts the end tokens.
        seed: of the shuffled persona order.

    Attributes:
        tokenizer: as given, with the additions.
        pad_id, eos_id: always present; `pad_id` is `eos_id` where the tokenizer has no pad token.
        bos_id, sep_id, cls_id: None where the tokenizer has none.

    Raises:
        UserError: the tokenizer is not fast or has no end token, or an option is unknown or cannot be had with it.
    """

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        added_tokens: Sequence[str] = ADDED_TOKENS,
        persona_mark: str = "P:",
        partner_mark: str = "Q:",
        responder_mark: str = "R:",
        separator: str = "[SEP]",
        lone_blanks: bool = False,
        target_end: Literal["eos", "blank_eos"] = "eos",
        space_punctuation: bool = True,
        persona_order: Literal["as_given", "sorted", "shuffled"] = "as_given",
        persona: Literal["self", "partner", "both", "none", "id"] = "self",
        max_persona_tokens: int | None = 512,
        max_context_tokens: int = 512,
        max_response_tokens: int = 128,
        seed: int = 0,
    ):
        _check("target_end", target_end, ("eos", "blank_eos"))
        _check("persona_order", persona_order, ("as_given", "sorted", "shuffled"))
        _check("persona", persona, ("self", "partner", "both", "none", "id"))
        if min(max_context_tokens, max_response_tokens, max_persona_tokens or 3) < 3:
            raise UserError(
                f"max_persona_tokens={max_persona_tokens}, max_context_tokens={max_context_tokens}, "
                f"max_response_tokens={max_response_tokens} was given; expected at least 3 tokens for every segment."
            )
        slow = reads_blenderbot_words(tokenizer)
        if slow and lone_blanks:
            raise UserError(
                "template.lone_blanks=true was given, which tokenises marks as the PAA release did, but "
                f"{type(tokenizer).__name__} leaves out every blank; expected false."
            )
        if not slow and not getattr(tokenizer, "is_fast", False):
            raise UserError(
                f"The template was given {type(tokenizer).__name__}, which is not a fast tokenizer; expected one that "
                f"has a tokenizer.json or can make it. Load it with AutoTokenizer.from_pretrained(folder)."
            )
        self.tokenizer = tokenizer
        self.added_tokens = tuple(added_tokens)
        self.persona_mark, self.partner_mark, self.responder_mark = persona_mark, partner_mark, responder_mark
        self.separator = separator
        self.lone_blanks = lone_blanks
        self.target_end = target_end
        self.space_punctuation = space_punctuation
        self.persona_order = persona_order
        self.persona = persona
        self.max_persona_tokens = max_persona_tokens
        self.max_context_tokens = max_context_tokens
        self.max_response_tokens = max_response_tokens
        self.seed = seed

        add_dialogue_tokens(tokenizer, self.added_tokens)
        if tokenizer.eos_token_id is None:
            raise UserError(
                f"{type(tokenizer).__name__} has no end token and added_tokens={self.added_tokens} brings none; "
                f"expected one to end responses with. Add '[EOS]' to added_tokens."
            )
        self.eos_id: int = tokenizer.eos_token_id
        self.pad_id: int = self.eos_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        self.bos_id: int | None = tokenizer.bos_token_id
        self.sep_id: int | None = tokenizer.sep_token_id
        self.cls_id: int | None = tokenizer.cls_token_id
        words = BlenderbotWords(tokenizer) if slow else None
        backend = tokenizer.backend_tokenizer.to_str() if words is None else words.to_str()
        self.tokenizer_sha256 = hashlib.sha256(backend.encode()).hexdigest()
        self._added_ids: dict[str, int] = dict(tokenizer.get_added_vocab())
        self._plain: Any = words or _without_added_tokens(backend)
        self._encoder: Any = _unpadded(Tokenizer.from_str(backend)) if lone_blanks else self._plain
        self._marks = {mark: self._mark(mark) for mark in (persona_mark, partner_mark, responder_mark, separator)}
        self._end = [*(self.ids(" ") if target_end == "blank_eos" else []), self.eos_id]

    @property
    def vocab_size(self) -> int:
        """Rows that an embedding table needs: the vocabulary with the added tokens."""
        return len(self.tokenizer)

    def settings(self) -> dict[str, Any]:
        """Everything that decides the ids, in plain types: part of a cache's fingerprint."""
        names = (
            "added_tokens persona_mark partner_mark responder_mark separator lone_blanks target_end space_punctuation "
            "persona_order persona max_persona_tokens max_context_tokens max_response_tokens seed tokenizer_sha256"
        )
        return {name: getattr(self, name) for name in names.split()}

    # --- words ---

    def persona_text(self, example: DialogueExample) -> str:
        """The persona segment as one string, e.g. "P: i have two dogs . i sing ."."""
        return " ".join(f"{mark} {' '.join(sentences)}" for mark, sentences in self._persona_parts(example))

    def context_text(self, example: DialogueExample) -> str:
        """The context segment as one string, e.g. "Q: hi ! [SEP] R: hello . [SEP] Q: how are you ?"."""
        return f" {self.separator} ".join(f"{mark} {text}" for mark, text in self._turns(example))

    def _persona_parts(self, example: DialogueExample) -> list[tuple[str, list[str]]]:
        """(mark, sentences) of whoever is shown."""
        own = (self.persona_mark, example.persona) if self.persona in ("self", "both") else None
        if self.persona == "id":
            own = (self.persona_mark, (example.user,))
        partner = (self.partner_mark, example.partner_persona) if self.persona in ("partner", "both") else None
        parts = []
        for mark, sentences in filter(None, (own, partner)):
            shown = [self.spaced(sentence) for sentence in sentences]
            if self.persona_order == "sorted":
                shown.sort()
            elif self.persona_order == "shuffled":
                random.Random(f"{self.seed}:{mark}:{example.id}").shuffle(shown)
            parts.append((mark, shown))
        return parts

    def _turns(self, example: DialogueExample) -> list[tuple[str, str]]:
        return [
            (self.responder_mark if by_responder else self.partner_mark, self.spaced(text))
            for text, by_responder in zip(example.history, example.history_by_responder, strict=True)
        ]

    def spaced(self, text: str) -> str:
        """The text as it is encoded: blanks around each of `. , ?`, runs of blanks collapsed (`space_punctuation`)."""
        return re.sub(r"\s+", " ", re.sub(r"([.,?])", r" \1 ", text)).strip() if self.space_punctuation else text

    # --- ids ---

    def encode(self, example: DialogueExample) -> EncodedExample:
        """Token ids of one example; see `encode_all`."""
        return self.encode_all([example])[0]

    def encode_all(self, examples: Sequence[DialogueExample]) -> list[EncodedExample]:
        """Token ids of many examples: every distinct string is tokenised once, all of them in one batch.

        Raises:
            UserError: a response is empty; names the example.
        """
        texts: dict[str, None] = {}  # an ordered set
        for example in examples:
            if not example.response.strip():
                raise UserError(
                    f"Example {example.id} has an empty response; expected words to learn. Remove the utterance from "
                    f"the corpus."
                )
            texts.update(dict.fromkeys(map(self.spaced, (example.response, *example.candidates))))
            if self.lone_blanks:
                texts.update(dict.fromkeys((self.persona_text(example), self.context_text(example))))
            else:
                parts = [sentence for _, sentences in self._persona_parts(example) for sentence in sentences]
                texts.update(
                    dict.fromkeys(f" {text}" for text in (*parts, *(turn for _, turn in self._turns(example))))
                )
        encodings = self._encoder.encode_batch_fast(list(texts), add_special_tokens=False)
        ids = {text: encoding.ids for text, encoding in zip(texts, encodings, strict=True)}
        return [self._assemble(example, ids) for example in examples]

    def _assemble(self, example: DialogueExample, ids: dict[str, list[int]]) -> EncodedExample:
        persona, persona_cut = self._persona_ids(example, ids)
        context, context_cut = self._context_ids(example, ids, self._context_room(persona, example))
        room = self.max_response_tokens - len(self._end)
        responses = [ids[self.spaced(text)] for text in (example.response, *example.candidates)]
        scored = example.response if len(responses[0]) <= room else self.decode(responses[0][:room])
        response, *candidates = ([*response[:room], *self._end] for response in responses)
        return EncodedExample(
            persona=persona,
            context=context,
            response=response,
            candidates=candidates,
            num_words=len(scored.split()),
            num_characters=len(scored),
            truncated=persona_cut or context_cut or any(len(response) > room for response in responses),
        )

    def _persona_ids(self, example: DialogueExample, ids: dict[str, list[int]]) -> tuple[list[int], bool]:
        if self.persona == "none":
            return [], False
        if self.lone_blanks:
            persona = ids[self.persona_text(example)]
        else:
            persona = []
            for mark, sentences in self._persona_parts(example):
                persona += self._marks[mark]
                for sentence in sentences:
                    persona += ids[f" {sentence}"]
        limit = self.max_persona_tokens or len(persona)
        return persona[:limit], len(persona) > limit

    def _context_room(self, persona: list[int], example: DialogueExample) -> int:
        """How many tokens the context may have beside this persona segment."""
        return self.max_context_tokens

    def _context_ids(self, example: DialogueExample, ids: dict[str, list[int]], room: int) -> tuple[list[int], bool]:
        turns = self._turns(example)
        for start in range(len(turns)):
            context = self._turn_ids(turns[start:], ids)
            if len(context) <= room:
                return context, start > 0
        if not turns:
            return [], False
        mark = self._marks[turns[-1][0]]  # even the newest turn alone is too long
        return [*mark, *context[len(context) - room + len(mark) :]], True

    def _turn_ids(self, turns: list[tuple[str, str]], ids: dict[str, list[int]]) -> list[int]:
        if self.lone_blanks:
            text = f" {self.separator} ".join(f"{mark} {said}" for mark, said in turns)
            return ids[text] if text in ids else self.ids(text)
        context: list[int] = []
        for mark, said in turns:
            context += (self._marks[self.separator] if context else []) + self._marks[mark] + ids[f" {said}"]
        return context

    def ids(self, text: str) -> list[int]:
        """Token ids of plain text, nothing added."""
        return list(self._encoder.encode(text, add_special_tokens=False).ids)

    def _mark(self, mark: str) -> list[int]:
        if not mark:
            return []
        if mark == END_MARK:
            return [self.eos_id]
        if mark in self._added_ids:
            return [self._added_ids[mark]]
        return list(self._plain.encode(f" {mark}", add_special_tokens=False).ids)

    def decode(self, ids: Iterable[int]) -> str:
        """Words of a response: cut at the first end token, without pads, marks and other added tokens.

        Args:
            ids: token ids of one response, a list or a tensor of one dimension.
        """
        skipped = {self.pad_id, *self._added_ids.values()}
        kept = []
        for token in map(int, ids):
            if token == self.eos_id:
                break
            if token not in skipped:
                kept.append(token)
        return str(self.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False)).strip()


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"{name}={value!r} was given to the template; expected one of {', '.join(known)}.")


def _without_added_tokens(backend: str) -> Tokenizer:
    """The same tokenizer, blind for added and special tokens wherever they stand in a text."""
    description = json.loads(backend)
    added = description["added_tokens"]
    description["added_tokens"] = []
    if description["model"]["type"] == "Unigram":  # its vocabulary holds "</s>" and would find it in plain text
        for token in added:
            if token["id"] < len(description["model"]["vocab"]):
                description["model"]["vocab"][token["id"]][0] = f"\ufdd0{token['id']}"  # a noncharacter: in no text
    return _unpadded(Tokenizer.from_str(json.dumps(description)))


def _unpadded(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
