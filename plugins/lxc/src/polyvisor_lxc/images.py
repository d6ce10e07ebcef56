"""File systems in image files and on block devices, shown to containers.

Only the host's root may mount them, not the root of a user namespace. So they are mounted on the host, where nobody
sees it: in a mount namespace that the monitor of the container and the container itself are alone in. It is gone with
them however they end, and with it the mounts and the loop devices, so that there is nothing to tidy up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from polyvisor.errors import HypervisorError, UnsupportedConfiguration
from polyvisor_lxc import kernel, tools
from polyvisor_lxc.support import refusal

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

Result = TypeVar("Result")

PLACE = "/run/polyvisor-images"
"""An empty directory, over which each such namespace has a file system in memory with the places of its images."""

RAW = (None, "raw")

_TIME = 60.0
"""Seconds that a file system has to be mounted: its journal may have to be replayed."""


def is_image(filesystem: Any) -> bool:
    """Whether it is to be mounted from an image file or a block device by us."""
    return filesystem.type in ("file", "block") and not by_nbd(filesystem)


def by_nbd(filesystem: Any) -> bool:
    """Whether its document asks for a network block device, which liblxc has for roots."""
    return filesystem.driver is not None and filesystem.driver.type == "nbd"


def place(filesystem: Any) -> str:
    """Where an image is mounted, for what is then shown to the container at the file system's target."""
    import hashlib  # seldom needed and slow to import

    return f"{PLACE}/{hashlib.sha256(filesystem.target.dir.encode()).hexdigest()[:16]}"


def check(filesystem: Any) -> None:
    """Raise UnsupportedConfiguration for an image that cannot be mounted as its document says."""
    driver = filesystem.driver
    if driver is None:
        return
    if driver.type not in (None, "loop", "nbd", "path"):
        raise refusal(f"<driver type={driver.type!r}>", filesystem)
    if driver.format not in RAW and not by_nbd(filesystem):
        raise refusal(
            f"an image of format {driver.format!r}",
            filesystem,
            why="cannot be mounted: only raw ones can (qemu-img convert -O raw makes one)",
        )
    if by_nbd(filesystem) and filesystem.target.dir != "/":
        raise refusal("<driver type='nbd'>", filesystem, why="is for a container's root only")


def require_nbd(filesystem: Any) -> None:
    """Raise UnsupportedConfiguration where the kernel has no network block devices, and one is asked for."""
    if by_nbd(filesystem) and not os.path.exists("/dev/nbd0"):
        raise UnsupportedConfiguration(
            "this host has no network block devices, by which images other than raw ones are mounted",
            driver="lxc",
            hint="load the module (modprobe nbd), or make a raw image (qemu-img convert -O raw)",
        )


def mounted(running: Domain, work: Callable[[], Result]) -> Result:
    """Call ``work``, which starts a container, where the container's images are mounted.

    Raises HypervisorError for an image that holds no file system the kernel knows, besides what ``work`` raises."""
    held: Any = running.devices
    images = [one for one in held.filesystems if is_image(one)]
    if not images:
        return work()
    if os.geteuid():
        raise refusal("an image", images[0], why="can be mounted by root only; unpack it into a directory")

    def start() -> Result:
        _make_place()
        for image in images:
            _mount(image)
        return work()

    return kernel.among_own_mounts(start)


def detached(image: Any, userns: int | None) -> int:
    """A descriptor of an image, mounted nowhere; see :func:`polyvisor_lxc.kernel.clone_mount`."""

    def mount() -> int:
        _make_place()
        _mount(image)
        return kernel.clone_mount(place(image), readonly=image.readonly, userns=userns)

    return kernel.among_own_mounts(mount)


def _make_place() -> None:
    os.makedirs(PLACE, mode=0o755, exist_ok=True)
    _run("--types", "tmpfs", "--options", "mode=755,size=64k", "tmpfs", PLACE)


def _mount(image: Any) -> None:
    """By mount(8), which knows what file system is in an image, and has loop devices go with their mounts."""
    os.mkdir(place(image), 0o755)
    options = [*(["loop"] if image.type == "file" else []), *(["ro"] if image.readonly else [])]
    source = image.source.file if image.type == "file" else image.source.dev
    _run(*(["--options", ",".join(options)] if options else []), "--", source, place(image))


def _run(*words: str) -> None:
    answer = tools.run([tools.find("mount"), *words], timeout=_TIME)
    if answer.code:
        raise HypervisorError(
            f"{words[-2]} cannot be mounted: {' '.join(answer.errors.split())}",
            driver="lxc",
            hint="it has to hold a file system that this kernel knows (blkid shows what it holds), used by nobody else",
        )
