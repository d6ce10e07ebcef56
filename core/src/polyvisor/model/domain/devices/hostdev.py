"""Devices of the host given to the guest."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, flag, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import scalars
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, BootOrder, PciSourceAddress
from polyvisor.model.domain.devices.interface import IpAddress, Rom, Route, Teaming
from polyvisor.model.domain.devices.storage import Auth, Initiator, StorageHost


@element("vendor")
class UsbId(Element):
    """A USB vendor or product number."""

    id: int = required(attribute(scalars.USB_ID))


@element("address")
class UsbSourceAddress(Element):
    """A USB device of the host by bus and device number."""

    bus: int = required(attribute(scalars.USB_NUMBER))
    device: int | None = attribute(scalars.USB_NUMBER)
    port: str | None = attribute(scalars.USB_PORT)


@element("source")
class UsbSource(Element):
    """A USB device of the host, by number or by address."""

    startup_policy: Literal["mandatory", "requisite", "optional"] | None = attribute(name="startupPolicy")
    guest_reset: Literal["off", "uninitialized", "on"] | None = attribute(name="guestReset")
    vendor: UsbId | None = child()
    product: UsbId | None = child(name="product")
    address: UsbSourceAddress | None = child()


@element("source")
class PciSource(Element):
    """A PCI function of the host."""

    write_filtering: bool | None = attribute(dt.BOOL, name="writeFiltering")
    address: PciSourceAddress = required(child())


@element("adapter")
class ScsiAdapter(Element):
    """A SCSI host adapter of the host."""

    name: str = required(attribute(dt.NAME))


@element("address")
class ScsiSourceAddress(Element):
    """A unit on a SCSI adapter."""

    bus: int = required(attribute(dt.UINT))
    target: int = required(attribute(dt.UINT))
    unit: int = required(attribute(dt.UINT64))


@element("source", by="protocol")
class ScsiSource(Element):
    """A SCSI unit of the host or of an iSCSI target."""

    protocol: Literal["adapter", "iscsi"] | None = attribute()


@variant("adapter", None)
class ScsiAdapterSource(ScsiSource):
    """A unit on an adapter of the host."""

    adapter: ScsiAdapter = required(child())
    address: ScsiSourceAddress = required(child())


@variant("iscsi")
class ScsiIscsiSource(ScsiSource):
    """A unit of an iSCSI target."""

    name: str = required(attribute(dt.STRING))
    hosts: list[StorageHost] = children("host", min=1)
    auth: Auth | None = child()
    initiator: Initiator | None = child()


@element("source")
class ScsiHostSource(Element):
    """A SCSI target that the kernel serves by vhost."""

    protocol: Literal["vhost"] = required(attribute())
    wwpn: str = required(attribute(scalars.SCSI_NAME))


@element("address")
class MdevAddress(Element):
    """A mediated device by UUID."""

    uuid: str = required(attribute(dt.UUID))


@element("source")
class MdevSource(Element):
    """A mediated device of the host."""

    address: MdevAddress = required(child())


@element("source")
class StorageCapability(Element):
    """A block device given to a container."""

    block: str = required(value(dt.STRING))


@element("source")
class MiscCapability(Element):
    """A character device given to a container."""

    char: str = required(value(dt.STRING))


@element("source")
class NetCapability(Element):
    """A network interface given to a container."""

    interface: str = required(value(dt.STRING))


@element("driver")
class HostdevDriver(Element):
    """The host driver that hands the device over."""

    name: Literal["kvm", "vfio", "xen"] | None = attribute()
    model: str | None = attribute(dt.NAME)
    iommufd: bool | None = attribute(dt.BOOL)


SOURCES = {
    ("subsystem", "usb"): UsbSource,
    ("subsystem", "pci"): PciSource,
    ("subsystem", "scsi"): ScsiSource,
    ("subsystem", "scsi_host"): ScsiHostSource,
    ("subsystem", "mdev"): MdevSource,
    ("capabilities", "storage"): StorageCapability,
    ("capabilities", "misc"): MiscCapability,
    ("capabilities", "net"): NetCapability,
}
"""The class of a ``<source>`` for each mode and type."""

HostdevSource = (
    UsbSource
    | PciSource
    | ScsiSource
    | ScsiHostSource
    | MdevSource
    | StorageCapability
    | MiscCapability
    | NetCapability
)


@element("hostdev")
class Hostdev(Element):
    """A device of the host given to the guest."""

    mode: Literal["subsystem", "capabilities"] = attribute(default="subsystem")
    type: Literal["usb", "pci", "scsi", "scsi_host", "mdev", "storage", "misc", "net"] = required(attribute())
    managed: bool | None = attribute(dt.BOOL)
    model: (
        Literal["vfio-pci", "vfio-ccw", "vfio-ap", "virtio", "virtio-transitional", "virtio-non-transitional"] | None
    ) = attribute(when={"type": ("mdev", "scsi_host")})
    display: bool | None = attribute(dt.ONOFF, when={"type": ("mdev", "pci")})
    ramfb: bool | None = attribute(dt.ONOFF, when={"type": ("mdev", "pci")})
    sgio: Literal["filtered", "unfiltered"] | None = attribute(when={"type": ("scsi",)})
    rawio: bool | None = attribute(dt.BOOL, when={"type": ("scsi",)})
    driver: HostdevDriver | None = child()
    source: HostdevSource = required(child(by=("mode", "type"), cases=SOURCES))
    teaming: Teaming | None = child()
    ips: list[IpAddress] = children("ip")
    routes: list[Route] = children("route")
    readonly: bool = flag()
    shareable: bool = flag()
    boot: BootOrder | None = child()
    rom: Rom | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()
