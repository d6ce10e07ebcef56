"""Where a device is plugged in: the ``<address>`` element in all its types."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, Together, attribute, child, element, required, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import scalars


class AddressType(StrEnum):
    """The bus an address belongs to."""

    PCI = "pci"
    DRIVE = "drive"
    VIRTIO_SERIAL = "virtio-serial"
    CCID = "ccid"
    USB = "usb"
    SPAPR_VIO = "spapr-vio"
    VIRTIO_S390 = "virtio-s390"
    CCW = "ccw"
    VIRTIO_MMIO = "virtio-mmio"
    ISA = "isa"
    DIMM = "dimm"
    UNASSIGNED = "unassigned"


@element("zpci")
class ZpciAddress(Element):
    """Identifiers of a PCI function on s390x."""

    uid: int | None = attribute(scalars.ZPCI_UID)
    fid: int | None = attribute(scalars.ZPCI_FID)


@element("address", by="type")
class Address(Element):
    """The place of a device on a guest's bus. What is left out is chosen by the driver."""

    type: AddressType = attribute(required=True)


@variant("pci")
class PciAddress(Address):
    """A PCI function: ``0000:00:1f.2``."""

    domain: int | None = attribute(scalars.PCI_DOMAIN)
    bus: int | None = attribute(scalars.PCI_BUS)
    slot: int | None = attribute(scalars.PCI_SLOT)
    function: int | None = attribute(scalars.PCI_FUNCTION)
    multifunction: bool | None = attribute(dt.ONOFF)
    zpci: ZpciAddress | None = child()

    def __str__(self) -> str:
        return f"{self.domain or 0:04x}:{self.bus or 0:02x}:{self.slot or 0:02x}.{self.function or 0:x}"


@variant("drive")
class DriveAddress(Address):
    """A unit on a disk controller."""

    controller: int | None = attribute(scalars.CONTROLLER)
    bus: int | None = attribute(dt.UINT)
    target: int | None = attribute(dt.UINT)
    unit: int | None = attribute(dt.UINT)


@variant("virtio-serial")
class VirtioSerialAddress(Address):
    """A port of a virtio-serial controller."""

    controller: int = required(attribute(scalars.CONTROLLER))
    bus: int | None = attribute(dt.UINT)
    port: int | None = attribute(dt.UINT)


@variant("ccid")
class CcidAddress(Address):
    """A slot of a smart card reader."""

    controller: int | None = attribute(scalars.CONTROLLER)
    slot: int | None = attribute(dt.UINT)


@variant("usb")
class UsbAddress(Address):
    """A port of a USB controller, through hubs."""

    bus: int = required(attribute(dt.UINT))
    port: str | None = attribute(scalars.USB_PORT)


@variant("spapr-vio")
class SpaprVioAddress(Address):
    """A register on the virtual I/O bus of pSeries guests."""

    reg: int | None = attribute(scalars.REGISTER)


@variant("ccw", rules=(Together("cssid", "ssid", "devno"),))
class CcwAddress(Address):
    """A channel device of s390x guests."""

    cssid: int | None = attribute(scalars.CSSID)
    ssid: int | None = attribute(scalars.SSID)
    devno: int | None = attribute(scalars.DEVNO)


@variant("isa")
class IsaAddress(Address):
    """An I/O port and interrupt line."""

    iobase: int | None = attribute(scalars.IO_PORT)
    irq: int | None = attribute(scalars.IRQ)


@variant("dimm")
class DimmAddress(Address):
    """A memory slot."""

    slot: int | None = attribute(dt.UINT)
    base: int | None = attribute(scalars.MEMORY_BASE)


@variant("virtio-mmio", "virtio-s390", "unassigned")
class PlainAddress(Address):
    """A bus whose places have no numbers, or a device deliberately left unplugged."""


@element("address")
class PciSourceAddress(Element):
    """A PCI function of the host."""

    type: Literal["pci"] | None = attribute()
    domain: int | None = attribute(scalars.PCI_DOMAIN)
    bus: int | None = attribute(scalars.PCI_BUS)
    slot: int | None = attribute(scalars.PCI_SLOT)
    function: int | None = attribute(scalars.PCI_FUNCTION)

    def __str__(self) -> str:
        return f"{self.domain or 0:04x}:{self.bus or 0:02x}:{self.slot or 0:02x}.{self.function or 0:x}"


@element("alias")
class Alias(Element):
    """A device's identifier in the running guest; one chosen by the user begins with ``ua-`` and is kept."""

    name: str = required(attribute(scalars.ALIAS))

    @property
    def by_user(self) -> bool:
        """Whether the user chose it, so that it belongs to the configuration."""
        return self.name.startswith("ua-")

    @property
    def runtime_only(self) -> bool:
        """Whether the driver chose it for one run of the guest."""
        return not self.by_user


@element("boot")
class BootOrder(Element):
    """The device's place in the boot order, from 1."""

    order: int = required(attribute(dt.POSITIVE))
    loadparm: str | None = attribute(scalars.LOADPARM)


@element("acpi")
class AcpiIndex(Element):
    """The ACPI index of a device, which guests use for stable names."""

    index: int | None = attribute(dt.UINT)


class VirtioOptions(Element):
    """Options every virtio device's ``<driver>`` has."""

    iommu: bool | None = attribute(dt.ONOFF)
    ats: bool | None = attribute(dt.ONOFF)
    packed: bool | None = attribute(dt.ONOFF)
    page_per_vq: bool | None = attribute(dt.ONOFF)


@element("driver")
class VirtioDriver(VirtioOptions):
    """The ``<driver>`` of a virtio device that has no other options."""


VirtioModel = Literal["virtio", "virtio-transitional", "virtio-non-transitional"]
