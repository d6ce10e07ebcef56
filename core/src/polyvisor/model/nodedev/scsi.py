"""SCSI host adapters, targets and units, and the storage behind them."""

from __future__ import annotations

from enum import StrEnum

from polyvisor.documents import Element, attribute, children, element, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.nodedev.capability import WORLD_WIDE_NAME, Capability


class AdapterAbility(StrEnum):
    """What a SCSI host adapter is besides."""

    FC_HOST = "fc_host"
    VPORT_OPS = "vport_ops"


@element("capability", by="type")
class AdapterCapability(Element):
    """What a SCSI host adapter is besides."""

    type: AdapterAbility = attribute(required=True)


@variant("fc_host")
class FibreChannelHost(AdapterCapability):
    """A Fibre Channel adapter: its node and port name, and the fabric it is logged in to."""

    wwnn: str | None = value(WORLD_WIDE_NAME)
    wwpn: str | None = value(WORLD_WIDE_NAME)
    fabric_wwn: str | None = value(WORLD_WIDE_NAME, name="fabric_wwn")


@variant("vport_ops")
class VirtualPorts(AdapterCapability):
    """Virtual adapters can be made of it: how many, and how many there are."""

    max_vports: int | None = value(dt.UINT, name="max_vports")
    vports: int | None = value(dt.UINT)


@variant("scsi_host")
class ScsiHost(Capability):
    """A SCSI host adapter; ``host`` is its number."""

    host: int | None = value(dt.UINT)
    unique_id: int | None = value(dt.UINT, name="unique_id")
    abilities: list[AdapterCapability] = children("capability", max=2)


@element("capability", by="type")
class TargetCapability(Element):
    """What a SCSI target is besides."""

    type: RemotePort = attribute(required=True)


class RemotePort(StrEnum):
    """What a SCSI target is besides."""

    FC_REMOTE_PORT = "fc_remote_port"


@variant("fc_remote_port")
class FibreChannelPort(TargetCapability):
    """A port on the other side of a Fibre Channel fabric."""

    rport: str = required(value(dt.STRING))
    wwpn: str | None = value(WORLD_WIDE_NAME)


@variant("scsi_target")
class ScsiTarget(Capability):
    """A SCSI target, by its name in sysfs."""

    target: str = required(value(dt.STRING))
    abilities: list[TargetCapability] = children("capability", max=1)


@variant("scsi")
class ScsiDevice(Capability):
    """A SCSI unit, by its address; ``unit_type`` says what it is (``disk``, ``cdrom``, ``tape``)."""

    host: int = required(value(dt.UINT))
    bus: int = required(value(dt.UINT))
    target: int = required(value(dt.UINT))
    lun: int = required(value(dt.UINT64))
    unit_type: str | None = value(dt.STRING, name="type")


class Removability(StrEnum):
    """Whether a drive's medium, or the drive, can be taken out."""

    REMOVABLE = "removable"
    HOTPLUGGABLE = "hotpluggable"


@element("capability", by="type")
class DriveCapability(Element):
    """Whether a drive's medium, or the drive, can be taken out."""

    type: Removability = attribute(required=True)


@variant("removable")
class RemovableMedium(DriveCapability):
    """The medium in the drive: sizes in bytes, ``media_available`` 1 when there is one."""

    media_available: int | None = value(dt.number("0 or 1", 0, 1), name="media_available")
    media_size: int | None = value(dt.UINT64, name="media_size")
    media_label: str | None = value(dt.STRING, name="media_label")
    logical_block_size: int | None = value(dt.UINT64, name="logical_block_size")
    num_blocks: int | None = value(dt.UINT64, name="num_blocks")


@variant("hotpluggable")
class HotpluggableDrive(DriveCapability):
    """The drive can be taken out of the running host."""


@variant("storage")
class StorageCapability(Capability):
    """A drive or a volume of the host: sizes in bytes."""

    block: str = required(value(dt.ABSPATH))
    bus: str | None = value(dt.STRING)
    drive_type: str | None = value(dt.STRING, name="drive_type")
    model: str | None = value(dt.STRING)
    vendor: str | None = value(dt.STRING)
    serial: str | None = value(dt.STRING)
    size: int | None = value(dt.UINT64)
    logical_block_size: int | None = value(dt.UINT64, name="logical_block_size")
    num_blocks: int | None = value(dt.UINT64, name="num_blocks")
    abilities: list[DriveCapability] = children("capability")
