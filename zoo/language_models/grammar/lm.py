"""`GrammarLm`: the offline stand-in for a language model that PersonaChatGen's code runs on by default."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path

from zoo.data.persona_lexicon import RUDE_WORDS, Lexicon, read_lexicon
from zoo.errors import UserError
from zoo.language_models.base import LanguageModel, Request, before_stop
from zoo.language_models.grammar.chat import ChatWriter
from zoo.language_models.grammar.chat_prompt import read_chat
from zoo.language_models.grammar.draws import Draws
from zoo.language_models.grammar.noise import Noise
from zoo.language_models.grammar.phrases import read_phrases
from zoo.language_models.grammar.profile import ProfileWriter, read_profile_prompt
from zoo.language_models.grammar.sentences import Sentences


class GrammarLm(LanguageModel):
    """Answers prompts for profile sentences and for dialogue turns from a lexicon, with mistakes; others blandly.

    An answer follows from the request's prompt and seed, the settings and the lexicon. It ends before a stop string
    and after `max_new_tokens` words: a token is a word here, with the white space before it. Temperature, top_p and
    the penalties are for models that have logits; they change nothing.

    Only the last block of a prompt counts, demonstrations teach nothing. A turn follows from the personas that this
    block shows and from its turns.

    Args:
        lexicon: what sentences are made of; None is `read_lexicon()`.
        noise: `Noise`'s settings by name.

    Raises:
        UserError: a setting that there is not, or that is out of its range.
    """

    together = 256  # they cost nothing to make, but a transaction each would cost far more

    def __init__(self, lexicon: Lexicon | None = None, **noise: float) -> None:
        names = [field.name for field in fields(Noise)]
        if unknown := [name for name in noise if name not in names]:
            raise UserError(f"The grammar has no {', '.join(unknown)}; expected settings among {', '.join(names)}.")
        self.noise = Noise(**noise)
        self.lexicon = lexicon or read_lexicon()
        self.phrases = read_phrases()
        sentences = Sentences(self.lexicon, self.phrases)
        self.profiles = ProfileWriter(sentences, self.noise)
        self.chats = ChatWriter(sentences, self.noise)
        lexicon_words = [repr(leaf) for leaf in self.lexicon.leaves.values()]
        self.identity = " ".join(
            (
                "grammar",
                _hash(json.dumps(asdict(self.noise), sort_keys=True)),
                _hash(json.dumps([lexicon_words, dict(RUDE_WORDS)])),
                _hash(*(file.read_text(encoding="utf-8") for file in _own_files())),  # rules decide answers too
            )
        )

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, str]]:
        """See `LanguageModel.answers`; one after the other."""
        for place, request in enumerate(requests):
            yield place, before_stop(_first_words(self._text(request), request.max_new_tokens), request.stop)

    def _text(self, request: Request) -> str:
        draws = Draws(request.seed, request.prompt)
        if profile := read_profile_prompt(request.prompt):
            return self.profiles.answer(profile, draws)
        if chat := read_chat(request.prompt):
            return self.chats.answer(chat, draws)
        return f" {draws.pick(self.phrases.unknown)}"


def _first_words(text: str, n: int) -> str:
    """`text` up to the end of its n-th word; white space behind the last word stays if there are not more."""
    ends = [word.end() for word in islice(re.finditer(r"\S+", text), n + 1)]
    return text if len(ends) <= n else text[: ends[n - 1]]


def _hash(*texts: str) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()[:16]


def _own_files() -> list[Path]:
    folder = Path(__file__).parent
    return sorted([*folder.glob("*.py"), *folder.glob("*.yaml")])
