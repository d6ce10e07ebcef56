"""Following the logs of liblxc's monitors, one for each container that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.local.watcher import Followed, Watcher
from polyvisor.spi import DomainRef, Event, EventKind
from polyvisor_lxc import journal

if TYPE_CHECKING:
    from polyvisor_lxc.session import LxcSession


class LxcWatcher(Watcher["_Log"]):
    """Tells a session what its containers do."""

    session: LxcSession

    def journal(self, uuid: UUID) -> str:
        return self.session.files(uuid).journal

    def begin(self, domain: DomainRef, status: dict[str, Any], *, from_now: bool) -> _Log:
        # the first start of its init is told by whoever started it: nothing in a log is news when it is opened
        return _Log(domain, self.journal(domain.uuid))

    def tell(self, followed: _Log) -> None:
        """A container whose init is started once more has rebooted."""
        now = journal.starts(followed.path)
        for _ in range(followed.starts, now):
            self.session.events(Event(EventKind.REBOOT, followed.domain, data={"by_guest": True}))
        followed.starts = max(now, followed.starts)


class _Log(Followed):
    """A container whose monitor's log is being watched; ``starts`` counts those of its init that were told."""

    def __init__(self, domain: DomainRef, path: str) -> None:
        super().__init__(domain)
        self.path = path
        self.starts = max(1, journal.starts(path))
