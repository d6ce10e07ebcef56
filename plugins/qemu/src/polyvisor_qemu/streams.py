"""Consoles and channels as streams.

QEMU writes what a guest prints on its console into a log, see :mod:`polyvisor.local.consoles`. What is typed goes to
the device's own end on the host; what comes back from there is drained and thrown away.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from types import TracebackType
from typing import Any, Self

from polyvisor.errors import HypervisorError, NoSuchDevice
from polyvisor.local.consoles import ConsoleStream, console_of, rotate
from polyvisor.spi import DomainRef
from polyvisor.state import reachable
from polyvisor_qemu import guests
from polyvisor_qemu.session import QemuSession

_SOCKETS = ("unix",)


def open_console(session: QemuSession, domain: DomainRef, *, device: str | None, replay: int) -> ConsoleStream:
    """A stream on a console or serial port of a running guest."""
    chosen, process = console_of(domain, guests.require_active(session, domain), device)
    rotate(chosen["log"])
    end = _input(chosen)
    typist = HostEnd(end, str(domain)) if end is not None else None
    return ConsoleStream(chosen["log"], typist, process, str(domain), replay=replay)


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


class HostEnd:
    """The host's end of a device: takes input; its output, which the log has as well, is read and thrown away.

    Were it not read, the guest would stop at its next full buffer."""

    def __init__(self, descriptor: int, target: str) -> None:
        self._descriptor = descriptor
        self._target = target
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

    def write(self, data: bytes) -> int:
        poller = select.poll()
        poller.register(self._descriptor, select.POLLOUT)
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                poller.poll()
            except OSError as error:
                raise HypervisorError(
                    f"the console of {self._target} is gone: {error.strerror}", driver="qemu"
                ) from error

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
