"""The storage pool document: storage that volumes are taken from.

:func:`.completion.complete` fills in what a document implies, :func:`.completion.check` tells what it contradicts;
mount options and the like stand in namespaces of their own (:mod:`.options`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, element, extensions, value, variant
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

    state: bool = attribute(dt.BOOL, required=True)


@element("features")
class PoolFeatures(Element):
    """Choices that some kinds of storage give."""

    cow: CopyOnWrite | None = child()


@element("volume")
class VolumeRefresh(Element):
    """Whether the sizes of volumes are asked for (``default``) or taken to be their capacity."""

    allocation: Literal["default", "capacity"] = attribute(required=True)


@element("refresh")
class Refresh(Element):
    """What happens when the volumes are looked up anew."""

    volume: VolumeRefresh = child(required=True)


@element("target")
class PoolTarget(Element):
    """The directory in which the volumes appear, and the permissions it is made with."""

    path: str = value(dt.ABSPATH, required=True)
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

    name: str = value(POOL_NAME, required=True)
    features: PoolFeatures | None = child()
    source: DirectoryPoolSource | None = child()
    target: PoolTarget = child(required=True)


@variant("fs")
class FilesystemPool(StoragePool):
    """Files in a filesystem that is mounted for it."""

    name: str = value(POOL_NAME, required=True)
    features: PoolFeatures | None = child()
    source: FilesystemPoolSource = child(required=True)
    target: PoolTarget = child(required=True)


@variant("netfs")
class NetworkFilesystemPool(StoragePool):
    """Files in a network filesystem that is mounted for it."""

    name: str = value(POOL_NAME, required=True)
    features: PoolFeatures | None = child()
    source: NetworkFilesystemPoolSource = child(required=True)
    target: PoolTarget = child(required=True)


@variant("logical")
class LogicalPool(StoragePool):
    """Logical volumes of a volume group."""

    source: LogicalPoolSource | None = child()
    target: LogicalTarget | None = child()


@variant("disk")
class DiskPool(StoragePool):
    """Partitions of a disk."""

    name: str = value(POOL_NAME, required=True)
    source: DiskPoolSource = child(required=True)
    target: PoolTarget = child(required=True)


@variant("iscsi")
class IscsiPool(StoragePool):
    """Units of an iSCSI target that the host logs in to."""

    name: str = value(POOL_NAME, required=True)
    source: IscsiPoolSource = child(required=True)
    target: PoolTarget = child(required=True)


@variant("iscsi-direct")
class IscsiDirectPool(StoragePool):
    """Units of an iSCSI target that hypervisors log in to by themselves."""

    name: str = value(POOL_NAME, required=True)
    source: IscsiDirectPoolSource = child(required=True)


@variant("scsi")
class ScsiPool(StoragePool):
    """Units behind a SCSI host adapter."""

    name: str = value(POOL_NAME, required=True)
    source: ScsiPoolSource = child(required=True)
    target: PoolTarget = child(required=True)


@variant("mpath")
class MultipathPool(StoragePool):
    """The multipath devices of the host."""

    name: str = value(POOL_NAME, required=True)
    source: MultipathPoolSource | None = child()
    target: PoolTarget = child(required=True)


@variant("rbd")
class RbdPool(StoragePool):
    """Images in a Ceph cluster."""

    source: RbdPoolSource = child(required=True)


@variant("sheepdog")
class SheepdogPool(StoragePool):
    """Images in a Sheepdog cluster."""

    source: SheepdogPoolSource = child(required=True)


@variant("gluster")
class GlusterPool(StoragePool):
    """Files in a Gluster volume, reached without mounting it."""

    source: GlusterPoolSource = child(required=True)


@variant("zfs")
class ZfsPool(StoragePool):
    """Volumes of a ZFS pool."""

    source: ZfsPoolSource = child(required=True)
    target: PoolTarget | None = child()


@variant("vstorage")
class VirtuozzoPool(StoragePool):
    """Files in a cluster of Virtuozzo storage."""

    name: str = value(POOL_NAME, required=True)
    source: VirtuozzoPoolSource = child(required=True)
    target: PoolTarget = child(required=True)


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
