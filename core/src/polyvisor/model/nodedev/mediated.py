"""Mediated devices, and the devices that can be divided into them."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.nodedev.capability import Capability, IommuGroup


@element("type")
class MediatedType(Element):
    """A type of mediated device that can be made, and how many more of it."""

    id: str = required(attribute(dt.STRING))
    name: str | None = value(dt.STRING)
    device_api: Literal["vfio-pci", "vfio-ccw", "vfio-ap"] = required(value(name="deviceAPI"))
    available_instances: int = required(value(dt.UINT, name="availableInstances"))


@element("capability")
class MediatedDeviceTypes(Element):
    """The device can be divided into mediated devices of these types."""

    type: Literal["mdev_types"] = required(attribute())
    types: list[MediatedType] = children("type", min=1)


@element("type")
class MediatedDeviceType(Element):
    """The type of a mediated device, as its parent calls it."""

    id: str = required(attribute(dt.STRING))


@element("attr")
class MediatedAttribute(Element):
    """A setting of a mediated device, written to its file of that name in sysfs; the order counts."""

    name: str = required(attribute(dt.STRING))
    value: str = required(attribute(dt.STRING))


@element("start")
class MediatedStart(Element):
    """When the device is made: with the host (``auto``), or when it is asked for."""

    type: Literal["auto", "manual"] = required(attribute())


@variant("mdev")
class MediatedDevice(Capability):
    """A mediated device. ``parent_addr`` is the address of the device it is a part of."""

    device_type: MediatedDeviceType = required(child("type"))
    uuid: str | None = value(dt.UUID)
    parent_addr: str | None = value(dt.STRING, name="parent_addr")
    iommu_group: IommuGroup | None = child()
    start: MediatedStart | None = child()
    attributes: list[MediatedAttribute] = children("attr")

    def settle(self) -> None:
        """Until the host says otherwise the device is in IOMMU group 0."""
        if self.iommu_group is None:
            self.iommu_group = IommuGroup(number=0)
