"""The node device document: a device of the host, what it can do, and where it hangs in the tree of devices.

A document that asks for a device to be made (a mediated device, a virtual HBA) is of the same form.
"""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, text, value
from polyvisor.documents import datatypes as dt
from polyvisor.model.nodedev.capability import WORLD_WIDE_NAME, Capability, CapabilityType
from polyvisor.model.nodedev.channel import (
    AdjunctCard,
    AdjunctMatrix,
    AdjunctQueue,
    ChannelDevice,
    ChannelGroup,
    Subchannel,
)
from polyvisor.model.nodedev.mediated import MediatedDevice, MediatedDeviceTypes
from polyvisor.model.nodedev.network import NetworkCapability
from polyvisor.model.nodedev.pci import PciDevice
from polyvisor.model.nodedev.scsi import ScsiDevice, ScsiHost, ScsiTarget, StorageCapability, VirtualPorts
from polyvisor.model.nodedev.simple import DrmDevice, SystemCapability, UsbDevice, UsbInterface, VdpaDevice


@element("parent")
class ParentDevice(Element):
    """The device above, by name; a virtual HBA to be made may find it by its World Wide Names or fabric instead."""

    name: str | None = text(dt.STRING)
    wwnn: str | None = attribute(WORLD_WIDE_NAME)
    wwpn: str | None = attribute(WORLD_WIDE_NAME)
    fabric_wwn: str | None = attribute(WORLD_WIDE_NAME, name="fabric_wwn")


@element("driver")
class BoundDriver(Element):
    """The kernel driver that is bound to the device."""

    name: str | None = value(dt.STRING)


@element("devnode")
class DeviceNode(Element):
    """A special file of the device (``dev``), or a symbolic link to it."""

    type: Literal["dev", "link"] = required(attribute())
    path: str = required(text(dt.STRING))


@element("device", kind="nodedev")
class NodeDevice(Element):
    """A device of the host. ``path`` is its directory in sysfs."""

    name: str = required(value(dt.STRING))
    path: str | None = value(dt.STRING, volatile=True)
    devnodes: list[DeviceNode] = children("devnode")
    parent: ParentDevice | None = child()
    driver: BoundDriver | None = child()
    capabilities: list[Capability] = children("capability")

    def capability(self, kind: CapabilityType | str) -> Capability | None:
        """What the device can do as a device of that kind; None when it is none."""
        return next((each for each in self.capabilities if each.type == kind), None)


def complete(device: NodeDevice) -> NodeDevice:
    """Bring into form, in place, what a document that asks for a device says; returns ``device``.

    What only the host can know counts for nothing in a request: the numbers of virtual ports are set to 0, and a
    mediated device that names no IOMMU group is in group 0 until it exists."""
    for each in device.walk():
        if isinstance(each, VirtualPorts):
            each.vports = each.max_vports = 0
        elif isinstance(each, MediatedDevice):
            each.settle()
    return device


__all__ = [
    "AdjunctCard",
    "AdjunctMatrix",
    "AdjunctQueue",
    "Capability",
    "CapabilityType",
    "ChannelDevice",
    "ChannelGroup",
    "DrmDevice",
    "MediatedDevice",
    "MediatedDeviceTypes",
    "NetworkCapability",
    "NodeDevice",
    "PciDevice",
    "ScsiDevice",
    "ScsiHost",
    "ScsiTarget",
    "StorageCapability",
    "Subchannel",
    "SystemCapability",
    "UsbDevice",
    "UsbInterface",
    "VdpaDevice",
    "complete",
]
