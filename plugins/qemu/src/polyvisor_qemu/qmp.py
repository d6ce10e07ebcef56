"""The QEMU Machine Protocol: one short conversation over a UNIX socket.

QEMU is handed its end of the socket already listening, so connecting needs no polling. Commands are written in
one go and their replies read afterwards (pipelining): QEMU answers in order, so a conversation costs one round
trip however many commands it has. Documented in QEMU's ``docs/interop/qmp-spec``.
"""

from __future__ import annotations

import json
import math
import os
import socket
import struct
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from polyvisor.errors import HypervisorError, OperationTimeout
from polyvisor.state import reachable

DEFAULT_TIMEOUT = 30.0
"""Seconds a conversation may take before QEMU counts as hung."""

_CHUNK = 65536
_LONGEST_REPLY = 64 * 1024 * 1024


class MonitorClosed(HypervisorError):
    """QEMU closed the monitor: it is gone, or about to be."""


class CommandFailed(HypervisorError):
    """QEMU refused a command; ``details`` has ``command``, ``class`` and ``description``."""

    def __init__(self, command: str, error: Mapping[str, Any]) -> None:
        description = str(error.get("desc", "no description"))
        super().__init__(
            f"QEMU refused {command}: {description}",
            driver="qemu",
            details={"command": command, "class": error.get("class", ""), "description": description},
        )


Command = tuple[str, Mapping[str, Any] | None]
"""A command's name and its arguments."""


class Monitor:
    """A conversation with one QEMU; not to be shared between threads.

    ``greeting`` is QEMU's first message, ``events`` collects what arrived between the replies, oldest first.
    """

    def __init__(self, connected: socket.socket, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        self._socket = connected
        self._deadline = time.monotonic() + timeout
        self._timeout = timeout
        self._buffer = bytearray()
        self._negotiated = False
        self.greeting: dict[str, Any] | None = None
        self.events: list[dict[str, Any]] = []

    @classmethod
    def connect(cls, path: str | os.PathLike[str], *, timeout: float = DEFAULT_TIMEOUT) -> Monitor:
        """Connect to the listening socket ``path``; raises MonitorClosed when nobody listens there."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # a blocking connect waits in the kernel while others are before us, which a timeout of Python's does not
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", math.ceil(timeout), 0))
        try:
            with reachable(path) as short:
                end.connect(short)
        except OSError as error:
            end.close()
            raise MonitorClosed(f"cannot reach QEMU's monitor at {os.fspath(path)}: {error.strerror}") from error
        return cls(end, timeout=timeout)

    def pipeline(self, *commands: Command) -> list[Any]:
        """Run the commands and return their results, in order.

        Raises CommandFailed for the first that QEMU refuses (those after it have run all the same), MonitorClosed
        if QEMU hangs up, OperationTimeout if it stays silent."""
        replies = self.exchange(*commands)
        for (name, _), reply in zip(commands, replies, strict=True):
            if "error" in reply:
                raise CommandFailed(name, reply["error"])
        return [reply["return"] for reply in replies]

    def execute(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Run one command and return its result; raises as ``pipeline`` does."""
        return self.pipeline((name, arguments))[0]

    def exchange(self, *commands: Command) -> list[dict[str, Any]]:
        """Run the commands and return QEMU's whole replies, errors included, in order."""
        self._deadline = time.monotonic() + self._timeout
        sent = commands if self._negotiated else (("qmp_capabilities", None), *commands)
        self._send(b"".join(encode(name, arguments) for name, arguments in sent))
        replies = [self._reply(name) for name, _ in sent]
        if not self._negotiated:
            self._negotiated = True
            if "error" in replies[0]:
                raise CommandFailed("qmp_capabilities", replies[0]["error"])
            del replies[0]
        return replies

    def close(self) -> None:
        """Hang up; QEMU goes back to listening."""
        self._socket.close()

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._remaining())
            self._socket.sendall(data)
        except TimeoutError:
            raise self._silence() from None
        except OSError as error:
            raise MonitorClosed(f"QEMU closed its monitor: {error.strerror}", driver="qemu") from error

    def _reply(self, command: str) -> dict[str, Any]:
        while True:
            message = self._message(command)
            if "return" in message or "error" in message:
                return message
            if "event" in message:
                self.events.append(message)
            elif "QMP" in message:
                self.greeting = message["QMP"]

    def _message(self, command: str) -> dict[str, Any]:
        while True:
            line = self._line(command).strip()
            if line:
                break
        try:
            message = json.loads(line)
        except ValueError as error:
            raise HypervisorError(f"QEMU answered {command} with something that is not JSON", driver="qemu") from error
        if not isinstance(message, dict):
            raise HypervisorError(f"QEMU answered {command} with something that is not a QMP message", driver="qemu")
        return message

    def _line(self, command: str) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > _LONGEST_REPLY:
                raise HypervisorError(f"QEMU's answer to {command} has no end", driver="qemu")
            self._buffer += self._receive(command)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _receive(self, command: str) -> bytes:
        try:
            self._socket.settimeout(self._remaining())
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            raise self._silence(command) from None
        except OSError as error:
            raise MonitorClosed(f"QEMU hung up during {command}: {error.strerror}", driver="qemu") from error
        if not data:
            raise MonitorClosed(f"QEMU hung up during {command}", driver="qemu")
        return data

    def _remaining(self) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        return remaining

    def _silence(self, command: str = "the command") -> OperationTimeout:
        return OperationTimeout(
            f"QEMU did not answer {command} within {self._timeout:g} s",
            driver="qemu",
            hint="it may be stopped by a debugger, starved, or stuck in a blocking disk access",
        )


def encode(name: str, arguments: Mapping[str, Any] | None = None) -> bytes:
    """One command as QEMU reads it."""
    message: dict[str, Any] = {"execute": name}
    if arguments:
        message["arguments"] = dict(arguments)
    return json.dumps(message).encode() + b"\n"


def listen(path: str | os.PathLike[str], *, backlog: int = 16) -> socket.socket:
    """A socket that listens at ``path`` (mode 0600), replacing one left behind there."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if os.path.lexists(path):
            os.unlink(path)
        with reachable(path) as short:
            end.bind(short)
        os.chmod(path, 0o600)
        end.listen(backlog)
    except BaseException:
        end.close()
        raise
    return end
