"""The storage pool document: storage that volumes are taken from.

:func:`.completion.complete` fills in what a document implies, :func:`.completion.check` tells what it contradicts;
mount options and the like stand in namespaces of their own (:mod:`.options`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, element, extensions, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.storage import Allocation, Bytes, Capacity, Permissions
from polyvisor.model.storagepool.source import (
    DirectoryPoolSource,
    DiskPoolSource,
    FilesystemPoolSource,
    GlusterPoolSource,
    IscsiDirectPoolSource,
    IscsiPoolSource,
    LogicalPoolSource,
    MultipathPoolSource,
    NetworkFilesystemPoolSource,
    RbdPoolSource,
    ScsiPoolSource,
    SheepdogPoolSource,
    VirtuozzoPoolSource,
    ZfsPoolSource,
)

POOL_NAME = dt.Datatype("pool name", pattern="[^\n/]+", describe="a name without '/'")


class PoolType(StrEnum):
    """What a pool is made of."""

    DIR = "dir"
    FS = "fs"
    NETFS = "netfs"
    LOGICAL = "logical"
    DISK = "disk"
    ISCSI = "iscsi"
    ISCSI_DIRECT = "iscsi-direct"
    SCSI = "scsi"
    MPATH = "mpath"
    RBD = "rbd"
    SHEEPDOG = "sheepdog"
    GLUSTER = "gluster"
    ZFS = "zfs"
    VSTORAGE = "vstorage"


@element("available")
class Available(Bytes):
    """How much is free for new volumes."""


@element("cow")
class CopyOnWrite(Element):
    """Whether files are copied on writing, on filesystems where that is a choice (btrfs)."""

    state: bool = required(attribute(dt.BOOL))


@element("features")
class PoolFeatures(Element):
    """Choices that some kinds of storage give."""

    cow: CopyOnWrite | None = child()


@element("volume")
class VolumeRefresh(Element):
    """Whether the sizes of volumes are asked for (``default``) or taken to be their capacity."""

    allocation: Literal["default", "capacity"] = required(attribute())


@element("refresh")
class Refresh(Element):
    """What happens when the volumes are looked up anew."""

    volume: VolumeRefresh = required(child())


@element("target")
class PoolTarget(Element):
    """The directory in which the volumes appear, and the permissions it is made with."""

    path: str = required(value(dt.ABSPATH))
    permissions: Permissions | None = child()


@element("target")
class LogicalTarget(Element):
    """The directory of the volume group, which follows from its name."""

    path: str | None = value(dt.ABSPATH)
    permissions: Permissions | None = child()


@element("pool", by="type", kind="storagepool")
class StoragePool(Element):
    """Storage that volumes are taken from. The sizes are the host's to tell."""

    type: PoolType = attribute(required=True)
    name: str | None = value(POOL_NAME)
    uuid: str | None = value(dt.UUID)
    capacity: Capacity | None = child()
    allocation: Allocation | None = child()
    available: Available | None = child()
    refresh: Refresh | None = child(last=True)
    extensions: list[Element] = extensions(last=True)


@variant("dir")
class DirectoryPool(StoragePool):
    """Files in a directory."""

    name: str = required(value(POOL_NAME))
    features: PoolFeatures | None = child()
    source: DirectoryPoolSource | None = child()
    target: PoolTarget = required(child())


@variant("fs")
class FilesystemPool(StoragePool):
    """Files in a filesystem that is mounted for it."""

    name: str = required(value(POOL_NAME))
    features: PoolFeatures | None = child()
    source: FilesystemPoolSource = required(child())
    target: PoolTarget = required(child())


@variant("netfs")
class NetworkFilesystemPool(StoragePool):
    """Files in a network filesystem that is mounted for it."""

    name: str = required(value(POOL_NAME))
    features: PoolFeatures | None = child()
    source: NetworkFilesystemPoolSource = required(child())
    target: PoolTarget = required(child())


@variant("logical")
class LogicalPool(StoragePool):
    """Logical volumes of a volume group."""

    source: LogicalPoolSource | None = child()
    target: LogicalTarget | None = child()


@variant("disk")
class DiskPool(StoragePool):
    """Partitions of a disk."""

    name: str = required(value(POOL_NAME))
    source: DiskPoolSource = required(child())
    target: PoolTarget = required(child())


@variant("iscsi")
class IscsiPool(StoragePool):
    """Units of an iSCSI target that the host logs in to."""

    name: str = required(value(POOL_NAME))
    source: IscsiPoolSource = required(child())
    target: PoolTarget = required(child())


@variant("iscsi-direct")
class IscsiDirectPool(StoragePool):
    """Units of an iSCSI target that hypervisors log in to by themselves."""

    name: str = required(value(POOL_NAME))
    source: IscsiDirectPoolSource = required(child())


@variant("scsi")
class ScsiPool(StoragePool):
    """Units behind a SCSI host adapter."""

    name: str = required(value(POOL_NAME))
    source: ScsiPoolSource = required(child())
    target: PoolTarget = required(child())


@variant("mpath")
class MultipathPool(StoragePool):
    """The multipath devices of the host."""

    name: str = required(value(POOL_NAME))
    source: MultipathPoolSource | None = child()
    target: PoolTarget = required(child())


@variant("rbd")
class RbdPool(StoragePool):
    """Images in a Ceph cluster."""

    source: RbdPoolSource = required(child())


@variant("sheepdog")
class SheepdogPool(StoragePool):
    """Images in a Sheepdog cluster."""

    source: SheepdogPoolSource = required(child())


@variant("gluster")
class GlusterPool(StoragePool):
    """Files in a Gluster volume, reached without mounting it."""

    source: GlusterPoolSource = required(child())


@variant("zfs")
class ZfsPool(StoragePool):
    """Volumes of a ZFS pool."""

    source: ZfsPoolSource = required(child())
    target: PoolTarget | None = child()


@variant("vstorage")
class VirtuozzoPool(StoragePool):
    """Files in a cluster of Virtuozzo storage."""

    name: str = required(value(POOL_NAME))
    source: VirtuozzoPoolSource = required(child())
    target: PoolTarget = required(child())


__all__ = [
    "DirectoryPool",
    "DiskPool",
    "FilesystemPool",
    "GlusterPool",
    "IscsiDirectPool",
    "IscsiPool",
    "LogicalPool",
    "LogicalTarget",
    "MultipathPool",
    "NetworkFilesystemPool",
    "PoolTarget",
    "PoolType",
    "RbdPool",
    "ScsiPool",
    "SheepdogPool",
    "StoragePool",
    "VirtuozzoPool",
    "ZfsPool",
]
