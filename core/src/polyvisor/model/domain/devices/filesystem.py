"""Directories and file systems of the host shown to the guest."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from polyvisor.documents import Element, attribute, child, element, flag, required
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import scalars
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, BootOrder, VirtioModel, VirtioOptions
from polyvisor.model.domain.memory import Bytes
from polyvisor.model.domain.security import IdMap


class FilesystemType(StrEnum):
    """What is shown to the guest."""

    MOUNT = "mount"
    TEMPLATE = "template"
    FILE = "file"
    BLOCK = "block"
    RAM = "ram"
    BIND = "bind"
    VOLUME = "volume"


@element("driver")
class FilesystemDriver(VirtioOptions):
    """How it is shown."""

    type: Literal["path", "handle", "loop", "nbd", "ploop", "virtiofs", "mtp"] | None = attribute()
    format: str | None = attribute(dt.NAME)
    name: str | None = attribute(dt.NAME)
    wrpolicy: Literal["immediate"] | None = attribute()
    queue: int | None = attribute(dt.UINT)


@element("source")
class DirectoryExport(Element):
    """A directory of the host, or the socket of a file server that runs by itself."""

    dir: str | None = attribute(dt.STRING)
    socket: str | None = attribute(dt.ABSPATH)


@element("source")
class FileExport(Element):
    """An image file."""

    file: str = required(attribute(dt.STRING))


@element("source")
class BlockExport(Element):
    """A block device."""

    dev: str = required(attribute(dt.STRING))


@element("source")
class TemplateExport(Element):
    """A container template."""

    name: str = required(attribute(dt.STRING))


@element("source")
class RamExport(Element):
    """Memory; ``usage`` counts KiB unless ``units`` says otherwise."""

    usage: int = required(attribute(dt.UINT64))
    units: str | None = attribute(dt.UNIT)


@element("source")
class VolumeExport(Element):
    """A volume of a storage pool."""

    pool: str = required(attribute(dt.STRING))
    volume: str = required(attribute(dt.STRING))


EXPORTS = {
    "mount": DirectoryExport,
    "bind": DirectoryExport,
    "template": TemplateExport,
    "file": FileExport,
    "block": BlockExport,
    "ram": RamExport,
    "volume": VolumeExport,
}
"""The class of a ``<source>`` for each type of file system."""


@element("target")
class FilesystemTarget(Element):
    """The mount point in a container, or the tag by which a virtual machine mounts it."""

    dir: str = required(attribute(dt.STRING))


@element("cache")
class FilesystemCache(Element):
    """What the guest may cache."""

    mode: Literal["none", "always", "auto", "metadata"] = required(attribute())


@element("sandbox")
class Sandbox(Element):
    """How virtiofsd confines itself."""

    mode: Literal["namespace", "chroot"] = required(attribute())


@element("lock")
class FileLocks(Element):
    """Which locks reach the host."""

    posix: bool | None = attribute(dt.ONOFF)
    flock: bool | None = attribute(dt.ONOFF)


@element("thread_pool")
class ThreadPool(Element):
    """The number of virtiofsd's threads."""

    size: int | None = attribute(dt.UINT)


@element("openfiles")
class OpenFiles(Element):
    """How many files virtiofsd may hold open."""

    max: int = required(attribute(dt.POSITIVE))


@element("binary")
class FileServer(Element):
    """The virtiofsd program and its options."""

    path: str | None = attribute(dt.ABSPATH)
    xattr: bool | None = attribute(dt.ONOFF)
    cache: FilesystemCache | None = child()
    sandbox: Sandbox | None = child()
    lock: FileLocks | None = child()
    thread_pool: ThreadPool | None = child(name="thread_pool")
    openfiles: OpenFiles | None = child()


@element("filesystem")
class Filesystem(Element):
    """A directory or file system of the host shown to the guest."""

    type: FilesystemType = attribute(default=FilesystemType.MOUNT)
    accessmode: Literal["passthrough", "mapped", "squash"] | None = attribute()
    fmode: str | None = attribute(scalars.FILE_MODE)
    dmode: str | None = attribute(scalars.FILE_MODE)
    multidevs: Literal["default", "remap", "forbid", "warn"] | None = attribute()
    model: VirtioModel | None = attribute()
    driver: FilesystemDriver | None = child()
    binary: FileServer | None = child()
    idmap: IdMap | None = child()
    source: DirectoryExport | FileExport | BlockExport | TemplateExport | RamExport | VolumeExport = required(
        child(by="type", cases=EXPORTS)
    )
    target: FilesystemTarget = required(child())
    readonly: bool = flag()
    space_hard_limit: Bytes | None = child(name="space_hard_limit")
    space_soft_limit: Bytes | None = child(name="space_soft_limit")
    boot: BootOrder | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()

    @classmethod
    def virtiofs(cls, directory: str, *, tag: str, readonly: bool = False) -> Self:
        """A directory of the host that a virtual machine mounts by its tag, served by virtiofsd.

        The guest's memory must be shared: ``memory_backing=MemoryBacking(access=MemoryAccess(mode="shared"))``."""
        return cls(
            accessmode="passthrough",
            driver=FilesystemDriver(type="virtiofs"),
            source=DirectoryExport(dir=directory),
            target=FilesystemTarget(dir=tag),
            readonly=readonly,
        )

    @classmethod
    def mount(cls, directory: str, *, at: str, readonly: bool = False) -> Self:
        """A directory of the host at a place in a container, or by its tag ``at`` (9p) in a virtual machine."""
        return cls(source=DirectoryExport(dir=directory), target=FilesystemTarget(dir=at), readonly=readonly)
