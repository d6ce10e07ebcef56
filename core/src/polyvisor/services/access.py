"""Who may do what: the policy a connection is opened with.

Permissions are ``subject:verb`` (``domain:start``, ``connect:read``), as declared by the operations. A policy is a
set of patterns; ``*`` stands for anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from polyvisor.errors import AccessDenied, InvalidArgument, ReadOnly
from polyvisor.operations.declaration import Operation


@dataclass(frozen=True)
class Policy:
    """What a connection may do. ``Policy.allow("domain:read", "connect:*")``; ``denied`` wins over ``granted``."""

    granted: tuple[str, ...] = ("*",)
    denied: tuple[str, ...] = ()
    read_only: bool = False

    @classmethod
    def allow(cls, *patterns: str, deny: Iterable[str] = (), read_only: bool = False) -> Policy:
        """A policy that grants these patterns and nothing else; raises InvalidArgument for one without a colon."""
        denied = tuple(deny)
        for pattern in (*patterns, *denied):
            if pattern != "*" and ":" not in pattern:
                raise InvalidArgument(
                    f"{pattern!r} is not a permission pattern",
                    hint="write subject:verb, such as domain:start or domain:*",
                )
        return cls(patterns, denied, read_only)

    def grants(self, permission: str) -> bool:
        """Whether ``permission`` is granted."""
        return ("*" in self.granted or any(fnmatchcase(permission, pattern) for pattern in self.granted)) and not any(
            fnmatchcase(permission, pattern) for pattern in self.denied
        )

    def require(self, operation: Operation, arguments: Mapping[str, Any]) -> None:
        """Raise ReadOnly or AccessDenied unless ``operation`` may be called with ``arguments``."""
        if self.read_only and operation.changes:
            raise ReadOnly(
                f"{operation.name} changes something, and this connection is read-only",
                operation=operation.name,
                hint="open the connection without readonly",
            )
        if self.read_only and not operation.open_to_readers(arguments):
            raise ReadOnly(
                f"{operation.name} with these options shows secrets or changes something; this connection is read-only",
                operation=operation.name,
                hint="open the connection without readonly",
            )
        for permission in operation.permissions_for(arguments):
            if not self.grants(permission):
                raise AccessDenied(
                    f"{operation.name} needs the permission {permission}, which this connection does not have",
                    operation=operation.name,
                    details={"permission": permission},
                )


EVERYTHING = Policy()
"""No restriction."""
