"""Adapters by user id, each in a PEFT folder of its own below one folder; kills lose nothing that was saved before."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from zoo.adapters.adapter import Adapter, check_adapter
from zoo.adapters.packed import write_packed
from zoo.adapters.peft_folder import (
    CONFIG,
    USER_ID,
    read_peft_folder,
    refuse_other_folders,
    replace_folder,
    write_files,
)
from zoo.adapters.user_ids import folder_name, from_bytes, is_hashed, to_bytes, unknown_user, user_of
from zoo.files import write_atomically


class AdapterStore:
    """One adapter a user.

    `FOLDER/<id, percent-encoded>` is a folder that `peft` reads. A save is written to `.new`, the user's former
    adapter waits in `.former` while the two change places, and `.lock` is held meanwhile; so whatever lies in `.new`
    or `.former` when the lock is free was left by a kill, and whoever comes next puts it right. Several processes may
    save and load at once.

    Args:
        folder: made at the first save.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._new, self._former = self.folder / ".new", self.folder / ".former"
        with self._locked(fcntl.LOCK_SH):
            pass  # what a kill left behind is put right

    def path(self, user: str) -> Path:
        """Where the user's PEFT folder is, or would be."""
        return self.folder / folder_name(user)

    def save(self, user: str, adapter: Adapter) -> None:
        """Keep `adapter` as this user's; a former one is replaced.

        Raises:
            UserError: the id is empty, the adapter is not what its config says, or in the place of the user's
                folder is one that holds other things.
            OSError: the disk is full, or the folder may not be written.
        """
        name = folder_name(user)
        check_adapter(adapter, f"The user {user!r}")
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked(fcntl.LOCK_EX):
            refuse_other_folders(self.folder / name)
            try:
                self._new.mkdir()
                write_files(self._new, adapter)
                if is_hashed(name):
                    write_atomically(self._new / USER_ID, [to_bytes(user)])
                self._former.mkdir(exist_ok=True)
                replace_folder(self.folder / name, self._new, self._former / name)
            finally:
                shutil.rmtree(self._new, ignore_errors=True)

    def load(self, users: Sequence[str]) -> list[Adapter]:
        """The adapters of `users`.

        Raises:
            UserError: a user has none, or it is damaged.
        """
        with self._locked(fcntl.LOCK_SH):
            return [read_peft_folder(self._known(user)) for user in users]

    def delete(self, user: str) -> None:
        """Remove every trace of this user's adapter from the store.

        Raises:
            UserError: the user has none.
        """
        with self._locked(fcntl.LOCK_EX):
            folder = self._known(user)
            refuse_other_folders(folder)
            os.rename(folder, self._new)  # gone at once; after a kill the rest goes with the next opening
            shutil.rmtree(self._new)

    def users(self) -> list[str]:
        """All ids, sorted."""
        with self._locked(fcntl.LOCK_SH):
            return self._users()

    def __contains__(self, user: object) -> bool:
        if not isinstance(user, str) or not user:
            return False
        with self._locked(fcntl.LOCK_SH):
            return (self.path(user) / CONFIG).is_file()

    def pack(self, path: str | Path) -> None:
        """Write all adapters to one file for `PackedAdapters`, one at a time.

        Raises:
            UserError: an adapter is damaged.
        """
        write_packed(path, ((user, self.load([user])[0]) for user in self.users()))

    def _known(self, user: str) -> Path:
        folder = self.path(user)
        if not folder.is_dir():
            raise unknown_user(user, self._users(), self.folder)
        return folder

    def _users(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        with os.scandir(self.folder) as entries:
            found = (_user(Path(entry.path)) for entry in entries if entry.is_dir())
            return sorted(user for user in found if user is not None)

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """Alone in the store (LOCK_EX) or beside other readers (LOCK_SH), with nothing left over from a kill."""
        try:
            lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            if kind == fcntl.LOCK_EX and self.folder.is_dir():
                raise
            yield  # there is no store yet, or it may not be written: nobody is to be waited for
            return
        try:
            fcntl.flock(lock, kind)
            if self._leftovers():
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._put_right()
                fcntl.flock(lock, kind)
            yield
        finally:
            os.close(lock)

    def _leftovers(self) -> bool:
        return self._new.exists() or (self._former.exists() and any(self._former.iterdir()))

    def _put_right(self) -> None:
        if self._new.exists():
            shutil.rmtree(self._new)
        for former in self._former.iterdir() if self._former.exists() else ():
            place = self.folder / former.name
            if place.exists():
                shutil.rmtree(former)
            else:
                os.rename(former, place)


def _user(folder: Path) -> str | None:
    """Whose adapter a folder of the store holds; None for a stranger's folder."""
    if not is_hashed(folder.name):
        user = user_of(folder.name)
        return user if user is not None and (folder / CONFIG).is_file() else None
    try:
        user = from_bytes((folder / USER_ID).read_bytes())
    except (OSError, UnicodeDecodeError):
        return None
    return user if user and folder_name(user) == folder.name else None
