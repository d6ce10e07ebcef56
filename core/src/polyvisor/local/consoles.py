"""Consoles of guests as streams on the logs of what they print.

A hypervisor, or what runs a guest, writes what the guest prints on a console into a log, with nobody attached. A stream
reads that log from the moment it is opened on, so any number of streams read the same and none takes anything from
another. How to type is the driver's to know.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import threading
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from polyvisor.errors import Busy, HypervisorError, InvalidState, NoSuchDevice
from polyvisor.host.process import Process
from polyvisor.state import locked, reported
from polyvisor.state.inotify import IN_MODIFY, Inotify

if TYPE_CHECKING:
    from polyvisor.local.guests import Look
    from polyvisor.operations.records import DomainRef

LONGEST_LOG = 8 * 1024 * 1024
"""Bytes of console output kept in the log; what went before is in the file beside it, ending in ``.1``."""


class Typist(Protocol):
    """Types on one console."""

    def write(self, data: bytes) -> int:
        """Hand over ``data``; returns how much of it was taken. Raises HypervisorError when the console is gone."""

    def close(self) -> None:
        """Nobody types here any more."""


def console_of(domain: DomainRef, found: Look, device: str | None) -> tuple[dict[str, Any], Process]:
    """A console of a guest that runs, as its status record has it, and the process of the guest.

    The record's ``consoles`` have an ``alias`` and a ``log`` each, a log that is None where nobody writes one; the
    first one is meant where no ``device`` is named. Raises NoSuchDevice, InvalidState."""
    assert found.status is not None
    consoles = [entry for entry in found.status.get("consoles", ()) if entry["log"]]
    chosen = next((entry for entry in consoles if device is None or device == entry["alias"]), None)
    if chosen is None:
        what = f"console {device!r}" if device else "console"
        raise NoSuchDevice(
            f"{domain} has no {what} that can be read",
            target=str(domain),
            hint=f"it has {', '.join(entry['alias'] for entry in consoles)}" if consoles else "add a <console> to it",
        )
    if found.process is None:
        raise InvalidState(f"{domain} is still starting", target=str(domain))
    return chosen, found.process


class ConsoleStream:
    """What a console prints, from its log, and a way to type on it.

    ``replay``: how many bytes of what was printed before are read first. ``process`` is the one whose end is the end of
    the stream, ``target`` whose console it is, for messages; ``typist`` is closed with the stream.

    Raises HostError when the log cannot be read or watched; the typist is closed then, too."""

    def __init__(self, log: str, typist: Typist | None, process: Process, target: str, *, replay: int = 0) -> None:
        self._target = target
        self._path = log
        self._typist = typist
        self._closed = self._released = False
        self._readers = 0
        self._lock = threading.Lock()
        self._held = ExitStack()
        try:
            with reported("read", log):
                self._open(process, replay)
        except BaseException:
            self._held.close()
            if typist is not None:
                typist.close()
            raise

    def _open(self, process: Process, replay: int) -> None:
        self._log = self._holding(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC))
        size = os.fstat(self._log).st_size
        self._position = max(0, size - replay)
        self._inotify = Inotify()
        self._held.callback(self._inotify.close)
        self._inotify.watch(self._path, IN_MODIFY)
        self._flag = self._holding(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
        self._poller = self._held.enter_context(select.epoll())
        self._poller.register(self._inotify.fileno(), select.EPOLLIN)
        self._poller.register(self._flag, select.EPOLLIN)
        self._pidfd = _pidfd(process)
        if self._pidfd is not None:
            self._poller.register(self._holding(self._pidfd), select.EPOLLIN)
        if self._position < os.fstat(self._log).st_size:  # also what came before it was watched
            os.eventfd_write(self._flag, 1)

    def _holding(self, descriptor: int) -> int:
        self._held.callback(os.close, descriptor)
        return descriptor

    def fileno(self) -> int:
        """Readable when ``read`` would not block."""
        self._check()
        return self._poller.fileno()

    def read(self, size: int = 65536) -> bytes:
        """What was printed since, waiting until there is something; empty once the guest is gone."""
        with self._lock:
            self._check()
            self._readers += 1
        try:
            return self._wait(size)
        finally:
            with self._lock:
                self._readers -= 1
                self._release()

    def _wait(self, size: int) -> bytes:
        while True:
            self._check()
            data = self._next(size)
            if data:
                return data
            if self._pidfd is None or _exited(self._pidfd):
                return self._next(size)
            self._poller.poll()

    def _next(self, size: int) -> bytes:
        with self._lock:
            self._check()
            if os.fstat(self._log).st_size < self._position:
                self._position = 0  # the log was put aside, see rotate()
            data = os.pread(self._log, size, self._position)
            self._position += len(data)
            # what comes from here on is announced anew; what came before is counted now: fileno() is never wrong
            self._inotify.read()
            available = os.fstat(self._log).st_size
            if self._position < available:
                os.eventfd_write(self._flag, 1)
            else:
                _clear(self._flag)
            if available > LONGEST_LOG:
                rotate(self._path)
            return data

    def write(self, data: bytes) -> int:
        """Type ``data``; returns how much of it was taken."""
        self._check()
        if self._typist is None:
            raise HypervisorError(f"the console of {self._target} takes no input", target=self._target)
        return self._typist.write(data)

    def close(self) -> None:
        """Let go; the guest and other streams are not concerned."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._flag, 1)  # wakes a reader that waits
            self._release()
        if self._typist is not None:
            self._typist.close()

    def _release(self) -> None:
        """Close the descriptors once nobody waits on them: closed under a sleeper, they would never wake it."""
        if not self._closed or self._readers or self._released:
            return
        self._released = True
        self._held.close()

    def _check(self) -> None:
        if self._closed:
            raise ValueError("the stream is closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()


def rotate(log: str) -> None:
    """Put a console log that has grown too long aside, as ``.1``.

    Whoever writes it keeps its file open for appending, so the file is copied and cut, not renamed."""
    try:
        if os.stat(log).st_size <= LONGEST_LOG:
            return
        with (
            locked(f"{log}.lock", timeout=0),
            open(log, "r+b") as file,
            open(f"{log}.1", "wb", opener=_private) as old,
        ):
            shutil.copyfileobj(file, old)
            file.truncate(0)
    except (FileNotFoundError, Busy):
        return  # nothing was printed yet, or another process is at it


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _pidfd(process: Process) -> int | None:
    with process.handle() as descriptor:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC) if descriptor is not None else None


def _exited(pidfd: int) -> bool:
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(0))


def _clear(flag: int) -> None:
    try:
        os.eventfd_read(flag)
    except BlockingIOError:
        pass  # it was clear
