"""Putting back what a snapshot holds: a container gets all of it or nothing, whenever the work is cut short.

Copies are made whole beside their places first; meanwhile the container may run. Then each changes places with what is
there, in one step of the kernel's, and what was there is removed. A mark says how far that is: whoever comes next takes
away copies that were not complete, and finishes what was begun with complete ones. Which of the exchanges are done is
told by the numbers of the inodes, and of the file systems that they are of: subvolumes have inodes of one number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from polyvisor.errors import StateError
from polyvisor.spi import JobControl
from polyvisor.state import reported, write_atomic
from polyvisor_lxc import copies, kernel


@dataclass(frozen=True, slots=True)
class Reversal:
    """A way back to a snapshot that is being gone.

    ``places`` are the paths that are put back; ``inodes`` tells each complete copy from all else, and is empty while
    the copies are being made."""

    snapshot: str
    places: tuple[str, ...]
    inodes: Mapping[str, list[int]]

    @property
    def complete(self) -> bool:
        """Whether every copy is made."""
        return bool(self.inodes)


def mark(directory: str) -> str:
    """The file that tells that the container with these snapshots is being taken back to one."""
    return f"{directory}/reverting"


def pending(directory: str) -> Reversal | None:
    """What was cut short, None for nothing. Raises StateError."""
    path = mark(directory)
    with reported("read", path):
        try:
            with open(path, "rb") as file:
                text = file.read()
        except FileNotFoundError:
            return None
    try:
        found: dict[str, Any] = json.loads(text)
        return Reversal(found["snapshot"], tuple(found["places"]), found["inodes"])
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path} is damaged: {error}", driver="lxc") from error


def stage(directory: str, snapshot: str, copied: Mapping[str, str], job: JobControl) -> Reversal:
    """Make the copies; ``copied`` has what is to be at each place. Leaves nothing when it fails or is cancelled."""
    begun = Reversal(snapshot, tuple(copied), {})
    _write(directory, begun)
    try:
        for number, (place, kept) in enumerate(copied.items()):
            job.progress(number, len(copied), unit="copies")
            copies.remove(copies.beside(place))
            copies.copy(kept, copies.beside(place), job)
            kernel.sync_file_system(copies.beside(place))
        staged = Reversal(snapshot, tuple(copied), {place: _identity(copies.beside(place)) for place in copied})
        _write(directory, staged)
    except BaseException:
        end(directory, begun)
        raise
    return staged


def exchange(reversal: Reversal) -> None:
    """Have every copy at its place; those that are there already stay."""
    for place in reversal.places:
        with reported("replace", place):
            if not os.path.exists(place) or _identity(place) != reversal.inodes[place]:
                kernel.exchange(copies.beside(place), place)


def _identity(path: str) -> list[int]:
    """What stays the same about a file or directory when it is renamed, and when the host is started again."""
    with reported("read", path):
        return [os.stat(path).st_ino, os.statvfs(path).f_fsid]


def end(directory: str, reversal: Reversal) -> None:
    """Remove what is left beside the places, and the mark."""
    for place in reversal.places:  # after the exchange, what was there is where the copy was made
        copies.remove(copies.beside(place))
        copies.remove(kernel.aside(copies.beside(place)))
    copies.remove(mark(directory))


def _write(directory: str, reversal: Reversal) -> None:
    write_atomic(mark(directory), json.dumps(asdict(reversal)).encode())
