"""The few system calls that change what is on disk, and what their failures mean to a person.

:class:`Disk` is the seam of the property tests: a test hands the store a disk that dies, or is full, at any one step.
"""

from __future__ import annotations

import errno
import os
from contextlib import AbstractContextManager
from types import TracebackType

from polyvisor.errors import HostError

HINTS = {
    errno.ENOSPC: "free some space on that file system and try again",
    errno.EDQUOT: "your disk quota is used up; remove files or ask for more",
    errno.EACCES: "run as the owner of that directory, or use a session connection",
    errno.EPERM: "run as the owner of that directory, or use a session connection",
    errno.EROFS: "that file system is mounted read-only",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.ENOTDIR: "a file stands where a directory is expected; move it away",
    errno.EISDIR: "a directory stands where a file is expected; move it away",
    errno.EIO: "the storage below reports errors; see the kernel log",
}
"""What a person can do about an error number."""


class Disk:
    """Each step of a change on disk, one method each."""

    def create(self, path: str, mode: int) -> int:
        """A new file's descriptor; raises FileExistsError."""
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)

    def write(self, descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def replace(self, source: str, target: str) -> None:
        os.rename(source, target)

    def remove(self, path: str) -> None:
        os.unlink(path)

    def resize(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)

    def sync_directory(self, path: str) -> None:
        """Make names created or removed in ``path`` survive a power failure."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # some network file systems cannot sync a directory
                raise
        finally:
            os.close(descriptor)


DISK = Disk()
"""The real one."""


def reported(action: str, path: str | os.PathLike[str]) -> AbstractContextManager[None]:
    """Turn an OSError inside into a HostError: "cannot ``action`` ``path``: ..." with a hint."""
    return _Reported(action, path)


class _Reported:
    """A class and no generator, for it is entered many times for each change and hardly ever has anything to say."""

    __slots__ = ("_action", "_path")

    def __init__(self, action: str, path: str | os.PathLike[str]) -> None:
        self._action = action
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, OSError):
            return
        number = error.errno or 0
        path = os.fspath(self._path)
        raise HostError(
            f"cannot {self._action} {path}: {os.strerror(number).lower() if number else error}",
            hint=HINTS.get(number),
            details={"errno": errno.errorcode.get(number, str(number)), "path": path},
        ) from error


def make_private_directory(path: str | os.PathLike[str]) -> None:
    """Create ``path`` and what is missing above it, all with mode 0700; existing directories are left as they are."""
    with reported("create directory", path):
        _make_directories(os.fspath(path))


def _make_directories(path: str) -> None:
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent and parent != path:
        _make_directories(parent)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):  # else another process was quicker
            raise
