"""User ids, which may be any text, as names of folders and in messages."""

import difflib
import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from zoo.errors import UserError

# Capitals are escaped too: on some disks "Ann" and "ann" are one name. So are dots: "." and ".." are folders.
UNESCAPED = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
LONGEST_NAME = 200  # of the 255 bytes that file systems take
COMPARED = 5000  # ids that an unknown one is compared with: a tenth of a second


def to_bytes(user: str) -> bytes:
    """The id as UTF-8.

    Raises:
        UserError: the id is empty.
    """
    if not user:
        raise UserError("A user id is empty; expected some text. Give every user an id of at least one character.")
    return user.encode("utf-8", "surrogatepass")


def from_bytes(raw: bytes) -> str:
    """The inverse of `to_bytes`."""
    return raw.decode("utf-8", "surrogatepass")


def folder_name(user: str) -> str:
    """A name that is safe on every disk and different for every id: percent-encoded, or "=" and a hash if too long."""
    raw = to_bytes(user)
    name = "".join(chr(byte) if byte in UNESCAPED else f"%{byte:02x}" for byte in raw)
    return f"={hashlib.sha256(raw).hexdigest()}" if len(name) > LONGEST_NAME else name


def is_hashed(name: str) -> bool:
    """Whether `folder_name` gave a hash, from which the id cannot be told."""
    return name.startswith("=")


def user_of(name: str) -> str | None:
    """The id that `folder_name` turned into `name`; None where it gives no such name, or a hash."""
    try:
        user = from_bytes(unquote_to_bytes(name))
    except UnicodeDecodeError:
        return None
    return user if user and folder_name(user) == name else None


def unknown_user(user: str, users: Iterable[str], where: object) -> UserError:
    """The error for an id that `where` has no adapter of."""
    known = sorted(users)
    place = bisect_left(known, user)  # among very many, typing errors are looked for near by
    near = known[max(0, place - COMPARED // 2) : place + COMPARED // 2]
    close = ", ".join(map(repr, difflib.get_close_matches(user, near)))
    return UserError(
        f"{where} has no adapter of the user {user!r}; it has those of {len(known):,} users"
        + (f", the closest of them {close}. Give one of these" if close else ". Give one that it has")
        + ", or train and save an adapter for this user first."
    )
