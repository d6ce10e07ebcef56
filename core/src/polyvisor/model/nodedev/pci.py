"""PCI devices of the host."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, text, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.nodedev.capability import PCI_ID, Capability, HostPciAddress, IommuGroup
from polyvisor.model.nodedev.mediated import MediatedType

PCI_CLASS = dt.hexadecimal(6)
PCI_DOMAIN = dt.UINT32
PCI_BUS = dt.UINT8
PCI_SLOT = dt.number("slot", 0, 31)
PCI_FUNCTION = dt.number("function", 0, 7)


class _PciNamed(Element):
    id: int = required(attribute(PCI_ID))
    name: str | None = text(dt.STRING)


@element("product")
class PciProduct(_PciNamed):
    """The product, by number and name."""


@element("vendor")
class PciVendor(_PciNamed):
    """The vendor, by number and name."""


class PciAbility(StrEnum):
    """What a PCI device is besides."""

    PHYS_FUNCTION = "phys_function"
    VIRT_FUNCTIONS = "virt_functions"
    PCI_BRIDGE = "pci-bridge"
    CARDBUS_BRIDGE = "cardbus-bridge"
    MDEV_TYPES = "mdev_types"
    VPD = "vpd"


@element("capability", by="type")
class PciCapability(Element):
    """What a PCI device is besides."""

    type: PciAbility = attribute(required=True)


@variant("phys_function")
class OfPhysicalFunction(PciCapability):
    """The device is a virtual function; of which physical one."""

    address: HostPciAddress = required(child())


@variant("virt_functions")
class VirtualFunctions(PciCapability):
    """The device has virtual functions: how many it can have, and those it has."""

    max_count: int | None = attribute(dt.UINT, name="maxCount")
    addresses: list[HostPciAddress] = children("address")


@variant("pci-bridge", "cardbus-bridge")
class BridgeCapability(PciCapability):
    """The device is a bridge."""


@variant("mdev_types")
class DividablePciDevice(PciCapability):
    """The device can be divided into mediated devices of these types."""

    types: list[MediatedType] = children("type", min=1)


@element("vendor_field")
class VendorField(Element):
    """A field that the vendor defines."""

    index: str = required(attribute(dt.Datatype("index", pattern="[0-9A-Z]", describe="a digit or capital letter")))
    value: str | None = text(dt.STRING)


@element("system_field")
class SystemField(Element):
    """A field for the system's owner."""

    index: str = required(attribute(dt.Datatype("index", pattern="[0-9A-Z]", describe="a digit or capital letter")))
    value: str | None = text(dt.STRING)


@element("fields", by="access")
class VpdFields(Element):
    """Fields of the vital product data."""

    access: Literal["readonly", "readwrite"] = attribute(required=True)


@variant("readonly")
class FixedFields(VpdFields):
    """Fields that the maker has written."""

    change_level: str | None = value(dt.STRING, name="change_level")
    manufacture_id: str | None = value(dt.STRING, name="manufacture_id")
    part_number: str | None = value(dt.STRING, name="part_number")
    serial_number: str | None = value(dt.STRING, name="serial_number")
    vendor_fields: list[VendorField] = children("vendor_field")


@variant("readwrite")
class WritableFields(VpdFields):
    """Fields that can be written."""

    asset_tag: str | None = value(dt.STRING, name="asset_tag")
    vendor_fields: list[VendorField] = children("vendor_field")
    system_fields: list[SystemField] = children("system_field")


@variant("vpd")
class VitalProductData(PciCapability):
    """The vital product data of the device (PCI 2.2, appendix I)."""

    name: str | None = value(dt.STRING)
    fields_: list[VpdFields] = children("fields", max=2)


@element("numa")
class NumaPlace(Element):
    """The NUMA node the device is close to."""

    node: int = required(attribute(dt.number("NUMA node", -1, 2**31 - 1)))


@element("link")
class PciExpressLink(Element):
    """A PCI Express link: what it is capable of (``cap``) or its state (``sta``). Speed in GT/s, width in lanes."""

    validity: Literal["cap", "sta"] = required(attribute())
    port: int | None = attribute(dt.UINT)
    speed: Literal["", "2.5", "5", "8", "16", "32", "64"] | None = attribute()
    width: int = required(attribute(dt.UINT8))


@element("pci-express")
class PciExpress(Element):
    """The PCI Express links of the device."""

    links: list[PciExpressLink] = children("link")


@variant("pci")
class PciDevice(Capability):
    """A PCI function; ``pci_class`` is class, subclass and programming interface in one number."""

    pci_class: int | None = value(PCI_CLASS, name="class")
    domain: int = required(value(PCI_DOMAIN))
    bus: int = required(value(PCI_BUS))
    slot: int = required(value(PCI_SLOT))
    function: int = required(value(PCI_FUNCTION))
    product: PciProduct = required(child())
    vendor: PciVendor = required(child())
    abilities: list[PciCapability] = children("capability")
    iommu_group: IommuGroup | None = child()
    numa: NumaPlace | None = child()
    pci_express: PciExpress | None = child()
