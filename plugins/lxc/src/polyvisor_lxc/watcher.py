"""A thread that tells a session what happens to its containers, whoever causes it.

It sleeps until the kernel says that a journal or the managers' file of events has grown, or that a monitor has exited;
then it reads what is new. A container that ended by itself is tidied up after here, so that its end is told.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import Busy, PolyvisorError
from polyvisor.spi import DomainRef, Event, EventKind, Lifecycle
from polyvisor.state.disk import make_private_directory
from polyvisor.state.inotify import IN_CREATE, IN_MODIFY, IN_MOVED_TO, Inotify
from polyvisor_lxc import bus, guests, journal

if TYPE_CHECKING:
    from polyvisor_lxc.session import LxcSession

log = logging.getLogger(__name__)

_AGAIN = 0.05
"""Seconds until a dead container that somebody works on is looked at again."""


class Watcher:
    """Watches until ``stop``. When the constructor returns, nothing that happens later is missed."""

    def __init__(self, session: LxcSession) -> None:
        self._session = session
        self._inotify = Inotify()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poller = select.epoll()
        self._guests: dict[UUID, _Followed] = {}
        self._by_pidfd: dict[int, UUID] = {}
        self._stopping = False
        self._dead: set[UUID] = set()
        self._round = 0
        self._rounds = threading.Condition()
        make_private_directory(session.paths.run)
        self._inotify.watch(session.paths.run, IN_MODIFY | IN_CREATE | IN_MOVED_TO)
        self._bus = bus.Reader(session)
        for uuid, status in session.store.statuses().items():
            self._follow(uuid, status)
        self._poller.register(self._inotify.fileno(), select.EPOLLIN)
        self._poller.register(self._wake, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="polyvisor-lxc-watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; when this returns no further event is reported."""
        self._stopping = True
        os.eventfd_write(self._wake, 1)
        if self._thread is not threading.current_thread():
            self._thread.join()

    def flush(self, timeout: float) -> None:
        """Return when everything that has happened until now was reported, or after ``timeout`` seconds."""
        if self._thread is threading.current_thread():
            return
        with self._rounds:
            wanted = self._round + 2  # the round under way may have looked already
            deadline = time.monotonic() + timeout
            while self._round < wanted and self._thread.is_alive() and (left := deadline - time.monotonic()) > 0:
                os.eventfd_write(self._wake, 1)
                self._rounds.wait(min(left, 0.01))

    def _clear_wake(self) -> None:
        try:
            os.eventfd_read(self._wake)
        except BlockingIOError:
            pass  # it was something else

    def _run(self) -> None:
        try:
            while not self._stopping:
                ready = self._poller.poll(_AGAIN if self._dead else None)
                self._clear_wake()
                self._inotify.read()
                self._report()
                for uuid in list(self._dead):
                    self._ended(uuid)
                for descriptor, _ in ready:
                    if descriptor in self._by_pidfd:
                        self._ended(self._by_pidfd[descriptor])
                with self._rounds:
                    self._round += 1
                    self._rounds.notify_all()
        except (OSError, PolyvisorError, ValueError) as error:
            log.error("watching the containers of %s has ended: %s", self._session.uri, error)
            self._session.events(
                Event(EventKind.CONTROL_ERROR, data={"reason": f"events are no longer watched: {error}"})
            )
        finally:
            self._release()

    def _release(self) -> None:
        for uuid in list(self._guests):
            self._forget(uuid)
        self._bus.close()
        self._poller.close()
        self._inotify.close()
        os.close(self._wake)

    # -- what is new --------------------------------------------------------------------------------------

    def _report(self) -> None:
        for event in self._bus.read():
            assert event.domain is not None
            uuid = event.domain.uuid
            if event.event == Lifecycle.STOPPED:
                self._reboots(uuid)
                self._forget(uuid)
            self._session.events(event)
            if event.kind is EventKind.REBOOT:
                self._forget(uuid)  # it has another monitor now
            if event.event == Lifecycle.STARTED or event.kind is EventKind.REBOOT:
                self._follow(uuid, self._session.store.read_status(uuid))
        for uuid in list(self._guests):
            self._reboots(uuid)

    def _reboots(self, uuid: UUID) -> None:
        """A container whose init is started once more has rebooted."""
        if (followed := self._guests.get(uuid)) is not None:
            now = journal.starts(followed.journal)
            for _ in range(followed.starts, now):
                self._session.events(Event(EventKind.REBOOT, followed.domain, data={"by_guest": True}))
            followed.starts = max(now, followed.starts)

    # -- which containers ---------------------------------------------------------------------------------

    def _follow(self, uuid: UUID, status: dict[str, Any] | None) -> None:
        known = self._guests.get(uuid)
        if status is None or (known is not None and known.domain.id == status["id"]):
            return
        self._forget(uuid)
        files = self._session.files(uuid)
        try:
            watch = self._inotify.watch(files.journal, IN_MODIFY)
        except FileNotFoundError:
            return  # gone again; its end is told in the file of events
        followed = _Followed(DomainRef(status["name"], uuid, status["id"]), files.journal, watch)
        self._guests[uuid] = followed
        followed.pidfd = self._watch_process(uuid, status)

    def _watch_process(self, uuid: UUID, status: dict[str, Any]) -> int | None:
        try:
            descriptor = os.pidfd_open(status["pid"]) if status.get("pid") else None
        except ProcessLookupError:
            descriptor = None
        if descriptor is None:
            if status["phase"] == guests.RUNNING:
                self._ended(uuid)
            return None
        self._by_pidfd[descriptor] = uuid
        self._poller.register(descriptor, select.EPOLLIN)
        return descriptor

    def _ended(self, uuid: UUID) -> None:
        """Tidy up after a container whose monitor has exited, unless somebody else does."""
        self._forget_process(uuid)
        self._dead.discard(uuid)
        try:
            with self._session.store.lock(uuid, timeout=0):
                guests.settle(self._session, uuid)
        except Busy:
            self._dead.add(uuid)
            return
        except PolyvisorError as error:
            log.warning("the end of container %s could not be recorded: %s", uuid, error)
        self._report()

    def _forget_process(self, uuid: UUID) -> None:
        followed = self._guests.get(uuid)
        if followed is not None and followed.pidfd is not None:
            self._poller.unregister(followed.pidfd)
            del self._by_pidfd[followed.pidfd]
            os.close(followed.pidfd)
            followed.pidfd = None

    def _forget(self, uuid: UUID) -> None:
        self._forget_process(uuid)
        self._guests.pop(uuid, None)


class _Followed:
    """A container whose journal is being watched; ``starts`` counts those of its init that were told."""

    def __init__(self, domain: DomainRef, path: str, watch: int) -> None:
        self.domain = domain
        self.journal = path
        self.watch = watch
        self.starts = max(1, journal.starts(path))
        self.pidfd: int | None = None
