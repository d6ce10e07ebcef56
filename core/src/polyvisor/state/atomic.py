"""Files that are whole at any moment: the new content takes the old one's place in a single step.

A writer keeps its temporary file locked, so :func:`sweep` can tell a file in the making from one whose writer died.
"""

from __future__ import annotations

import fcntl
import os
from types import TracebackType

from polyvisor.state.disk import DISK, Disk, reported

TEMPORARY_PREFIX = ".new-"


class Staged:
    """A file complete beside its place: ``commit`` moves it there, leaving the block without that discards it."""

    __slots__ = ("_committed", "_descriptor", "_disk", "_durable", "_path", "_temporary")

    def __init__(
        self, path: str | os.PathLike[str], data: bytes, mode: int = 0o600, *, durable: bool = True, disk: Disk = DISK
    ) -> None:
        self._path = os.fspath(path)
        self._disk = disk
        self._durable = durable
        self._committed = False
        self._temporary, self._descriptor = _locked_temporary(os.path.dirname(self._path), mode, disk)
        try:
            disk.write(self._descriptor, data)
            if durable:
                disk.sync(self._descriptor)
        except BaseException:
            self._discard()
            raise

    def commit(self) -> None:
        """Take the place: from here on readers see the new content, whole."""
        self._disk.replace(self._temporary, self._path)
        self._committed = True

    def settle(self) -> None:
        """Make the change survive a power failure, where that was asked for."""
        if self._durable:
            self._disk.sync_directory(os.path.dirname(self._path))

    def _discard(self) -> None:
        try:
            self._disk.remove(self._temporary)
        except FileNotFoundError:
            pass  # gone is what was wanted
        finally:
            os.close(self._descriptor)

    def __enter__(self) -> Staged:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._committed:
            os.close(self._descriptor)
        else:
            self._discard()


def write_atomic(
    path: str | os.PathLike[str], data: bytes, mode: int = 0o600, *, durable: bool = True, disk: Disk = DISK
) -> None:
    """Replace ``path`` by ``data`` in one step; a reader sees the old content or the new, never part of either.

    With ``durable`` it has reached the storage on return; run-time state that a reboot discards need not.
    Raises HostError with the old content in place."""
    with reported("write", path), Staged(path, data, mode, durable=durable, disk=disk) as staged:
        staged.commit()
        staged.settle()


def sweep(directory: str | os.PathLike[str], *, disk: Disk = DISK) -> list[str]:
    """Remove the temporary files whose writers died; returns their names. A missing directory has none."""
    with reported("clean up", directory):
        try:
            found = [name for name in os.listdir(directory) if name.startswith(TEMPORARY_PREFIX)]
        except FileNotFoundError:
            return []
        return [name for name in found if _remove_abandoned(os.path.join(directory, name), disk)]


def _locked_temporary(directory: str, mode: int, disk: Disk) -> tuple[str, int]:
    while True:
        path = os.path.join(directory, TEMPORARY_PREFIX + os.urandom(8).hex())
        descriptor = disk.create(path, mode)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)  # a sweep came between creating and locking


def _remove_abandoned(path: str, disk: Disk) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        disk.remove(path)
    except (BlockingIOError, FileNotFoundError):
        return False  # its writer lives, or has just moved it into place
    finally:
        os.close(descriptor)
    return True
