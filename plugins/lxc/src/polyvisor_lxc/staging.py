"""What of the host is shown to a container, put where the container can take it from.

Only the host's root may mount an image or a block device, not the root of a user namespace; and that may not enter
directories of others on the way to what it is shown. So all of it is mounted on the host, where nobody sees it: in a
mount namespace that the monitor of the container and the container itself are alone in. It is gone with them however
they end, and with it the mounts and the loop devices, so that there is nothing to tidy up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from polyvisor.errors import HypervisorError, UnsupportedConfiguration
from polyvisor.state import reported
from polyvisor_lxc import confinement, tools
from polyvisor_lxc.support import refusal

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

Result = TypeVar("Result")

PLACE = "/run/polyvisor-staging"
"""An empty directory, over which each such namespace has a file system in memory with the places of what it holds."""

_SIZE = 1 << 20
"""Bytes of that file system: it holds empty directories and files."""

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
    """Where it is mounted, for what is then shown to the container at the file system's target."""
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


def staged(config: Domain) -> list[Any]:
    """The file systems of a container that are mounted here first, and shown to it from here.

    Besides images these are directories and files that a container with ids of its own may not reach: nobody but their
    owner may enter the directories above them."""
    held: Any = config.devices
    mapped = os.geteuid() == 0 and (config.idmap is not None or confinement.of(config).userns)
    return [one for one in held.filesystems if is_image(one) or (mapped and is_shared(one))]


def is_shared(filesystem: Any) -> bool:
    """Whether it is a directory or file of the host, and not the container's root."""
    return filesystem.type in ("mount", "bind") and filesystem.target.dir != "/"


def mounted(running: Domain, work: Callable[[], Result]) -> Result:
    """Call ``work``, which starts a container, where what is staged of it is mounted.

    Raises HypervisorError for an image that holds no file system the kernel knows, besides what ``work`` raises."""
    wanted = staged(running)
    if not wanted:
        return work()
    from polyvisor_lxc import kernel

    if os.geteuid():
        raise refusal("an image", wanted[0], why="can be mounted by root only; unpack it into a directory")

    def start() -> Result:
        _make_place()
        for one in wanted:
            _mount(one)
        return work()

    return kernel.among_own_mounts(start)


def detached(image: Any, userns: int | None) -> int:
    """A descriptor of an image, mounted nowhere; see :func:`polyvisor_lxc.kernel.clone_mount`."""
    from polyvisor_lxc import kernel

    def mount() -> int:
        _make_place()
        _mount(image)
        return kernel.clone_mount(place(image), readonly=image.readonly, userns=userns)

    return kernel.among_own_mounts(mount)


def _make_place() -> None:
    from polyvisor_lxc import kernel

    with reported("make", PLACE):
        os.makedirs(PLACE, mode=0o755, exist_ok=True)
        kernel.mount_memory(PLACE, _SIZE, readonly=False)
        os.chmod(PLACE, 0o755)


def _mount(one: Any) -> None:
    """Images by mount(8), which knows what is in one, and has loop devices go with their mounts."""
    from polyvisor_lxc import kernel

    target, bound = place(one), one.type in ("mount", "bind")
    with reported("make", target):
        if bound and not os.path.isdir(one.source.dir):
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        else:
            os.mkdir(target)
    if bound:
        kernel.bind_mount(one.source.dir, target)
        return
    options = [*(["loop"] if one.type == "file" else []), *(["ro"] if one.readonly else [])]
    source = one.source.file if one.type == "file" else one.source.dev
    _run(*(["--options", ",".join(options)] if options else []), "--", source, target)


def _run(*words: str) -> None:
    answer = tools.run([tools.find("mount"), *words], timeout=_TIME)
    if answer.code:
        raise HypervisorError(
            f"{words[-2]} cannot be mounted: {_reason(answer.errors)}",
            driver="lxc",
            hint="see the document's filesystems: an image or device holds one that this kernel knows (blkid tells), "
            "and is used by nobody else",
        )


def _reason(errors: str) -> str:
    """What mount(8) says, without the place, which means nothing to anybody, and advice about the kernel's log."""
    first = next((line.strip() for line in errors.splitlines() if line.strip()), "for no reason that it tells")
    return first.removeprefix("mount: ").removeprefix(PLACE).partition(": ")[2] or first
