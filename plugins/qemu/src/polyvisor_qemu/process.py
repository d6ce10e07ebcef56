"""QEMU as a process: spawning it apart from us, knowing it again, waiting for its end.

A process is known by pid and start time (field 22 of ``/proc/<pid>/stat``), so a reused pid is never mistaken
for it; a zombie counts as gone. Waiting goes through a pidfd, which any process may do, parent or not.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyvisor.errors import HostError

if TYPE_CHECKING:
    import subprocess

_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
_GONE = ("Z", "X")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Process:
    """One incarnation of a pid. ``started`` is in clock ticks since boot."""

    pid: int
    started: int

    @classmethod
    def running(cls, pid: int) -> Process | None:
        """The process that has ``pid`` now, None when there is none or it is a zombie."""
        found = _stat(pid)
        return cls(pid, found[1]) if found is not None and found[0] not in _GONE else None

    @property
    def alive(self) -> bool:
        """False once it has exited, reaped or not."""
        return Process.running(self.pid) == self

    @property
    def cpu_time_ns(self) -> int | None:
        """User and system time in nanoseconds, None when it is gone."""
        found = self.cpu_times_ns
        return None if found is None else sum(found)

    @property
    def cpu_times_ns(self) -> tuple[int, int] | None:
        """User time and system time in nanoseconds, None when it is gone."""
        found = _stat(self.pid)
        if found is None or found[0] in _GONE or found[1] != self.started:
            return None
        tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        return found[2] * tick, found[3] * tick

    @property
    def resident_kib(self) -> int | None:
        """KiB of the host's memory that it holds (``/proc/<pid>/statm``), None when it is gone."""
        try:
            with open(f"/proc/{self.pid}/statm", "rb") as file:
                pages = int(file.read().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return None
        return pages * (os.sysconf("SC_PAGE_SIZE") // 1024) if self.alive else None

    @contextmanager
    def handle(self) -> Iterator[int | None]:
        """A pidfd of exactly this process for the time of the block, None when it is gone."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            yield None
            return
        except OSError as error:
            raise HostError(f"cannot watch process {self.pid}: {error.strerror}", driver="qemu") from error
        try:
            yield descriptor if self.alive else None
        finally:
            os.close(descriptor)

    def wait(self, timeout: float) -> bool:
        """Wait until it has exited; False when ``timeout`` seconds were not enough."""
        with self.handle() as descriptor:
            return descriptor is None or _exited(descriptor, timeout)

    def stop(self, *, grace: float, patience: float) -> bool:
        """End it: SIGTERM, which QEMU takes as an orderly quit, and SIGKILL after ``grace`` seconds.

        Returns whether it is gone within ``patience`` seconds after that. With ``patience`` 0 nothing is killed."""
        with self.handle() as descriptor:
            if descriptor is None:
                return True
            _signal(descriptor, signal.SIGTERM)
            if _exited(descriptor, grace):
                return True
            if patience <= 0:
                return False
            _signal(descriptor, signal.SIGKILL)
            return _exited(descriptor, patience)


def spawn(
    argv: Sequence[str],
    *,
    log: int,
    descriptors: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> Process:
    """Start ``argv`` in a session of its own, with nothing of ours but ``descriptors`` and stderr to ``log``.

    Raises HostError when it cannot be executed."""
    import subprocess

    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            close_fds=True,
            pass_fds=tuple(descriptors),
            cwd="/",
            env={**minimal_environment(), **(environment or {})},
            start_new_session=True,
        )
    except OSError as error:
        raise HostError(
            f"cannot run {argv[0]}: {error.strerror}", driver="qemu", hint="is the emulator installed and executable?"
        ) from error
    found = _stat(child.pid)
    _reaper.adopt(child)
    return Process(child.pid, found[1] if found is not None else 0)


def minimal_environment() -> dict[str, str]:
    """What a guest's process gets to see of our environment."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {"PATH": _PATH, **kept, "LC_ALL": "C"}


def find(needle: str) -> list[Process]:
    """Our own live processes that have ``needle`` within an argument of their command line."""
    wanted = os.fsencode(needle)
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(f"/proc/{entry.name}/cmdline", "rb") as file:
                named = wanted in file.read()
        except OSError:
            continue
        if named and (process := Process.running(int(entry.name))):
            found.append(process)
    return found


def _stat(pid: int) -> tuple[str, int, int, int] | None:
    """State letter, start time, user time and system time (clock ticks) of a pid."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return fields[0].decode(), int(fields[19]), int(fields[11]), int(fields[12])


def _exited(descriptor: int, timeout: float) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(max(0, round(timeout * 1000))))


def _signal(descriptor: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise HostError("not allowed to end the guest's process: it belongs to another user", driver="qemu") from error


class _Reaper:
    """Collects the exit status of every QEMU this process has spawned, so that none stays a zombie."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._poller: select.epoll | None = None
        self._running = False

    def adopt(self, child: subprocess.Popen[bytes]) -> None:
        try:
            descriptor = os.pidfd_open(child.pid)
        except ProcessLookupError:
            child.wait()
            return
        with self._lock:
            if self._poller is None:
                self._poller = select.epoll()
            self._children[descriptor] = child
            self._poller.register(descriptor, select.EPOLLIN)
            if not self._running:
                self._running = True
                thread = threading.Thread(
                    target=self._collect, args=(self._poller,), name="polyvisor-qemu-reaper", daemon=True
                )
                thread.start()

    def _collect(self, poller: select.epoll) -> None:
        while True:
            for descriptor, _ in poller.poll():
                with self._lock:
                    poller.unregister(descriptor)
                    child = self._children.pop(descriptor)
                    os.close(descriptor)
                    child.wait()
                    if not self._children:
                        self._running = False
                        return


def _forget_parents_children() -> None:
    """After a fork the children are the parent's to reap, and the thread is not ours."""
    global _reaper
    _reaper = _Reaper()


_reaper = _Reaper()
os.register_at_fork(after_in_child=_forget_parents_children)
