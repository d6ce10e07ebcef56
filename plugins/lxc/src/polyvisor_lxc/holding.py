"""Holding a container before the first instruction of its init, for those that are started paused.

liblxc cannot start a container frozen: its monitor waits for the child that becomes init, and would wait for ever for
one that stands still. So the hook that liblxc runs just before it lets that child go on (``lxc.hook.start-host``,
lxc.container.conf(5)) leaves a process behind that traces the child (ptrace(2)). The kernel stops it when it has
executed init, before anything of that has run; then the container's control group is frozen, and the child let go.

This file is run as a program of its own, by its path and without the site's packages: it imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import sys

_CONT, _SEIZE, _DETACH, _TRACE_EXEC = 7, 0x4206, 17, 0x10
"""PTRACE_CONT, PTRACE_SEIZE, PTRACE_DETACH and PTRACE_O_TRACEEXEC (include/uapi/linux/ptrace.h)."""

_EXECUTED = 4
"""PTRACE_EVENT_EXEC, the upper half of the status that wait tells."""

_WALL = 0x40000000
"""__WALL of waitpid(2): whatever kind of child it is."""


def group_file(pid: int, controller: str, mount: str, name: str) -> str:
    """The path of a control file of a process's group (cgroups(7)); ``controller`` is empty for version 2."""
    with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if controller in controllers.split(",") and bool(controller) is bool(controllers):
                return f"{mount}{path}/{name}"
    raise OSError(f"process {pid} has no control group that could be frozen")


def trace(pid: int) -> ctypes.CDLL:
    """Become the tracer of a process that goes on running, to be told when it executes a program."""
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    library.ptrace.restype = ctypes.c_long
    if library.ptrace(_SEIZE, pid, None, _TRACE_EXEC) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"process {pid} cannot be traced: {os.strerror(number)}")
    return library


def hold(pid: int, library: ctypes.CDLL, freezer: int, word: bytes) -> None:
    """Wait until a traced process has executed a program, and freeze its group with it.

    What it is told meanwhile reaches it; when it ends there is nothing to hold."""
    while True:
        _, status = os.waitpid(pid, _WALL)
        if not os.WIFSTOPPED(status):
            return
        event = status >> 16
        if event == _EXECUTED:
            os.write(freezer, word)
            library.ptrace(_DETACH, pid, None, 0)
            return
        library.ptrace(_CONT, pid, None, 0 if event else os.WSTOPSIG(status))


def main(controller: str, mount: str, name: str, word: str) -> int:
    """Returns once the process that holds the container has hold of it; liblxc says of whom by ``LXC_PID``."""
    pid = int(os.environ["LXC_PID"])
    freezer = os.open(group_file(pid, controller, mount, name), os.O_WRONLY | os.O_CLOEXEC)
    told, teller = os.pipe()
    if os.fork():
        os.close(teller)
        said = os.read(told, 1000)
        sys.stderr.write(said.decode(errors="replace").removeprefix("+"))
        return 0 if said == b"+" else 1
    os.setsid()
    try:
        library = trace(pid)
    except OSError as error:
        os.write(teller, str(error).encode())
        os._exit(1)
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):  # liblxc reads what the hook prints until nobody can print any more
        os.dup2(quiet, descriptor)
    os.write(teller, b"+")
    os.close(teller)
    hold(pid, library, freezer, word.encode())
    os._exit(0)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except OSError as error:
        sys.exit(f"the container cannot be held: {error}")
