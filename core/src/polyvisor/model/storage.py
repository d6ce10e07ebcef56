"""What storage pools and volumes both say: sizes in bytes, owners and modes of files, clean paths."""

from __future__ import annotations

import re
from typing import ClassVar

from polyvisor.documents import Element, attribute, element, required, text, value
from polyvisor.documents import datatypes as dt
from polyvisor.units import Size, scaled


def clean_path(path: str) -> str:
    """A path without repeated slashes and without one at its end; two at the beginning mean something and stay."""
    leading = "//" if re.match("//(?!/)", path) else path[:1]
    return leading + "/".join(part for part in path.split("/") if part) if path.startswith("/") else path


def _octal(text: str) -> int:
    return int(text, 8)


MODE = dt.Datatype(
    "file mode",
    pattern="[0-7]{1,5}",
    parse=_octal,
    format=lambda mode: f"0{int(mode):o}",
    describe="an octal mode such as 0644",
)
ID = dt.number("user or group id", -1, 2**32 - 1)


LARGEST = 2**64 - 1
"""The largest size, in bytes."""


class Bytes(Element):
    """A size; ``unit`` is bytes unless it says otherwise."""

    default_unit: ClassVar[str] = "bytes"

    value: int = required(text(dt.UINT64))
    unit: str | None = attribute(dt.UNIT)

    @property
    def size(self) -> Size:
        """The size in bytes."""
        return scaled(self.value, self.unit or self.default_unit)

    def in_bytes(self) -> None:
        """Say the same in bytes."""
        self.value, self.unit = int(self.size), self.default_unit


@element("capacity")
class Capacity(Bytes):
    """How much it holds, or seems to hold."""


@element("allocation")
class Allocation(Bytes):
    """How much of the storage below is in use for it."""


@element("permissions")
class Permissions(Element):
    """Mode, owner, group and security label of a file or directory; owner and group -1 leave them as they come."""

    mode: int | None = value(MODE)
    owner: int | None = value(ID)
    group: int | None = value(ID)
    label: str | None = value(dt.STRING)

    def settle(self) -> None:
        """Drop what says nothing."""
        if self.owner == -1:
            self.owner = None
        if self.group == -1:
            self.group = None

    @property
    def empty(self) -> bool:
        """Whether nothing is said."""
        return self.mode is None and self.owner is None and self.group is None and self.label is None
