"""Where a pool's storage comes from: the ``<source>`` of each kind of pool."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, OneOf, Together, attribute, child, children, element, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import PciSourceAddress
from polyvisor.model.domain.devices.storage import Initiator

HOST = dt.Datatype("host name", pattern="[^ \t\n/]+", describe="a host name or an IP address")
WORLD_WIDE_NAME = dt.Datatype(
    "world wide name", pattern="(0x)?[0-9a-fA-F]{16}", describe="16 hexadecimal digits such as 20000000c9831b4b"
)

FilesystemFormat = Literal[
    "auto",
    "ext2",
    "ext3",
    "ext4",
    "ufs",
    "iso9660",
    "udf",
    "gfs",
    "gfs2",
    "vfat",
    "hfs+",
    "xfs",
    "ocfs2",
    "vmfs",
]
NetworkFilesystem = Literal["auto", "nfs", "glusterfs", "cifs"]
PartitionTable = Literal["unknown", "dos", "dvh", "gpt", "mac", "bsd", "pc98", "sun", "lvm2"]
VolumeGroupFormat = Literal["unknown", "lvm2"]


# -- parts of sources -----------------------------------------------------------------------------------------


@element("host")
class PoolHost(Element):
    """A server."""

    name: str = required(attribute(HOST))
    port: int | None = attribute(dt.PORT)


@element("device")
class BlockDevice(Element):
    """A block device of the host."""

    path: str = required(attribute(dt.ABSPATH))


@element("freeExtent")
class FreeExtent(Element):
    """Space between partitions, in bytes."""

    start: int = required(attribute(dt.UINT64))
    end: int = required(attribute(dt.UINT64))


@element("device")
class DiskDevice(Element):
    """A disk to partition. ``part_separator``: whether a ``p`` stands between its name and a partition's number."""

    path: str = required(attribute(dt.ABSPATH))
    part_separator: bool | None = attribute(dt.BOOL)
    free_extents: list[FreeExtent] = children("freeExtent", volatile=True)


@element("device")
class IscsiTarget(Element):
    """An iSCSI target, by its qualified name."""

    path: str = required(attribute(dt.NONEMPTY))


@element("dir")
class SourceDirectory(Element):
    """A directory, or what an export is called."""

    path: str = required(attribute(dt.NONEMPTY))


@element("protocol")
class Protocol(Element):
    """The version of the NFS protocol."""

    ver: str = required(
        attribute(dt.Datatype("version", pattern="[0-9]+(\\.[0-9]+)?", describe="a version such as 3 or 4.1"))
    )


@element("vendor")
class SourceVendor(Element):
    """Who made the storage."""

    name: str = required(attribute(dt.STRING))


@element("product")
class SourceProduct(Element):
    """What the storage is called."""

    name: str = required(attribute(dt.STRING))


@element("secret", rules=(OneOf("uuid", "usage", required=True),))
class PoolSecret(Element):
    """The secret that holds the password, by UUID or by usage."""

    type: Literal["ceph", "iscsi"] | None = attribute()
    uuid: str | None = attribute(dt.UUID)
    usage: str | None = attribute(dt.STRING)


@element("auth")
class PoolAuth(Element):
    """Who logs in, in which way, and with which secret."""

    type: Literal["chap", "ceph"] = required(attribute())
    username: str = required(attribute(dt.NONEMPTY))
    secret: PoolSecret = required(child())


@element("parentaddr")
class ParentAddress(Element):
    """An adapter by its PCI function and its number on it, which stay when numbers of hosts do not."""

    unique_id: int = required(attribute(dt.UINT))
    address: PciSourceAddress = required(child())


@element("adapter", by="type")
class Adapter(Element):
    """A SCSI host adapter."""

    type: Literal["scsi_host", "fc_host"] | None = attribute()


@variant(None, "scsi_host", rules=(OneOf("name", "parentaddr", required=True),))
class ScsiAdapter(Adapter):
    """An adapter by name (``scsi_host2``) or place."""

    name: str | None = attribute(dt.NONEMPTY)
    parentaddr: ParentAddress | None = child()


