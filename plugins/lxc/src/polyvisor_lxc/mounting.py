"""Mounting into a running container, and taking mounts out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from polyvisor.errors import HostError, HypervisorError, UnsupportedConfiguration
from polyvisor.state import reported
from polyvisor_lxc import filesystems, kernel, staging


def attach(init: int, filesystem: Any, *, shifted: bool) -> None:
    """Mount a ``<filesystem>`` in the container of that init. ``shifted``: with the ids of the container."""
    filesystems.check(filesystem)
    target = filesystem.target.dir
    match filesystem.type:
        case "mount" | "bind":
            bind(init, filesystem.source.dir, target, readonly=filesystem.readonly, shifted=shifted)
        case "ram":
            size = filesystems.ram_bytes(filesystem)

            def mount() -> None:
                _make_place(target, directory=True)
                kernel.mount_memory(target, size, readonly=filesystem.readonly)

            _inside(init, mount)
        case "file" | "block":
            with _ids(init, shifted=shifted) as userns:
                _place(init, staging.detached(filesystem, userns), target, directory=True)
        case _:
            raise UnsupportedConfiguration(
                f"<filesystem type={str(filesystem.type)!r}> cannot be mounted in a running container",
                driver="lxc",
                hint="add it to the stored configuration (affect=config) and start the container again",
            )


def bind(init: int, source: str, target: str, *, readonly: bool, shifted: bool) -> None:
    """Show a directory or file of the host in a running container."""
    if not os.path.exists(source):
        raise HypervisorError(f"{source} does not exist on the host", driver="lxc")
    directory = os.path.isdir(source)
    with _ids(init, shifted=shifted) as userns:
        _place(init, kernel.clone_mount(source, readonly=readonly, userns=userns), target, directory=directory)


@contextmanager
def _ids(init: int, *, shifted: bool) -> Iterator[int | None]:
    """A descriptor of the user namespace whose ids are to be shown."""
    if not shifted:
        yield None
        return
    path = f"/proc/{init}/ns/user"
    with reported("read", path):
        userns = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield userns
    finally:
        os.close(userns)


def _place(init: int, tree: int, target: str, *, directory: bool) -> None:
    """Mount a tree that is mounted nowhere; its descriptor is closed."""

    def mount() -> None:
        _make_place(target, directory=directory)
        kernel.place_mount(tree, target)

    try:
        _inside(init, mount)
    finally:
        os.close(tree)


def detach(init: int, target: str, *, remove: bool = False) -> None:
    """Unmount ``target`` in a running container; ``remove`` the file it lay on as well."""

    def unmount() -> None:
        kernel.unmount(target)
        if remove:
            try:
                os.unlink(target)
            except OSError as error:
                raise HostError(f"cannot remove {target} of the container: {error.strerror}", driver="lxc") from error

    _inside(init, unmount)


def _make_place(target: str, *, directory: bool) -> None:
    try:
        os.makedirs(target if directory else os.path.dirname(target), exist_ok=True)
        if not directory:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    except OSError as error:
        raise HypervisorError(
            f"the container has no place {target} to mount at, and none can be made: {error.strerror}",
            driver="lxc",
            hint="make it in the container's root beforehand",
        ) from error


def _inside(init: int, work: Any) -> None:
    try:
        namespace = os.open(f"/proc/{init}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"cannot enter the container: {error.strerror}", driver="lxc") from error
    try:
        kernel.inside_mounts(namespace, (_first_id(init, "uid"), _first_id(init, "gid")), work)
    finally:
        os.close(namespace)


def _first_id(init: int, kind: str) -> int:
    """What the container's root is on the host."""
    try:
        with open(f"/proc/{init}/{kind}_map", encoding="ascii") as file:
            rows = [[int(number) for number in line.split()] for line in file]
    except OSError:
        return 0
    return next((outside for inside, outside, _ in rows if inside == 0), 0)
