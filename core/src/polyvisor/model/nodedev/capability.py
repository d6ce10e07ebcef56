"""What a node device can do: the base of its capabilities, and the values that several of them use."""

from __future__ import annotations

from enum import StrEnum

from polyvisor.documents import Element, attribute, children, element, required
from polyvisor.documents import datatypes as dt

PCI_ID = dt.hexadecimal(4)
USB_ID = dt.hexadecimal(4)
WORLD_WIDE_NAME = dt.Datatype(
    "world wide name", pattern="(0x)?[0-9a-fA-F]{16}", describe="16 hexadecimal digits such as 20000000c9831b4b"
)


class CapabilityType(StrEnum):
    """What kind of device it is."""

    SYSTEM = "system"
    PCI = "pci"
    USB_DEVICE = "usb_device"
    USB = "usb"
    NET = "net"
    SCSI_HOST = "scsi_host"
    SCSI_TARGET = "scsi_target"
    SCSI = "scsi"
    STORAGE = "storage"
    DRM = "drm"
    SCSI_GENERIC = "scsi_generic"
    MDEV = "mdev"
    CCW = "ccw"
    CCWGROUP = "ccwgroup"
    CSS = "css"
    VDPA = "vdpa"
    AP_CARD = "ap_card"
    AP_QUEUE = "ap_queue"
    AP_MATRIX = "ap_matrix"


@element("capability", by="type")
class Capability(Element):
    """What the device is, and what belongs to a device of that kind."""

    type: CapabilityType = attribute(required=True)


@element("address")
class HostPciAddress(Element):
    """A PCI function of the host."""

    domain: int = required(attribute(dt.hexadecimal(8, width=4)))
    bus: int = required(attribute(dt.hexadecimal(2)))
    slot: int = required(attribute(dt.hexadecimal(2, pattern="[01]?[0-9a-fA-F]", maximum=0x1F)))
    function: int = required(attribute(dt.hexadecimal(1, pattern="0?[0-7]", maximum=7)))

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function:x}"


@element("iommuGroup")
class IommuGroup(Element):
    """The IOMMU group of the device, and all devices in it: they go to a guest together or not at all."""

    number: int = required(attribute(dt.UINT))
    addresses: list[HostPciAddress] = children("address")
