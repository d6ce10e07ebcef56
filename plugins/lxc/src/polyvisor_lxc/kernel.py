"""System calls that Python has no function for: moving mounts into a container's namespace.

open_tree(2), move_mount(2) and mount_setattr(2) are called by number: the numbers are the same on every architecture
that Linux got since they were added (include/uapi/asm-generic/unistd.h).
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Collection
from typing import TypeVar

from polyvisor.errors import HostError
from polyvisor.state import reported

Result = TypeVar("Result")

_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_IDMAP = 0x1, 0x100000
_CLONE_FS, _CLONE_NEWNS = 0x200, 0x20000
_MS_RDONLY, _MNT_DETACH = 1, 2
_MS_BIND, _MS_REC, _MS_SLAVE = 0x1000, 0x4000, 0x80000

_library = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def clone_mount(path: str, *, readonly: bool = False, userns: int | None = None) -> int:
    """A descriptor of a detached copy of what is mounted at ``path``, or of the file that is there.

    ``userns`` is a descriptor of the user namespace whose ids it shall show. Raises HostError."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | (0 if userns is not None else _AT_RECURSIVE)
    tree = _checked(_library.syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags), f"take {path} for a container")
    try:
        wanted = (_MOUNT_ATTR_RDONLY if readonly else 0) | (_MOUNT_ATTR_IDMAP if userns is not None else 0)
        if wanted:
            attributes = _MountAttributes(attr_set=wanted, userns_fd=userns or 0)
            size = ctypes.c_size_t(ctypes.sizeof(attributes))
            reach = _AT_EMPTY_PATH | (0 if userns is not None else _AT_RECURSIVE)
            done = _library.syscall(_MOUNT_SETATTR, tree, b"", reach, ctypes.byref(attributes), size)
            _checked(done, f"mount {path} with other ids or read-only")
    except BaseException:
        os.close(tree)
        raise
    return tree


def place_mount(tree: int, target: str) -> None:
    """Mount what ``clone_mount`` made at ``target`` of the calling thread's mount namespace. Raises HostError."""
    done = _library.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    _checked(done, f"mount at {target} of the container")


def bind_mount(source: str, target: str) -> None:
    """Show ``source``, with what is mounted below it, at ``target`` among the thread's mounts. Raises HostError."""
    flags = ctypes.c_ulong(_MS_BIND | _MS_REC)
    done = _library.mount(os.fsencode(source), os.fsencode(target), None, flags, None)
    _checked(done, f"mount {source} for a container")


def mount_memory(target: str, size: int, *, readonly: bool) -> None:
    """Mount a file system in memory of ``size`` bytes in the calling thread's mount namespace. Raises HostError."""
    flags = ctypes.c_ulong(_MS_RDONLY if readonly else 0)
    done = _library.mount(b"tmpfs", os.fsencode(target), b"tmpfs", flags, b"size=%d" % size)
    _checked(done, f"mount memory at {target} of the container")


def unmount(target: str) -> None:
    """Take what is mounted at ``target`` away from the calling thread's mount namespace. Raises HostError."""
    _checked(_library.umount2(os.fsencode(target), _MNT_DETACH), f"unmount {target} of the container")


def among_own_mounts(work: Callable[[], Result]) -> Result:
    """Call ``work`` in a thread that has a copy of this process's mounts to itself, and whatever it starts.

    What is mounted there is gone with the last process that has them; what comes and goes outside is seen there. What
    ``work`` raises comes through."""

    def entered() -> Result:
        _checked(_library.unshare(_CLONE_FS | _CLONE_NEWNS), "have mounts of one's own")
        slave = _library.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_SLAVE), None)
        _checked(slave, "keep mounts to oneself, for which / has to be a mount point (bind a chroot's onto itself)")
        return work()

    return _apart(entered)


