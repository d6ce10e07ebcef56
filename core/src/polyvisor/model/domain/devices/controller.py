"""Controllers: the buses that devices are plugged into."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import scalars
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, VirtioOptions
from polyvisor.model.domain.devices.disk import IothreadMappings
from polyvisor.model.domain.memory import Kibibytes


class ControllerType(StrEnum):
    """What a controller controls."""

    IDE = "ide"
    FDC = "fdc"
    SCSI = "scsi"
    SATA = "sata"
    VIRTIO_SERIAL = "virtio-serial"
    CCID = "ccid"
    USB = "usb"
    PCI = "pci"
    XENBUS = "xenbus"
    ISA = "isa"
    NVME = "nvme"


UsbModel = Literal[
    "none",
    "piix3-uhci",
    "piix4-uhci",
    "ehci",
    "ich9-ehci1",
    "ich9-uhci1",
    "ich9-uhci2",
    "ich9-uhci3",
    "vt82c686b-uhci",
    "pci-ohci",
    "nec-xhci",
    "qemu-xhci",
    "qusb1",
    "qusb2",
]
ScsiModel = Literal[
    "auto",
    "buslogic",
    "lsilogic",
    "lsisas1068",
    "lsisas1078",
    "vmpvscsi",
    "ibmvscsi",
    "virtio-scsi",
    "virtio-transitional",
    "virtio-non-transitional",
    "am53c974",
    "dc390",
    "ncr53c90",
]
PciModel = Literal[
    "pci-root",
    "pcie-root",
    "pci-bridge",
    "dmi-to-pci-bridge",
    "pcie-to-pci-bridge",
    "pcie-root-port",
    "pcie-switch-upstream-port",
    "pcie-switch-downstream-port",
    "pci-expander-bus",
    "pcie-expander-bus",
]


@element("driver")
class ControllerDriver(VirtioOptions):
    """Options of the controller's device."""

    queues: int | None = attribute(dt.POSITIVE)
    cmd_per_lun: int | None = attribute(dt.POSITIVE)
    max_sectors: int | None = attribute(dt.POSITIVE)
    ioeventfd: bool | None = attribute(dt.ONOFF)
    iothread: int | None = attribute(dt.POSITIVE)
    iothreads: IothreadMappings | None = child()


@element("master")
class UsbMaster(Element):
    """The first port that a companion USB controller serves."""

    startport: int = required(attribute(dt.UINT))


PciControllerModelName = Literal[
    "pci-bridge",
    "i82801b11-bridge",
    "ioh3420",
    "x3130-upstream",
    "xio3130-downstream",
    "pxb",
    "pxb-pcie",
    "pcie-root-port",
    "spapr-pci-host-bridge",
    "pcie-pci-bridge",
    "pci-host-bridge",
]


@element("model")
class PciControllerModel(Element):
    """The device that plays the PCI controller."""

    name: PciControllerModelName = required(attribute())


@element("target")
class PciControllerTarget(Element):
    """Numbers a PCI controller shows to the guest."""

    chassis_nr: int | None = attribute(scalars.PORT_NUMBER, name="chassisNr")
    chassis: int | None = attribute(scalars.PORT_NUMBER)
    port: int | None = attribute(scalars.PORT_HEX)
    bus_nr: int | None = attribute(scalars.PORT_NUMBER, name="busNr")
    index: int | None = attribute(dt.UINT)
    hotplug: bool | None = attribute(dt.ONOFF)
    mem_reserve: int | None = attribute(dt.UINT64, name="memReserve")
    node: int | None = value(dt.UINT)


@element("controller", by="type")
class Controller(Element):
    """A controller; without an index the driver numbers it."""

    type: ControllerType = attribute(required=True)
    index: int | None = attribute(scalars.CONTROLLER)


@variant("ide")
class IdeController(Controller):
    """An IDE controller."""

    model: Literal["piix3", "piix4", "ich6"] | None = attribute()
    driver: ControllerDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("fdc", "sata", "ccid", "isa")
class PlainController(Controller):
    """A floppy, SATA, smart card or ISA controller, which has no options of its own."""

    driver: ControllerDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("nvme")
class NvmeController(Controller):
    """An NVMe controller."""

    serial: str | None = value(dt.STRING)
    driver: ControllerDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("scsi")
class ScsiController(Controller):
    """A SCSI host adapter."""

    model: ScsiModel | None = attribute()
    driver: ControllerDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("usb")
class UsbController(Controller):
    """A USB host controller."""

    model: UsbModel | None = attribute()
    ports: int | None = attribute(dt.UINT)
    master: UsbMaster | None = child()
    driver: ControllerDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("virtio-serial")
class VirtioSerialController(Controller):
    """A controller of virtio consoles and channels."""

    model: Literal["virtio", "virtio-transitional", "virtio-non-transitional"] | None = attribute()
    ports: int | None = attribute(dt.UINT)
    vectors: int | None = attribute(dt.UINT)
    driver: ControllerDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("xenbus")
class XenbusController(Controller):
    """The bus of Xen's paravirtual devices."""

    max_grant_frames: int | None = attribute(dt.UINT, name="maxGrantFrames")
    max_event_channels: int | None = attribute(dt.UINT, name="maxEventChannels")
    driver: ControllerDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("pci")
class PciController(Controller):
    """A PCI root, bridge, port or switch."""

    model: PciModel = required(attribute())
    device: PciControllerModel | None = child(name="model")
    target: PciControllerTarget | None = child()
    pcihole64: Kibibytes | None = child(name="pcihole64")
    driver: ControllerDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()
