"""The storage pool capabilities document: which kinds of pool a connection has, and which formats they know."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, get_args

from polyvisor.documents import Element, attribute, child, children, element, required, values
from polyvisor.documents import datatypes as dt
from polyvisor.model.storagepool import PoolType
from polyvisor.model.storagepool.source import (
    FilesystemFormat,
    NetworkFilesystem,
    PartitionTable,
    VolumeGroupFormat,
)


@element("defaultFormat")
class DefaultFormat(Element):
    """The format of what names none."""

    type: str = required(attribute(dt.STRING))


@element("enum")
class FormatChoice(Element):
    """The formats there are: ``sourceFormatType`` of pools, ``targetFormatType`` of volumes."""

    name: str = required(attribute(dt.NAME))
    formats: list[str] = values(dt.STRING, tag="value")


@element("poolOptions")
class PoolOptions(Element):
    """Formats of the pool's source."""

    default_format: DefaultFormat | None = child()
    choices: list[FormatChoice] = children("enum")


@element("volOptions")
class VolumeOptions(Element):
    """Formats of the pool's volumes."""

    default_format: DefaultFormat | None = child()
    choices: list[FormatChoice] = children("enum")


@element("pool")
class PoolSupport(Element):
    """One kind of pool."""

    type: PoolType = required(attribute())
    supported: bool = required(attribute(dt.BOOL))
    pool_options: PoolOptions | None = child()
    volume_options: VolumeOptions | None = child()


@element("storagepoolCapabilities", kind="storagepoolcaps")
class StoragePoolCapabilities(Element):
    """The kinds of pool that a connection knows of, whether it has them or not."""

    pools: list[PoolSupport] = children("pool")

    def supports(self, kind: PoolType | str) -> bool:
        """Whether the connection has pools of that type."""
        return any(pool.supported for pool in self.pools if pool.type == kind)


class Formats(NamedTuple):
    """A default and all that may stand in its place."""

    default: str
    known: tuple[str, ...]


IMAGES = Formats(
    "raw",
    (
        *("none", "raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop"),
        *("cow", "qcow", "qcow2", "qed", "vmdk"),
    ),
)
PARTITIONS = Formats("none", ("none", "linux", "fat16", "fat32", "linux-swap", "linux-lvm", "linux-raid", "extended"))

SOURCES: dict[PoolType, Formats] = {
    PoolType.FS: Formats("auto", get_args(FilesystemFormat)),
    PoolType.NETFS: Formats("auto", get_args(NetworkFilesystem)),
    PoolType.LOGICAL: Formats("lvm2", get_args(VolumeGroupFormat)),
    PoolType.DISK: Formats("unknown", get_args(PartitionTable)),
}
"""Formats of sources, for the pools that have any."""

VOLUMES: dict[PoolType, Formats] = {
    PoolType.DIR: IMAGES,
    PoolType.FS: IMAGES,
    PoolType.NETFS: IMAGES,
    PoolType.DISK: PARTITIONS,
    PoolType.RBD: Formats("raw", ()),
    PoolType.GLUSTER: IMAGES,
    PoolType.VSTORAGE: IMAGES,
}
"""Formats of volumes, for the pools whose volumes have any."""


def capabilities(supported: Collection[PoolType | str]) -> StoragePoolCapabilities:
    """The document of a connection that has pools of the ``supported`` types."""
    return StoragePoolCapabilities(pools=[_pool(kind, kind in supported) for kind in PoolType])


def _pool(kind: PoolType, supported: bool) -> PoolSupport:
    pool = PoolSupport(type=kind, supported=supported)
    if formats := SOURCES.get(kind):
        pool.pool_options = PoolOptions(
            default_format=DefaultFormat(type=formats.default), choices=[_choice("sourceFormatType", formats)]
        )
    if formats := VOLUMES.get(kind):
        pool.volume_options = VolumeOptions(
            default_format=DefaultFormat(type=formats.default), choices=[_choice("targetFormatType", formats)]
        )
    return pool


def _choice(name: str, formats: Formats) -> FormatChoice:
    return FormatChoice(name=name, formats=list(formats.known))
