"""A thread that tells a session what happens to its guests, whoever causes it.

It sleeps until the kernel says that a journal or the managers' file of events has grown, or that a QEMU has
exited; then it reads what is new. A guest that died by itself is tidied up after here, so that its end is told.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import PolyvisorError
from polyvisor.spi import DomainRef, Event, EventKind, Lifecycle
from polyvisor.state.disk import make_private_directory
from polyvisor.state.inotify import IN_CREATE, IN_MODIFY, IN_MOVED_TO, Inotify
from polyvisor_qemu import bus, guests, journal
from polyvisor_qemu.translation import Translator

if TYPE_CHECKING:
    from polyvisor_qemu.session import QemuSession

log = logging.getLogger(__name__)

_PATIENCE = 60.0
"""Seconds that whoever works on a dead guest has before we tidy up ourselves."""


class Watcher:
    """Watches until ``stop``. When the constructor returns, nothing that happens later is missed."""

    def __init__(self, session: QemuSession) -> None:
        self._session = session
        self._inotify = Inotify()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poller = select.epoll()
        self._guests: dict[UUID, _Followed] = {}
        self._by_pidfd: dict[int, UUID] = {}
        self._stopping = False
        make_private_directory(session.paths.run)
        self._inotify.watch(session.paths.run, IN_MODIFY | IN_CREATE | IN_MOVED_TO)
        self._bus = bus.Reader(session)
        for uuid, status in session.store.statuses().items():
            self._follow(uuid, status, from_now=True)
        self._poller.register(self._inotify.fileno(), select.EPOLLIN)
        self._poller.register(self._wake, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="polyvisor-qemu-watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; when this returns no further event is reported."""
        self._stopping = True
        os.eventfd_write(self._wake, 1)
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping:
                ready = self._poller.poll()
                self._inotify.read()
                self._report()
                for descriptor, _ in ready:
                    if descriptor in self._by_pidfd:
                        self._ended(self._by_pidfd[descriptor])
        except (OSError, PolyvisorError, ValueError) as error:
            log.error("watching the guests of %s has ended: %s", self._session.uri, error)
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
            if event.event == Lifecycle.STARTED and event.detail == "booted":
                self._emit(event)
                self._follow(uuid, self._session.store.read_status(uuid), from_now=False)
            elif event.event == Lifecycle.STOPPED:
                self._drain(uuid)
                self._forget(uuid)
                self._emit(event)
            else:
                self._emit(event)
        for uuid in list(self._guests):
            self._drain(uuid)

    def _drain(self, uuid: UUID) -> None:
        if (followed := self._guests.get(uuid)) is not None:
            for entry in followed.read():
                for event in followed.translator.translate(followed.domain, entry):
                    self._emit(event)

    def _emit(self, event: Event) -> None:
        self._session.events(event)

    # -- which guests -------------------------------------------------------------------------------------

    def _follow(self, uuid: UUID, status: dict[str, Any] | None, *, from_now: bool) -> None:
        known = self._guests.get(uuid)
        if status is None or (known is not None and known.domain.id == status["id"]):
            return
        self._forget(uuid)
        files = self._session.files(uuid)
        try:
            self._inotify.watch(files.journal, IN_MODIFY)
            file = open(files.journal, "rb", buffering=0)  # noqa: SIM115  (closed when the guest is forgotten)
        except FileNotFoundError:
            return  # gone again; its end is told in the file of events
        followed = _Followed(DomainRef(status["name"], uuid, status["id"]), file, bool(status.get("starts_paused")))
        if from_now:
            for entry in followed.read():
                followed.translator.translate(followed.domain, entry)
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
        """Tidy up after a guest whose process has exited, unless somebody else does."""
        self._forget_process(uuid)
        try:
            with self._session.store.lock(uuid, timeout=_PATIENCE):
                guests.settle(self._session, uuid)
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
            followed.file.close()


class _Followed:
    """A guest whose journal is being read. The file stays open, so that its last words outlive its directory."""

    def __init__(self, domain: DomainRef, file: IO[bytes], starts_paused: bool) -> None:
        self.domain = domain
        self.file = file
        self.translator = Translator(starts_paused=starts_paused)
        self.pidfd: int | None = None
        self._rest = b""

    def read(self) -> list[journal.Entry]:
        *lines, self._rest = (self._rest + (self.file.read() or b"")).split(b"\n")
        return list(journal.entries(lines))
