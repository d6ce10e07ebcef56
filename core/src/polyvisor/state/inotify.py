"""Being told when files change: inotify(7) of the kernel, by way of the C library."""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass

IN_MODIFY = 0x00000002
IN_MOVED_TO = 0x00000080
IN_CREATE = 0x00000100

_HEADER = struct.Struct("iIII")
_library = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a watched file, or to ``name`` in a watched directory. ``overflow``: more than was queued."""

    watch: int
    mask: int
    name: str

    @property
    def overflow(self) -> bool:
        return self.watch < 0


class Inotify:
    """An inotify instance; ``fileno`` is readable while changes wait."""

    def __init__(self) -> None:
        self._descriptor = _checked(_library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify")

    def fileno(self) -> int:
        return self._descriptor

    def watch(self, path: str | os.PathLike[str], mask: int) -> int:
        """Watch a file or directory; returns the number that its changes carry. Raises OSError."""
        return _checked(_library.inotify_add_watch(self._descriptor, os.fsencode(path), mask), os.fspath(path))

    def read(self) -> list[Change]:
        """The changes that wait; never blocks."""
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return []
        found = []
        while data:
            watch, mask, _, length = _HEADER.unpack_from(data)
            name = data[_HEADER.size : _HEADER.size + length].rstrip(b"\0")
            found.append(Change(watch, mask, os.fsdecode(name)))
            data = data[_HEADER.size + length :]
        return found

    def close(self) -> None:
        os.close(self._descriptor)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result
