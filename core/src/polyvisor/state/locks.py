"""Locks between threads and processes, by flock(2): the kernel drops them when their holder dies."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from polyvisor.errors import Busy
from polyvisor.state.disk import make_private_directory, reported

log = logging.getLogger(__name__)

_FIRST_WAIT = 0.0005
_LONGEST_WAIT = 0.02


@contextmanager
def locked(
    path: str | os.PathLike[str], *, timeout: float = 30.0, subject: str | None = None, shared: bool = False
) -> Iterator[int]:
    """Hold the lock file ``path`` (created when missing), for this thread alone or ``shared`` with other readers.

    Yields the file's descriptor. Not re-entrant: the same thread asking twice waits for itself.
    Waits ``timeout`` seconds, then raises Busy, which names ``subject`` and the process that holds it."""
    descriptor = _wait(os.fspath(path), fcntl.LOCK_SH if shared else fcntl.LOCK_EX, timeout, subject)
    try:
        if not shared:
            _sign(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def holder(path: str | os.PathLike[str]) -> int | None:
    """The pid that last took the lock file exclusively, if it wrote one and still lives."""
    try:
        with open(path, "rb") as file:
            pid = int(file.read(20).strip(b"\0\n") or b"0")
    except (OSError, ValueError):
        return None
    return pid if pid and os.path.exists(f"/proc/{pid}") else None


def remove_unused(path: str | os.PathLike[str]) -> bool:
    """Remove a lock file that nobody holds; waiting takers notice and make a new one."""
    with reported("remove", path):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        except (BlockingIOError, FileNotFoundError):
            return False
        finally:
            os.close(descriptor)
        return True


class LivenessLock:
    """A lock file that a child process inherits and, without knowing of it, holds for as long as it lives.

    Unlike a pid in a file this cannot be mistaken for another process, and a zombie no longer holds it::

        with LivenessLock(path) as lock:
            process = subprocess.Popen(command, pass_fds=[lock.fileno()])
        alive(path)         # from any process, at any time

    Leaving the block closes this process's copy; the child's keeps the lock. A child that exits before, or was
    never started, leaves it free. Raises Busy when another process holds it already.
    """

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 1.0) -> None:
        self.path = os.fspath(path)
        # testers of alive() take it for a moment, hence the timeout
        self._descriptor: int | None = _wait(self.path, fcntl.LOCK_EX, timeout, None)

    def fileno(self) -> int:
        """The descriptor to hand to the child."""
        if self._descriptor is None:
            raise ValueError("the lock is closed")
        return self._descriptor

    def close(self) -> None:
        """Let go of this process's copy. An explicit unlock would free the child's as well, so there is none."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> LivenessLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def alive(path: str | os.PathLike[str]) -> bool:
    """Does a process hold the :class:`LivenessLock` at ``path``? False as well when there is no such file."""
    with reported("open", path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


def _wait(path: str, kind: int, timeout: float, subject: str | None) -> int:
    deadline = time.monotonic() + timeout
    pause = _FIRST_WAIT
    while (descriptor := _try(path, kind)) is None:
        if time.monotonic() >= deadline:
            raise _busy(path, subject, timeout)
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_WAIT)
    return descriptor


def _try(path: str, kind: int) -> int | None:
    """The locked descriptor, or None when it is taken or the file was removed under us."""
    with reported("lock", path):
        descriptor = _open(path, kind)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BlockingIOError:
            pass  # taken: the caller waits
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None


def _open(path: str, kind: int) -> int:
    flags = os.O_CLOEXEC | (os.O_RDONLY if kind == fcntl.LOCK_SH else os.O_RDWR | os.O_CREAT)
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        if kind == fcntl.LOCK_SH:
            raise
        make_private_directory(os.path.dirname(path))
        return os.open(path, flags, 0o600)


def _sign(descriptor: int) -> None:
    try:
        os.pwrite(descriptor, b"%-19d\n" % os.getpid(), 0)
    except OSError as error:  # the name serves messages only; the lock holds on a full disk too
        log.debug("cannot note the holder of a lock: %s", error)


def _busy(path: str, subject: str | None, timeout: float) -> Busy:
    pid = holder(path)
    by = "another thread of this process" if pid == os.getpid() else f"process {pid}" if pid else "another process"
    return Busy(
        f"{subject or path} is in use by {by}, which did not let go within {timeout:g} s",
        hint="try again, or see what that process is doing",
        details={"pid": pid, "path": path},
    )
