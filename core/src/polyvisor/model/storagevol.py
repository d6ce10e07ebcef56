"""The storage volume document: a piece of storage of a pool, such as an image file or a partition."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, flag, required, value
from polyvisor.documents import datatypes as dt
from polyvisor.model.contradictions import Contradiction, refuse
from polyvisor.model.domain.devices.storage import EncryptionSecret
from polyvisor.model.storage import LARGEST, Allocation, Bytes, Capacity, Permissions, clean_path
from polyvisor.model.storagepool import PoolType

VOLUME_NAME = dt.Datatype(
    "volume name", pattern="[^\n/]+(/[^\n/]+)*", describe="a name, in pools that have folders with those it is in"
)
MOMENT = dt.Datatype("moment", pattern="[0-9]+(\\.[0-9]+)?", describe="seconds since 1970, with a fraction")
COMPATIBILITY = dt.Datatype("version", pattern="[0-9]+\\.[0-9]+", describe="a version of QEMU's such as 0.10 or 1.1")


class VolumeType(StrEnum):
    """What a volume is on the host."""

    FILE = "file"
    BLOCK = "block"
    DIR = "dir"
    NETWORK = "network"
    NETDIR = "netdir"
    PLOOP = "ploop"


class VolumeFormat(StrEnum):
    """What is in a volume: the format of an image, or the type of a partition."""

    NONE = "none"
    RAW = "raw"
    DIR = "dir"
    BOCHS = "bochs"
    CLOOP = "cloop"
    DMG = "dmg"
    ISO = "iso"
    VPC = "vpc"
    VDI = "vdi"
    FAT = "fat"
    VHD = "vhd"
    PLOOP = "ploop"
    COW = "cow"
    QCOW = "qcow"
    QCOW2 = "qcow2"
    QED = "qed"
    VMDK = "vmdk"
    UNKNOWN = "unknown"
    LINUX = "linux"
    FAT16 = "fat16"
    FAT32 = "fat32"
    LINUX_SWAP = "linux-swap"
    LINUX_LVM = "linux-lvm"
    LINUX_RAID = "linux-raid"
    EXTENDED = "extended"


@element("physical")
class Physical(Bytes):
    """How many bytes it has on the storage below."""


@element("clusterSize")
class ClusterSize(Bytes):
    """The size of the pieces in which a qcow2 image grows."""

    default_unit = "B"


@element("extent")
class Extent(Element):
    """Where on the device it begins and ends, in bytes."""

    start: int = required(attribute(dt.UINT64))
    end: int = required(attribute(dt.UINT64))


@element("device")
class VolumeDevice(Element):
    """A device of the host on which parts of the volume are."""

    path: str = required(attribute(dt.ABSPATH))
    extents: list[Extent] = children("extent")


@element("source")
class VolumeSource(Element):
    """Where the volume is, as the host sees it; nothing that a request can choose."""

    devices: list[VolumeDevice] = children("device")


@element("timestamps")
class Timestamps(Element):
    """When the file was read, written, made and changed."""

    atime: str | None = value(MOMENT)
    mtime: str | None = value(MOMENT)
    btime: str | None = value(MOMENT)
    ctime: str | None = value(MOMENT)


@element("format")
class VolumeFormatElement(Element):
    """What is in the volume."""

    type: VolumeFormat = required(attribute())


@element("cipher")
class Cipher(Element):
    """The cipher of an encrypted volume."""

    name: str = required(attribute(dt.NAME))
    size: int = required(attribute(dt.POSITIVE))
    mode: str | None = attribute(dt.NAME)
    hash: str | None = attribute(dt.NAME)


@element("ivgen")
class InitialVectors(Element):
    """How initial vectors are made."""

    name: str = required(attribute(dt.NAME))
    hash: str | None = attribute(dt.NAME)


@element("encryption")
class VolumeEncryption(Element):
    """How the volume is encrypted, and the secret with the passphrase."""

    format: Literal["default", "qcow", "luks", "luks2", "luks-any"] = required(attribute())
    secrets: list[EncryptionSecret] = children("secret")
    cipher: Cipher | None = child()
    ivgen: InitialVectors | None = child()


@element("features")
class VolumeFeatures(Element):
    """Features of a qcow2 image."""

    lazy_refcounts: bool = flag("lazy_refcounts")
    extended_l2: bool = flag("extended_l2")


@element("target")
class VolumeTarget(Element):
    """The volume itself. ``compat`` is the oldest QEMU that reads a qcow2 image; ``nocow`` is for btrfs."""

    path: str | None = value(dt.STRING)
    format: VolumeFormatElement | None = child()
    permissions: Permissions | None = child()
    timestamps: Timestamps | None = child(volatile=True)
    encryption: VolumeEncryption | None = child()
    compat: str | None = value(COMPATIBILITY)
    nocow: bool = flag()
    cluster_size: ClusterSize | None = child()
    features: VolumeFeatures | None = child()


@element("backingStore")
class VolumeBackingStore(Element):
    """The image beneath a copy-on-write image."""

    path: str = required(value(dt.STRING))
    format: VolumeFormatElement | None = child()
    permissions: Permissions | None = child()
    timestamps: Timestamps | None = child(volatile=True)


@element("volume", kind="storagevol")
class StorageVolume(Element):
    """A piece of storage of a pool; ``key`` names it on this host for good."""

    type: VolumeType | None = attribute()
    name: str = required(value(VOLUME_NAME))
    key: str | None = value(dt.STRING)
    source: VolumeSource | None = child()
    capacity: Capacity | None = child()
    allocation: Allocation | None = child()
    physical: Physical | None = child(volatile=True)
    target: VolumeTarget = required(child())
    backing_store: VolumeBackingStore | None = child()


TYPES: dict[PoolType, VolumeType] = {
    PoolType.DISK: VolumeType.BLOCK,
    PoolType.LOGICAL: VolumeType.BLOCK,
    PoolType.ISCSI: VolumeType.BLOCK,
    PoolType.SCSI: VolumeType.BLOCK,
    PoolType.MPATH: VolumeType.BLOCK,
    PoolType.ZFS: VolumeType.BLOCK,
    PoolType.RBD: VolumeType.NETWORK,
    PoolType.SHEEPDOG: VolumeType.NETWORK,
    PoolType.GLUSTER: VolumeType.NETWORK,
    PoolType.ISCSI_DIRECT: VolumeType.NETWORK,
}
"""What the volumes of a pool are; files where none is named."""

FILES = frozenset({PoolType.DIR, PoolType.FS, PoolType.NETFS, PoolType.VSTORAGE, PoolType.GLUSTER})
"""Pools whose volumes are images, raw ones unless said otherwise."""


def complete(volume: StorageVolume, pool: PoolType | str = PoolType.DIR) -> StorageVolume:
    """Fill in, in place, what a request for a volume of a ``pool`` of that type implies; returns ``volume``.

    A request cannot choose where the volume is or when it was made: this is dropped. Without an allocation the whole
    capacity is allocated."""
    pool = PoolType(pool)
    volume.source, volume.physical = None, None
    if volume.type is None:
        volume.type = TYPES.get(pool, VolumeType.FILE)
    if volume.capacity is None:
        volume.capacity = Capacity(value=0)
    if volume.allocation is None:
        volume.allocation = Allocation(value=volume.capacity.value, unit=volume.capacity.unit)
    for size in (volume.capacity, volume.allocation, volume.target.cluster_size):
        if size is not None:
            size.in_bytes()
    if volume.target.format is None:
        _imply_format(volume, pool)
    _settle(volume)
    return volume


def _imply_format(volume: StorageVolume, pool: PoolType) -> None:
    if pool in FILES or pool == PoolType.RBD:
        volume.target.format = VolumeFormatElement(type=VolumeFormat.RAW)
    elif pool == PoolType.DISK:
        volume.target.format = VolumeFormatElement(type=VolumeFormat.NONE)


def _settle(volume: StorageVolume) -> None:
    target = volume.target
    if target.path is not None:
        target.path = clean_path(target.path)
    if target.features is not None and target.compat is None:
        target.compat = "1.1"  # the first that has features
    for file in (target, volume.backing_store):
        if file is None:
            continue
        file.timestamps = None
        if file.permissions is not None:
            file.permissions.settle()
            if file.permissions.empty:
                file.permissions = None


def check(volume: StorageVolume) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    refuse(volume, f"volume '{volume.name}'", _contradictions(volume))


def _contradictions(volume: StorageVolume) -> Iterator[Contradiction]:
    target = volume.target
    if {".", ".."} & set(volume.name.split("/")):
        yield Contradiction(volume, f"{volume.name!r} leads to another place", child="name")
    for size in (volume.capacity, volume.allocation, target.cluster_size):
        if size is not None and size.size > LARGEST:
            yield Contradiction(size, f"{size.size} is more than {LARGEST} bytes")
    kind = target.format.type if target.format else None
    if target.encryption is not None:
        if len(target.encryption.secrets) > 1:
            yield Contradiction(target.encryption.secrets[1], "a volume has one passphrase")
        if target.encryption.format == "qcow" and kind not in (None, VolumeFormat.QCOW, VolumeFormat.QCOW2):
            yield Contradiction(target.encryption, f"a volume of format {kind} cannot have qcow encryption", "format")
