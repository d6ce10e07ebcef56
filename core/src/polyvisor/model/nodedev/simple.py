"""The host itself, USB and graphics devices, vDPA: kinds of devices with no capabilities below them."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required, text, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.nodedev.capability import USB_ID, Capability

USB_CLASS = dt.UINT


@element("hardware")
class Hardware(Element):
    """Who made the host."""

    vendor: str | None = value(dt.STRING)
    version: str | None = value(dt.STRING)
    serial: str | None = value(dt.STRING)
    uuid: str = required(value(dt.UUID))


@element("firmware")
class Firmware(Element):
    """The host's firmware; ``release_date`` as its maker writes it."""

    vendor: str | None = value(dt.STRING)
    version: str | None = value(dt.STRING)
    release_date: str | None = value(dt.STRING, name="release_date")


@variant("system")
class SystemCapability(Capability):
    """The host itself, the root of the tree."""

    product: str | None = value(dt.STRING)
    hardware: Hardware = required(child())
    firmware: Firmware = required(child())


class _UsbNamed(Element):
    id: int | None = attribute(USB_ID)
    name: str | None = text(dt.STRING)


@element("product")
class UsbProduct(_UsbNamed):
    """The product, by number and name."""


@element("vendor")
class UsbVendor(_UsbNamed):
    """The vendor, by number and name."""


@variant("usb_device")
class UsbDevice(Capability):
    """A device on a USB bus."""

    bus: int = required(value(dt.UINT))
    device: int = required(value(dt.UINT))
    product: UsbProduct | None = child()
    vendor: UsbVendor | None = child()


@variant("usb")
class UsbInterface(Capability):
    """An interface of a USB device: its number and what it speaks."""

    number: int = required(value(dt.UINT))
    usb_class: int = required(value(USB_CLASS, name="class"))
    subclass: int = required(value(USB_CLASS))
    protocol: int = required(value(USB_CLASS))
    description: str | None = value(dt.STRING)


@variant("drm")
class DrmDevice(Capability):
    """A node of the direct rendering manager."""

    drm_type: Literal["primary", "control", "render"] = required(value(name="type"))


@variant("vdpa")
class VdpaDevice(Capability):
    """A vDPA network device; ``chardev`` is what a guest is given."""

    chardev: str | None = value(dt.ABSPATH)


@variant("scsi_generic")
class ScsiGeneric(Capability):
    """The character device through which SCSI commands pass."""

    char: str = required(value(dt.ABSPATH))
