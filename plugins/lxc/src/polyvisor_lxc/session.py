"""An open connection: where its containers are kept."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.local.session import LocalSession
from polyvisor.state import Paths

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_lxc.cgroups import Hierarchies
    from polyvisor_lxc.guests import Look
    from polyvisor_lxc.watcher import LxcWatcher


class LxcSession(LocalSession["Look"]):
    """A session on the containers below one set of directories."""

    @cached_property
    def hierarchies(self) -> Hierarchies:
        """The control groups of this host."""
        from polyvisor_lxc.cgroups import hierarchies

        return hierarchies()

    def files(self, uuid: UUID) -> GuestFiles:
        """Where the run-time files of a container are."""
        return GuestFiles(self.paths, uuid)

    def live(self, uuid: UUID) -> str:
        return self.files(uuid).live

    def recover(self) -> None:
        from polyvisor_lxc import recovery

        recovery.recover(self)

    def look(self, uuid: UUID) -> Look:
        from polyvisor_lxc import guests

        return guests.look(self, uuid)

    def examine(self, uuid: UUID, status: dict[str, Any]) -> Look:
        from polyvisor_lxc import guests

        return guests.examine(self.files(uuid), status)

    def settle(self, uuid: UUID) -> Look:
        from polyvisor_lxc import guests

        return guests.settle(self, uuid)

    def cpu_time_ns(self, look: Look) -> int | None:
        return look.group.cpu_time_ns()

    def parse(self, document: bytes) -> Domain:
        from polyvisor.documents import read
        from polyvisor.model.domain import Domain
        from polyvisor_lxc.model import CLASSES

        return read(document, Domain, contributions=CLASSES, trusted=True)

    def saved(self, uuid: UUID) -> bool:
        from polyvisor_lxc import kept

        return kept.there(self, uuid)

    def watcher(self) -> LxcWatcher:
        from polyvisor_lxc.watcher import LxcWatcher

        return LxcWatcher(self)

    def end(self, look: Look) -> None:
        from polyvisor_lxc import stopping

        stopping.stop(self, look, graceful=False)


LXCPATH = "/run"
"""The directory of containers that liblxc is told. It has to be one that the ids of a container can enter, which our
own directories are not; nothing is kept there."""


class GuestFiles:
    """The run-time files of one container; its directory exists while it runs.

    ``config`` is what liblxc is told, ``seccomp`` its policy, ``journal`` liblxc's log (see
    :mod:`polyvisor_lxc.journal`), ``pid`` the number of its monitor, ``live`` the live document, ``console`` what the
    container prints on its console, ``overlays`` its snapshots. liblxc knows the container by its UUID below
    ``lxcpath``, where it keeps nothing.

    ``hook`` is what the monitor runs when the container has stopped, ``wishes`` what shall follow then, ``stopped``
    that it was run, ``rebooting`` that a new start follows (see :mod:`polyvisor_lxc.endings`)."""

    __slots__ = (
        "config",
        "console",
        "directory",
        "hook",
        "journal",
        "live",
        "lxcpath",
        "overlays",
        "pid",
        "rebooting",
        "seccomp",
        "stopped",
        "uuid",
        "wishes",
    )

    def __init__(self, paths: Paths, uuid: UUID) -> None:
        self.uuid = uuid
        self.lxcpath = LXCPATH
        self.directory = f"{paths.run}/guests/{uuid}"
        self.config = f"{self.directory}/config"
        self.journal = f"{self.directory}/journal"
        self.pid = f"{self.directory}/pid"
        self.live = f"{self.directory}/live.xml"
        self.seccomp = f"{self.directory}/seccomp"
        self.hook = f"{self.directory}/ended"
        self.wishes = f"{self.directory}/wishes"
        self.rebooting = f"{self.directory}/rebooting"
        self.stopped = f"{self.directory}/stopped"
        self.console = f"{paths.log}/{uuid}.console.log"
        self.overlays = f"{paths.state}/snapshots/{uuid}"
