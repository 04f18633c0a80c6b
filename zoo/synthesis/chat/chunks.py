"""`chunks`: a stream in pieces of a bounded size, for what is done to many items at once."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from zoo.errors import UserError

T = TypeVar("T")


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items in their order, the last one shorter; nothing is read ahead of the list given.

    Raises:
        UserError: `size` is below 1.

    >>> list(chunks("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    if size < 1:
        raise UserError(f"Chunks of {size} were asked for; expected at least 1 item in each.")
    stream = iter(items)
    while chunk := list(islice(stream, size)):
        yield chunk
