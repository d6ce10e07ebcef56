"""Reading sysfs and procfs, the host's own or a recorded copy."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from polyvisor.host.cpulist import parse_cpu_list

_NUMBERED = re.compile(r"(\D*)(\d+)")


class Tree:
    """Files of a host below ``root``; ``places`` moves some of its directories or files elsewhere.

    ``Tree("/")`` is this host. ``Tree("/nowhere", {"/sys/devices/system": recorded})`` is a recorded one.
    Whatever is missing or cannot be read is None or empty: the kernel leaves out what a host does not have."""

    def __init__(self, root: str | os.PathLike[str] = "/", places: Mapping[str, str | os.PathLike[str]] | None = None):
        self._root = os.fspath(root).rstrip("/")
        self._places = sorted(((key, os.fspath(value)) for key, value in (places or {}).items()), reverse=True)

    def path(self, path: str) -> str:
        """Where the host's absolute ``path`` really is."""
        for place, elsewhere in self._places:
            if path == place or path.startswith(place + "/"):
                return elsewhere.rstrip("/") + path[len(place) :]
        return self._root + path

    def text(self, path: str) -> str | None:
        """The file's content without white space at its ends."""
        try:
            with open(self.path(path), encoding="utf-8", errors="replace") as file:
                return file.read().strip()
        except OSError:
            return None

    def number(self, path: str) -> int | None:
        """The whole number in the file, decimal or ``0x``."""
        try:
            return int(self.text(path) or "", 0)
        except ValueError:
            return None

    def cpus(self, path: str) -> tuple[int, ...] | None:
        """The CPU or node numbers in a list file (``0-3,8``)."""
        text = self.text(path)
        return None if text is None else parse_cpu_list(text)

    def cpu_mask(self, path: str) -> tuple[int, ...] | None:
        """The CPU numbers in a mask file (``ff,000000ff``)."""
        try:
            mask = int((self.text(path) or "").replace(",", ""), 16)
        except ValueError:
            return None
        return tuple(number for number in range(mask.bit_length()) if mask >> number & 1)

    def names(self, path: str) -> list[str]:
        """What the directory holds, sorted."""
        try:
            return sorted(os.listdir(self.path(path)))
        except OSError:
            return []

    def numbered(self, path: str, prefix: str) -> list[int]:
        """Numbers N of the entries ``prefixN`` of a directory, sorted."""
        found = (_NUMBERED.fullmatch(name) for name in self.names(path))
        return sorted(int(match[2]) for match in found if match and match[1] == prefix)

    def exists(self, path: str) -> bool:
        return os.path.exists(self.path(path))
