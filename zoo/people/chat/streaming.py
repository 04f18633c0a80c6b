"""Text while it is written: pieces that add up to exactly what the whole reply decodes to."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from torch import Tensor
from transformers import StoppingCriteria
from transformers.generation.streamers import BaseStreamer

from zoo.errors import UserError

# Random numbers are the process's, so is a network while an adapter is chosen in it: one reply at a time.
GENERATING = threading.Lock()
UNREADABLE = "\N{REPLACEMENT CHARACTER}"  # bytes of a character that is not whole yet


class StopsWhen(StoppingCriteria):  # type: ignore[misc]
    """Ends decoding at the next token after somebody said so."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Any:
        """All rows [B], or none."""
        return input_ids.new_full((len(input_ids),), self.stop.is_set()).bool()


class Pieces(BaseStreamer):  # type: ignore[misc]
    """What transformers' generate() hands its tokens to: hands on text as soon as it is certain.

    A later token may change the last word (marks of word pieces, half a character), never what two decodings in a row
    agree on. transformers' own streamer waits for a blank, which Japanese has none of, and decodes by the tokenizer
    alone, not by the template.

    Args:
        decode: token ids of a reply -> its text.
        piece: is called with every new piece.
        prompt: calls of `put` that bring the prompt.
    """

    def __init__(self, decode: Callable[[list[int]], str], piece: Callable[[str], None], prompt: int = 1) -> None:
        self.decode, self.piece, self.prompt = decode, piece, prompt
        self.ids: list[int] = []
        self.before, self.given = "", ""

    def put(self, value: Tensor) -> None:
        """The next token of the only row."""
        if self.prompt:
            self.prompt -= 1
            return
        self.ids += value.flatten().tolist()
        text = self.decode(self.ids)
        certain = shared_start(self.before, text).partition(UNREADABLE)[0].rstrip()
        self.before = text
        self._give(certain)

    def end(self) -> None:
        """Nothing: who asked for the reply has its ids, and calls `finish`."""

    def finish(self, text: str) -> None:
        """The rest of the whole reply."""
        self._give(text)

    def _give(self, text: str) -> None:
        if len(text) > len(self.given) and text.startswith(self.given):
            self.piece(text[len(self.given) :])
            self.given = text


def shared_start(one: str, other: str) -> str:
    """What two texts begin with."""
    length = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    return one[:length]


def wait_until_written(seconds: float = 5.0) -> None:
    """Wait for a reply that was stopped and is at its last token: torch aborts a process that ends amid it."""
    if GENERATING.acquire(timeout=seconds):
        GENERATING.release()


def in_background(
    write: Callable[[Callable[[str], None]], None],
    stop: threading.Event,
    drawing: Callable[[], AbstractContextManager[Any]],
) -> Iterator[str]:
    """The pieces that `write` hands to its argument, from a thread, so that whoever listens can leave.

    Args:
        write: writes the reply; it looks at `stop`.
        stop: set when nobody listens any more, which ends the writing and lets the next one begin.
        drawing: around it: the state of random numbers.

    Raises:
        UserError: `write` did, or torch could not go on: nothing can be drawn, memory is used up.
        Exception: whatever else `write` met.
    """
    pieces: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            with GENERATING:
                if not stop.is_set():
                    with drawing():
                        write(pieces.put)
            pieces.put(None)
        except BaseException as error:
            pieces.put(error)

    threading.Thread(target=work, daemon=True, name="reply").start()
    ended = False
    try:
        while (piece := pieces.get()) is not None:
            if isinstance(piece, RuntimeError):
                why = str(piece).partition("\n")[0]
                raise UserError(f"The reply could not be written ({why}). Decode otherwise, or begin anew.") from piece
            if isinstance(piece, BaseException):
                raise piece
            yield piece
        ended = True
    finally:
        if not ended:
            stop.set()
