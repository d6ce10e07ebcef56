"""Which objects a directory holds: one scan, no file read, and right even while another process changes it.

A directory scan may miss a file that is renamed meanwhile. Changes are therefore counted in the *length* of the
directory's lock file (sparse, so it costs no space): odd while names are changing, even when they are at rest. A scan
with the same even count before and after is true; any other is done again, at last behind a shared lock.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from polyvisor.errors import StateError
from polyvisor.state import header, naming
from polyvisor.state.disk import Disk, reported
from polyvisor.state.locks import locked

log = logging.getLogger(__name__)

LOCK_FILE = ".lock"
_ATTEMPTS = 3
_WAIT = 10.0

Stamp = tuple[int, int, int]
"""Inode and length of the lock file, and the directory's time of change: equal stamps mean equal listings."""


class Entry(NamedTuple):
    """An object that is kept: its name, its UUID and the file with its document."""

    name: str
    uuid: UUID
    file: str

    @property
    def path(self) -> Path:
        return Path(self.file)


class Listing:
    """The files of one scan, by UUID. ``twins`` are files that a rename cut short has left beside their successors."""

    def __init__(self, directory: str, files: list[str]) -> None:
        self.directory = directory
        self.files: dict[str, str] = {}
        self.twins: list[str] = []
        for file in files:
            if parts := naming.split(file):
                self._add(parts[0], file)

    def _add(self, uuid: str, file: str) -> None:
        rival = self.files.get(uuid)
        if rival is not None:
            older, file = sorted((rival, file), key=self._revision)
            self.twins.append(older)
        self.files[uuid] = file

    def _revision(self, file: str) -> int:
        path = os.path.join(self.directory, file)
        try:
            with open(path, "rb") as opened:
                return header.parse(opened.readline(header.LONGEST), path)[0]
        except FileNotFoundError:
            return -2  # a rename has just removed it
        except StateError:
            return -1  # any whole file is better than a damaged one

    @cached_property
    def owners(self) -> dict[str, str]:
        """UUIDs by encoded name."""
        return {file[37:-4]: uuid for uuid, file in self.files.items()}

    def entry(self, uuid: str) -> Entry | None:
        file = self.files.get(uuid)
        if file is None:
            return None
        try:
            return Entry(naming.decode(file[37:-4]), UUID(uuid), f"{self.directory}/{file}")
        except ValueError:
            log.warning("%s/%s is no file of Polyvisor's; it is left alone", self.directory, file)
            return None

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """All of them, by name."""
        return tuple(sorted(entry for uuid in self.files if (entry := self.entry(uuid))))


def observe(directory: str) -> tuple[Stamp, Listing]:
    """The directory's listing, true at one moment between call and return. A missing directory has no objects.

    Raises HostError when it cannot be read, and Busy when a process stopped in mid-change does not go on."""
    with reported("read", directory):
        for _ in range(_ATTEMPTS):
            before = stamp(directory)
            found = scan(directory)
            if before[1] % 2 == 0 and before[:2] == stamp(directory)[:2]:
                return before, found
        lock = os.path.join(directory, LOCK_FILE)
        with locked(lock, shared=True, timeout=_WAIT, subject=f"the list of objects in {directory}"):
            return stamp(directory), scan(directory)


def stamp(directory: str) -> Stamp:
    try:
        lock = os.stat(f"{directory}/{LOCK_FILE}")
        return lock.st_ino, lock.st_size, os.stat(directory).st_mtime_ns
    except FileNotFoundError:
        return 0, 0, 0


@contextmanager
def changing(lock: int, disk: Disk) -> Iterator[None]:
    """Count a change of names. Left by an exception, the count stays odd, and readers are careful until a repair."""
    size = os.fstat(lock).st_size | 1
    disk.resize(lock, size)
    yield
    disk.resize(lock, size + 1)


def scan(directory: str) -> Listing:
    """One look at the directory; true for one who holds its lock."""
    try:
        return Listing(directory, os.listdir(directory))
    except FileNotFoundError:
        return Listing(directory, [])
