"""Copies of what a container keeps on the host: directories and image files.

Copying is cp's (``--archive --reflink=auto``): owners, links, holes and extended attributes stay, and file systems that
can share blocks do. A subvolume of Btrfs is copied by a snapshot of it, which takes no time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from polyvisor.errors import HostError, InvalidState
from polyvisor.state import reported
from polyvisor_lxc import tools

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.spi import JobControl

_PAUSE = 0.02
_TIME = 60.0


def kept_paths(config: Domain) -> dict[str, str]:
    """What a snapshot of a container holds, by mount point: its root, and image files it may write to.

    Other directories belong to the host, which shows them to the container. Raises InvalidState when the root is the
    host's own."""
    held: Any = config.devices
    found = {}
    for one in held.filesystems:
        root = one.target.dir == "/"
        if one.type == "file" and (root or not one.readonly):
            found[one.target.dir] = str(one.source.file)
        elif root and one.type in ("mount", "bind") and one.source.dir != "/":
            found["/"] = str(one.source.dir)
    if "/" not in found:
        raise InvalidState(
            f"the root of domain {config.name!r} is none of its own, so there is nothing to keep",
            driver="lxc",
            hint="give it a <filesystem> of type mount or file with target /",
        )
    return found


def copy(source: str, target: str, job: JobControl | None = None) -> None:
    """Copy a directory or file to ``target``, which must not exist; nothing of it is left when it fails."""
    if os.path.lexists(target):
        raise HostError(f"{target} is in the way of a copy", driver="lxc")
    with reported("make", os.path.dirname(target)):
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    with reported("copy", source):
        if _snapshot(source, target):
            return
    words = [tools.find("cp"), "--archive", "--reflink=auto", "--sparse=auto", "--", source, target]
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=tools.environment(),
        start_new_session=True,
    )
    try:
        _, errors = _follow(process, job)
    except BaseException:
        process.kill()
        process.wait()
        remove(target)
        raise
    if process.returncode:
        remove(target)
        raise HostError(f"cannot copy {source} to {target}: {errors.decode(errors='replace').strip()}", driver="lxc")


NEW = ".polyvisor-new"
"""What the names of copies end in that are not complete."""


def beside(place: str) -> str:
    """Where the copy is made that is to be at ``place``."""
    return place.rstrip("/") + NEW


def copy_whole(source: str, target: str, job: JobControl | None = None) -> None:
    """Copy to ``target``, where nothing is until the copy is complete, also if this process is killed."""
    remove(beside(target))
    copy(source, beside(target), job)
    with reported("rename", beside(target)):
        os.rename(beside(target), target)


_SUBVOLUME = 256
"""Number of the inode of the root of a subvolume of Btrfs (include/uapi/linux/btrfs_tree.h)."""


def _snapshot(source: str, target: str) -> bool:
    """Have Btrfs make a snapshot of a subvolume at ``target``, in one step; False where it cannot.

    It cannot where the source is none, where other subvolumes are below it, which a snapshot would leave out, and where
    the target is on another file system."""
    if os.stat(source).st_ino != _SUBVOLUME or (btrfs := shutil.which("btrfs")) is None:
        return False
    below = tools.run([btrfs, "subvolume", "list", "-o", source], timeout=_TIME)
    if below.code or below.output.strip():
        return False
    return tools.run([btrfs, "subvolume", "snapshot", source, target], timeout=_TIME).code == 0


def _follow(process: subprocess.Popen[bytes], job: JobControl | None) -> tuple[bytes, bytes]:
    while True:
        try:
            return process.communicate(timeout=_PAUSE)
        except subprocess.TimeoutExpired:
            if job is not None:
                job.check()


def remove(path: str) -> None:
    """Remove a directory with all in it, or a file, if it is there."""
    with reported("remove", path):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
