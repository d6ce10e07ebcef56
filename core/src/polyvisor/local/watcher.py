"""A thread that tells a session what happens to its guests, whoever causes it.

It sleeps until the kernel says that a guest's journal or the managers' file of events has grown, or that a guest's
process has exited; then it reads what is new. A guest that ended by itself is tidied up after here, so that its end is
told.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from polyvisor.errors import Busy, PolyvisorError
from polyvisor.local import bus
from polyvisor.local.guests import RUNNING
from polyvisor.operations.events import Event, EventKind, Lifecycle
from polyvisor.operations.records import DomainRef
from polyvisor.state import make_private_directory, reported
from polyvisor.state.inotify import IN_CREATE, IN_MODIFY, IN_MOVED_TO, Inotify

if TYPE_CHECKING:
    from polyvisor.local.session import LocalSession

log = logging.getLogger(__name__)

_AGAIN = 0.05
"""Seconds until a dead guest that somebody works on is looked at again."""


class Followed:
    """A guest that is watched; a driver's own class remembers what of its journal was told."""

    def __init__(self, domain: DomainRef) -> None:
        self.domain = domain
        self.pidfd: int | None = None

    def close(self) -> None:
        """Let go of what is held to read the journal."""


AnyFollowed = TypeVar("AnyFollowed", bound=Followed)


class Watcher(ABC, Generic[AnyFollowed]):
    """Watches until ``stop``. When the constructor returns, nothing that happens later is missed.

    A driver says where the journal of a guest is that runs, and what its lines mean."""

    def __init__(self, session: LocalSession[Any]) -> None:
        self.session = session
        self._inotify = Inotify()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poller = select.epoll()
        self._guests: dict[UUID, AnyFollowed] = {}
        self._by_pidfd: dict[int, UUID] = {}
        self._dead: set[UUID] = set()
        self._stopping = self._released = False
        self._round = 0
        self._rounds = threading.Condition()
        self._bus: bus.Reader | None = None
        try:
            self._begin()
        except BaseException:
            self._release()
            raise
        self._thread = threading.Thread(target=self._run, name=f"polyvisor-{session.uri.scheme}-watcher", daemon=True)
        self._thread.start()

    def _begin(self) -> None:
        run = self.session.paths.run
        make_private_directory(run)
        with reported("watch", run):
            self._inotify.watch(run, IN_MODIFY | IN_CREATE | IN_MOVED_TO)
            self._bus = bus.Reader(self.session)
        for uuid, status in self.session.store.statuses().items():
            self._follow(uuid, status, from_now=True)
        self._poller.register(self._inotify.fileno(), select.EPOLLIN)
        self._poller.register(self._wake, select.EPOLLIN)

    # -- what drivers say ---------------------------------------------------------------------------------

    @abstractmethod
    def journal(self, uuid: UUID) -> str:
        """The path of the file that grows when something happens to a guest that runs."""

    @abstractmethod
    def begin(self, domain: DomainRef, status: dict[str, Any], *, from_now: bool) -> AnyFollowed:
        """Follow a guest: what is in its journal already is known with ``from_now``, else it is news.

        Raises FileNotFoundError when the guest is gone again."""

    @abstractmethod
    def tell(self, followed: AnyFollowed) -> None:
        """Report to ``self.session.events`` what has been added to the journal since the last time."""

    # -- being watched ------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop watching; when this returns no further event is reported."""
        self._stopping = True
        self._rouse()
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
                self._rouse()
                self._rounds.wait(min(left, 0.01))

    def _rouse(self) -> None:
        with self._rounds:
            if not self._released:  # else the number may be another file's by now
                os.eventfd_write(self._wake, 1)

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
            log.error("watching the guests of %s has ended: %s", self.session.uri, error)
            self.session.events(
                Event(EventKind.CONTROL_ERROR, data={"reason": f"events are no longer watched: {error}"})
            )
        finally:
            self._release()

    def _clear_wake(self) -> None:
        try:
            os.eventfd_read(self._wake)
        except BlockingIOError:
            pass  # it was something else

    def _release(self) -> None:
        for uuid in list(self._guests):
            self._forget(uuid)
        if self._bus is not None:
            self._bus.close()
        self._poller.close()
        self._inotify.close()
        with self._rounds:
            self._released = True
            os.close(self._wake)

    # -- what is new --------------------------------------------------------------------------------------

    def _report(self) -> None:
        assert self._bus is not None
        for event in self._bus.read():
            assert event.domain is not None
            self._pass_on(event, event.domain.uuid)
        for followed in list(self._guests.values()):
            self.tell(followed)

    def _pass_on(self, event: Event, uuid: UUID) -> None:
        """Report what a manager tells, in its place among what the guest's own journal has."""
        if event.event == Lifecycle.STOPPED:
            if (followed := self._guests.get(uuid)) is not None:
                self.tell(followed)
            self._forget(uuid)
        self.session.events(event)
        if event.kind is EventKind.REBOOT:
            self._forget(uuid)  # it has another process now
        if event.event == Lifecycle.STARTED or event.kind is EventKind.REBOOT:
            self._follow(uuid, self.session.store.read_status(uuid), from_now=False)

    # -- which guests -------------------------------------------------------------------------------------

    def _follow(self, uuid: UUID, status: dict[str, Any] | None, *, from_now: bool) -> None:
        known = self._guests.get(uuid)
        if status is None or (known is not None and known.domain.id == status["id"]):
            return
        self._forget(uuid)
        domain = DomainRef(status["name"], uuid, status["id"])
        try:
            self._inotify.watch(self.journal(uuid), IN_MODIFY)
            followed = self.begin(domain, status, from_now=from_now)
        except FileNotFoundError:
            return  # gone again; its end is told in the file of events
        self._guests[uuid] = followed
        followed.pidfd = self._watch_process(uuid, status)

    def _watch_process(self, uuid: UUID, status: dict[str, Any]) -> int | None:
        try:
            descriptor = os.pidfd_open(status["pid"]) if status.get("pid") else None
        except ProcessLookupError:
            descriptor = None
        if descriptor is None:
            if status["phase"] == RUNNING:
                self._ended(uuid)
            return None
        self._by_pidfd[descriptor] = uuid
        self._poller.register(descriptor, select.EPOLLIN)
        return descriptor

    def _ended(self, uuid: UUID) -> None:
        """Tidy up after a guest whose process has exited, unless somebody else does."""
        self._forget_process(uuid)
        self._dead.discard(uuid)
        try:
            with self.session.store.lock(uuid, timeout=0):
                self.session.settle(uuid)
        except Busy:
            self._dead.add(uuid)
            return
        except PolyvisorError as error:
            log.warning("the end of guest %s could not be recorded: %s", uuid, error)
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
        if (followed := self._guests.pop(uuid, None)) is not None:
            followed.close()
