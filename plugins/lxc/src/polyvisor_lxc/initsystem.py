"""What a container's init is, and how it wants to be asked to stop or to reboot.

An init ignores every signal it has not asked for (pid_namespaces(7)), so whether it will hear one is looked up in the
mask of caught signals, ``SigCgt`` of ``/proc/<pid>/status``, before it is said to have been asked.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

_RTMIN = 34
"""SIGRTMIN as the C library has it."""


@dataclass(frozen=True, slots=True)
class InitSystem:
    """One kind of init: the signals by which it powers off and reboots, those it prefers first."""

    name: str
    halt: tuple[int, ...]
    reboot: tuple[int, ...]


SYSTEMD = InitSystem("systemd", (_RTMIN + 4, _RTMIN + 3, signal.SIGPWR), (_RTMIN + 5, signal.SIGINT))
BUSYBOX = InitSystem("busybox", (signal.SIGUSR2, signal.SIGUSR1), (signal.SIGTERM,))
SYSVINIT = InitSystem("sysvinit", (signal.SIGPWR,), (signal.SIGINT,))
OPENRC = InitSystem("openrc-init", (signal.SIGUSR2, signal.SIGPWR), (signal.SIGINT,))
PROGRAM = InitSystem("program", (signal.SIGTERM, signal.SIGPWR, signal.SIGINT), ())
"""Any other program; it can be asked to end, never to reboot."""

_BY_NAME = {
    "systemd": SYSTEMD,
    "busybox": BUSYBOX,
    "busybox.static": BUSYBOX,
    "init": SYSVINIT,
    "upstart": SYSVINIT,
    "openrc-init": OPENRC,
}


def recognise(executable: str, called: str) -> InitSystem:
    """The kind of init by the file it runs (``/proc/<pid>/exe``) and the name it was called by.

    ``/sbin/init`` may be a link to systemd or to busybox, so the file counts first; busybox under another name
    (``sh``) is no init."""
    found = _BY_NAME.get(os.path.basename(executable), PROGRAM)
    if found is BUSYBOX and os.path.basename(called) not in ("init", "linuxrc"):
        return PROGRAM
    return found


def of(pid: int) -> InitSystem:
    """The kind of a running init."""
    try:
        executable = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            called = os.fsdecode(file.read().split(b"\0", 1)[0])
    except OSError:
        return PROGRAM
    return recognise(executable, called)


def caught(pid: int) -> frozenset[int]:
    """The signals that a process has a handler for, or takes from a descriptor while they are blocked."""
    handled = _mask(pid, b"SigCgt:")
    return handled | (_mask(pid, b"SigBlk:") if _reads_signals(pid) else frozenset())


def _mask(pid: int, name: bytes) -> frozenset[int]:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            line = next((line for line in file if line.startswith(name)), b"")
    except OSError:
        return frozenset()
    bits = int(line.split(b":")[1], 16) if line else 0
    return frozenset(number + 1 for number in range(64) if bits >> number & 1)


def _reads_signals(pid: int) -> bool:
    try:
        return any(
            os.readlink(f"/proc/{pid}/fd/{name}") == "anon_inode:[signalfd]" for name in os.listdir(f"/proc/{pid}/fd")
        )
    except OSError:
        return False


def choose(wanted: tuple[int, ...], hears: frozenset[int]) -> int | None:
    """The first of the wanted signals that init hears; None when it hears none of them."""
    return next((number for number in wanted if number in hears), None)
