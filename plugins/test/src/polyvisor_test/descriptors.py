"""File descriptors that callers hand over, for disks of ``<source fdgroup='name'>``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor_test.finding import devices_of

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_test.machine import Machine


class Descriptors:
    """Groups of descriptors by guest and name. They are copies, and are closed with their connection."""

    def __init__(self) -> None:
        self._groups: dict[tuple[UUID, str], list[int]] = {}

    def put(self, uuid: UUID, name: str, fds: Sequence[int]) -> None:
        """Keep copies of ``fds`` under a name, in place of an earlier group of it."""
        if not name or not fds:
            raise InvalidArgument("a group of file descriptors has a name and at least one descriptor")
        try:
            copies = [os.dup(fd) for fd in fds]
        except (OSError, OverflowError) as error:
            raise InvalidArgument(f"not every one of {list(fds)} is an open file descriptor") from error
        self._close(self._groups.pop((uuid, name), []))
        self._groups[uuid, name] = copies

    def require(self, machine: Machine, config: Domain) -> None:
        """Raise UnsupportedConfiguration when a disk of the guest names a group that nobody has handed over."""
        for disk in devices_of(config).disks:
            group = getattr(disk.source, "fdgroup", None)
            if group is not None and (machine.uuid, group) not in self._groups:
                raise UnsupportedConfiguration(
                    f"disk {disk.target.dev} uses the file descriptors {group!r}, which nobody has handed over",
                    target=str(machine.ref),
                    hint="call associate_fds first, on the same connection",
                )

    def close(self) -> None:
        """Close them all."""
        for fds in self._groups.values():
            self._close(fds)
        self._groups.clear()

    @staticmethod
    def _close(fds: Sequence[int]) -> None:
        for fd in fds:
            os.close(fd)
