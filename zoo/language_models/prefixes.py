"""`Prefixes`: keys and values of texts that a model has read; `Batch`: prompts that begin like them.

A dialogue's prompt goes on from an earlier one, and prompts share demonstrations: what they have in common need not be
read again. Letters: B batch, H heads, T tokens, P known tokens of the row with most, D width of a head.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import Cache, DynamicLayer

BLOCK = 16  # tokens: texts are looked up by whole blocks, then compared token by token
Layers = list[tuple[Tensor, Tensor]]  # keys and values of one text, [H, T, D] each


@dataclass(frozen=True, slots=True)
class Text:
    """Tokens, and what the model made of them."""

    tokens: list[int]
    layers: Layers
    prompt: int  # how many of the tokens were the prompt; the others answered it

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(tensor.nbytes for pair in self.layers for tensor in pair)


class Prefixes:
    """The texts read last, as many as there is room for.

    Args:
        room: bytes.
    """

    def __init__(self, room: int) -> None:
        self.room, self.used = room, 0
        self._texts: OrderedDict[int, Text] = OrderedDict()  # the oldest use first
        self._numbers: dict[int, int] = {}  # of texts, by the hashes of their beginnings
        self._next = 0

    def longest(self, tokens: Sequence[int]) -> tuple[int, Text | None]:
        """How many of the first tokens are known, and a text that begins with them; give or take a block."""
        for hashed in reversed(list(_hashes(tokens))):
            text = self._texts.get(self._numbers.get(hashed, -1))
            if text is not None and (common := _common(text.tokens, tokens)) >= BLOCK:
                self._texts.move_to_end(self._numbers[hashed])
                return common, text
        return 0, None

    def in_turns(self, prompts: Sequence[list[int]]) -> list[list[int]]:
        """The places of prompts in one or two turns, in each those with most to read first.

        Where at least half of them begin with what another one has to read too, and that is half of what they have to
        read, the others are in the first turn: these will know it.
        """
        known = [self.longest(prompt)[0] for prompt in prompts]
        behind: set[int] = set()
        leader = -1
        for n in sorted(range(len(prompts)), key=prompts.__getitem__) if self.room else ():
            shared = _common(prompts[leader], prompts[n]) - known[n] if leader >= 0 else 0
            if shared >= max(BLOCK, (len(prompts[n]) - known[n]) // 2):
                behind.add(n)
            else:
                leader = n
        if 2 * len(behind) < len(prompts):
            behind.clear()
        order = sorted(range(len(prompts)), key=lambda n: (known[n] - len(prompts[n]), -len(prompts[n])))
        return [[n for n in order if n not in behind], [n for n in order if n in behind]]

    def keep(self, text: Text) -> None:
        """Remember a text. One whose whole prompt it goes on from is forgotten, then the longest unused."""
        tokens = text.tokens
        if text.size > self.room:
            return
        length, before = self.longest(tokens[: text.prompt])
        if before is not None and before.prompt <= length:
            self._forget(next(reversed(self._texts)))
        self._texts[self._next] = text
        self._numbers |= dict.fromkeys(_hashes(tokens), self._next)
        self._next += 1
        self.used += text.size
        while self.used > self.room:
            self._forget(next(iter(self._texts)))

    def _forget(self, number: int) -> None:
        text = self._texts.pop(number)
        self.used -= text.size
        for hashed in _hashes(text.tokens):
            if self._numbers.get(hashed) == number:
                del self._numbers[hashed]


class RoomyLayer(DynamicLayer):
    """Keys and values of one layer in memory for all tokens to come: transformers' own copies all of them every token.

    Args:
        room: tokens, at most.
    """

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Take in new tokens' [B, H, new, D]; gives those of all tokens so far."""
        new = (key_states, value_states)
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.memory = [part.new_empty(*part.shape[:2], self.room, part.shape[3]) for part in new]
        first = self.get_seq_length()
        last = first + key_states.shape[2]
        for memory, part in zip(self.memory, new, strict=True):
            memory[:, :, first:last] = part
        self.keys, self.values = (memory[:, :, :last] for memory in self.memory)
        return self.keys, self.values


def plain_layers(config: PreTrainedConfig) -> int:
    """How many layers a model has, if all keep keys and values of every token; 0 with sliding windows, or states."""
    layers = DynamicCache(config=config).layers
    return len(layers) if all(type(layer) is DynamicLayer for layer in layers) else 0


class Batch:
    """Prompts side by side: all known parts end together, and so do all that are to be read.

    Args:
        prompts: token ids.
        known: of each, how many of the first tokens are known, not all, and a text that begins with them.
        pad: the id between, which nobody sees.

    Attributes:
        input_ids, mask: [B, T]; P of T are known.
    """

    def __init__(self, prompts: Sequence[list[int]], known: Sequence[tuple[int, Text | None]], pad: int) -> None:
        self.prompts, self.known = prompts, known
        self.past = max(length for length, _ in known)
        parts = [(prompt[:length], prompt[length:]) for prompt, (length, _) in zip(prompts, known, strict=True)]
        before, after = (left_padded(rows, pad) for rows in zip(*parts, strict=True))
        self.input_ids, self.mask = (torch.cat(both, dim=1) for both in zip(before, after, strict=True))

    def cache(self, layers: int, new: int) -> Cache:
        """A cache of that many layers with what is known [B, H, P, D], and room for the rest and `new` tokens more."""
        cache = Cache(layers=[RoomyLayer(self.mask.shape[1] + new) for _ in range(layers)])
        example = next((text for length, text in self.known if length and text is not None), None)
        for number, pair in enumerate(example.layers if example is not None else ()):
            made = [part.new_zeros(len(self.known), part.shape[0], self.past, part.shape[2]) for part in pair]
            for row, (length, text) in enumerate(self.known):
                if length and text is not None:
                    for target, part in zip(made, text.layers[number], strict=True):
                        target[row, :, self.past - length :] = part[:, :length]
            cache.update(made[0], made[1], number)
        return cache

    def read(self, cache: Cache, row: int, answer: list[int]) -> Text:
        """A row's prompt and answer as the cache has them now; what was not read, an answer's last token, is left."""
        prompt, (length, _), end = self.prompts[row], self.known[row], self.mask.shape[1]
        answer = answer[: cache.get_seq_length() - end]
        spans = ((self.past - length, self.past), (end - len(prompt) + length, end + len(answer)))
        cached: list[Any] = cache.layers
        layers = [
            (
                torch.cat([layer.keys[row, :, first:last] for first, last in spans], dim=1),
                torch.cat([layer.values[row, :, first:last] for first, last in spans], dim=1),
            )
            for layer in cached
        ]
        return Text(prompt + answer, layers, len(prompt))


def left_padded(rows: Sequence[list[int]], pad: int) -> tuple[Tensor, Tensor]:
    """Ids [B, T] that end together, and their mask [B, T], 0 at pads."""
    longest = max(map(len, rows))
    ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows], dtype=torch.long)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], dtype=torch.long)
    return ids, mask


def _hashes(tokens: Sequence[int]) -> Iterator[int]:
    """One for every beginning of whole blocks; equal beginnings have equal ones."""
    hashed = 0
    for end in range(BLOCK, len(tokens) + 1, BLOCK):
        hashed = hash((hashed, *tokens[end - BLOCK : end]))
        yield hashed


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))
