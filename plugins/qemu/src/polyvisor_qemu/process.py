"""QEMU as a process: spawning it apart from us, finding it again, leaving no zombie of it."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from polyvisor.errors import HostError
from polyvisor.host.process import Process, command_lines

if TYPE_CHECKING:
    import subprocess

_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


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
    process = Process.running(child.pid) or Process(child.pid, 0)
    _reaper.adopt(child)
    return process


def minimal_environment() -> dict[str, str]:
    """What a guest's process gets to see of our environment."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {"PATH": _PATH, **kept, "LC_ALL": "C"}


def find(needle: str) -> list[Process]:
    """Our own live processes that have ``needle`` within an argument of their command line."""
    wanted = os.fsencode(needle)
    named = [pid for pid, line in command_lines() if wanted in line]
    return [process for pid in named if (process := Process.running(pid)) is not None]


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
