"""`Seen`: which texts came by already, in 10 to 16 bytes a text however long they are."""

import hashlib
from array import array


class Seen:
    """A set of 64-bit hashes in one flat table (open addressing, linear probing); Python's own takes ten times that.

    Among a million texts, two different ones are taken for the same with a probability of 3e-8.

    >>> seen = Seen()
    >>> seen.add("like_food", "I eat rice."), seen.add("like_food", "I eat rice."), seen.add("", "I eat rice.")
    (True, False, True)
    """

    def __init__(self) -> None:
        self._table = array("Q", [0]) * 64  # 0: empty
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def add(self, *parts: str) -> bool:
        """Remember a text of one or several parts; whether it is new."""
        digest = hashlib.blake2b(digest_size=8)
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
        value = int.from_bytes(digest.digest(), "big") or 1
        place = _place(self._table, value)
        if self._table[place]:
            return False
        self._table[place] = value
        self._n += 1
        if self._n > 0.78 * len(self._table):
            self._grow()
        return True

    def _grow(self) -> None:
        table = array("Q", [0]) * (len(self._table) * 8 // 5)
        for value in self._table:
            if value:
                table[_place(table, value)] = value
        self._table = table


def _place(table: "array[int]", value: int) -> int:
    """Where a hash is, or the empty place where it belongs."""
    place = value % len(table)
    while table[place] not in (0, value):
        place = (place + 1) % len(table)
    return place
