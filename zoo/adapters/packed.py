r"""The adapters of very many users in one file, of which only the asked-for users' pages are read.

    header    magic, version
    data      each user's tensors, row-major, one after the other
    index     starts u64 [U]       where each user's data begins
              ids    u64 [U + 1]   where each user's id begins and ends in `names`
              kinds  u32 [U]       which of `layouts` a user has
              order  u32 [U]       users in the order of their ids' bytes, to search in
    names     ids, UTF-8
    layouts   JSON: every different combination of config and tensors, of which a bank has few
    trailer   number of users, where the index begins, bytes of names and of layouts, magic

All little-endian. U users.
"""

import json
import mmap
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.adapters.adapter import DTYPES, Adapter, check_adapter
from zoo.adapters.user_ids import from_bytes, to_bytes, unknown_user
from zoo.errors import UserError
from zoo.files import write_atomically

MAGIC, VERSION = b"ZOOADAPT", 1
HEADER, TRAILER = struct.Struct("<8sI4x"), struct.Struct("<QQQQ8s")
NAMED_DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in DTYPES}


def write_packed(path: str | Path, adapters: Iterable[tuple[str, Adapter]]) -> None:
    """Write (user id, adapter) pairs to one file, one at a time; ids and places are all that is held.

    Numbers of virtual tokens, ranks and types may differ by user. The file appears whole or not at all.

    Raises:
        UserError: an id is empty or comes twice, or an adapter is not what its config says.
        OSError: the disk is full, or the file may not be written.
    """
    write_atomically(Path(path), _pieces(adapters))


def _pieces(adapters: Iterable[tuple[str, Adapter]]) -> Iterator[bytes]:
    layouts: dict[str, int] = {}
    places: dict[bytes, int] = {}
    starts, kinds = array("Q"), array("L")
    position = HEADER.size
    yield HEADER.pack(MAGIC, VERSION)
    for user, adapter in adapters:
        raw = to_bytes(user)
        if places.setdefault(raw, len(places)) != len(starts):
            raise UserError(f"The user {user!r} comes twice; expected one adapter a user. Leave one of them out.")
        check_adapter(adapter, f"The user {user!r}")
        starts.append(position)
        kinds.append(layouts.setdefault(_layout(adapter), len(layouts)))
        for _, tensor in sorted(adapter.tensors.items()):
            data = tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
            position += len(data)
            yield data
    yield bytes(-position % 8)
    ids = np.cumsum([0, *map(len, places)], dtype="<u8")
    order = np.array([places[raw] for raw in sorted(places)], dtype="<u4")
    for column, dtype in ((starts, "<u8"), (ids, "<u8"), (kinds, "<u4"), (order, "<u4")):
        yield np.asarray(column, dtype=dtype).tobytes()
    yield from places
    described = f"[{','.join(layouts)}]".encode()
    yield described
    yield TRAILER.pack(len(places), position + -position % 8, int(ids[-1]), len(described), MAGIC)


def _layout(adapter: Adapter) -> str:
    tensors = [
        (name, str(t.dtype).removeprefix("torch."), list(t.shape)) for name, t in sorted(adapter.tensors.items())
    ]
    return json.dumps({"config": dict(adapter.config), "tensors": tensors}, sort_keys=True)


class PackedAdapters:
    """What `write_packed` wrote, memory-mapped: opening reads the layouts, `read` the data of the users asked for.

    Raises:
        UserError: the file is missing, cut short, of another kind, or of a later version.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(0)
                header = file.read(HEADER.size)
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        except OSError as error:
            raise UserError(
                f"The packed adapters {path} cannot be opened ({error.strerror}). Give the file that pack() wrote."
            ) from error
        if len(header) < HEADER.size or header[:8] != MAGIC:
            raise UserError(
                f"{path} holds no packed adapters: it begins with {header[:8]!r}, not {MAGIC!r}. Give the file that "
                "pack() wrote."
            )
        version = HEADER.unpack(header)[1]
        if version != VERSION:
            raise UserError(
                f"{path} holds packed adapters of format {version}; expected {VERSION}. Read it with the version of "
                "this package that wrote it, or pack the adapters again."
            )
        trailer = mapped[max(HEADER.size, size - TRAILER.size) :].ljust(TRAILER.size)
        count, index, num_names, num_layouts, magic = TRAILER.unpack(trailer)
        names = index + 8 * count + 8 * (count + 1) + 4 * count + 4 * count
        if magic != MAGIC or names + num_names + num_layouts + TRAILER.size != size:
            raise UserError(
                f"{path} is not whole: its {size:,} bytes do not end as packed adapters do. It was cut short, perhaps "
                "by a copy that broke off; copy it or pack the adapters again."
            )
        if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_RANDOM"):
            mapped.madvise(mmap.MADV_RANDOM)  # users are spread over the file: reading ahead brings in strangers
        self._mapped, self._names, self._count = mapped, names, count
        self._starts = self._column("<u8", index, count)
        self._ids = self._column("<u8", index + 8 * count, count + 1)
        self._kinds = self._column("<u4", index + 8 * count + 8 * (count + 1), count)
        self._order = self._column("<u4", index + 8 * count + 8 * (count + 1) + 4 * count, count)
        self._layouts: list[dict[str, Any]] = json.loads(mapped[names + num_names : names + num_names + num_layouts])

    def _column(self, dtype: str, start: int, count: int) -> NDArray[Any]:
        return np.frombuffer(self._mapped, dtype, count, start)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, user: object) -> bool:
        return isinstance(user, str) and user != "" and self._row(user) is not None

    @cached_property
    def users(self) -> list[str]:
        """All ids, in the order in which they were written."""
        return [from_bytes(self._id(row)) for row in range(self._count)]

    @property
    def config(self) -> dict[str, Any]:
        """The settings on which all users agree; where ranks differ, for example, there is no "r"."""
        first, *others = [layout["config"] for layout in self._layouts] or [{}]
        return {name: value for name, value in first.items() if all(other.get(name, ...) == value for other in others)}

    def read(self, users: Sequence[str]) -> list[Adapter]:
        """The adapters of `users`, copies in memory.

        Raises:
            UserError: a user is not in the file.
        """
        return [self._adapter(user) for user in users]

    def _adapter(self, user: str) -> Adapter:
        row = self._row(user)
        if row is None:
            raise unknown_user(user, self.users, self.path)
        layout = self._layouts[self._kinds[row]]
        position, tensors = int(self._starts[row]), {}
        for name, dtype_name, shape in layout["tensors"]:
            dtype = NAMED_DTYPES[dtype_name]
            end = position + dtype.itemsize * int(np.prod(shape))
            tensors[name] = _tensor(self._mapped[position:end], dtype).reshape(shape)
            position = end
        return Adapter(tensors, dict(layout["config"]))

    def _row(self, user: str) -> int | None:
        raw = to_bytes(user)
        place = bisect_left(self._order, raw, key=self._id)
        row = int(self._order[place]) if place < self._count else -1
        return row if row >= 0 and self._id(row) == raw else None

    def _id(self, row: int) -> bytes:
        return self._mapped[self._names + int(self._ids[row]) : self._names + int(self._ids[row + 1])]


def _tensor(data: bytes, dtype: torch.dtype) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=dtype)
