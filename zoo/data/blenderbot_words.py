"""BlenderbotSmall's tokenizer, of which there is no fast one, with the methods of one that a template calls."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


def reads_blenderbot_words(tokenizer: Any) -> bool:
    """Is it transformers' tokenizer of BlenderbotSmall?"""
    return type(tokenizer).__name__ == "BlenderbotSmallTokenizer"


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one text."""

    ids: list[int]


class BlenderbotWords:
    """Encodes plain text: lower case, a BPE of words between blanks, and no special token wherever one is written.

    Args:
        tokenizer: transformers' `BlenderbotSmallTokenizer`.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def encode(self, text: str, add_special_tokens: bool = False) -> Encoded:
        """Token ids of one text; nothing is ever added."""
        # transformers' hook below the search for added tokens: "__end__" in somebody's words stays words
        return Encoded([self.tokenizer._convert_token_to_id(token) for token in self.tokenizer._tokenize(text)])

    def encode_batch_fast(self, texts: Sequence[str], add_special_tokens: bool = False) -> list[Encoded]:
        """Token ids of many texts."""
        return [self.encode(text) for text in texts]

    def to_str(self) -> str:
        """Vocabulary and merges: all that decides the ids."""
        merges = sorted(self.tokenizer.bpe_ranks, key=self.tokenizer.bpe_ranks.get)
        return json.dumps({"vocab": self.tokenizer.get_vocab(), "merges": merges}, sort_keys=True)
