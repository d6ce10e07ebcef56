"""Processes of this host: knowing one again, waiting for its end, ending it.

A process is known by pid and start time (field 22 of ``/proc/<pid>/stat``), so a reused pid is never mistaken
for it; a zombie counts as gone. Waiting goes through a pidfd, which any process may do, parent or not.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from polyvisor.errors import HostError

_GONE = ("Z", "X")


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
        """A pidfd of exactly this process for the time of the block, None when it is gone. Raises HostError."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            yield None
            return
        except OSError as error:
            raise HostError(f"cannot watch process {self.pid}: {error.strerror}") from error
        try:
            yield descriptor if self.alive else None
        finally:
            os.close(descriptor)

    def wait(self, timeout: float) -> bool:
        """Wait until it has exited; False when ``timeout`` seconds were not enough."""
        with self.handle() as descriptor:
            return descriptor is None or _exited(descriptor, timeout)

    def kill(self, number: int = signal.SIGKILL) -> bool:
        """Send it a signal; False when it is gone. Raises HostError when that is not allowed."""
        with self.handle() as descriptor:
            return descriptor is not None and self._signal(descriptor, number)

    def stop(self, *, grace: float, patience: float) -> bool:
        """End it: SIGTERM, and SIGKILL if it has not exited after ``grace`` seconds.

        Returns whether it is gone within ``patience`` seconds after that. With ``patience`` 0 nothing is killed.
        Raises HostError when that is not allowed."""
        with self.handle() as descriptor:
            if descriptor is None:
                return True
            self._signal(descriptor, signal.SIGTERM)
            if _exited(descriptor, grace):
                return True
            if patience <= 0:
                return False
            self._signal(descriptor, signal.SIGKILL)
            return _exited(descriptor, patience)

    def _signal(self, descriptor: int, number: int) -> bool:
        try:
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        except PermissionError as error:
            raise HostError(f"not allowed to signal process {self.pid}: it belongs to another user") from error
        return True


def children(pid: int) -> list[int]:
    """The pids of a process's children, zombies too (``/proc/<pid>/task/<pid>/children``)."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return [int(number) for number in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def command_lines() -> Iterator[tuple[int, bytes]]:
    """Pid and command line of each process, as ``/proc/<pid>/cmdline`` has it: each word ends with a zero byte.

    Those that other users keep to themselves, and those that are just ending, are left out."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(f"/proc/{entry.name}/cmdline", "rb") as file:
                line = file.read()
        except OSError:
            continue
        yield int(entry.name), line


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
