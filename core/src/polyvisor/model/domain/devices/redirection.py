"""USB devices redirected from clients, and smart cards."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, value, values, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, BootOrder
from polyvisor.model.domain.devices.chardev import (
    CHARACTER_SOURCES,
    CharacterDevice,
    CharacterSource,
    CharacterType,
    SocketProtocol,
)

USB_CLASS = dt.Datatype("usbClass", pattern="\\-1|0x[0-9a-fA-F]{1,2}", describe="a class such as 0x08, or -1 for any")
USB_FILTER_ID = dt.Datatype(
    "usbFilterId", pattern="\\-1|0x[0-9a-fA-F]{1,4}", describe="a number such as 0x1234, or -1 for any"
)
USB_VERSION = dt.Datatype("usbVersion", pattern=r"\-1|[0-9]{1,2}\.[0-9]{1,2}", describe="such as 1.10, or -1 for any")


@element("redirdev")
class Redirdev(CharacterDevice):
    """A port for USB devices of a client."""

    bus: Literal["usb"] = required(attribute())
    boot: BootOrder | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@element("usbdev")
class RedirectionRule(Element):
    """Whether devices that match may be redirected."""

    usb_class: str | None = attribute(USB_CLASS, name="class")
    vendor: str | None = attribute(USB_FILTER_ID)
    product: str | None = attribute(USB_FILTER_ID)
    version: str | None = attribute(USB_VERSION)
    allow: bool = required(attribute(dt.BOOL))


@element("redirfilter")
class RedirectionFilter(Element):
    """Which USB devices may be redirected; the first rule that matches decides."""

    rules: list[RedirectionRule] = children("usbdev", min=1)


@element("smartcard", by="mode")
class Smartcard(Element):
    """A smart card reader."""

    mode: Literal["host", "host-certificates", "passthrough"] = attribute(required=True)
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("host")
class HostSmartcard(Smartcard):
    """The host's reader."""


@variant("host-certificates")
class CertificateSmartcard(Smartcard):
    """A card emulated from three certificates of the host."""

    certificates: list[str] = values(dt.STRING, tag="certificate", min=3, max=3)
    database: str | None = value(dt.ABSPATH)


@variant("passthrough")
class PassthroughSmartcard(Smartcard):
    """A reader at the other end of a character device."""

    type: CharacterType = required(attribute())
    sources: list[CharacterSource] = children("source", by="type", cases=CHARACTER_SOURCES)
    protocol: SocketProtocol | None = child()
