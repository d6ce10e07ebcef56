"""Consoles of containers as streams.

liblxc's monitor writes what a container prints on its console into a log, with nobody attached. A stream reads that
log from the moment it is opened on, so any number of streams read the same and none takes anything from another. What
is typed is handed over by lxc-console, of which the monitor serves one at a time: it is run for as long as a stream
types, under a lock, and what comes back from it is drained, for the log has it too.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import termios
import threading
import time
from contextlib import ExitStack
from types import TracebackType
from typing import ClassVar, Self

from polyvisor.errors import Busy, HypervisorError, InvalidState, NoSuchDevice
from polyvisor.host.process import Process
from polyvisor.spi import DomainRef
from polyvisor.state import locked
from polyvisor.state.inotify import IN_MODIFY, Inotify
from polyvisor_lxc import guests, tools
from polyvisor_lxc.session import GuestFiles, LxcSession

LONGEST_LOG = 8 * 1024 * 1024
"""Bytes of console output kept in the log; what went before is in the file beside it, ending in ``.1``."""

_IDLE = 0.3
"""Seconds without typing after which lxc-console is ended, so that other processes may type."""

_PASSING = 0.02
"""Seconds that lxc-console has to pass on what it has read."""

_PATIENCE = 5.0
"""Seconds that lxc-console has to attach, and that others have to finish typing."""


def open_console(session: LxcSession, domain: DomainRef, *, device: str | None, replay: int) -> ConsoleStream:
    """A stream on the console of a running container."""
    found = guests.require_active(session, domain)
    assert found.status is not None
    consoles = [entry for entry in found.status.get("consoles", ()) if entry["log"]]
    chosen = next((entry for entry in consoles if device is None or device == entry["alias"]), None)
    if chosen is None:
        what = f"console {device!r}" if device else "console"
        raise NoSuchDevice(
            f"{domain} has no {what} that can be read",
            target=str(domain),
            driver="lxc",
            hint=f"it has {', '.join(entry['alias'] for entry in consoles)}" if consoles else "add a <console> to it",
        )
    if found.process is None:
        raise InvalidState(f"{domain} is still starting", target=str(domain), driver="lxc")
    rotate(chosen["log"])
    typist = Typist.of(session.files(domain.uuid), int(chosen["tty"]), str(domain))
    return ConsoleStream(chosen["log"], typist, found.process, str(domain), replay=replay)


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


class ConsoleStream:
    """What a console prints, from its log, and a way to type on it."""

    def __init__(self, log: str, typist: Typist, process: Process, target: str, *, replay: int = 0) -> None:
        self._target = target
        self._path = log
        self._log = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(self._log).st_size
        self._position = max(0, size - replay)
        self._closed = self._released = False
        self._readers = 0
        self._typist = typist
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
        if self._position < size:
            os.eventfd_write(self._flag, 1)

    def fileno(self) -> int:
        """Readable when ``read`` would not block."""
        self._check()
        return self._poller.fileno()

    def read(self, size: int = 65536) -> bytes:
        """What was printed since, waiting until there is something; empty once the container is gone."""
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
        return self._typist.write(data)

    def close(self) -> None:
        """Let go; the container and other streams are not concerned."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._flag, 1)  # wakes a reader that waits
            self._release()
        self._typist.close()

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


def rotate(log: str) -> None:
    """Put a console log that has grown too long aside, as ``.1``.

    The monitor keeps its file open for appending, so the file is copied and cut, not renamed."""
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
