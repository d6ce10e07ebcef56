"""Keyboards, mice, tablets and passed-through input devices."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, VirtioDriver, VirtioModel


class InputBus(StrEnum):
    """The bus of an input device."""

    PS2 = "ps2"
    USB = "usb"
    XEN = "xen"
    VIRTIO = "virtio"
    PARALLELS = "parallels"
    NONE = "none"


@element("source")
class PassthroughSource(Element):
    """An event device of the host."""

    evdev: str = required(attribute(dt.ABSPATH))


@element("source")
class EvdevSource(Element):
    """An event device of the host whose events QEMU reads."""

    dev: str = required(attribute(dt.ABSPATH))
    grab: Literal["all"] | None = attribute()
    grab_toggle: Literal["ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"] | None = (
        attribute(name="grabToggle")
    )
    repeat: bool | None = attribute(dt.ONOFF)


@element("input", by="type")
class Input(Element):
    """An input device."""

    type: Literal["mouse", "keyboard", "tablet", "passthrough", "evdev"] = attribute(required=True)
    driver: VirtioDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("mouse", "keyboard", "tablet")
class EmulatedInput(Input):
    """A mouse, keyboard or tablet."""

    bus: InputBus | None = attribute()
    model: VirtioModel | None = attribute()


@variant("passthrough")
class PassthroughInput(Input):
    """An event device of the host given to the guest."""

    bus: InputBus | None = attribute()
    model: VirtioModel | None = attribute()
    source: PassthroughSource = required(child())


@variant("evdev")
class EvdevInput(Input):
    """Events of a host device, fed to the guest's emulated devices."""

    source: EvdevSource = required(child())