def inside_mounts(namespace: int, owner: tuple[int, int], work: Callable[[], Result]) -> Result:
    """Call ``work`` in a thread that has a container's mount namespace, and makes files as ``owner`` (uid, gid).

    The thread gives up sharing its root and directory with the rest of the process, so nothing else is concerned.
    What ``work`` raises comes through."""

    def entered() -> Result:
        _checked(_library.unshare(_CLONE_FS), "leave the directory of this process")
        _checked(_library.setns(namespace, _CLONE_NEWNS), "enter the container's mounts")
        os.chdir("/")
        _library.setfsgid(owner[1])
        _library.setfsuid(owner[0])
        return work()

    return _apart(entered)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise HostError(f"cannot {what}: {os.strerror(number)}", driver="lxc")
    return result


_RENAMEAT2 = {"x86_64": 316, "aarch64": 276, "riscv64": 276, "loongarch64": 276}
"""Number of renameat2(2) by architecture."""

_RENAME_EXCHANGE = 2


def exchange(first: str, second: str) -> None:
    """Have two paths change places in one step; ``second`` may be missing. Raises HostError.

    A file system without that step is served by two renames, between which ``second`` is not there."""
    import platform

    if not os.path.lexists(second):
        os.rename(first, second)
        return
    number = _RENAMEAT2.get(platform.machine())
    one, other = os.fsencode(first), os.fsencode(second)
    if number is not None and not _library.syscall(number, _AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE):
        return
    try:
        os.rename(second, aside(first))
        os.rename(first, second)
        os.rename(aside(first), first)
    except OSError as error:
        raise HostError(f"{first} and {second} cannot change places: {error.strerror}", driver="lxc") from error


def aside(path: str) -> str:
    """Where :func:`exchange` has what was at the second path, for a moment, if it is to be at ``path``."""
    return f"{path}-old"


def sync_file_system(path: str) -> None:
    """Have all that was written to the file system of ``path`` on its storage. Raises HostError."""
    with reported("read", path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _checked(_library.syncfs(descriptor), f"write out what {path} holds")
    finally:
        os.close(descriptor)


_FITRIM = 0xC0185879
"""The request of ioctl(2) to trim a file system (include/uapi/linux/fs.h); its argument is start, length, minimum."""


def trim(descriptor: int, minimum: int) -> None:
    """Give back what the file system of an open directory does not use. Raises HostError."""
    import fcntl
    import struct

    try:
        fcntl.ioctl(descriptor, _FITRIM, struct.pack("QQQ", 0, (1 << 64) - 1, minimum))
    except OSError as error:
        raise HostError(f"the file system cannot be trimmed: {error.strerror}", driver="lxc") from error


_SET_MEMPOLICY = {"x86_64": 238, "aarch64": 237, "riscv64": 237, "loongarch64": 237}
"""Number of set_mempolicy(2) by architecture."""

_POLICIES = {"preferred": 1, "interleave": 3}
"""MPOL_PREFERRED and MPOL_INTERLEAVE of include/uapi/linux/mempolicy.h."""


def with_memory_policy(mode: str, nodes: Collection[int], work: Callable[[], Result]) -> Result:
    """Call ``work`` in a thread that takes its memory so from these NUMA cells; what it starts inherits that.

    Raises HostError when the kernel refuses, besides what ``work`` raises."""
    import platform

    def limited() -> Result:
        number = _SET_MEMPOLICY.get(platform.machine())
        if number is None:
            raise HostError(f"the memory policy {mode} is not known on {platform.machine()}", driver="lxc")
        mask = ctypes.c_ulong(sum(1 << node for node in nodes))
        bits = ctypes.c_ulong(ctypes.sizeof(mask) * 8 + 1)
        _checked(_library.syscall(number, _POLICIES[mode], ctypes.byref(mask), bits), f"take memory by {mode}")
        return work()

    return _apart(limited)


def _apart(work: Callable[[], Result]) -> Result:
    """Call ``work`` in a thread of its own; what it raises comes through."""
    outcome: list[Result] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="polyvisor-lxc-apart")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return outcome[0]
