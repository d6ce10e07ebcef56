"""A fault in a document: where, what stands there, what may stand there."""

from __future__ import annotations

from typing import Any

from polyvisor.documents.datatypes import listing


class Fault:
    """One fault.

    ``path`` is an XPath such as ``/domain/devices/disk[2]/@typ`` (indexed where siblings share a tag), ``line`` the
    line of the source or None, ``found`` what stands there, ``expected`` what may (the nearest few), ``nearest`` the
    right name that a wrong one is probably meant to be."""

    __slots__ = ("expected", "found", "line", "message", "nearest", "path")

    def __init__(
        self,
        path: str,
        line: int | None,
        message: str,
        *,
        found: str | None = None,
        expected: tuple[str, ...] = (),
        nearest: str | None = None,
    ) -> None:
        self.path = path
        self.line = line
        self.message = message
        self.found = found
        self.expected = expected
        self.nearest = nearest

    def as_dict(self) -> dict[str, Any]:
        """The fault as plain data."""
        return {
            "path": self.path,
            "line": self.line,
            "message": self.message,
            "found": self.found,
            "expected": list(self.expected),
            "nearest": self.nearest,
        }

    def __str__(self) -> str:
        """One line: ``line 12: /domain/devices/disk[2]: unknown attribute 'typ'; did you mean 'type'?``"""
        element = self.path.split("/@")[0]
        line = f"line {self.line}: " if self.line else ""
        where = f"{element}: " if element not in ("", "/") else ""
        return f"{line}{where}{self.message}{self._hint()}"

    def _hint(self) -> str:
        if self.nearest:
            return f"; did you mean '{self.nearest}'?"
        if all(name in self.message for name in self.expected):
            return ""
        return f"; expected {listing(self.expected, 'or')}"

    def __repr__(self) -> str:
        return f"Fault({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fault) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.path, self.message))
