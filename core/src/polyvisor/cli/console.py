"""The terminal as a guest's console."""

from __future__ import annotations

import os
import queue
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.parameters import domain, flag
from polyvisor.errors import HypervisorError, InvalidArgument

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.objects.domain import Domain
    from polyvisor.operations.consoles import Stream

CHUNK = 65536


def escape_byte(text: str) -> bytes:
    """The byte that ``^]``, ``^A`` or a single character stands for. Raises InvalidArgument."""
    if len(text) == 2 and text[0] == "^" and "?" <= text[1].upper() <= "_":
        return bytes([ord(text[1].upper()) ^ 0x40])
    if len(text) == 1 and text.isascii():
        return text.encode()
    raise InvalidArgument(f"{text!r} is no escape character", hint="write ^] or another ^ and letter, or one character")


def shown(escape: bytes) -> str:
    """``escape`` as it is written: ``^]``."""
    return f"^{chr(escape[0] ^ 0x40)}" if escape[0] < 32 or escape[0] == 127 else escape.decode()


@command("console")
@domain()
@click.option("--devname", metavar="ALIAS", help="Alias of the device, such as serial0; default: the first console.")
@flag("force", "Cut off others that are connected, where several cannot be.")
@flag("safe", "Connect only where connections are kept apart.")
@flag("resume", "Let a paused domain go on once connected.")
@click.option(
    "--replay", metavar="BYTES", type=click.IntRange(min=0), default=0, help="Show so much earlier output first."
)
@click.option("--escape", metavar="CHAR", help="Character that disconnects; default ^].")
def console(
    shell: Shell, domain: str, devname: str | None, resume: bool, escape: str | None, **options: Any
) -> int | None:
    """What is typed goes to the guest as it is, interrupts too, until the escape character.

    Works without a terminal: input is then read from a pipe or a file, and the command goes on to print what
    the guest says until the guest is gone or the input has an escape character.
    """
    return attach(shell, shell.domain(domain), device=devname, resume=resume, escape=escape, **options)


def attach(
    shell: Shell, found: Domain, *, resume: bool = False, escape: str | None = None, **options: Any
) -> int | None:
    """Connect standard input and output to the console of ``found``; returns when that is over.

    ``options`` are those of the operation ``open_console``; ``resume`` lets the domain go on once connected."""
    leave = escape_byte(escape or shell.escape)
    if sys.stdin is None or sys.stdout is None:
        raise InvalidArgument("the console needs standard input and standard output, and one of them is closed")
    with found.open_console(**options) as stream:
        shell.note(f"Connected to domain '{found.name}'\nEscape character is {shown(leave)}")
        with raw_terminal(sys.stdin.fileno()):
            if resume:
                found.resume()
            exchange(stream, sys.stdin.fileno(), sys.stdout.fileno(), leave)
    shell.note("")
    return None


@contextmanager
def raw_terminal(descriptor: int) -> Iterator[None]:
    """The terminal hands over every key as it is; put back however this ends, also by SIGTERM or SIGHUP."""
    if not os.isatty(descriptor):
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    with _exit_on(signal.SIGTERM, signal.SIGHUP):
        try:
            tty.setraw(descriptor)
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def _exit_on(*signals: signal.Signals) -> Iterator[None]:
    """Make these signals end the program by SystemExit, so that what is open gets closed."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exchange(stream: Stream, source: int, sink: int, leave: bytes) -> None:
    """Carry bytes from descriptor ``source`` to ``stream`` and from ``stream`` to descriptor ``sink``.

    Ends when the guest is gone or ``leave`` is read from ``source``; the end of ``source`` alone does not end it."""
    typed = _Typist(stream)
    poll = select.poll()
    poll.register(source, select.POLLIN)
    poll.register(stream.fileno(), select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if stream.fileno() in ready:
            data = stream.read(CHUNK)
            if not data:
                return
            _write_all(sink, data)
        if source in ready:
            keys = os.read(source, CHUNK)
            before, escape, _ = keys.partition(leave)
            typed.send(before)
            if escape:
                typed.finish()
                return
            if not keys:
                poll.unregister(source)


class _Typist:
    """Writes to the stream from a thread of its own: a guest that does not read holds up nothing else."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._keys: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="console-input", daemon=True)
        self._thread.start()

    def send(self, keys: bytes) -> None:
        if keys:
            self._keys.put(keys)

    def finish(self) -> None:
        """Wait a moment for the guest to take what was typed before the escape."""
        self._keys.put(b"")
        self._thread.join(timeout=1.0)

    def _work(self) -> None:
        while keys := self._keys.get():
            while keys:
                try:
                    keys = keys[self._stream.write(keys) :]
                except (HypervisorError, ValueError):
                    return  # the guest is gone or the stream closed; the reading side ends by itself


def _write_all(sink: int, data: bytes) -> None:
    while data:
        data = data[os.write(sink, data) :]
