"""An open connection: where its guests are kept and what is known of the emulators."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.local.guests import Look
from polyvisor.local.session import LocalSession
from polyvisor.state import Paths

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_qemu.probe import Answers
    from polyvisor_qemu.watcher import QemuWatcher


class QemuSession(LocalSession[Look]):
    """A session on the guests below one set of directories."""

    @cached_property
    def answers(self) -> Answers:
        """What the emulators of this host can do."""
        from polyvisor_qemu.probe import Answers

        return Answers(self.paths.cache)

    def files(self, uuid: UUID) -> GuestFiles:
        """Where the run-time files of a guest are."""
        return GuestFiles(self.paths, uuid)

    def live(self, uuid: UUID) -> str:
        return self.files(uuid).live

    def recover(self) -> None:
        from polyvisor_qemu import recovery

        recovery.recover(self)

    def look(self, uuid: UUID) -> Look:
        from polyvisor_qemu import guests

        return guests.look(self, uuid)

    def examine(self, uuid: UUID, status: dict[str, Any]) -> Look:
        from polyvisor_qemu import guests

        return guests.examine(self.files(uuid), status)

    def settle(self, uuid: UUID) -> Look:
        from polyvisor_qemu import guests

        return guests.settle(self, uuid)

    def cpu_time_ns(self, look: Look) -> int | None:
        return look.process.cpu_time_ns if look.process is not None else None

    def parse(self, document: bytes) -> Domain:
        from polyvisor.documents import read
        from polyvisor.model.domain import Domain
        from polyvisor_qemu.model import CLASSES

        return read(document, Domain, contributions=CLASSES, trusted=True)

    def watcher(self) -> QemuWatcher:
        from polyvisor_qemu.watcher import QemuWatcher

        return QemuWatcher(self)

    def end(self, look: Look) -> None:
        from polyvisor_qemu import lifecycle

        lifecycle.stop(self, look, graceful=False)


class GuestFiles:
    """The run-time files of one guest; its directory exists while it runs.

    ``monitor`` is QEMU's QMP socket, ``journal`` the events it wrote down (see :mod:`polyvisor_qemu.journal`),
    ``alive`` the lock that its process holds, ``live`` its live document, ``log`` what QEMU says on stderr.
    """

    __slots__ = (
        "_paths",
        "alive",
        "directory",
        "handshake",
        "journal",
        "live",
        "log",
        "logs",
        "monitor",
        "pipe",
        "uuid",
        "variables",
    )

    def __init__(self, paths: Paths, uuid: UUID) -> None:
        self.uuid = uuid
        self.directory = f"{paths.run}/guests/{uuid}"
        self.monitor = f"{self.directory}/monitor"
        self.pipe = f"{self.directory}/events"
        self.handshake = f"{self.pipe}.in"
        self.journal = f"{self.pipe}.out"
        self.alive = f"{self.directory}/alive"
        self.live = f"{self.directory}/live.xml"
        self.logs = os.fspath(paths.log)
        self.variables = f"{paths.state}/nvram/{uuid}.fd"
        self._paths = paths
        self.log = f"{self.logs}/{uuid}.log"

    def socket(self, name: str) -> str:
        """A path for a socket of that name, short enough for the kernel."""
        return os.fspath(self._paths.socket("guests", str(self.uuid), name))

    def console_log(self, alias: str) -> str:
        """Where QEMU logs the output of the character device ``alias``."""
        return f"{self.logs}/{self.uuid}.{alias}.log"
