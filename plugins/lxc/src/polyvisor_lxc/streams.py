"""Consoles of containers as streams.

liblxc's monitor writes what a container prints on its console into a log, see :mod:`polyvisor.local.consoles`. What is
typed is handed over by lxc-console, of which the monitor serves one at a time: it is run for as long as a stream types,
under a lock, and what comes back from it is drained, for the log has it too.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import threading
import time
from contextlib import ExitStack
from typing import ClassVar

from polyvisor.errors import HypervisorError
from polyvisor.local.consoles import ConsoleStream, console_of, rotate
from polyvisor.spi import DomainRef
from polyvisor.state import locked
from polyvisor_lxc import guests, tools
from polyvisor_lxc.session import GuestFiles, LxcSession

_IDLE = 0.3
"""Seconds without typing after which lxc-console is ended, so that other processes may type."""

_PASSING = 0.02
"""Seconds that lxc-console has to pass on what it has read."""

_PATIENCE = 5.0
"""Seconds that lxc-console has to attach, and that others have to finish typing."""


def open_console(session: LxcSession, domain: DomainRef, *, device: str | None, replay: int) -> ConsoleStream:
    """A stream on the console of a running container."""
    chosen, process = console_of(domain, guests.require_active(session, domain), device)
    rotate(chosen["log"])
    typist = Typist.of(session.files(domain.uuid), int(chosen["tty"]), str(domain))
    return ConsoleStream(chosen["log"], typist, process, str(domain), replay=replay)


class Typist:
    """Types on a console by way of lxc-console, which runs while there is something to type and a moment longer.

    The streams of this process on one console share it; other processes get their turn when it lets go."""

    _shared: ClassVar[dict[tuple[str, int], Typist]] = {}
    _sharing: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, files: GuestFiles, number: int, target: str) -> None:
        self._files = files
        self._number = number
        self._target = target
        self._users = 0
        self._lock = threading.Lock()
        self._held = ExitStack()
        self._end: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._last = 0.0

    @classmethod
    def of(cls, files: GuestFiles, number: int, target: str) -> Typist:
        """The one of this console; each caller closes it once."""
        with cls._sharing:
            found = cls._shared.setdefault((files.directory, number), cls(files, number, target))
            found._users += 1
            return found

    def write(self, data: bytes) -> int:
        """Hand over ``data``; returns how much of it was taken."""
        with self._lock:
            if self._end is None:
                self._attach()
            assert self._end is not None
            poller = select.poll()
            poller.register(self._end, select.POLLOUT)
            self._drain()
            while not poller.poll(50):
                self._drain()
            try:
                return os.write(self._end, data)
            except OSError as error:
                self._detach()
                raise HypervisorError(
                    f"the console of {self._target} is gone: {error.strerror}", driver="lxc"
                ) from error
            finally:
                self._last = time.monotonic()

    def close(self) -> None:
        """Nobody types here any more, if this was the last user."""
        with self._sharing:
            self._users -= 1
            if self._users:
                return
            self._shared.pop((self._files.directory, self._number), None)
        with self._lock:
            self._detach()

    def _attach(self) -> None:
        self._held.enter_context(
            locked(f"{self._files.directory}/typing", timeout=_PATIENCE, subject=f"the console of {self._target}")
        )
        ours, theirs = pty.openpty()
        words = [tools.find("lxc-console"), "--name", str(self._files.uuid), "--lxcpath", self._files.lxcpath]
        words += ["--rcfile", self._files.config, "--tty", str(self._number), "--escape", "-1"]
        try:
            self._process = subprocess.Popen(
                words, stdin=theirs, stdout=theirs, stderr=theirs, env=tools.environment(), start_new_session=True
            )
        finally:
            os.close(theirs)
        self._end = ours
        os.set_blocking(ours, False)
        self._await_attachment()
        self._last = time.monotonic()
        threading.Thread(target=self._let_go_when_idle, name="polyvisor-lxc-typist", daemon=True).start()

    def _await_attachment(self) -> None:
        """Wait until lxc-console has the console: then it puts its terminal, ours, into raw mode."""
        assert self._end is not None and self._process is not None
        deadline = time.monotonic() + _PATIENCE
        while termios.tcgetattr(self._end)[3] & termios.ICANON:
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._said()
                self._detach()
                raise HypervisorError(
                    f"the console of {self._target} takes no input: {said or 'no answer'}", driver="lxc"
                )
            time.sleep(0.001)

    def _let_go_when_idle(self) -> None:
        while True:
            time.sleep(_IDLE / 4)
            with self._lock:
                if self._end is None:
                    return
                if time.monotonic() - self._last > _IDLE:
                    self._detach()
                    return
                self._drain()

    def _said(self) -> str:
        assert self._end is not None
        try:
            return os.read(self._end, 4096).decode(errors="replace").strip()
        except OSError:
            return ""

    def _drain(self) -> None:
        assert self._end is not None
        try:
            while os.read(self._end, 65536):
                pass
        except OSError:
            return  # nothing more to read, or the container is gone, which writing will tell

    def _detach(self) -> None:
        if self._end is not None:
            self._hand_over()
            os.close(self._end)
            self._end = None
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
        self._held.close()

    def _hand_over(self) -> None:
        """Let lxc-console read what was typed last (TIOCOUTQ counts what it has not) and pass it on."""
        assert self._end is not None
        deadline = time.monotonic() + 1.0
        while self._process is not None and self._process.poll() is None and time.monotonic() < deadline:
            left = struct.unpack("i", fcntl.ioctl(self._end, termios.TIOCOUTQ, bytes(4)))[0]
            self._drain()
            if not left and time.monotonic() - self._last > _PASSING:
                return
            time.sleep(0.002)
