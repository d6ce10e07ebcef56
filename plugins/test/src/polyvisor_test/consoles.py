"""Talking to guests: their consoles and channels send back whatever they are sent."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Self

from polyvisor.errors import HypervisorError, NoSuchDevice
from polyvisor.spi import DomainRef, hookimpl
from polyvisor_test.finding import devices_of
from polyvisor_test.machine import Machine
from polyvisor_test.session import TestSession

KEPT = 64 * 1024
"""Bytes of earlier output that a line keeps for ``replay``."""


class ConsoleOperations:
    """The operations of ``polyvisor.operations.consoles``."""

    @hookimpl
    def open_console(
        self,
        session: TestSession,
        domain: DomainRef,
        *,
        device: str | None = None,
        force: bool = False,  # nobody has to be cut off: every stream gets everything
        safe: bool = False,  # it always is
        replay: int = 0,
    ) -> LineStream:
        with session.machine(domain) as machine:
            machine.require_active()
            alias = device or _first_console(machine)
            if alias not in _aliases(machine, "consoles", "serials"):
                raise NoSuchDevice(f"{machine.ref} has no console {alias!r}", target=str(machine.ref))
            return _line(machine, alias).open(replay)

    @hookimpl
    def open_channel(
        self,
        session: TestSession,
        domain: DomainRef,
        *,
        name: str | None = None,
        force: bool = False,  # nobody has to be cut off
    ) -> LineStream:
        with session.machine(domain) as machine:
            machine.require_active()
            for channel in devices_of(machine.config).channels:
                alias = channel.alias.name if channel.alias else ""
                if name in (None, alias, getattr(channel.target, "name", None)):
                    return _line(machine, alias).open(0)
            raise NoSuchDevice(f"{machine.ref} has no channel {name or ''}".rstrip(), target=str(machine.ref))


class Line:
    """One serial line of a running guest, with any number of streams on it."""

    def __init__(self, banner: bytes) -> None:
        self._lock = threading.Lock()
        self._kept = bytearray(banner)
        self._streams: list[LineStream] = []
        self._open = True

    def open(self, replay: int) -> LineStream:
        """A stream that begins with the last ``replay`` bytes of what the guest has said."""
        stream = LineStream(self)
        with self._lock:
            if replay > 0:
                stream.receive(bytes(self._kept[-replay:]))
            self._streams.append(stream)
        return stream

    def send(self, data: bytes) -> None:
        """The guest echoes ``data``; raises HypervisorError once it is gone."""
        with self._lock:
            if not self._open:
                raise HypervisorError("the guest is gone", hint="its console ended when it stopped")
            self._kept += data
            del self._kept[:-KEPT]
            for stream in self._streams:
                stream.receive(data)

    def forget(self, stream: LineStream) -> None:
        """Hand no more bytes to ``stream``."""
        with self._lock:
            if stream in self._streams:
                self._streams.remove(stream)

    def hang_up(self) -> None:
        """The guest is gone: every stream ends after what it still holds."""
        with self._lock:
            self._open = False
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.end()


class LineStream:
    """One reader and writer of a line.

    What arrives waits in memory; a pipe holds one byte while there is something to read, so that the stream can
    be polled. At the end the pipe is closed for writing and therefore stays readable.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._arrived = bytearray()
        self._news = threading.Condition()
        self._ended = self._closed = False
        self._readable, self._signal = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def fileno(self) -> int:
        return self._readable

    def receive(self, data: bytes) -> None:
        """Bytes from the guest."""
        with self._news:
            if data and not self._ended:
                if not self._arrived:
                    os.write(self._signal, b"!")
                self._arrived += data
                self._news.notify_all()

    def end(self) -> None:
        """No more bytes will come."""
        with self._news:
            if not self._ended:
                self._ended = True
                os.close(self._signal)
                self._news.notify_all()

    def read(self, size: int = 65536) -> bytes:
        with self._news:
            self._news.wait_for(lambda: self._arrived or self._ended or self._closed)
            self._require_open()
            data = bytes(self._arrived[:size])
            del self._arrived[:size]
            if data and not self._arrived:
                os.read(self._readable, 1)
            return data

    def write(self, data: bytes) -> int:
        self._require_open()
        self._line.send(data)
        return len(data)

    def close(self) -> None:
        self._line.forget(self)
        self.end()
        with self._news:
            if not self._closed:
                self._closed = True
                os.close(self._readable)
                self._news.notify_all()

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("the stream is closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def print_on_console(machine: Machine, text: bytes) -> None:
    """The system inside writes to every console and serial port that somebody uses."""
    for alias in {*_aliases(machine, "consoles", "serials")} & machine.lines.keys():
        machine.lines[alias].send(text)


def _line(machine: Machine, alias: str) -> Line:
    """The line behind a device, plugged in when it is first used."""
    return machine.lines.setdefault(alias, Line(f"Welcome to {machine.name}\r\n".encode()))


def _aliases(machine: Machine, *kinds: str) -> list[str]:
    devices = [device for kind in kinds for device in getattr(devices_of(machine.config), kind)]
    return [device.alias.name for device in devices if device.alias]


def _first_console(machine: Machine) -> str:
    """Alias of the first console, else of the first serial port."""
    for alias in _aliases(machine, "consoles", "serials"):
        return alias
    raise NoSuchDevice(
        f"{machine.ref} has neither a console nor a serial port", target=str(machine.ref), hint="add a <console>"
    )
