"""Consoles and channels as streams.

QEMU writes what a guest prints on its console into a log, with nobody attached. A console stream reads that log
from the moment it is opened on, so any number of streams read the same and none takes anything from another. What is
typed goes to the device's own end on the host; what comes back from there is drained and thrown away.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import socket
import threading
from types import TracebackType
from typing import Any, Self

from polyvisor.errors import Busy, HypervisorError, InvalidState, NoSuchDevice
from polyvisor.host.process import Process
from polyvisor.spi import DomainRef
from polyvisor.state import locked, reachable
from polyvisor.state.inotify import IN_MODIFY, Inotify
from polyvisor_qemu import guests
from polyvisor_qemu.session import QemuSession

LONGEST_LOG = 8 * 1024 * 1024
"""Bytes of console output kept in the log; what went before is in the file beside it, ending in ``.1``."""

_SOCKETS = ("unix",)


def open_console(session: QemuSession, domain: DomainRef, *, device: str | None, replay: int) -> ConsoleStream:
    """A stream on a console or serial port of a running guest."""
    found = guests.require_active(session, domain)
    assert found.status is not None
    consoles = [entry for entry in found.status.get("consoles", ()) if entry["log"]]
    chosen = next((entry for entry in consoles if device is None or device == entry["alias"]), None)
    if chosen is None:
        what = f"console {device!r}" if device else "console or serial port"
        raise NoSuchDevice(
            f"{domain} has no {what}",
            target=str(domain),
            driver="qemu",
            hint=f"it has {', '.join(entry['alias'] for entry in consoles)}" if consoles else "add a <serial> to it",
        )
    if found.process is None:
        raise InvalidState(f"{domain} is still starting", target=str(domain), driver="qemu")
    rotate(chosen["log"])
    return ConsoleStream(chosen["log"], _input(chosen), found.process, str(domain), replay=replay)


def open_channel(session: QemuSession, domain: DomainRef, *, name: str | None) -> SocketStream:
    """A stream on a channel whose host end is a socket that QEMU listens on."""
    found = guests.require_active(session, domain)
    assert found.status is not None
    channels = [entry for entry in found.status.get("consoles", ()) if entry["tag"] == "channel"]
    chosen = next((entry for entry in channels if name is None or name in (entry["name"], entry["alias"])), None)
    if chosen is None:
        raise NoSuchDevice(f"{domain} has no channel {name or ''}".rstrip(), target=str(domain), driver="qemu")
    if chosen["type"] != "unix" or not chosen["path"]:
        raise NoSuchDevice(
            f"channel {chosen['alias']} of {domain} has no socket to connect to", target=str(domain), driver="qemu"
        )
    return SocketStream(_connect(chosen["path"]), str(domain))


def _input(entry: dict[str, Any]) -> int | None:
    """A descriptor that takes what is typed, None for a device that takes nothing."""
    if entry["type"] == "pty" and entry["path"]:
        try:
            return os.open(entry["path"], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise HypervisorError(f"cannot open {entry['path']}: {error.strerror}", driver="qemu") from error
    if entry["type"] in _SOCKETS and entry["path"]:
        connected = _connect(entry["path"])
        connected.setblocking(False)
        return connected.detach()
    return None


def _connect(path: str) -> socket.socket:
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with reachable(path) as address:
            end.connect(address)
    except OSError as error:
        end.close()
        raise HypervisorError(f"cannot connect to {path}: {error.strerror}", driver="qemu") from error
    return end


class ConsoleStream:
    """What a console prints, from its log, and a way to type on it."""

    def __init__(self, log: str, end: int | None, process: Process, target: str, *, replay: int = 0) -> None:
        self._target = target
        self._log = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
        self._path = log
        size = os.fstat(self._log).st_size
        self._position = max(0, size - replay)
        self._closed = self._released = False
        self._readers = 0
        self._inotify = Inotify()
        self._inotify.watch(log, IN_MODIFY)
        self._flag = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poller = select.epoll()
        self._poller.register(self._inotify.fileno(), select.EPOLLIN)
        self._poller.register(self._flag, select.EPOLLIN)
        self._pidfd = _pidfd(process)
        if self._pidfd is not None:
            self._poller.register(self._pidfd, select.EPOLLIN)
        self._lock = threading.Lock()
        self._end = _Drain(end) if end is not None else None
        if self._position < size:
            os.eventfd_write(self._flag, 1)

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
        if self._end is None:
            raise HypervisorError(f"the console of {self._target} takes no input", driver="qemu")
        return self._end.write(data, self._target)

    def close(self) -> None:
        """Let go; the guest and other streams are not concerned."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._flag, 1)  # wakes a reader that waits
            self._release()
        if self._end is not None:
            self._end.close()

    def _release(self) -> None:
        """Close the descriptors once nobody waits on them: closed under a sleeper, they would never wake it."""
        if not self._closed or self._readers or self._released:
            return
        self._released = True
        for descriptor in (self._log, self._flag, self._pidfd):
            if descriptor is not None:
                os.close(descriptor)
        self._inotify.close()
        self._poller.close()

    def _check(self) -> None:
        if self._closed:
            raise ValueError("the stream is closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()


class _Drain:
    """The host's end of a device: takes input; its output, which the log has as well, is read and thrown away.

    Were it not read, the guest would stop at its next full buffer."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._drain, name="polyvisor-qemu-console", daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        poller = select.poll()
        poller.register(self._wake, select.POLLIN)
        poller.register(self._descriptor, select.POLLIN)
        while True:
            for descriptor, event in poller.poll():
                if descriptor == self._wake:
                    return
                try:
                    gone = not os.read(descriptor, 65536)
                except BlockingIOError:
                    gone = False
                except OSError:
                    gone = True  # the guest has gone (EIO from a pseudo-terminal)
                if gone or event & (select.POLLERR | select.POLLNVAL):
                    poller.unregister(descriptor)

    def write(self, data: bytes, target: str) -> int:
        poller = select.poll()
        poller.register(self._descriptor, select.POLLOUT)
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                poller.poll()
            except OSError as error:
                raise HypervisorError(f"the console of {target} is gone: {error.strerror}", driver="qemu") from error

    def close(self) -> None:
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        os.close(self._descriptor)
        os.close(self._wake)


class SocketStream:
    """A stream that is a socket; one at a time, as QEMU serves one client."""

    def __init__(self, connected: socket.socket, target: str) -> None:
        self._socket = connected
        self._target = target

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self, size: int = 65536) -> bytes:
        self._check()
        try:
            return self._socket.recv(size)
        except OSError:
            self._check()
            return b""

    def write(self, data: bytes) -> int:
        self._check()
        try:
            return self._socket.send(data)
        except OSError as error:
            raise HypervisorError(f"the channel of {self._target} is gone: {error.strerror}", driver="qemu") from error

    def close(self) -> None:
        self._socket.close()

    def _check(self) -> None:
        if self._socket.fileno() < 0:
            raise ValueError("the stream is closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()


def rotate(log: str) -> None:
    """Put a console log that has grown too long aside, as ``.1``.

    QEMU keeps its file open for appending, so the file is copied and cut, not renamed."""
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