@variant("fc_host", rules=(Together("parent_wwnn", "parent_wwpn"),))
class FibreChannelAdapter(Adapter):
    """A virtual Fibre Channel adapter, by its names; ``managed``: it is made and taken away with the pool."""

    parent: str | None = attribute(dt.NONEMPTY)
    parent_wwnn: str | None = attribute(WORLD_WIDE_NAME)
    parent_wwpn: str | None = attribute(WORLD_WIDE_NAME)
    parent_fabric_wwn: str | None = attribute(WORLD_WIDE_NAME)
    managed: bool | None = attribute(dt.BOOL)
    wwnn: str = required(attribute(WORLD_WIDE_NAME))
    wwpn: str = required(attribute(WORLD_WIDE_NAME))


@element("format")
class FilesystemFormatElement(Element):
    """The filesystem on the device."""

    type: FilesystemFormat = required(attribute())


@element("format")
class NetworkFilesystemFormat(Element):
    """The network filesystem."""

    type: NetworkFilesystem = required(attribute())


@element("format")
class PartitionTableFormat(Element):
    """The partition table of the disk."""

    type: PartitionTable = required(attribute())


@element("format")
class VolumeGroupFormatElement(Element):
    """The format of the volume group."""

    type: VolumeGroupFormat = required(attribute())


# -- sources ----------------------------------------------------------------------------------------------------


class _Source(Element):
    vendor: SourceVendor | None = child(last=True)
    product: SourceProduct | None = child(last=True)


@element("source")
class DirectoryPoolSource(_Source):
    """A directory needs no source."""


@element("source")
class MultipathPoolSource(_Source):
    """All multipath devices of the host: there is nothing to say."""


@element("source")
class FilesystemPoolSource(_Source):
    """A block device with a filesystem."""

    device: BlockDevice = required(child())
    format: FilesystemFormatElement | None = child()


@element("source")
class NetworkFilesystemPoolSource(_Source):
    """An export of a file server."""

    hosts: list[PoolHost] = children("host", min=1)
    dir: SourceDirectory = required(child())
    format: NetworkFilesystemFormat | None = child()
    protocol: Protocol | None = child()


@element("source")
class LogicalPoolSource(_Source):
    """A volume group, and the devices it is made of."""

    devices: list[BlockDevice] = children("device")
    name: str | None = value(dt.STRING)
    format: VolumeGroupFormatElement | None = child()


@element("source")
class DiskPoolSource(_Source):
    """A disk and its partition table."""

    device: DiskDevice = required(child())
    format: PartitionTableFormat | None = child()


@element("source")
class IscsiPoolSource(_Source):
    """A target of an iSCSI server."""

    host: PoolHost = required(child())
    device: IscsiTarget = required(child())
    initiator: Initiator | None = child()
    auth: PoolAuth | None = child()


@element("source")
class IscsiDirectPoolSource(_Source):
    """A target of an iSCSI server that hypervisors reach by themselves."""

    host: PoolHost = required(child())
    device: IscsiTarget = required(child())
    initiator: Initiator = required(child())
    auth: PoolAuth | None = child()


@element("source")
class ScsiPoolSource(_Source):
    """A SCSI host adapter."""

    adapter: Adapter = required(child())


@element("source")
class RbdPoolSource(_Source):
    """A pool of a Ceph cluster; ``name`` may go on with ``/`` and a namespace."""

    hosts: list[PoolHost] = children("host")
    name: str = required(value(dt.STRING))
    auth: PoolAuth | None = child()


@element("source")
class SheepdogPoolSource(_Source):
    """A Sheepdog cluster."""

    hosts: list[PoolHost] = children("host", min=1)
    name: str = required(value(dt.STRING))


@element("source")
class GlusterPoolSource(_Source):
    """A volume of a Gluster cluster, and the directory in it."""

    hosts: list[PoolHost] = children("host", min=1)
    dir: SourceDirectory | None = child()
    name: str = required(value(dt.STRING))


@element("source")
class ZfsPoolSource(_Source):
    """A ZFS pool, and the device to make it on."""

    device: BlockDevice | None = child()
    name: str = required(value(dt.STRING))


@element("source")
class VirtuozzoPoolSource(_Source):
    """A cluster of Virtuozzo storage."""

    name: str = required(value(dt.STRING))
